"""The one reader of the catalog's files.

A file says first what the engine needs, then, from `prose` on, what a person reads. `steps` and `checks` read only the
first part, because every run pays for it; `explain` reads all of one file.
"""

from __future__ import annotations

import importlib.resources
from functools import cache
from importlib.resources.abc import Traversable
from typing import TypeVar

import msgspec

from mistrust.catalog.check import Check
from mistrust.kube.decode import from_json
from mistrust.kube.errors import InputError, UsageError
from mistrust.kube.meta import Object
from mistrust.kube.problem import Origin, Problem
from mistrust.kube.yaml import documents
from mistrust.paths.step import Step

E = TypeVar("E", Step, Check)

PROSE = b"\nprose:"
"""The line at which the part for people begins."""


class APIResource(msgspec.Struct, frozen=True):
    """A resource that an API server serves, as its discovery says; a subresource is `pods/exec`."""

    group: str
    resource: str
    kind: str
    namespaced: bool
    verbs: tuple[str, ...]


class APIResources(msgspec.Struct, frozen=True):
    """Every resource of a new cluster, and the minor version that serves them."""

    kubernetes: str
    resources: tuple[APIResource, ...]


@cache
def steps() -> tuple[Step, ...]:
    """Every step of an attack, sorted by id, without prose, references and examples.

    Raises `InputError`, naming the file, for an entry that cannot be read.
    """
    return entries(_folder("steps"), Step)


@cache
def structure() -> tuple[Step, ...]:
    """What follows from the objects alone: escapes, what nodes and doors lead to. Code draws it, a file explains it.

    Sorted by id, without prose, references and examples. Raises `InputError`, naming the file, for an entry that cannot
    be read.
    """
    return entries(_folder("structure"), Step)


@cache
def checks() -> tuple[Check, ...]:
    """Every check, sorted by id, without prose and references.

    Raises `InputError`, naming the file, for an entry that cannot be read.
    """
    return entries(_folder("checks"), Check)


def explain(entry: str) -> Step | Check:
    """All that the catalog says about a step (`token-request`) or a check (`MT-POD-001`).

    Raises `UsageError` for an id that the catalog does not have.
    """
    file = f"{entry}.yaml"
    if file in _files("checks"):
        return entry_of(_folder("checks") / file, Check)
    for folder in ("steps", "structure"):
        if file in _files(folder):
            return entry_of(_folder(folder) / file, Step)
    raise UsageError("no such check or step", got=entry, wanted="an id such as token-request or MT-POD-001")


@cache
def default_rbac() -> tuple[Object, ...]:
    """The Roles, ClusterRoles and bindings that every API server creates by itself, aggregated roles filled in."""
    file = _folder("kubernetes") / "default-rbac.jsonl"
    found = [
        each
        for i, line in enumerate(file.read_bytes().splitlines())
        for each in from_json(line, Origin("Kubernetes defaults", i))
    ]
    assert not any(isinstance(each, Problem) for each in found)
    return tuple(each for each in found if isinstance(each, Object))


@cache
def api_resources() -> tuple[APIResource, ...]:
    """What the API server of the newest known version serves, subresources included."""
    return msgspec.json.decode((_folder("kubernetes") / "resources.json").read_bytes(), type=APIResources).resources


def entries(folder: Traversable, kind: type[E]) -> tuple[E, ...]:
    """The entries of a folder, sorted by id, each without its part for people.

    An entry is named after its file, so no id is given twice. Raises `InputError`, naming the file.
    """
    files = sorted((f for f in folder.iterdir() if f.name.endswith(".yaml")), key=lambda f: f.name)
    found = [_convert(file.read_bytes().partition(PROSE)[0], file, kind) for file in files]
    return tuple(sorted(found, key=lambda entry: entry.id))


def entry_of(file: Traversable, kind: type[E]) -> E:
    """One entry, whole.

    Raises `InputError`, naming the file, also where prose, references or examples are missing.
    """
    entry = _convert(file.read_bytes(), file, kind)
    missing = [part for part in _parts(entry) if not getattr(entry, part)]
    if missing:
        raise InputError("the entry is not complete", where=str(file), wanted=" and ".join(missing))
    return entry


def _parts(entry: Step | Check) -> tuple[str, ...]:
    """What a person needs of an entry. A step that asks for nothing has no example in which it fails."""
    if isinstance(entry, Check):
        return ("prose", "references")
    return ("prose", "references", "holds", "fails")[: 4 if entry.needs or entry.where else 3]


def _convert(data: bytes, file: Traversable, kind: type[E]) -> E:
    found, problems = documents(data, file.name)
    if problems or len(found) != 1:
        got = str(problems[0]) if problems else f"{len(found)} documents"
        raise InputError("not a catalog entry", where=str(file), got=got, wanted="one YAML document")
    try:
        entry = msgspec.convert(found[0].value, kind)
    except msgspec.ValidationError as error:
        raise InputError("not a catalog entry", where=str(file), got=str(error)) from None
    if f"{entry.id}.yaml" != file.name:
        raise InputError("the file is not named after its entry", where=str(file), wanted=f"{entry.id}.yaml")
    return entry


def _files(folder: str) -> frozenset[str]:
    return frozenset(f.name for f in _folder(folder).iterdir())


def _folder(name: str) -> Traversable:
    return importlib.resources.files("mistrust.catalog") / name
