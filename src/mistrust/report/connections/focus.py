"""The part of the connections that somebody asked for."""

from __future__ import annotations

from collections.abc import Collection

import msgspec
from msgspec import structs

from mistrust.access.ports import Ports
from mistrust.report.connections.listed import ENTIRE_CLUSTER, Connections, Exposure, Peer, Potential, Targets


class Focus(msgspec.Struct, frozen=True):
    """Names as `web`, `shop/web` or `ingress-controller`; none is everybody."""

    workloads: tuple[str, ...] = ()
    others: tuple[str, ...] = ()
    """Whom the workloads are seen together with; counts only beside `workloads`."""
    direction: str = ""
    """`ingress` or `egress` of the workloads; empty for both."""
    ports: Ports | None = None
    """Only connections that all of these are part of."""

    def missing(self, connections: Connections) -> tuple[str, ...]:
        """The names that no peer has."""
        held = {name for peer in _everybody(connections) for name in names(peer)}
        return tuple(n for n in (*self.workloads, *self.others) if n not in held)


def names(peer: Peer) -> tuple[str, ...]:
    """What a peer may be called.

    >>> names(Peer("shop/web[Deployment]", "shop", "web[Deployment]"))
    ('web', 'shop/web', 'shop/web[Deployment]')
    """
    if peer.external:
        return (peer.text.strip("{}"), peer.text)
    name = peer.label.rpartition("[")[0]
    return name, f"{peer.namespace}/{name}", peer.text


def focused(connections: Connections, focus: Focus) -> Connections:
    """The connections, and the exposure, of which the focus speaks."""
    mine, theirs = set(focus.workloads), set(focus.others)

    def shown(source: Peer, target: Peer) -> bool:
        if not mine:
            return True
        out = _is(source, mine) and (not theirs or _is(target, theirs)) and focus.direction != "ingress"
        return out or (_is(target, mine) and (not theirs or _is(source, theirs)) and focus.direction != "egress")

    def large(ports: Ports) -> bool:
        return focus.ports is None or focus.ports <= ports

    def kept(rows: tuple[tuple[Peer, Targets], ...]) -> tuple[tuple[Peer, Targets], ...]:
        cut = ((s, tuple((t, p) for t, p in targets if large(p) and t != s and shown(s, t))) for s, targets in rows)
        return tuple((source, targets) for source, targets in cut if targets)

    exposure = connections.exposure
    return Connections(
        tuple(p for p in connections.peers if not mine or _is(p, mine | theirs)),
        kept(connections.rows),
        focus.ports,
        _exposure(exposure, focus, mine) if exposure is not None else None,
        kept(connections.unsure),
    )


def _exposure(exposure: Exposure, focus: Focus, mine: Collection[str]) -> Exposure:
    def shown(rows: tuple[Potential, ...]) -> tuple[Potential, ...]:
        rows = tuple(r for r in rows if not mine or _is(r.workload, mine))
        if focus.ports is None:
            return rows
        large = [r for r in rows if focus.ports <= r.opened]
        whole = {r.workload for r in large if r.other == ENTIRE_CLUSTER}
        return tuple(r for r in large if not r.newcomers or r.workload not in whole)

    both = focus.ports is None and not focus.direction
    return structs.replace(
        exposure,
        egress=shown(exposure.egress) if focus.direction != "ingress" else (),
        ingress=shown(exposure.ingress) if focus.direction != "egress" else (),
        unprotected=tuple(u for u in exposure.unprotected if both and (not mine or _is(u[0], mine))),
        peers=tuple(p for p in exposure.peers if not mine or _is(p, mine)),
    )


def _is(peer: Peer, called: Collection[str]) -> bool:
    return any(name in called for name in names(peer))


def _everybody(connections: Connections) -> set[Peer]:
    return {*connections.peers, *(peer for s, t, _ in connections.pairs() for peer in (s, t))}
