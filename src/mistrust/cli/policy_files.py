"""Files of policies: Rego, and documents in YAML and JSON, from files and folders."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final, cast

import msgspec

from mistrust.admission.plain import items, text
from mistrust.kube.build import Plain
from mistrust.kube.errors import InputError, UsageError
from mistrust.kube.yaml import documents
from mistrust.languages.rego.parse import parse
from mistrust.languages.rego.syntax import Module

DATA: Final = (".json", ".yaml", ".yml")
LARGEST: Final = 256 << 20
"""Bytes of a file."""


class Read(msgspec.Struct, frozen=True):
    """What files hold."""

    modules: tuple[Module, ...]
    data: Plain


def files(paths: Sequence[str], suffixes: Sequence[str]) -> Iterator[Path]:
    """Every file with such a name, in order; what is named itself counts whatever its name.

    Raises `UsageError` for a path that does not exist.
    """
    for path in map(Path, paths):
        if path.is_dir():
            yield from sorted(p for p in path.rglob("*") if p.is_file() and p.suffix in suffixes)
        elif path.exists():
            yield path
        else:
            raise UsageError("no such file", where=str(path))


def content(path: Path) -> bytes:
    """The bytes of a file. Raises `InputError` where it cannot be read, or is too large."""
    try:
        if path.stat().st_size > LARGEST:
            raise InputError("the file is too large", where=str(path), wanted=f"at most {LARGEST:,} bytes")
        return path.read_bytes()
    except OSError as error:
        raise InputError("cannot be read", where=str(path), got=error.strerror or str(error)) from None


def rego(path: Path, version: int) -> Module:
    """A module. Raises `InputError` for a file that is none."""
    try:
        text = content(path).decode()
    except UnicodeDecodeError:
        raise InputError("not UTF-8", where=str(path)) from None
    return parse(text, str(path), version=version)


def plain(data: bytes, where: str) -> list[Plain]:
    """The documents of a file. Raises `InputError` for the first that is not understood."""
    if data.lstrip()[:1] in (b"{", b"["):
        try:
            return [cast("Plain", json.loads(data))]
        except (ValueError, RecursionError):
            pass  # YAML in flow style, or JSON that the reader of YAML quotes better
    found, problems = documents(data, where)
    if problems:
        raise InputError(problems[0].what, where=f"{where}:{problems[0].line}", got=problems[0].got)
    return [each.value for each in found]


def objects(paths: Sequence[str]) -> Iterator[tuple[str, Mapping[str, Plain]]]:
    """Every object, Lists taken apart, with its file. Raises `InputError` for what is none."""
    for file in files(paths, DATA):
        for each in plain(content(file), str(file)):
            for o in items(each, "items") if text(each, "kind").endswith("List") else [each]:
                if not isinstance(o, dict):
                    raise InputError("not a Kubernetes object", where=str(file))
                yield str(file), o


def asked(name: str | None) -> Plain | None:
    """What `--input` names; None where nothing is named."""
    if name is None:
        return None
    data = sys.stdin.buffer.read(LARGEST) if name == "-" else content(Path(name))
    [first, *rest] = plain(data, name) or [None]
    if rest:
        raise InputError("several documents", where=name, got=str(len(rest) + 1), wanted="one")
    return first


def read(paths: Sequence[str], version: int) -> Read:
    """Modules, and data put together as `opa` does: by the folders in which the files stand.

    Raises `InputError` for a file that is not understood, and for data that is there twice.
    """
    modules: list[Module] = []
    data: dict[str, Plain] = {}
    for given in paths:
        for path in files([given], (".rego", *DATA)):
            if path.suffix == ".rego":
                modules.append(rego(path, version))
                continue
            front = path.parent.relative_to(given).parts if Path(given).is_dir() else ()
            for document in plain(content(path), str(path)):
                _merge(data, front, document, str(path))
    return Read(tuple(modules), data)


def _merge(data: dict[str, Plain], front: Sequence[str], document: Plain, where: str) -> None:
    for name in reversed(front):
        document = {name: document}
    if not isinstance(document, dict):
        raise InputError("data that is no object", where=where, wanted="an object at the top")
    for key, value in document.items():
        known = data.get(key)
        if isinstance(known, dict) and isinstance(value, dict):
            _merge(known, (), value, where)
        elif key in data:
            raise InputError("data that is there twice", where=where, got=key)
        else:
            data[key] = value
