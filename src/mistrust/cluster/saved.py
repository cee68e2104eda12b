"""Saved snapshots: gzip'd JSON lines of what the model holds, so that they can be analysed again, offline.

The first line is a header; every further line is an object with its apiVersion and kind. Only fields that some layer
reads are in it: Secret data but public certificates, environment values, commands and the annotation that copies whole
objects never are.
"""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterator

import msgspec

from mistrust.kube.decode import from_json, settle
from mistrust.kube.errors import InputError
from mistrust.kube.meta import Object, Other
from mistrust.kube.problem import Origin, Problem
from mistrust.kube.snapshot import Gap, Scope, Snapshot, snapshot
from mistrust.kube.version import Version

MAGIC = b"\x1f\x8b\x08"
FORM = "mistrust.dev/snapshot/1"
LARGEST = 4 << 30
"""Bytes after unpacking; a bomb is refused."""


class Header(msgspec.Struct, frozen=True, rename="camel"):
    """The first line."""

    form: str
    name: str = ""
    scope: Scope = Scope.MANIFESTS
    version: Version | None = None
    problems: tuple[Problem, ...] = ()
    gaps: tuple[Gap, ...] = ()


class Line(msgspec.Struct, frozen=True, rename="camel"):
    """What a line says beside the object's own fields."""

    api_version: str
    kind: str
    object: msgspec.Raw
    origin: Origin = Origin()


def save(s: Snapshot) -> bytes:
    """The snapshot as bytes; the same snapshot gives the same bytes."""
    header = Header(FORM, s.name, s.scope, s.version, s.problems, s.gaps)
    lines = [msgspec.json.encode(header)]
    for o in s.objects:
        body = msgspec.json.encode(msgspec.structs.replace(o, origin=Origin()))
        lines.append(msgspec.json.encode(Line(_api_version(o), _kind(o), msgspec.Raw(body), o.origin)))
    return gzip.compress(b"\n".join(lines), compresslevel=6, mtime=0)


def load(data: bytes, file: str) -> Snapshot:
    """The snapshot that `save` wrote.

    Raises `InputError` for bytes that are not one, naming the line.
    """
    lines = _unpack(data, file).split(b"\n")
    try:
        header = msgspec.json.decode(lines[0], type=Header)
    except msgspec.DecodeError as error:
        raise InputError(
            "not a saved snapshot", where=file, got=str(error), do="write it with: mistrust snapshot"
        ) from None
    if header.form != FORM:
        raise InputError("a saved snapshot of another form", where=file, got=header.form, wanted=FORM)
    objects: list[Object] = []
    problems: list[Problem] = list(header.problems)
    for number, line in enumerate(lines[1:], start=2):
        for found in _objects(line, file, number):
            if isinstance(found, Problem):
                problems.append(found)
            else:
                objects.append(found)
    return snapshot(
        objects, problems, gaps=header.gaps, scope=header.scope, version=header.version, name=header.name or file
    )


def _objects(line: bytes, file: str, number: int) -> Iterator[Object | Problem]:
    try:
        told = msgspec.json.decode(line, type=Line)
        fields = msgspec.json.decode(told.object, type=dict[str, msgspec.Raw])
    except msgspec.DecodeError as error:
        raise InputError("a damaged saved snapshot", where=f"{file}:{number}", got=str(error)) from None
    fields["apiVersion"] = msgspec.Raw(msgspec.json.encode(told.api_version))
    fields["kind"] = msgspec.Raw(msgspec.json.encode(told.kind))
    for found in from_json(msgspec.json.encode(fields), told.origin, ""):
        yield found if isinstance(found, Problem) else settle(found, told.origin, found.metadata.namespace)


def _unpack(data: bytes, file: str) -> bytes:
    unpacker = zlib.decompressobj(wbits=31)
    try:
        text = unpacker.decompress(data, LARGEST)
    except zlib.error as error:
        raise InputError("not a saved snapshot", where=file, got=str(error)) from None
    if unpacker.unconsumed_tail or not unpacker.eof:
        got = "more than it may hold" if unpacker.unconsumed_tail else "half a file"
        raise InputError("a damaged saved snapshot", where=file, got=got)
    return text


def _api_version(o: Object) -> str:
    if isinstance(o, Other):
        return o.api_version
    return f"{o.GROUP}/v1" if o.GROUP else "v1"


def _kind(o: Object) -> str:
    return o.kind if isinstance(o, Other) else o.KIND
