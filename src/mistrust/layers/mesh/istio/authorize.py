"""What AuthorizationPolicies make of a connection, for the channel of a pair."""

from __future__ import annotations

from collections.abc import Hashable, Sequence

import msgspec

from mistrust.access.evidence import Evidence, at
from mistrust.kube.endpoints import Endpoint
from mistrust.kube.istio import AuthorizationPolicy
from mistrust.kube.snapshot import Snapshot
from mistrust.layers.mesh.channel import Authz
from mistrust.layers.mesh.istio.config import Config
from mistrust.layers.mesh.member import ISTIO, Member

DECIDES = frozenset({"", "ALLOW", "DENY", "CUSTOM"})


class Decision(msgspec.Struct, frozen=True, gc=False):
    """What authorization says of one client at one port of one server."""

    authz: Authz
    because: str = ""
    decided_by: tuple[Evidence, ...] = ()
    unknown: tuple[str, ...] = ()


UNCHECKED = Decision(Authz.NONE, "no AuthorizationPolicy selects it")


class Authorization:
    """The AuthorizationPolicies over all endpoints; endpoints are named by their index."""

    def __init__(
        self, snapshot: Snapshot, endpoints: Sequence[Endpoint], members: Sequence[Member], config: Config
    ) -> None:
        self._policies = tuple(p for p in snapshot.of(AuthorizationPolicy) if p.spec.action in DECIDES)
        self._endpoints = endpoints
        self._members = members
        self._root = config.root

    def source_key(self, source: int) -> Hashable:
        """All that a policy may ask about a client; of endpoints with the same key the answers are the same."""
        return ()

    def target_key(self, target: int) -> Hashable:
        """All that tells one server from another."""
        return self._selecting(target)

    def cuts(self, target: int) -> frozenset[int]:
        """The TCP ports of a server that some rule treats by themselves."""
        return frozenset()

    def authorize(
        self, source: int, target: int, port: int, *, authenticated: bool, waypoint: bool = False
    ) -> Decision:
        """What the server's policies say about a client at a TCP port.

        `source` may be `OUTSIDE`, whose address is not known. `authenticated` False: the client speaks plaintext or
        TLS that the mesh does not vouch for, so the server knows an address and no name. `waypoint` True: the
        connection comes through a waypoint, whose name the server's own proxy sees.
        """
        chosen = self._selecting(target)
        if not chosen:
            return UNCHECKED
        policies = [self._policies[i] for i in chosen]
        return Decision(
            Authz.UNKNOWN,
            "AuthorizationPolicies select it",
            tuple(at(p, "spec") for p in policies),
            tuple(f"what {p.ref} decides" for p in policies),
        )

    def _selecting(self, target: int) -> tuple[int, ...]:
        e = self._endpoints[target]
        if self._members[target].kind not in ISTIO and self._members[target].maybe not in ISTIO:
            return ()
        return tuple(
            i
            for i, p in enumerate(self._policies)
            if p.namespace in (self._root, e.namespace)
            and (p.spec.selector is None or p.spec.selector.match_labels.items() <= e.labels.items())
        )
