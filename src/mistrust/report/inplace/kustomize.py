"""What the kustomizations among some files say about the others."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator, Mapping, Sequence

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


def adding(all_of_them: Kustomizations, new: str) -> Iterator[tuple[str, Plain]]:
    """What those are to say that list files of its folder, or stand in it and list any."""
    folder = posixpath.dirname(posixpath.normpath(new))
    for name, value in all_of_them.items():
        listed = _entries(value, "resources")
        near = [n for n, path in enumerate(listed, 1) if posixpath.dirname(beside(name, path)) == folder]
        own = posixpath.dirname(posixpath.normpath(name)) == folder
        if listed and (near or own) and all(beside(name, path) != posixpath.normpath(new) for path in listed):
            at = near[-1] if near else len(listed)
            path = posixpath.relpath(new, posixpath.dirname(name) or ".")
            path = f"./{path}" if str(listed[at - 1]).startswith("./") else path
            yield name, _listing(value, [*listed[:at], path, *listed[at:]])


def removing(all_of_them: Kustomizations, gone: str) -> Iterator[tuple[str, Plain]]:
    """What those are to say that list it."""
    for name, value in all_of_them.items():
        listed = _entries(value, "resources")
        left = [path for path in listed if beside(name, path) != posixpath.normpath(gone)]
        if len(left) < len(listed):
            yield name, _listing(value, left)


def beside(file: str, path: Plain) -> str:
    """The name of what `file` calls `path`; empty for what is no path.

    >>> beside("prod/kustomization.yaml", "../base/role.yaml")
    'base/role.yaml'
    """
    return posixpath.normpath(posixpath.join(posixpath.dirname(file), path)) if isinstance(path, str) else ""


def _entries(value: Plain, name: str) -> Sequence[Plain]:
    entries = value.get(name) if isinstance(value, dict) else None
    return entries if isinstance(entries, list) else ()


def _listing(value: Plain, resources: Sequence[Plain]) -> Plain:
    assert isinstance(value, dict)
    return {**value, "resources": list(resources)}
