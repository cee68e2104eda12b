"""What each field of an AuthorizationPolicy's rule asks, by Istio's name of the attribute.

The keys of `when` are Istio's; `to.hosts`, `to.methods`, `to.paths` and `to.ports` are the fields that have no such
key. Source: istio pilot/pkg/security/authz/model/generator.go.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import msgspec

from mistrust.layers.mesh.istio.authorization.addresses import Block, block
from mistrust.layers.mesh.istio.authorization.conditions import (
    URL,
    Address,
    Identity,
    Left,
    Port,
    Question,
    ServerName,
    Subject,
    Text,
    Token,
    Untold,
    Which,
)
from mistrust.layers.mesh.istio.authorization.paths import path_pattern
from mistrust.layers.mesh.istio.authorization.patterns import Form, Pattern, pattern
from mistrust.layers.mesh.istio.authorization.principals import (
    TrustDomains,
    account_pattern,
    domain_pattern,
    namespace_pattern,
    principal_pattern,
)


class Reading(msgspec.Struct, frozen=True, gc=False):
    """How the fields of a rule are read."""

    namespace: str
    """The policy's."""
    allow: bool
    http: bool
    trust: TrustDomains = TrustDomains()


class Unusable(Exception):  # noqa: N818 - a verdict on a field, not a failure of ours
    """A field that the proxy cannot ask."""


def question(key: str, values: tuple[str, ...], how: Reading) -> Question:
    """What a field asks. Raises Unusable, saying why, for one that the proxy cannot ask at all."""
    return _ASK[family(key) or key](key, values, how)


def family(key: str) -> str | None:
    """The attribute that a key belongs to, without what stands in brackets; None for none."""
    if key in _ASK:
        return key
    return next((f for f in _BRACKETED if key.startswith(f)), None)


def only_http(key: str) -> bool:
    """Is it something that bytes over TCP do not have?"""
    return family(key) in _HTTP


def about_what(key: str) -> bool:
    """Is it about what is done, not about who does it?"""
    return family(key) in _ABOUT_WHAT


def refused(key: str, value: str) -> str:
    """Why a value cannot be asked; empty if it can."""
    if key in _BLOCKS and block(value) is None:
        return "it is no address and no CIDR"
    if key in _PORTS and not (value.isascii() and value.isdigit() and int(value) <= 65535):
        return "it is no port"
    return ""


def _plain(values: tuple[str, ...], *, fold: bool = False) -> tuple[Pattern, ...]:
    return tuple(pattern(v, fold=fold) for v in values)


def _blocks(values: tuple[str, ...]) -> tuple[Block, ...]:
    return tuple(b for v in values if (b := block(v)) is not None)


def _bracketed(key: str, family: str) -> str:
    rest = key.removeprefix(family)
    if not (rest.startswith("[") and rest.endswith("]")):
        raise Unusable(f"{key!r} names nothing in brackets")
    return rest[1:-1]


def _principals(_: str, values: tuple[str, ...], how: Reading) -> Question:
    doubtful = tuple(principal_pattern("*/" + v.partition("/")[2]) for v in values if how.trust.foreign(v))
    return Identity(tuple(principal_pattern(v) for v in how.trust.principals(values)), doubtful)


def _paths(_: str, values: tuple[str, ...], __: Reading) -> Question:
    found = [path_pattern(v) for v in values]
    if None in found:
        return Untold("a path template that the proxy refuses")
    return Text(URL, tuple(p for p in found if p is not None))


def _subjects(_: str, values: tuple[str, ...], __: Reading) -> Question:
    return Subject(tuple(_issuer_and_subject(v) for v in values))


