"""From the table of all pairs to the map: links where they can be drawn, bundles of them always."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final

from mistrust.access.ports import Ports
from mistrust.channels.atlas import INTERNET, Atlas, Bundle, Link, Spot
from mistrust.channels.crowd import Crowd, Crowds, members
from mistrust.channels.limits import limits
from mistrust.channels.table import Strand
from mistrust.kube.meta import Ref
from mistrust.kube.workloads import Workload
from mistrust.layers.mesh.channel import Transport

DRAWN: Final = 20_000
"""Links that a page still carries with ease."""
MAPPED: Final = 20_000
"""Workloads above which even the bundles cost more than they tell."""

APP_LABELS: Final = ("app.kubernetes.io/part-of", "app.kubernetes.io/name", "app", "k8s-app")

WORST_FIRST: Final = (
    Transport.PLAINTEXT,
    Transport.UNKNOWN,
    Transport.NODE_ENCRYPTED,
    Transport.TLS,
    Transport.MTLS_OPPORTUNISTIC,
    Transport.MTLS_ENFORCED,
    Transport.BROKEN,
)
"""What does not come about harms nobody."""

Doors = Mapping[int, Ports]
"""The container ports of each workload that the Internet reaches through a Service, an Ingress, a host port."""
Answers = Mapping[Ref, Sequence[int]]
"""Where each workload is known to answer, as points of `access.ports`."""
Spoken = tuple[Strand, Crowd]
"""What a workload answers, and to whom."""


def atlas(workloads: Sequence[Workload], crowds: Crowds, doors: Doors, answers: Answers) -> Atlas | None:
    """Draw the map; None where there are too many workloads.

    An address outside the cluster reaches a pod only through a door: what the policies would let in is drawn as the
    Internet's only on the ports of `doors`. Where a workload is known to answer, the channels of those ports are drawn;
    those of other ports only for sources that have nothing else.
    """
    if len(workloads) > MAPPED:
        return None
    known = limits(crowds.table.reach)
    spots = tuple(spot(w, _limited(known, crowds.classes(i))) for i, w in enumerate(workloads))
    known_at = [answers.get(w.ref, ()) for w in workloads]
    bundles = tuple(_bundles(spots, crowds, doors, known_at))
    pairs = sum(b.pairs for b in bundles)
    near = pairs > DRAWN
    links: list[Link] = []
    shown = 0
    for i, target in enumerate(spots):
        found = sorted(
            _links(i, spoken(crowds, i, known_at[i]), doors.get(i), spots, target.namespace if near else None),
            key=_order,
        )
        if len(links) + len(found) > DRAWN:
            break
        links += found
        shown += len({link.source for link in found})
    return Atlas(spots, tuple(sorted(links, key=_order)), bundles, pairs - shown)


def spot(workload: Workload, protected: tuple[bool, bool] = (False, False)) -> Spot:
    """A workload as the map shows it."""
    labels = {**workload.source.metadata.labels, **workload.labels}
    app = next((labels[k] for k in APP_LABELS if labels.get(k)), workload.ref.name)
    return Spot(workload.ref, workload.namespace, app, protected)


def _limited(known: Sequence[tuple[bool, bool]], classes: Sequence[int]) -> tuple[bool, bool]:
    return bool(classes) and all(known[c][0] for c in classes), bool(classes) and all(known[c][1] for c in classes)


def _order(link: Link) -> tuple[int, int, tuple[tuple[int, int], ...], str]:
    return link.source, link.target, link.ports.ranges, link.transport


def _links(
    target: int, told: Iterable[Spoken], door: Ports | None, spots: Sequence[Spot], near: str | None
) -> Iterator[Link]:
    internet = 1 << len(spots)
    for strand, crowd in told:
        way = strand.channel
        for source in members(crowd & ~(1 << target) & ~internet):
            if near is None or spots[source].namespace == near:
                yield Link(source, target, strand.ports, way.transport, way.authz, way.plaintext, strand.unsure)
        if crowd & internet and door and (open_to := strand.ports & door):
            yield Link(INTERNET, target, open_to, way.transport, way.authz, way.plaintext, strand.unsure)


def spoken(crowds: Crowds, workload: int, points: Sequence[int]) -> Iterator[Spoken]:
    """What a workload answers, with whom: the ports of `points`, and others for whoever may open none of those."""
    others: list[Strand] = []
    heard: Crowd = 0
    for strand in strands(crowds, workload):
        if any(p in strand.ports for p in points):
            crowd = crowds.of(strand.sources)
            heard |= crowd
            yield strand, crowd
        else:
            others.append(strand)
    for strand in others:
        if left := crowds.of(strand.sources) & ~heard:
            yield strand, left


def strands(crowds: Crowds, workload: int) -> Iterator[Strand]:
    """Everything that any pod of a workload answers; equal strands of its pods once."""
    seen: dict[Strand, None] = {}
    for row in crowds.rows(workload):
        seen.update(dict.fromkeys(row))
    yield from seen


def _bundles(
    spots: Sequence[Spot], crowds: Crowds, doors: Doors, known_at: Sequence[Sequence[int]]
) -> Iterator[Bundle]:
    spaces: dict[str, Crowd] = {"": crowds.internet}
    for i, s in enumerate(spots):
        spaces[s.namespace] = spaces.get(s.namespace, 0) | 1 << i
    found: dict[tuple[str, str], dict[Transport, int]] = {}
    for i, s in enumerate(spots):
        for transport, crowd in worst(crowds, i, spoken(crowds, i, known_at[i]), doors.get(i)).items():
            for name, there in spaces.items():
                pairs = (crowd & there).bit_count()
                if pairs:
                    by = found.setdefault((name, s.namespace), {})
                    by[transport] = by.get(transport, 0) + pairs
    for (source, target), by in sorted(found.items()):
        yield Bundle(source, target, sum(by.values()), by)


def worst(crowds: Crowds, target: int, told: Iterable[Spoken], door: Ports | None) -> dict[Transport, Crowd]:
    """The sources of a workload by the worst transport that they may use; each source once."""
    by: dict[Transport, Crowd] = {}
    for strand, every in told:
        crowd = every & ~(1 << target)
        if not (door and strand.ports & door):
            crowd &= ~crowds.internet
        by[strand.channel.transport] = by.get(strand.channel.transport, 0) | crowd
    taken: Crowd = 0
    out: dict[Transport, Crowd] = {}
    for transport in WORST_FIRST:
        left = by.get(transport, 0) & ~taken
        taken |= left
        if left:
            out[transport] = left
    return out
