"""The requests that some questions tell apart: one for each way to answer them, and no other way is missing.

Methods, paths, hosts, headers, server names and forwarded addresses are made up; what hangs on a token or on other
filters is taken to be so and not so.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from ipaddress import ip_address
from itertools import product
from math import prod
from typing import Final

from msgspec.structs import replace

from mistrust.layers.mesh.istio.authorization.addresses import Block
from mistrust.layers.mesh.istio.authorization.conditions import (
    URL,
    Address,
    Identity,
    Left,
    Question,
    ServerName,
    Subject,
    Text,
    Token,
    Untold,
    Which,
)
from mistrust.layers.mesh.istio.authorization.patterns import Form, Pattern, pattern
from mistrust.layers.mesh.istio.authorization.principals import SCHEME
from mistrust.layers.mesh.istio.authorization.requests import Http, Request
from mistrust.layers.mesh.istio.authorization.strings import representatives
from mistrust.layers.mesh.istio.authorization.truth import Truth

LIMIT: Final = 20_000
"""So many requests for one client and one port are looked at before it is given up."""
WHOLE_PATH: Final = ":path"
HOSTS: Final = (":authority", "host")
ELSEWHERE: Final = ("192.0.2.1", "2001:db8::1")
"""Addresses that documentation is written with (RFC 5737, RFC 3849)."""
_SHAPES: Final[Mapping[str, Pattern]] = {":method": pattern("*"), URL: pattern("/*")}


def messages(questions: Iterable[Question], base: Request) -> tuple[Request, ...] | None:
    """Requests like `base` that differ in all that is asked, as HTTP and as bytes; None for too many."""
    every = tuple(dict.fromkeys(questions))
    opaque = [q for q in every if _opaque(q) and q not in base.assumed]
    free: list[Sequence[tuple[Question, Truth]]] = [[(q, Truth.YES), (q, Truth.NO)] for q in opaque]
    names = _values([p for q in every if isinstance(q, ServerName) for p in q.patterns])
    texts = _texts(every)
    remotes = addresses(every, Which.REMOTE)
    if names is None or None in texts.values():
        return None
    fields: dict[str, Sequence[str | None]] = {n: found for n, found in texts.items() if found is not None}
    if prod(map(len, (*free, names, remotes, *fields.values()))) > LIMIT:
        return None
    out: list[Request] = []
    for answers in product(*free):
        assumed: dict[Hashable, Truth] = {**base.assumed, **dict(answers)}
        for sni in names if base.principal is not None else names[:1]:
            made = replace(base, assumed=assumed, sni=sni)
            out.append(replace(made, http=None, remote=base.source))
            out += (replace(made, http=http, remote=remote) for http in _requests(fields) for remote in remotes)
    return tuple(out)


def about_tokens(questions: Iterable[Question]) -> Iterator[Question]:
    """Those that a token answers."""
    yield from (q for q in questions if isinstance(q, Token | Subject))


def untold(questions: Iterable[Question], *, http: bool) -> Mapping[Question, Truth]:
    """The questions that nobody can answer who knows a request by its method and path, or (`http` False) not at all."""
    return {
        q: Truth.UNKNOWN
        for q in questions
        if _opaque(q)
        or isinstance(q, ServerName)
        or (isinstance(q, Text) and not (http and q.name in (":method", URL)))
        or (isinstance(q, Address) and q.which is Which.REMOTE)
    }


def names(questions: Iterable[Question]) -> tuple[str, ...] | None:
    """Identities: one for each way to be among those that are asked for; None for too many."""
    asked = {p: None for q in questions if isinstance(q, Identity) for p in (*q.patterns, *q.doubtful)}
    found = representatives(tuple(sorted(asked)), Pattern(Form.REGEX, f"{SCHEME}.+"))
    return None if found is None else tuple(n.removeprefix(SCHEME) for n in found)


def addresses(questions: Iterable[Question], which: Which) -> tuple[str, ...]:
    """Addresses: one for each way to be inside the blocks that are asked for."""
    blocks = [b for q in questions if isinstance(q, Address) and q.which is which for b in q.blocks]
    edges = dict.fromkeys(a for b in blocks for a in _edges(b))
    apart: dict[tuple[bool, ...], str] = {}
    for a in (*ELSEWHERE, *edges):
        apart.setdefault((*(ip_address(a) in b for b in blocks),), a)
    return tuple(apart.values())


def _edges(block: Block) -> Iterator[str]:
    """The first address, the last one and the next to it: between two edges nothing changes."""
    yield str(block[0])
    for beside in (int(block[-1]) + 1, int(block[0]) - 1):
        if 0 <= beside < 2**block.max_prefixlen:
            yield str(type(block[0])(beside))


def _opaque(q: Question) -> bool:
    return isinstance(q, Token | Subject | Left | Untold) or (isinstance(q, Text) and q.name == WHOLE_PATH)


def _texts(every: Iterable[Question]) -> dict[str, Sequence[str | None] | None]:
    """For each part of a request that is asked about, the values; a header may also not be there."""
    patterns: dict[str, list[Pattern]] = {}
    for q in every:
        if isinstance(q, Text) and not _opaque(q):
            patterns.setdefault(HOSTS[0] if q.name in HOSTS else q.name, []).extend(q.patterns)
    out: dict[str, Sequence[str | None] | None] = {}
    for name, several in patterns.items():
        values = representatives(tuple(sorted(set(several))), _SHAPES.get(name))
        out[name] = values if values is None or name in (*_SHAPES, *HOSTS) else (None, *values)
    return out


def _values(patterns: Sequence[Pattern]) -> tuple[str, ...] | None:
    """Server names come in lower case."""
    found = representatives(tuple(sorted(set(patterns))))
    return None if found is None else tuple(dict.fromkeys(("", *map(str.lower, found))))


def _requests(fields: Mapping[str, Sequence[str | None]]) -> Iterator[Http]:
    for values in product(*fields.values()):
        told = {name: v for name, v in zip(fields, values, strict=True) if v is not None}
        yield Http(
            told.pop(":method", "GET"),
            told.pop(URL, "/"),
            told.pop(HOSTS[0], "host.test"),
            told,
        )
