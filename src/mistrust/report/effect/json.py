"""A change for programs: stable keys, sorted, with a published schema."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TypeVar

import msgspec

from mistrust.access.evidence import Evidence
from mistrust.access.ports import Ports
from mistrust.effect.effect import Delta, Ends, Hearing, Held, Kind, Link, Opening, Permission
from mistrust.layers.network.deciding.party import text
from mistrust.paths.path import Path
from mistrust.report.assessment import Locate
from mistrust.report.clean import json_bytes
from mistrust.report.document import PlaceOut
from mistrust.report.effect.comparison import Comparison
from mistrust.report.effect.document import (
    CountOut,
    DeltaOut,
    DoorOut,
    DoubtOut,
    EffectDocument,
    EndsOut,
    EscalationOut,
    GateOut,
    HearingOut,
    LinksOut,
    ObjectsOut,
    PermissionOut,
    PowerOut,
    RuleOut,
    StartOut,
)
from mistrust.report.effect.told import sections
from mistrust.report.json import object_out, path_out, place_out

A = TypeVar("A")
B = TypeVar("B")


def render(comparison: Comparison) -> bytes:
    """The document, indented, in UTF-8."""
    return msgspec.json.format(json_bytes(document(comparison)), indent=1) + b"\n"


def schema() -> bytes:
    """The JSON Schema of the document."""
    form = {"$schema": "https://json-schema.org/draft/2020-12/schema", **msgspec.json.schema(EffectDocument)}
    return msgspec.json.format(msgspec.json.encode(form), indent=2) + b"\n"


def document(comparison: Comparison) -> EffectDocument:
    """The change in the published form."""
    effect = comparison.effect

    def both(delta: Delta[A], form: Callable[[A, Locate], B]) -> DeltaOut[B]:
        return DeltaOut(
            tuple(form(each, comparison.new.locate) for each in delta.gained),
            tuple(form(each, comparison.old.locate) for each in delta.lost),
        )

    def start(path: Path, locate: Locate) -> StartOut:
        return StartOut((str(path.start), str(path.target)) in effect.inside, path_out(path, (), locate))

    return EffectDocument(
        version=1,
        tool=comparison.tool,
        old=comparison.old.name,
        new=comparison.new.name,
        objects=ObjectsOut(effect.objects.added, effect.objects.changed, effect.objects.removed),
        kinds=_ordered(effect.kinds),
        counts=tuple(CountOut(s.name, s.gained, s.lost) for s in sections(effect)),
        paths=both(effect.paths, start),
        exposure=both(effect.exposure, _door),
        permissions=both(effect.permissions, _permission),
        powers=both(effect.powers, _power),
        plaintext=both(effect.plaintext, _hearing),
        mutual_tls=both(effect.mutual, _hearing),
        connections=both(effect.connections, _links),
        authorized=both(effect.authorized, _hearing),
        meshed=effect.meshed,
        unknown=tuple(DoubtOut(d.version, d.words, _ordered(d.hides)) for d in effect.doubts),
        remarks=comparison.remarks,
        gate=GateOut(comparison.deny, comparison.ruling.denied, comparison.ruling.guards),
        exit_code=comparison.ruling.exit_code,
    )


def _ordered(kinds: Iterable[Kind]) -> tuple[Kind, ...]:
    some = frozenset(kinds)
    return tuple(kind for kind in Kind if kind in some)


def _permission(p: Permission, locate: Locate) -> PermissionOut:
    return PermissionOut(
        subjects=tuple(map(str, p.principals)),
        namespace=p.namespace,
        rules=tuple(
            RuleOut(r.verbs, r.api_groups, r.resources, r.resource_names, r.non_resource_urls) for r in p.rules
        ),
        binding=object_out(p.binding),
        role=object_out(p.role),
        count=p.count,
        escalations=tuple(EscalationOut(e.fact, e.what) for e in p.escalations),
        evidence=_places(p.evidence, locate),
    )


def _door(opening: Opening, locate: Locate) -> DoorOut:
    d = opening.door
    found = _places(d.evidence, locate)
    return DoorOut(object_out(opening.workload), d.how, d.protocol, d.port, d.outer, d.assumes, found)


def _links(link: Link, locate: Locate) -> LinksOut:
    return LinksOut(
        _ends(link.sources),
        _ends(link.destinations),
        str(link.ports),
        link.pairs,
        link.fresh,
        link.witness,
        link.before,
        link.now,
        _places(link.evidence, locate),
    )


def _ends(ends: Ends) -> EndsOut:
    ranges = tuple(f"{text(low)}-{text(high - 1)}" for low, high in ends.addresses)
    return EndsOut(tuple(map(object_out, ends.workloads)), ranges)


def _hearing(hearing: Hearing, locate: Locate) -> HearingOut:
    ports = str(Ports.of((at, at + 1) for at in hearing.points)) if hearing.points else ""
    sources = tuple(map(object_out, hearing.sources))
    found = _places(hearing.evidence, locate)
    return HearingOut(object_out(hearing.workload), ports, sources, hearing.outside, hearing.because, found)


def _power(held: Held, locate: Locate) -> PowerOut:
    found = _places(held.evidence, locate)
    return PowerOut(object_out(held.workload), held.power, held.because, held.conditions, found)


def _places(evidence: Iterable[Evidence], locate: Locate) -> tuple[PlaceOut, ...]:
    return tuple(place_out(e, locate) for e in evidence)
