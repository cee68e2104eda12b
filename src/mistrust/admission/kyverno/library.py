"""The functions that Kyverno adds to CEL: resources of the cluster, images, users (kyverno/sdk cel/libs)."""

from __future__ import annotations

import json
from typing import Final, cast

from mistrust.admission.kyverno.request import ACCOUNT, Request
from mistrust.admission.plain import mapping
from mistrust.kube.build import Plain
from mistrust.kube.yaml import documents
from mistrust.languages.cel.function import Functions, globals_of, members
from mistrust.languages.cel.libraries.versions import EXTENSIONS
from mistrust.languages.cel.values import (
    Bool,
    CelError,
    Hashed,
    Opaque,
    Optional,
    Timestamp,
    Type,
    Value,
    no_overload,
)
from mistrust.languages.kyverno.errors import UnknownError
from mistrust.languages.kyverno.images import Image, image
from mistrust.languages.kyverno.scalars import wild

UNKNOWN: Final = "unknown: "
"""Begins the message of an error of what cannot be told here."""
LIBRARIES: Final = ("resource", "http", "globalContext", "json", "yaml", "generator", "image", "time")


class Library(Opaque):
    """A name on which functions are called."""

    __slots__ = ("made", "name", "request")
    kind = Type("kyverno.Library")

    def __init__(self, name: str, request: Request, made: list[dict[str, Plain]]) -> None:
        self.name, self.request, self.made = name, request, made

    def same(self, other: Opaque) -> bool:
        """Is it the same one?"""
        return self is other


class Picture(Opaque):
    """A reference to an image."""

    __slots__ = ("image",)
    kind = Type("kyverno.Image")

    def __init__(self, given: Image) -> None:
        self.image = given

    def same(self, other: Opaque) -> bool:
        """Is it the same image?"""
        return isinstance(other, Picture) and other.image == self.image


def _library(value: Value, name: str) -> Library:
    if not isinstance(value, Library) or value.name != name:
        raise CelError(f"no such overload: {name}")
    return value


def _get(on: Value, first: Value, *rest: Value) -> Value:
    if isinstance(on, Library) and on.name in ("http", "globalContext"):
        raise CelError(f"{UNKNOWN}it asks {on.name}")
    own = _library(on, "resource").request
    if len(rest) != 3 or not all(isinstance(r, str) for r in rest):
        raise no_overload("Get", first, *rest)
    kind, space, name = map(str, rest)
    try:
        found = own.world.find(kind, space, name)
    except UnknownError as error:
        raise CelError(f"{UNKNOWN}{error}") from None
    if found is None:
        raise CelError(f"{kind} {space}/{name} not found")
    return cast("Value", found)


def _list(on: Value, version: Value, kind: Value, space: Value = "", *more: Value) -> Value:
    own = _library(on, "resource").request
    if more or not isinstance(kind, str) or not isinstance(space, str):
        raise CelError(f"{UNKNOWN}it asks for some of the {kind!r}")
    try:
        return cast("Value", {"apiVersion": version, "items": own.world.listed(kind, space)})
    except UnknownError as error:
        raise CelError(f"{UNKNOWN}{error}") from None


def _metadata(on: Value, given: Value) -> Value:
    """What a registry says of an image."""
    own = _library(on, "image").request
    known = image(given) if isinstance(given, str) else None
    found = own.world.images.get(known.reference) if known is not None else None
    if found is None:
        raise CelError(f"{UNKNOWN}it asks a registry for {given!r}")
    return cast("Value", found)


def _now(on: Value) -> Value:
    own = _library(on, "time").request
    if own.world.now is None:
        raise CelError(f"{UNKNOWN}it asks for the time")
    return Timestamp(own.world.now)


def _post(on: Value, *rest: Value) -> Value:
    del on, rest
    raise CelError(f"{UNKNOWN}it asks a service")


def _apply(on: Value, space: Value, several: Value) -> Value:
    own = _library(on, "generator")
    for each in several if isinstance(several, list) else []:
        found = plain(each)
        if not isinstance(found, dict):
            raise no_overload("Apply", space, several)
        inside: dict[str, Plain] = {"namespace": space} if isinstance(space, str) and space else {}
        whole: dict[str, Plain] = {**found, "metadata": {**mapping(found, "metadata"), **inside}}
        if whole not in own.made:  # an expression may be evaluated again, exactly
            own.made.append(whole)
    return True


def _unmarshal(on: Value, given: Value) -> Value:
    if not isinstance(on, Library) or not isinstance(given, str):
        raise no_overload("unmarshal", on, given)
    if on.name == "json":
        try:
            return cast("Value", json.loads(given))
        except (ValueError, RecursionError):
            raise CelError("not JSON") from None
    found, problems = documents(given.encode(), "yaml")
    if problems:
        raise CelError("not YAML")
    return cast("Value", found[0].value if found else None)


def _image(given: Value) -> Value:
    found = image(given) if isinstance(given, str) else None
    if found is None:
        raise CelError("not an image")
    return Picture(found)


def _is_image(given: Value) -> Value:
    return isinstance(given, str) and image(given) is not None


def _of(given: Value) -> Image:
    if not isinstance(given, Picture):
        raise no_overload("image", given)
    return given.image


def _account(given: Value) -> Value:
    if not isinstance(given, str) or not given.startswith(ACCOUNT):
        return {"Namespace": "", "Name": ""}
    space, _, name = given.removeprefix(ACCOUNT).partition(":")
    return {"Namespace": space, "Name": name}


def _wild(pattern: Value, given: Value) -> Value:
    if not isinstance(pattern, str) or not isinstance(given, str):
        raise no_overload("wildcard", pattern, given)
    return wild(pattern, given)


def _escape(on: Value, given: Value) -> Value:
    del on
    if not isinstance(given, str):
        raise no_overload("escapeKey", given)
    return given.replace("~", "~0").replace("/", "~1")


def plain(value: Value) -> Plain:
    """A value as JSON. Raises `CelError` for one that JSON has no form for."""
    match value:
        case list():
            return [plain(v) for v in value if not (isinstance(v, Optional) and not v.held)]
        case dict():
            return {_key(k): plain(v) for k, v in value.items() if not (isinstance(v, Optional) and not v.held)}
        case Optional():
            return plain(value.held[0]) if value.held else None
        case None | bool() | str() | float():
            return value
        case int():
            return int(value)
    raise CelError("a value that JSON has no form for")


def _key(given: Hashed) -> str:
    return str(given.value).lower() if isinstance(given, Bool) else str(given)


LIBRARY: Final[Functions] = {
    **EXTENSIONS,
    **members(
        {
            "Get": _get,
            "get": _get,
            "List": _list,
            "list": _list,
            "Post": _post,
            "post": _post,
            "GetMetadata": _metadata,
            "now": _now,
            "Apply": _apply,
            "apply": _apply,
            "unmarshal": _unmarshal,
            "escapeKey": _escape,
            "registry": lambda a: _of(a).registry,
            "repository": lambda a: _of(a).path,
            "identifier": lambda a: _of(a).digest or _of(a).tag,
            "tag": lambda a: _of(a).tag,
            "digest": lambda a: _of(a).digest,
            "containsDigest": lambda a: bool(_of(a).digest),
        }
    ),
    **globals_of({"image": _image, "isImage": _is_image, "parseServiceAccount": _account, "matchWildcard": _wild}),
}
