"""What an event leaves as it was: rows are carried over, with a new answer for the sources that it is about."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from copy import copy

import msgspec

from mistrust.layers.network.engine.applying import Home, Numbers
from mistrust.layers.network.engine.bits import Bits, has, members
from mistrust.layers.network.engine.cluster import Cluster, Question
from mistrust.layers.network.engine.legs import Legs
from mistrust.layers.network.engine.selectors import Pair
from mistrust.layers.network.engine.solve import Row, crossed, patched, union


class Change(msgspec.Struct):
    """What an event touches."""

    afresh: set[int]
    """Destinations whose row is not carried over."""
    whom: Bits
    """Sources that the event is about,"""
    towards: set[int]
    """in the rows of these destinations."""


def branch(legs: Legs) -> Legs:
    """A copy to be changed, with no row of a whole connection."""
    more = copy(legs)
    more.said, more.subjects, more.keys = list(legs.said), list(legs.subjects), list(legs.keys)
    more.ingress, more.egress = list(legs.ingress), list(legs.egress)
    more.wide_ingress, more.wide_egress = list(legs.wide_ingress), list(legs.wide_egress)
    more.bundles, more.homes, more.masks = list(legs.bundles), dict(legs.homes), dict(legs.masks)
    more.rows_in, more.rows_out, more.rows, more.known = dict(legs.rows_in), {}, {}, {}
    more.homes_out, more.classes_out = {}, dict(legs.classes_out)
    return more


def made(cluster: Cluster, question: Question, old: Legs, more: Legs, change: Change) -> Cluster:
    """The cluster after a change: `more` are the legs of `old` with the change made."""
    more.isolate()
    turned = change.whom & (old.unlimited ^ more.unlimited)
    """Sources that no policy limited before, or none limits now."""
    for c, row in old.known.items():
        if c not in change.afresh:
            more.known[c] = row
    rulings = {c for c, wide in enumerate(more.wide_egress) if wide} if change.whom else set()
    near = (change.towards | rulings) & more.known.keys()
    if change.whom:
        _carry(more, near, change.whom)
    if turned:
        _carry(more, more.known.keys() - near, turned)
    changed = cluster.changed(question)
    changed.settle(more)
    return changed


def _carry(legs: Legs, destinations: Iterable[int], whom: Bits) -> None:
    """Give some sources a new answer in the rows of some destinations."""
    free = legs.selection.free
    pods: Row = ((legs.selection.pods, legs.every),)
    going = _ways_of(legs, whom)
    met: dict[tuple[int, int], tuple[Row, Row, Row]] = {}
    done: dict[tuple[int, int], tuple[Row, Row, Row]] = {}
    for c in destinations:
        if free and has(free, c):
            continue
        row, go = legs.known[c], going(c)
        come = () if not go else pods if legs.external(c) else legs.coming(c, free)
        both = met.get((id(come), id(go)))
        if both is None:
            both = met[id(come), id(go)] = crossed(come, go), come, go
        found = done.get((id(row), id(both[0])))
        if found is None:
            found = done[id(row), id(both[0])] = patched(row, whom, both[0], legs.every), row, both[0]
        legs.known[c] = found[0]


def _ways_of(legs: Legs, whom: Bits) -> Callable[[int], Row]:
    """For each destination what the policies of some sources let them do; empty where that is nothing."""
    parts = {b: who for b, bundle in enumerate(legs.bundles) if (who := bundle.who & whom)}
    by_class: dict[int, Numbers] = {}
    for b in parts:
        bundle = legs.bundles[b]
        if not bundle.addressed:
            for c in members(bundle.to):
                by_class[c] = (*by_class.get(c, ()), b)
    addressed = [b for b in parts if legs.bundles[b].addressed]
    by_home: dict[Home, Numbers] = {
        home: tuple(b for b in addressed if legs.at_home(home, legs.bundles[b])) for home in legs.homes if addressed
    }
    base = whom & legs.unlimited
    isolated = Pair(legs.isolated[1].must & whom, legs.isolated[1].may & whom)
    nothing = not base
    known: dict[tuple[object, ...], Row] = {}

    def going(c: int) -> Row:
        numbers, wide = by_class.get(c, ()), legs.wide_egress[c]
        if by_home:
            numbers += by_home[legs.home(c)]
        if nothing and not numbers and not wide:
            return ()
        named = legs.named(c) if numbers or wide else ()
        key = numbers, named, wide and (wide, c)
        row = known.get(key)
        if row is None:
            items = [(legs.mask(legs.bundles[b].service, named), parts[b]) for b in numbers]
            row = union(items, legs.every, legs.none if wide else base)
            if wide:
                row = legs.decide(legs.rulings(c), row, isolated, whom)
            row = known[key] = tuple((sources, ports) for sources, ports in row if sources)
        return row

    return going
