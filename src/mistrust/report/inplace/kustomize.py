"""What the kustomizations among some files say about the others."""

from __future__ import annotations

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


def relisted(
    all_of_them: Kustomizations, files: Iterable[str], new: Iterable[str], gone: Collection[str]
) -> Iterator[tuple[str, Plain]]:
    """What those are to say that list files that go, or that list files of the folder of a new one.

    A new file is also listed in its own folder, where anything is. `files` are the old ones.
    """
    known, left = ({posixpath.normpath(name) for name in names} for names in (files, gone))
    for name, value in all_of_them.items():
        listed = before = _entries(value, "resources")
        for file in map(posixpath.normpath, new):
            folder = posixpath.dirname(file)
            paths = [beside(name, path) for path in listed]
            near = [n for n, path in enumerate(paths, 1) if path in known and posixpath.dirname(path) == folder]
            own = bool(listed) and posixpath.dirname(posixpath.normpath(name)) == folder
            if (near or own) and file not in paths:
                at = near[-1] if near else len(listed)
                path = posixpath.relpath(file, posixpath.dirname(name) or ".")
                path = f"./{path}" if str(listed[at - 1]).startswith("./") else path
                listed = [*listed[:at], path, *listed[at:]]
                known.add(file)
        listed = [path for path in listed if beside(name, path) not in left]
        if isinstance(value, dict) and list(listed) != list(before):
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
