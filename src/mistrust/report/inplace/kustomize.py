"""What the kustomizations among some files say about the others."""

from __future__ import annotations

import operator
import posixpath
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

from mistrust.kube.build import Plain

NAMES = frozenset({"kustomization.yaml", "kustomization.yml"})
PATCHES = ("patches", "patchesStrategicMerge", "patchesJson6902")

Kustomizations = Mapping[str, Plain]
"""Every kustomization by the name of its file."""


def patches(all_of_them: Kustomizations) -> frozenset[str]:
    """The files that hold parts of objects, to be laid over others."""
    return frozenset(
        beside(name, entry.get("path") if isinstance(entry, dict) else entry)
        for name, value in all_of_them.items()
        for each in PATCHES
        for entry in _entries(value, each)
    )


def relisted(all_of_them: Kustomizations, new: Iterable[str], gone: Collection[str]) -> Iterator[tuple[str, Plain]]:
    """What those are to say that list files that go, or that list anything in the folder of a new one."""
    left = {posixpath.normpath(name) for name in gone}
    for name, value in all_of_them.items():
        listed = before = _entries(value, "resources")
        for file in map(posixpath.normpath, new):
            folder = posixpath.dirname(file)
            near = [n for n, path in enumerate(listed, 1) if posixpath.dirname(beside(name, path)) == folder]
            if near and all(beside(name, path) != file for path in listed):
                at = near[-1]
                path = posixpath.relpath(file, posixpath.dirname(name) or ".")
                path = f"./{path}" if str(listed[at - 1]).startswith("./") else path
                listed = [*listed[:at], path, *listed[at:]]
        listed = [path for path in listed if beside(name, path) not in left]
        if len(listed) != len(before) or any(map(operator.ne, listed, before)):
            assert isinstance(value, dict)
            yield name, {**value, "resources": listed}


def beside(file: str, path: Plain) -> str:
    """The name of what `file` calls `path`; empty for what is no path.

    >>> beside("prod/kustomization.yaml", "../base/role.yaml")
    'base/role.yaml'
    """
    return posixpath.normpath(posixpath.join(posixpath.dirname(file), path)) if isinstance(path, str) else ""


def _entries(value: Plain, name: str) -> Sequence[Plain]:
    entries = value.get(name) if isinstance(value, dict) else None
    return entries if isinstance(entries, list) else ()
