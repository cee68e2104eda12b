"""Policies from a folder, read as a whole: what changes while it is read is read again."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import msgspec

from mistrust.admission.plain import items, text
from mistrust.admission.policies import Policies, compiled
from mistrust.admission.review import Object
from mistrust.kube.errors import InputError
from mistrust.kube.yaml import documents

SUFFIXES: Final = (".yaml", ".yml", ".json")
LARGEST: Final = 64 << 20
"""Bytes of all files of a folder."""

Signature = tuple[tuple[str, int, int, int], ...]


class Set(msgspec.Struct, frozen=True):
    """A folder that was understood."""

    policies: Policies
    digest: str
    """Of what it is made of: the same for the same files, on any machine."""


def signature(folder: Path) -> Signature:
    """What tells that something has changed, without reading. Raises `InputError` where there is no such folder."""
    try:
        return tuple(_stat(folder, path) for path in _files(folder))
    except OSError as error:
        where = str(error.filename or folder)
        raise InputError("cannot be read", where=where, got=error.strerror or str(error)) from None


def load(folder: Path) -> Set:
    """Compile the policies of a folder. Raises `InputError` for what is not understood, and for none at all."""
    before = signature(folder)
    objects: list[tuple[str, Object]] = []
    total, digest = 0, hashlib.sha256()
    for path in _files(folder):
        name = str(path.relative_to(folder))
        try:
            data = path.read_bytes()
        except OSError as error:
            raise InputError("cannot be read", where=name, got=error.strerror or str(error)) from None
        total += len(data)
        if total > LARGEST:
            raise InputError("more policies than can be read", where=str(folder), wanted=f"{LARGEST >> 20} MiB")
        digest.update(f"{len(name)} {name} {len(data)} ".encode(errors="replace") + data)
        objects += _objects(data, name)
    if signature(folder) != before:
        raise InputError("the folder changed while it was read", where=str(folder))
    found = compiled(objects)
    if found.problems:
        more = f" (and {len(found.problems) - 1} more)" if len(found.problems) > 1 else ""
        raise InputError(f"{found.problems[0]}{more}")
    if not found.policies:
        raise InputError("no policies", where=str(folder), do="an empty folder would let everything pass")
    return Set(found, digest.hexdigest()[:16])


def _files(folder: Path) -> Iterator[Path]:
    """In order, hidden ones left out: a mounted ConfigMap has its versions in hidden folders."""
    for here, inner, names in os.walk(folder, onerror=_raise):
        inner[:] = sorted(name for name in inner if not name.startswith("."))
        yield from (Path(here, n) for n in sorted(names) if not n.startswith(".") and n.endswith(SUFFIXES))


def _raise(error: OSError) -> None:
    raise error


def _stat(folder: Path, path: Path) -> tuple[str, int, int, int]:
    found = path.stat()
    return str(path.relative_to(folder)), found.st_mtime_ns, found.st_size, found.st_ino


def _objects(data: bytes, where: str) -> Iterator[tuple[str, Object]]:
    found, problems = documents(data, where)
    if problems:
        raise InputError(problems[0].what, where=f"{where}:{problems[0].line}", got=problems[0].got)
    for document in found:
        value = document.value
        several = items(value, "items") if text(value, "kind").endswith("List") else [value]
        for each in several:
            if not isinstance(each, dict) or not text(each, "kind") or not text(each, "apiVersion"):
                raise InputError("not a Kubernetes object", where=f"{where}:{document.line}")
            yield f"{where}:{document.line}", each
