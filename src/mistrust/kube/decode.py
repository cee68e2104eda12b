"""Plain values and JSON text -> typed objects.

What the API server's decoder accepts is accepted: unknown fields are skipped, `null` is an absent field
(k8s.io/apimachinery/pkg/runtime/serializer/json). What it refuses is a `Problem` with the path of the field, and the
object is left out, said and counted, while its neighbours stay.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import TypeVar, cast

import msgspec

from mistrust.kube.kinds import type_of
from mistrust.kube.meta import Metadata, Object, Other, Value
from mistrust.kube.problem import Origin, Problem

T = TypeVar("T")

DEFAULT_NAMESPACE = "default"


class Head(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    """What says which kind an object is."""

    api_version: str | None = None
    kind: str | None = None


class RawList(msgspec.Struct, gc=False):
    """A List of any kind, its items untouched."""

    items: list[msgspec.Raw] | None = None


class Unread(Value, frozen=True, gc=False):
    """An object of a kind that no layer reads."""

    api_version: str = ""
    kind: str = ""
    metadata: Metadata = Metadata()


_DECODERS: dict[type, msgspec.json.Decoder[object]] = {}


def decoder(kind: type[T]) -> msgspec.json.Decoder[T]:
    """One JSON decoder a type."""
    if kind not in _DECODERS:
        _DECODERS[kind] = msgspec.json.Decoder(kind)
    return cast("msgspec.json.Decoder[T]", _DECODERS[kind])


def from_plain(value: object, origin: Origin, namespace: str = DEFAULT_NAMESPACE) -> Iterator[Object | Problem]:
    """The objects of one document, Lists unfolded.

    `value` is what a YAML document means; `namespace` is given to namespaced objects that name none, as kubectl does.
    """
    if value is None:
        return
    if not isinstance(value, dict):
        yield _not_an_object(origin, value)
        return
    api_version, kind = value.get("apiVersion"), value.get("kind")
    if not isinstance(api_version, str) or not isinstance(kind, str) or not kind:
        yield _not_an_object(origin, value)
        return
    if (
        kind.endswith("List")
        and (items := value.get("items")) is not None
        and "metadata" not in _only_list_fields(value)
    ):
        if not isinstance(items, list):
            yield _wrong(origin, kind, "items is not a list", _article(items), "a list")
            return
        for i, item in enumerate(items):
            if isinstance(item, dict) and kind != "List":
                item = {"apiVersion": api_version, "kind": kind.removesuffix("List"), **item}
            yield from from_plain(item, Origin(origin.file, origin.document, i, origin.line), namespace)
        return

    def decode(target: type[T]) -> T:
        try:
            return msgspec.convert(value, target)
        except msgspec.ValidationError:
            return msgspec.convert(without_nulls(value), target)

    yield _typed(api_version, kind, origin, namespace, decode)


def from_json(
    raw: bytes | msgspec.Raw, origin: Origin, namespace: str = DEFAULT_NAMESPACE
) -> Iterator[Object | Problem]:
    """The objects of one JSON value, Lists unfolded: as `from_plain`, without building plain values."""
    try:
        head = decoder(Head).decode(raw)
    except msgspec.ValidationError:
        yield from from_plain(msgspec.json.decode(raw), origin, namespace)
        return
    api_version, kind = head.api_version or "", head.kind or ""
    if not api_version or not kind:
        yield _not_an_object(origin, msgspec.json.decode(raw))
        return
    if kind.endswith("List") and type_of(api_version, kind) is None:
        try:
            items = decoder(RawList).decode(raw).items
        except msgspec.ValidationError:
            yield from from_plain(msgspec.json.decode(raw), origin, namespace)
            return
        if items is not None:
            implied = (api_version, kind.removesuffix("List")) if kind != "List" else ("", "")
            for i, item in enumerate(items):
                yield from _item(item, Origin(origin.file, origin.document, i, origin.line), namespace, implied)
            return

    def decode(target: type[T]) -> T:
        try:
            return decoder(target).decode(raw)
        except msgspec.ValidationError:
            return msgspec.convert(without_nulls(msgspec.json.decode(raw)), target)

    yield _typed(api_version, kind, origin, namespace, decode)


def _item(raw: msgspec.Raw, origin: Origin, namespace: str, implied: tuple[str, str]) -> Iterator[Object | Problem]:
    """An item of a typed list (PodList) may leave out apiVersion and kind: the list implies them."""
    if implied[1]:
        try:
            head = decoder(Head).decode(raw)
        except msgspec.ValidationError:
            head = Head("", "")
        if head.kind is None:
            value = msgspec.json.decode(raw)
            if isinstance(value, dict):
                value = {"apiVersion": implied[0], "kind": implied[1], **value}
            yield from from_plain(value, origin, namespace)
            return
    yield from from_json(raw, origin, namespace)


def _typed(
    api_version: str, kind: str, origin: Origin, namespace: str, decode: Callable[[type[Object] | type[Unread]], object]
) -> Object | Problem:
    target = type_of(api_version, kind)
    try:
        if target is None:
            unread = decode(Unread)
            assert isinstance(unread, Unread)
            return Other(metadata=unread.metadata, origin=origin, api_version=api_version, kind=kind)
        decoded = decode(target)
    except msgspec.ValidationError as error:
        return _refused(origin, kind, str(error))
    assert isinstance(decoded, Object)
    return settle(decoded, origin, namespace)


def settle(decoded: Object, origin: Origin, namespace: str = DEFAULT_NAMESPACE) -> Object:
    """Give a freshly decoded object its origin, and the namespace that kubectl would give it."""
    msgspec.structs.force_setattr(decoded, "origin", origin)
    metadata = decoded.metadata
    wanted = (metadata.namespace or namespace) if type(decoded).NAMESPACED else ""
    if metadata.namespace != wanted:
        msgspec.structs.force_setattr(decoded, "metadata", msgspec.structs.replace(metadata, namespace=wanted))
    return decoded


def without_nulls(value: object) -> object:
    """The same value with every `null` field left out, which is how the API server reads it."""
    if isinstance(value, dict):
        return {k: without_nulls(v) for k, v in value.items() if v is not None}
    if isinstance(value, list):
        return [{} if v is None else without_nulls(v) for v in value]
    return value


_AT = re.compile(r" - at `(?:key )?(.*)`$")
_EXPECTED = re.compile(r"^Expected `(.*?)`, got `(.*?)`")


def _refused(origin: Origin, kind: str, message: str) -> Problem:
    at = _AT.search(message)
    path = at.group(1).removeprefix("$").removeprefix(".") if at else ""
    contrast = _EXPECTED.match(message)
    what = f"{kind} is not valid: {path or 'the object'}" if contrast else f"{kind} is not valid: {message}"
    wanted, got = (contrast.group(1), contrast.group(2)) if contrast else ("", "")
    return _wrong(origin, kind, what, got, wanted.removesuffix(" | null"))


def _wrong(origin: Origin, kind: str, what: str, got: str, wanted: str) -> Problem:
    return Problem(what, origin.file, origin.line, got, wanted, f"fix it: this {kind} is not part of the analysis")


def _not_an_object(origin: Origin, value: object) -> Problem:
    """Any other YAML may lie beside manifests; what has a kind and metadata was meant to be an object."""
    got = _shape(value)
    meant = isinstance(value, dict) and "kind" in value and "metadata" in value
    return Problem("not a Kubernetes object", origin.file, origin.line, got, "apiVersion and kind", blinds=meant)


def _only_list_fields(value: dict[str, object]) -> frozenset[str]:
    """The field names of a List's metadata that only a real object has (a kind may itself end in "List")."""
    metadata = value.get("metadata")
    return frozenset({"metadata"}) if isinstance(metadata, dict) and metadata.get("name") else frozenset()


def _shape(value: object) -> str:
    if not isinstance(value, dict):
        return _article(value)
    keys = ", ".join(sorted(str(k) for k in value)[:5])
    return f"a mapping with {keys}" if keys else "an empty mapping"


def _article(value: object) -> str:
    match value:
        case dict():
            return "a mapping"
        case list():
            return "a list"
        case str():
            return "a string"
        case bool():
            return "a boolean"
        case None:
            return "null"
        case _:
            return "a number"
