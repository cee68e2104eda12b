"""The conditions of an AuthorizationPolicy, each asked of a request: one field of a rule becomes one `Condition`.

Source: istio pilot/pkg/security/authz/model/generator.go, and Envoy's RBAC filter for what an absent value means:
a condition about an identity, a header, a token or an address never holds where there is none, so its `not` does.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from enum import Enum
from typing import Final

import msgspec

from mistrust.access.evidence import FieldPath
from mistrust.layers.mesh.istio.authorization.addresses import Block, inside
from mistrust.layers.mesh.istio.authorization.paths import bare
from mistrust.layers.mesh.istio.authorization.patterns import Form, Pattern
from mistrust.layers.mesh.istio.authorization.principals import SCHEME
from mistrust.layers.mesh.istio.authorization.requests import ANY_HTTP, Anything, Claim, Http, Request
from mistrust.layers.mesh.istio.authorization.truth import Truth, every, negated, some, truth

URL: Final = ":url"
"""Stands for the path without query and fragment, which `paths` is about."""


class Identity(msgspec.Struct, frozen=True, gc=False):
    """Who proved themselves by mutual TLS."""

    patterns: tuple[Pattern, ...]
    doubtful: tuple[Pattern, ...] = ()
    """Match if a trust domain turns out to be the mesh's own."""

    def asked(self, request: Request) -> Truth:
        """Is it one of these?"""
        if request.principal is None:
            return Truth.NO
        if isinstance(request.principal, Anything):
            return Truth.SOME
        name = SCHEME + request.principal
        if any(p.matches(name) for p in self.patterns):
            return Truth.YES
        return Truth.UNKNOWN if any(p.matches(name) for p in self.doubtful) else Truth.NO


class Which(Enum):
    """Which address is meant."""

    SOURCE = "source.ip"
    REMOTE = "remote.ip"
    DESTINATION = "destination.ip"


class Address(msgspec.Struct, frozen=True, gc=False):
    """Where from, or where to."""

    which: Which
    blocks: tuple[Block, ...]

    def asked(self, request: Request) -> Truth:
        """Is it inside? What X-Forwarded-For says is up to whoever sends the request to a sidecar."""
        value = {
            Which.SOURCE: request.source,
            Which.REMOTE: request.remote,
            Which.DESTINATION: request.destination,
        }[self.which]
        if self.which is Which.REMOTE and request.http is ANY_HTTP:
            return Truth.SOME
        if isinstance(value, Anything):
            return Truth.SOME
        if value is None:
            return Truth.UNKNOWN
        return truth(any(inside(value, b) for b in self.blocks))


class Port(msgspec.Struct, frozen=True, gc=False):
    """The port where it arrives."""

    numbers: tuple[int, ...]

    def asked(self, request: Request) -> Truth:
        """Is it one of these?"""
        return truth(request.port in self.numbers)


class ServerName(msgspec.Struct, frozen=True, gc=False):
    """The server name that the client asks for in TLS."""

    patterns: tuple[Pattern, ...]

    def asked(self, request: Request) -> Truth:
        """Is it one of these? It is the client's to choose, and Envoy keeps it in lower case, a policy's words not."""
        if request.sni is None:
            return Truth.SOME
        return truth(any(p.matches(request.sni.lower()) for p in self.patterns))


class Text(msgspec.Struct, frozen=True, gc=False):
    """The method, the host, the path or a header of an HTTP request."""

    name: str
    """`:method`, `:authority`, `:path`, a header in lower case, or `URL` for the path without its query."""
    patterns: tuple[Pattern, ...]

    def asked(self, request: Request) -> Truth:
        """Is it one of these?"""
        if isinstance(request.http, Http):
            value = _text(request.http, self.name)
            return truth(value is not None and any(self._matches(p, value) for p in self.patterns))
        always = self.name.startswith(":") and any(p.form is Form.PRESENT for p in self.patterns)
        return Truth.YES if always else Truth.SOME

    def _matches(self, p: Pattern, value: str) -> bool:
        """A header that is there counts as present even when it is empty; an empty path does not."""
        return p.matches(value) or (p.form is Form.PRESENT and self.name != URL)


class Token(msgspec.Struct, frozen=True, gc=False):
    """One claim of the token."""

    claim: tuple[str, ...]
    patterns: tuple[Pattern, ...]
    lists: bool = True
    """May the claim be a list, any element of which may match?"""

    def asked(self, request: Request) -> Truth:
        """Is it one of these? Nothing is where no token is checked."""
        if not isinstance(request.http, Http):
            return Truth.SOME if request.tokens else Truth.NO
        found: Claim = request.http.claims
        for key in self.claim:
            found = found.get(key) if isinstance(found, Mapping) else None
        return truth(matching(found, self.patterns, lists=self.lists))


class Subject(msgspec.Struct, frozen=True, gc=False):
    """Issuer and subject of the token: `requestPrincipals`."""

    pairs: tuple[tuple[Pattern, Pattern], ...]

    def asked(self, request: Request) -> Truth:
        """Is it one of these?"""
        return some(
            every(Token((name,), (p,), lists=False).asked(request) for name, p in (("iss", issuer), ("sub", subject)))
            for issuer, subject in self.pairs
        )


class Left(msgspec.Struct, frozen=True, gc=False):
    """What another filter of the proxy left: `experimental.envoy.filters...`."""

    filter: str
    key: str
    patterns: tuple[tuple[Pattern, bool], ...]
    """Each with: is an element of a list meant?"""

    def asked(self, request: Request) -> Truth:
        """Is it one of these? What filters leave is not told by any policy."""
        if request.metadata is None:
            return Truth.UNKNOWN
        found = request.metadata.get((self.filter, self.key))
        return truth(
            any(
                (isinstance(found, tuple) and any(matching(e, (p,), lists=False) for e in found))
                if in_list
                else matching(found, (p,), lists=False)
                for p, in_list in self.patterns
            )
        )


class Untold(msgspec.Struct, frozen=True, gc=False):
    """A condition that is not understood well enough to answer it."""

    why: str

    def asked(self, request: Request) -> Truth:
        """Nobody can tell."""
        return Truth.UNKNOWN


Question = Identity | Address | Port | ServerName | Text | Token | Subject | Left | Untold


class Condition(msgspec.Struct, frozen=True, gc=False):
    """One field of a rule."""

    question: Question
    negative: bool
    """Is it a `not` field?"""
    path: FieldPath
    """From the policy's root."""

    def holds(self, request: Request) -> Truth:
        """Does the request fulfil it?"""
        token = isinstance(self.question, Token | Subject) and not request.tokens
        asked = request.assumed.get(self.question) if request.assumed and not token else None
        if asked is None:
            asked = self.question.asked(request)
        return negated(asked) if self.negative else asked


def matching(found: Claim, patterns: Iterable[Pattern], *, lists: bool) -> bool:
    """Does a value match: a string, or where lists count a string in a list? Numbers and truth values never do."""
    if isinstance(found, tuple):
        return lists and any(isinstance(e, str) and p.matches(e) for e in found for p in patterns)
    return isinstance(found, str) and any(p.matches(found) for p in patterns)


_PSEUDO: Final[Mapping[str, Callable[[Http], str]]] = {
    ":method": lambda h: h.method,
    ":authority": lambda h: h.host,
    "host": lambda h: h.host,
    ":path": lambda h: h.path,
    URL: lambda h: bare(h.path),
}


def _text(http: Http, name: str) -> str | None:
    pseudo = _PSEUDO.get(name)
    return pseudo(http) if pseudo is not None else http.headers.get(name)
