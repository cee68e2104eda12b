"""One side of a connection, and what a selector or an address block says of it.

A match has three answers: yes, no, or the words for what it depends on.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from ipaddress import IPv4Address, IPv6Address, ip_network
from typing import Literal

import msgspec
from msgspec import structs

from mistrust.access.match import Match, any_of
from mistrust.kube.core import Node
from mistrust.kube.endpoints import NAMESPACE_NAME, Endpoint
from mistrust.kube.selectors import LabelSelector, matches
from mistrust.layers.network.addresses import V6
from mistrust.layers.network.profile import Profile

Address = IPv4Address | IPv6Address


class Party(msgspec.Struct, frozen=True):
    """A pod, a node, or an address that is neither."""

    endpoint: Endpoint | None = None
    node: Node | None = None
    """The node that it is, or that the pod runs on; None where it was not seen."""
    addresses: tuple[Address, ...] = ()
    """Empty for a pod that has none yet."""

    @property
    def host(self) -> str:
        """The name of the node that it is, or that the pod runs on; empty where nothing tells."""
        if self.endpoint is not None:
            return self.endpoint.node
        return self.node.name if self.node is not None else ""

    def pod(self, profile: Profile) -> Endpoint | None:
        """The pod, if policies see one there: a pod on the node's network is the node to most plugins."""
        e = self.endpoint
        return e if e is not None and (profile.host_network_selectable or not e.host_network) else None

    def __str__(self) -> str:
        if self.endpoint is not None:
            return str(self.endpoint.source.ref)
        return str(self.node.ref) if self.node is not None else str(self.addresses[0])


Direction = Literal["ingress", "egress"]


class Flow(msgspec.Struct, frozen=True):
    """One connection. An address is None where its side has none yet."""

    source: Party
    destination: Party
    protocol: str
    port: int
    source_address: Address | None = None
    destination_address: Address | None = None

    def sides(self, direction: Direction) -> tuple[Party, Party, Address | None]:
        """Whom the policies of this direction are about, and the peer with its address."""
        if direction == "ingress":
            return self.destination, self.source, self.source_address
        return self.source, self.destination, self.destination_address


def in_namespaces(selector: LabelSelector, labels: Mapping[str, str], seen: bool) -> Match:
    """Does the selector choose a namespace with these labels?

    Of a namespace that was not `seen` only the name is known.
    """
    if seen:
        return matches(selector, labels)
    certain = structs.replace(
        selector,
        match_labels={k: v for k, v in selector.match_labels.items() if k == NAMESPACE_NAME},
        match_expressions=tuple(r for r in selector.match_expressions if r.key == NAMESPACE_NAME),
    )
    if not matches(certain, labels):
        return False
    name = labels.get(NAMESPACE_NAME, "")
    return True if certain == selector else f"the labels of Namespace {name} were not seen"


def in_blocks(
    blocks: Iterable[tuple[str, tuple[str, ...]]], party: Party, at: Address | None, profile: Profile
) -> Match:
    """Is the party, under the address that it uses, inside one of these CIDRs and outside their exceptions?"""
    if party.pod(profile) is not None:
        if not profile.blocks_match_pods:
            return False
    elif (party.node is not None or party.endpoint is not None) and not profile.blocks_match_nodes:
        return False
    return any_of(_inside(cidr, excluded, party, at) for cidr, excluded in blocks)


def _inside(cidr: str, excluded: tuple[str, ...], party: Party, at: Address | None) -> Match:
    try:
        block = ip_network(cidr, strict=False)
        holes = [ip_network(e, strict=False) for e in excluded]
    except ValueError:
        return f"{cidr!r} is no block of addresses, or one of its exceptions is not"
    if at is None:
        if block.version == 4 and block.prefixlen == 0 and not holes:
            return True
        return f"{party} has no address yet, so whether it is in {cidr} is not known"
    return at in block and not any(at in hole for hole in holes)


def text(place: int) -> str:
    """An address on the line of both families, as it is written."""
    return str(IPv6Address(place - V6) if place >= V6 else IPv4Address(place))
