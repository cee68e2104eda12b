"""Ports and addresses cut smaller for a policy that comes; rows are carried over into the smaller parts."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from mistrust.layers.network.addresses import place
from mistrust.layers.network.engine.applying import Bundle
from mistrust.layers.network.engine.bits import Bits, has
from mistrust.layers.network.engine.carry import branch
from mistrust.layers.network.engine.cluster import Cluster
from mistrust.layers.network.engine.legs import Legs
from mistrust.layers.network.engine.lines import Line, Split
from mistrust.layers.network.engine.solve import Row
from mistrust.layers.network.statements.rules import Statement


def cut(cluster: Cluster, said: Sequence[Statement]) -> Legs | None:
    """The rows with ports and blocks cut as some statements need it; None where that would cut classes of pods."""
    legs = cluster.may
    ports, addresses = legs.ports, legs.selection.addresses
    port_splits: list[Split] = []
    block_splits: list[Split] = []
    for s in said:
        for rule in s.rules:
            ports, found = ports.cut(rule.service.ports.ranges)
            port_splits += found
            for peer in rule.peers:
                if peer.machines is not None or peer.entity is not None:
                    return None
                if peer.addresses is not None:
                    addresses, found = addresses.cut(peer.addresses.ranges)
                    block_splits += found
    if block_splits:
        old = {b for b, _ in block_splits}
        within = {c for c, k in enumerate(cluster.keys) if k.blocks and not old.isdisjoint(k.blocks)}
        new = {b for _, b in block_splits}
        for e, c in zip(cluster.question.endpoints, cluster.class_of, strict=True) if within else ():
            if c in within and any(at is not None and addresses.at(at) in new for at in map(place, e.addresses)):
                return None
    if not port_splits and not block_splits:
        return legs
    return finer(legs, ports, port_splits, addresses, block_splits)


def finer(
    legs: Legs, ports: Line, port_splits: Sequence[Split], addresses: Line, block_splits: Sequence[Split]
) -> Legs:
    """The rows where some ports and blocks were cut: a new part is wherever the one was that it was cut from."""
    base, space = legs.selection.base, legs.selection.space
    slots = [(base + old, space.of((base + new,))) for old, new in block_splits]

    def lift(bits: Bits) -> Bits:
        for old, new in slots:
            if has(bits, old):
                bits = bits | new
        return bits

    more = branch(legs)
    more.ports, more.masks, more.every = ports, {}, (1 << ports.count) - 1
    more.classes_out = {}
    if block_splits:
        more.selection = legs.selection.cut(addresses, lift)
        more.everyone = more.selection.everyone
        more.bundles = [_lifted(b, lift, block_splits) for b in legs.bundles]
        for old, new in block_splits:
            more.homes[(new,)] = more.homes[(old,)]
            more.ingress.append(())
            more.wide_ingress.append(())
            more.egress.append(more.egress[base + old])
            more.wide_egress.append(more.wide_egress[base + old])
        more.isolate()
    more.open = ((more.everyone, more.every),)
    masks: dict[int, int] = {}
    rows: dict[int, tuple[Row, Row]] = {}

    def refined(row: Row) -> Row:
        found = rows.get(id(row))
        if found is None:
            made = tuple((lift(sources), _mask(mask, port_splits, masks)) for sources, mask in row)
            found = rows[id(row)] = made, row
        return found[0]

    more.rows_in = {(*key[:3], lift(key[3]), *key[4:]): refined(row) for key, row in legs.rows_in.items()}
    more.known = {c: refined(row) for c, row in legs.known.items()}
    for old, new in block_splits:
        if base + old in more.known:
            more.known[base + new] = more.known[base + old]
    return more


def _mask(mask: int, splits: Sequence[Split], known: dict[int, int]) -> int:
    found = known.get(mask)
    if found is None:
        found = mask
        for old, new in splits:
            found |= (found >> old & 1) << new
        known[mask] = found
    return found


def _lifted(bundle: Bundle, lift: Callable[[Bits], Bits], splits: Sequence[Split]) -> Bundle:
    to = _mask(bundle.to, splits, {}) if bundle.addressed else lift(bundle.to)  # type: ignore[arg-type]
    return Bundle(to, bundle.addressed, bundle.service, bundle.who, bundle.by)
