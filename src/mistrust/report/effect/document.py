"""The JSON document of a change, as types: its schema is generated from them."""

from __future__ import annotations

from typing import Generic, Literal, TypeVar

from mistrust.effect.effect import Kind
from mistrust.layers.pods.escapes.escape import Power
from mistrust.report.document import ObjectOut, Out, PathOut, PlaceOut

T = TypeVar("T")


class DeltaOut(Out, Generic[T], frozen=True):
    """What came and what went."""

    gained: tuple[T, ...]
    lost: tuple[T, ...]


class CountOut(Out, frozen=True):
    """A layer in numbers."""

    layer: str
    gained: int
    lost: int


class ObjectsOut(Out, frozen=True):
    """How many objects differ as they are written."""

    added: int
    changed: int
    removed: int


class RuleOut(Out, frozen=True):
    """A rule of RBAC, or the part of one that makes the difference."""

    verbs: tuple[str, ...]
    api_groups: tuple[str, ...]
    resources: tuple[str, ...]
    resource_names: tuple[str, ...]
    non_resource_urls: tuple[str, ...]


class EscalationOut(Out, frozen=True):
    """A right with which its holder gets others."""

    fact: str
    what: str


class PermissionOut(Out, frozen=True):
    """What one binding gives to its subjects, beyond what they have in the other version."""

    subjects: tuple[str, ...]
    namespace: str
    """Where it holds; empty for everywhere."""
    rules: tuple[RuleOut, ...]
    binding: ObjectOut
    role: ObjectOut
    count: int
    escalations: tuple[EscalationOut, ...]
    evidence: tuple[PlaceOut, ...]


class DoorOut(Out, frozen=True):
    """A door from outside to a port of a workload."""

    workload: ObjectOut
    how: str
    protocol: str
    port: int
    """Of the container."""
    outer: int
    """The port that the outside asks for; 0 where no object says."""
    assumes: str
    """What was taken for granted; empty for a door that is surely there."""
    evidence: tuple[PlaceOut, ...]


class EndsOut(Out, frozen=True):
    """One side of connections."""

    workloads: tuple[ObjectOut, ...]
    addresses: tuple[str, ...]
    """Ranges outside, `10.0.0.0-10.0.0.255`."""


class LinksOut(Out, frozen=True):
    """Every source may open these ports of every destination, in one version only."""

    sources: EndsOut
    destinations: EndsOut
    ports: str
    """`TCP 80,443,UDP 53`, or `All Connections`."""
    pairs: int
    fresh: bool
    """Is one of the two sides there in one version only?"""
    witness: str
    before: str
    now: str
    evidence: tuple[PlaceOut, ...]


class HearingOut(Out, frozen=True):
    """Whom a workload serves in some manner."""

    workload: ObjectOut
    ports: str
    """Empty for any port: it is not known where it answers."""
    sources: tuple[ObjectOut, ...]
    outside: bool
    because: str
    evidence: tuple[PlaceOut, ...]


class PowerOut(Out, frozen=True):
    """A power of a workload over its node or its neighbours."""

    workload: ObjectOut
    power: Power
    because: str
    conditions: tuple[str, ...]
    evidence: tuple[PlaceOut, ...]


class StartOut(Out, frozen=True):
    """An attack path, and whether its start has to be taken first."""

    taken: bool
    path: PathOut


class DoubtOut(Out, frozen=True):
    """Something that was not read or not seen, and what it may hide."""

    version: Literal["old", "new", ""]
    what: str
    hides: tuple[Kind, ...]


class GateOut(Out, frozen=True):
    """What a gate made of it."""

    deny: tuple[Kind, ...]
    denied: tuple[Kind, ...]
    guards: tuple[str, ...]
    """What policies on the effect have against it."""


class EffectDocument(Out, frozen=True):
    """The answer of `mistrust diff`."""

    version: Literal[1]
    """Of this form; a key may be added without a new one."""
    tool: str
    """The version of mistrust that answered."""
    old: str
    new: str
    objects: ObjectsOut
    kinds: tuple[Kind, ...]
    """What the change brings, the worst first."""
    counts: tuple[CountOut, ...]
    paths: DeltaOut[StartOut]
    """The shortest, written out; `counts` has all."""
    exposure: DeltaOut[DoorOut]
    permissions: DeltaOut[PermissionOut]
    powers: DeltaOut[PowerOut]
    plaintext: DeltaOut[HearingOut]
    mutual_tls: DeltaOut[HearingOut]
    """Connections of both versions with mutual TLS enforced in one."""
    connections: DeltaOut[LinksOut]
    authorized: DeltaOut[HearingOut]
    """Connections that policies allow in both versions, and a mesh lets through in one."""
    meshed: bool
    unknown: tuple[DoubtOut, ...]
    remarks: tuple[str, ...]
    gate: GateOut
    exit_code: int
