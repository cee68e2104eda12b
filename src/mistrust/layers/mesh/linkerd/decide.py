"""One client on one port: what passes if it comes with the mesh's TLS, or without, and who decided.

Sources: linkerd2-proxy linkerd/proxy/server-policy/src/lib.rs and authz.rs (a route's authorizations are its own and
those of its Server), linkerd/app/inbound/src/policy/http.rs (404 where no route takes a request) and tcp.rs.
"""

from __future__ import annotations

from enum import StrEnum

import msgspec

from mistrust.access.evidence import Evidence
from mistrust.access.match import any_of
from mistrust.layers.mesh.linkerd.authorization import Authorization, Client, Proof, admits
from mistrust.layers.mesh.linkerd.policies import Inbound


class Passage(StrEnum):
    """How much of what a client sends passes."""

    ALL = "all"
    SOME = "some"
    NONE = "none"
    UNKNOWN = "unknown"


class Entry(msgspec.Struct, frozen=True):
    """What passes of one client, one way."""

    passes: Passage
    by: tuple[Authorization, ...] = ()
    """What lets it in."""
    unknown: str = ""

    @property
    def proof(self) -> Proof:
        """The least that a client must show to come in where this one does."""
        return min((a.proof for a in self.by), key=list(Proof).index, default=Proof.IDENTITY)

    @property
    def by_address(self) -> bool:
        """Is it the address alone that lets it in?"""
        open_to = [a for a in self.by if a.proof is Proof.NOTHING]
        return bool(open_to) and all(a.networks for a in open_to)

    @property
    def evidence(self) -> tuple[Evidence, ...]:
        """Where that is written."""
        return tuple(dict.fromkeys(e for a in self.by for e in a.evidence))


def entry(inbound: Inbound, client: Client, *, tls: bool) -> Entry:
    """What passes of this client, with the mesh's TLS or without?"""

    def admitting(authorizations: tuple[Authorization, ...]) -> tuple[tuple[Authorization, ...], str]:
        judged = [(a, admits(a, client, tls=tls)) for a in authorizations]
        unknown = any_of(m for _, m in judged if m is not True)
        return tuple(a for a, m in judged if m is True), unknown if isinstance(unknown, str) else ""

    by, unknown = admitting(inbound.authorizations)
    if not inbound.routes or not inbound.speaks_http:
        return Entry(_passage(Passage.ALL, by, unknown), by, unknown)
    if by:
        every = any(r.everything for r in inbound.routes)
        return Entry(Passage.ALL if every else Passage.SOME, by)
    more, doubt = admitting(tuple(a for r in inbound.routes for a in r.authorizations))
    return Entry(_passage(Passage.SOME, more, unknown or doubt), more, unknown or doubt)


def _passage(passes: Passage, by: tuple[Authorization, ...], unknown: str) -> Passage:
    if by:
        return passes
    return Passage.UNKNOWN if unknown else Passage.NONE
