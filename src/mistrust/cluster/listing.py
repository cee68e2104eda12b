"""A whole list, page by page: every object once, or an error; never a silent part."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import GenericAlias
from typing import Generic, TypeVar

import msgspec

from mistrust.cluster.refusal import GoneError, TooLargeError
from mistrust.cluster.secret import printable
from mistrust.kube.decode import without_nulls
from mistrust.kube.errors import RemoteError
from mistrust.kube.meta import NO_STRINGS
from mistrust.kube.problem import Problem

T = TypeVar("T")
RESTARTS = 3
"""How often a list that expired under us is begun again; each time with pages four times as large."""


class ListMeta(msgspec.Struct, frozen=True, rename="camel"):
    """metav1.ListMeta."""

    resource_version: str = ""
    continue_: str = msgspec.field(default="", name="continue")


class _Page(msgspec.Struct, Generic[T], frozen=True):
    items: list[T] | None  # no default: what has no items is not a list
    metadata: ListMeta = ListMeta()


class Listing(msgspec.Struct, Generic[T], frozen=True):
    """All objects of one list."""

    items: tuple[T, ...]
    resource_version: str
    """Where a watch goes on from here."""
    problems: tuple[Problem, ...] = ()
    """Objects that did not fit the type, one each; they are not among the items."""


def collect(
    get: Callable[[str, Mapping[str, str]], bytes],
    path: str,
    type_: type[T],
    where: str,
    *,
    page: int = 500,
    query: Mapping[str, str] = NO_STRINGS,
) -> Listing[T]:
    """List `path` in pages of `page` objects, decoded straight into `type_`.

    A list that expires between two pages (410) begins again from nothing, so no object is delivered twice. A page over
    the client's bound is asked for again with fewer objects. `query` may hold labelSelector, fieldSelector,
    resourceVersion and resourceVersionMatch; the last two are for the first page alone, as the server demands.

    Raises: what `get` raises; RemoteError for an answer that is no list; GoneError when it expired again and again.
    """
    decoder: msgspec.json.Decoder[_Page[T]] = msgspec.json.Decoder(GenericAlias(_Page, (type_,)))
    for restart in range(RESTARTS + 1):
        try:
            return _pages(get, path, type_, decoder, where, page * 4**restart, query)
        except GoneError:
            if restart == RESTARTS:
                raise
    raise AssertionError("unreachable")


def _pages(
    get: Callable[[str, Mapping[str, str]], bytes],
    path: str,
    type_: type[T],
    decoder: msgspec.json.Decoder[_Page[T]],
    where: str,
    page: int,
    query: Mapping[str, str],
) -> Listing[T]:
    items: list[T] = []
    problems: list[Problem] = []
    asked: Mapping[str, str] = query
    seen = {""}
    while True:
        try:
            body = get(path, {**asked, "limit": str(page)})
        except TooLargeError:
            if page == 1:
                raise
            page = max(1, page // 4)
            continue
        try:
            whole = decoder.decode(body)
            meta = whole.metadata
            items.extend(whole.items or ())
        except msgspec.DecodeError:
            meta = _one_by_one(body, type_, where, items, problems)
        if not meta.continue_:
            return Listing(tuple(items), meta.resource_version, tuple(problems))
        if meta.continue_ in seen:
            raise RemoteError("the list never ends: the server gives the same continue token again", where=where)
        seen.add(meta.continue_)
        first_only = ("resourceVersion", "resourceVersionMatch")
        asked = {k: v for k, v in query.items() if k not in first_only} | {"continue": meta.continue_}


def _one_by_one(body: bytes, type_: type[T], where: str, items: list[T], problems: list[Problem]) -> ListMeta:
    """The same page when some object on it does not fit, or holds `null` where the server means nothing."""
    try:
        whole = msgspec.json.decode(body, type=_Page[msgspec.Raw])
    except msgspec.DecodeError as error:
        raise RemoteError("not a list", where=where, got=str(error), wanted="a Kubernetes list") from None
    for raw in whole.items or ():
        match fit(raw, type_, where):
            case Problem() as problem:
                problems.append(problem)
            case item:
                items.append(item)
    return whole.metadata


class _Name(msgspec.Struct, frozen=True):
    name: str = ""
    namespace: str = ""


class _Head(msgspec.Struct, frozen=True):
    metadata: _Name = _Name()


def fit(raw: msgspec.Raw, type_: type[T], where: str) -> T | Problem:
    """One object as `type_`; a Problem that names it where it does not fit, even without its nulls."""
    try:
        return msgspec.json.decode(raw, type=type_)
    except msgspec.DecodeError:
        pass
    try:
        return msgspec.convert(without_nulls(msgspec.json.decode(raw)), type_)
    except msgspec.MsgspecError as error:
        why = str(error)
    try:
        named = msgspec.json.decode(raw, type=_Head).metadata
    except msgspec.DecodeError:
        named = _Name()
    name = printable(f"{named.namespace}/{named.name}".strip("/")) or "without a name"
    return Problem(f"the object {name} was not understood", where, got=why, do="it is not part of the analysis")