def _issuer_and_subject(value: str) -> tuple[Pattern, Pattern]:
    """`issuer/subject`, parted at the last slash, because issuers are URLs (requestPrincipalGenerator)."""
    anything = Pattern(Form.PRESENT)
    issuer, slash, subject = value.rpartition("/")
    if value == "*":
        return anything, anything
    if not slash:
        if value.startswith("*"):
            return anything, Pattern(Form.SUFFIX, value[1:])
        if value.endswith("*"):
            return Pattern(Form.PREFIX, value[:-1]), anything
        return Pattern(Form.EXACT, value), Pattern(Form.EXACT, "")
    if value.startswith("*"):
        return (anything if issuer == "*" else Pattern(Form.SUFFIX, issuer[1:])), Pattern(Form.EXACT, subject)
    return Pattern(Form.EXACT, issuer), pattern(subject) if value.endswith("*") else Pattern(Form.EXACT, subject)


def _claims(key: str, values: tuple[str, ...], _: Reading) -> Question:
    inner = _bracketed(key, "request.auth.claims")
    names = inner.split("][")
    nested = all(n and "[" not in n and "]" not in n for n in names)
    return Token(tuple(names) if nested else (inner,), _plain(values))


def _left(key: str, values: tuple[str, ...], _: Reading) -> Question:
    name, bracket, rest = key.removeprefix("experimental.").removesuffix("]").partition("[")
    if not bracket:
        raise Unusable(f"{key!r} names nothing in brackets")
    listed = [v.startswith("[") and v.endswith("]") for v in values]
    return Left(
        name,
        rest,
        tuple((pattern(v.strip("[]") if inner else v), inner) for v, inner in zip(values, listed, strict=True)),
    )


_ASK: Final[dict[str, Callable[[str, tuple[str, ...], Reading], Question]]] = {
    "source.principal": _principals,
    "source.namespace": lambda _, values, how: Identity(tuple(namespace_pattern(v) for v in values)),
    "source.serviceAccount": lambda _, values, how: Identity(tuple(account_pattern(v, how.namespace) for v in values)),
    "source.trustDomain": lambda _, values, how: Identity(tuple(domain_pattern(v) for v in how.trust.domains(values))),
    "source.ip": lambda _, values, how: Address(Which.SOURCE, _blocks(values)),
    "remote.ip": lambda _, values, how: Address(Which.REMOTE, _blocks(values)),
    "destination.ip": lambda _, values, how: Address(Which.DESTINATION, _blocks(values)),
    "destination.port": lambda _, values, how: Port(tuple(int(v) for v in values)),
    "to.ports": lambda _, values, how: Port(tuple(int(v) for v in values)),
    "connection.sni": lambda _, values, how: ServerName(_plain(values)),
    "to.hosts": lambda _, values, how: Text(":authority", _plain(values, fold=True)),
    "to.methods": lambda _, values, how: Text(":method", _plain(values)),
    "to.paths": _paths,
    "request.auth.principal": _subjects,
    "request.auth.audiences": lambda _, values, how: Token(("aud",), _plain(values)),
    "request.auth.presenter": lambda _, values, how: Token(("azp",), _plain(values)),
    "request.auth.claims": _claims,
    "request.headers": lambda key, values, how: Text(_bracketed(key, "request.headers").lower(), _plain(values)),
    "request.experimental.inline.headers": lambda key, values, how: Untold("headers are compared value by value"),
    "experimental.envoy.filters.": _left,
}

_BRACKETED: Final = (
    "request.headers",
    "request.experimental.inline.headers",
    "request.auth.claims",
    "experimental.envoy.filters.",
)
_HTTP: Final = frozenset(
    {"to.hosts", "to.methods", "to.paths", *_BRACKETED[:3]}
    | {"request.auth.principal", "request.auth.audiences", "request.auth.presenter"}
)
_BLOCKS: Final = frozenset({"source.ip", "remote.ip", "destination.ip"})
_ABOUT_WHAT: Final = frozenset({"destination.ip", "destination.port", "connection.sni", "experimental.envoy.filters."})
_PORTS: Final = frozenset({"to.ports", "destination.port"})
