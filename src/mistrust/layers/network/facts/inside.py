"""Address blocks that let through more, or less, than they seem to: pods inside them, and the cloud's metadata."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from typing import Final

import msgspec

from mistrust.access.evidence import Evidence, at
from mistrust.access.fact import Fact
from mistrust.access.ports import point
from mistrust.kube.core import Node
from mistrust.kube.network import EgressPolicyRule, IngressPolicyRule, NetworkPolicy
from mistrust.kube.snapshot import Snapshot
from mistrust.layers.network.addresses import IPV4, IPV6, place, spans
from mistrust.layers.network.engine.lines import Span
from mistrust.layers.network.engine.reach import Reach
from mistrust.layers.network.facts.segments import lets_everything
from mistrust.layers.network.facts.telling import listed, plural
from mistrust.layers.network.profile import Profile
from mistrust.layers.network.statements.policies import Policies
from mistrust.layers.network.statements.rules import statements

METADATA: Final = place("169.254.169.254") or 0
"""Where clouds hand out the credentials of a machine to whoever asks from it."""
HTTP: Final = point("TCP", 80)
HOME: Final = ("kind", "k3s", "minikube", "vsphere", "metal3", "libvirt")
"""How `spec.providerID` of a node begins where nothing answers there."""


class _Block(msgspec.Struct, frozen=True):
    cidr: str
    ranges: tuple[Span, ...]
    where: Evidence

    @property
    def all_there_are(self) -> bool:
        """Is it every address of a family?"""
        return self.ranges in ((IPV4,), (IPV6,))


def pods_inside(given: Policies, reach: Reach, profiles: Sequence[Profile]) -> Iterator[Fact]:
    """Policies with an ipBlock that holds pods, where plugins differ in what that means or it is hardly meant.

    With a plugin that matches pods by address, a block of every address lets in the whole cluster. With one that does
    not, a block of the pods' own addresses lets in nobody.
    """
    readings = {p.blocks_match_pods for p in profiles if p.enforces}
    pods = [e for e in reach.endpoints if not e.host_network]
    places = sorted(p for e in pods for a in e.addresses if (p := place(a)) is not None)
    promised = sum(not e.addresses for e in pods)
    for policy in sorted(given.network, key=lambda p: p.ref):
        found = []
        for block in _blocks(policy):
            count = sum(bisect_left(places, high) - bisect_left(places, low) for low, high in block.ranges)
            count += promised if block.ranges == (IPV4,) else 0
            if count and (len(readings) > 1 or block.all_there_are is next(iter(readings), False)):
                found.append((block, count))
        if found:
            block, count = max(found, key=lambda each: each[1])
            detail = f"{block.cidr} holds {plural(count, 'pod')}, and {_meaning(readings, profiles)}"
            evidence = tuple(b.where for b, _ in found)
            yield Fact("network.block-holds-pods", str(policy.ref), policy.ref, detail, evidence)


def _meaning(readings: set[bool], profiles: Sequence[Profile]) -> str:
    if len(readings) > 1:
        through, shut = (
            [p.name for p in profiles if p.enforces and p.blocks_match_pods is reading] for reading in (True, False)
        )
        return f"{listed(through)} lets them through, {listed(shut)} does not"
    names = listed([p.name for p in profiles if p.enforces])
    return f"{names} lets them through with the rest" if True in readings else f"{names} matches no pod by its address"


def _blocks(policy: NetworkPolicy) -> Iterator[_Block]:
    sides: tuple[tuple[str, str, Sequence[IngressPolicyRule | EgressPolicyRule]], ...] = (
        ("spec.ingress", "from", policy.spec.ingress),
        ("spec.egress", "to", policy.spec.egress),
    )
    for field, side, rules in sides:
        for i, rule in enumerate(rules):
            for n, peer in enumerate(rule.sources if isinstance(rule, IngressPolicyRule) else rule.destinations):
                ranges = spans(peer.ip_block) if peer.ip_block is not None else None
                if peer.ip_block is not None and ranges is not None:
                    where = at(policy, field, i, side, n, "ipBlock", value=peer.ip_block.cidr)
                    yield _Block(peer.ip_block.cidr, ranges, where)


def metadata_allowed(snapshot: Snapshot, given: Policies, reach: Reach) -> Iterator[Fact]:
    """Policies that limit what goes out and let it go to the cloud's metadata all the same."""
    machines = [n.spec.provider_id for n in snapshot.of(Node) if n.spec.provider_id]
    if machines and all(m.startswith(HOME) for m in machines):
        return
    for policy in sorted(given.network, key=lambda p: p.ref):
        for s in statements(policy):
            if not s.egress or s.malformed or any(map(lets_everything, s.rules)) or not reach.chosen(s.subject):
                continue
            rules = [
                at(policy, "spec.egress", i)
                for i, rule in enumerate(s.rules)
                if HTTP in rule.service.ports
                and any(p.everybody or (p.addresses is not None and _holds(p.addresses.ranges)) for p in rule.peers)
            ]
            if rules:
                detail = "lets its pods ask 169.254.169.254 for the credentials of their machine"
                yield Fact("network.metadata-allowed", str(policy.ref), policy.ref, detail, tuple(rules))


def _holds(ranges: Sequence[Span]) -> bool:
    return any(low <= METADATA < high for low, high in ranges)
