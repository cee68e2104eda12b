"""Who may open which connection to whom, workload by workload: the value that every form of it is written from.

The pairs are many and the answers few, so answers are shared: every source that is treated alike has one `Targets`.
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from mistrust.access.ports import Ports


class Peer(msgspec.Struct, frozen=True, order=True, gc=False):
    """One end of a connection."""

    text: str
    """`shop/web[Deployment]`, `10.0.0.0-10.255.255.255[External]` or `{ingress-controller}`."""
    namespace: str = ""
    """Empty for what is no workload of the cluster."""
    label: str = ""
    """Its name and kind without the namespace."""

    @property
    def external(self) -> bool:
        """Is it no workload of the cluster?"""
        return not self.namespace


def workload_peer(namespace: str, name: str, kind: str) -> Peer:
    """The peer of a workload, written as np-guard does.

    >>> workload_peer("shop", "web", "Deployment").text
    'shop/web[Deployment]'
    """
    label = f"{name}[{kind}]"
    return Peer(f"{namespace}/{label}", namespace, label)


INGRESS_CONTROLLER = Peer("{ingress-controller}")
"""Whatever serves Ingress and Route objects; which pods those are, the objects do not say."""

ANY_ADDRESS = Peer("any-address[External]")
"""All of IPv4 and all of IPv6, where they are treated alike."""

Targets = tuple[tuple[Peer, Ports], ...]
"""What a source may open, sorted by target; the source itself may be among them, and is then left out."""


ENTIRE_CLUSTER = "entire-cluster"


class Potential(msgspec.Struct, frozen=True, gc=False):
    """Exposure of a workload to pods that do not exist today."""

    workload: Peer
    other: str
    """`entire-cluster`, or the namespaces and pods that selectors choose."""
    ports: str
    """As it is printed: a name of a port is among them where nobody can resolve it yet."""
    opened: Ports

    @property
    def newcomers(self) -> bool:
        """Is it about pods that a selector chooses, neither everybody nor addresses?"""
        return self.other != ENTIRE_CLUSTER and not self.other.endswith("[External]")


class Exposure(msgspec.Struct, frozen=True):
    """What policies open beyond the workloads that are there."""

    egress: tuple[Potential, ...] = ()
    ingress: tuple[Potential, ...] = ()
    unprotected: tuple[tuple[Peer, str], ...] = ()
    """Workloads that no policy limits, and the direction (Ingress, Egress)."""
    peers: tuple[Peer, ...] = ()
    """Every workload that is exposed."""


class Connections(msgspec.Struct, frozen=True):
    """Everything that may be opened."""

    peers: tuple[Peer, ...] = ()
    """Every workload, connected or not, sorted."""
    rows: tuple[tuple[Peer, Targets], ...] = ()
    """By source, sorted; sources that are treated alike share their targets."""
    only: Ports | None = None
    """Where it was asked for the connections that these ports are part of; they are then not told line by line."""
    exposure: Exposure | None = None
    unsure: tuple[tuple[Peer, Targets], ...] = ()
    """Those of the connections that may be denied as well: it hangs on what is not known."""

    def pairs(self) -> Iterator[tuple[Peer, Peer, Ports]]:
        """Source, target, ports: every connection in order."""
        for source, targets in self.rows:
            for target, ports in targets:
                if target != source:
                    yield source, target, ports
