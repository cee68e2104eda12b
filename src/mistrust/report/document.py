"""The JSON document of an assessment, as types: its schema is generated from them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import msgspec

from mistrust.access.finding import Severity
from mistrust.layers.mesh.channel import Authz, Transport


class Out(msgspec.Struct, frozen=True, rename="camel"):
    """A part of the document; every key is always there."""


class ObjectOut(Out, frozen=True):
    """An object of the cluster."""

    group: str
    kind: str
    namespace: str
    name: str


class PlaceOut(Out, frozen=True):
    """A field of an object, and where it is written."""

    object: ObjectOut
    field: str
    """`spec.containers[0].image`; empty for the object itself."""
    value: str
    file: str
    """Empty where there is no file."""
    line: int
    """From 1; 0 where lines mean nothing."""


class EditOut(Out, frozen=True):
    """A change of one field, or of a whole object with an empty field."""

    op: Literal["set", "remove", "add"]
    object: ObjectOut
    field: str
    value: str
    """YAML in flow style; empty for `remove`."""
    file: str
    line: int


class RowOut(Out, frozen=True):
    """A layer in numbers."""

    name: str
    layer: str
    granted: int | None
    """Null where anything at all is granted."""
    used: int | None
    """Null without evidence."""
    excess: float | None
    """From 0 to 1."""
    unknown: float | None
    """From 0 to 1."""
    note: str


class FindingOut(Out, frozen=True):
    """One thing to act on."""

    id: str
    rule: str
    severity: Severity
    layer: str
    title: str
    subject: str
    detail: str
    object: ObjectOut
    paths: int
    """How many attack paths run through it."""
    evidence: tuple[PlaceOut, ...]
    edits: tuple[EditOut, ...]


class AcceptedOut(Out, frozen=True):
    """A finding that somebody answers for."""

    finding: FindingOut
    reason: str
    owner: str
    until: str


class FootholdOut(Out, frozen=True):
    """Something an attacker can hold."""

    kind: str
    name: str


class HopOut(Out, frozen=True):
    """From one foothold to the next."""

    step: str
    """Id in the catalog; empty for what follows by itself."""
    source: FootholdOut
    target: FootholdOut
    also: tuple[FootholdOut, ...]
    how: str
    assumes: str
    grants: tuple[PlaceOut, ...]


class PathOut(Out, frozen=True):
    """A shortest way from a start to a target."""

    id: str
    start: FootholdOut
    target: FootholdOut
    cost: float
    changes: tuple[str, ...]
    """Ids of the changes that take away something it uses."""
    hops: tuple[HopOut, ...]


class ChangeOut(Out, frozen=True):
    """One change that takes something away."""

    id: str
    kind: str
    title: str
    note: str
    object: ObjectOut
    cost: float
    cuts: int
    evidence: tuple[PlaceOut, ...]
    edits: tuple[EditOut, ...]


class PathsOut(Out, frozen=True):
    """All attack paths, and what cuts them."""

    pairs: int
    starts: int
    targets: tuple[str, ...]
    cut: int
    """Pairs without a path after all changes."""
    remaining: int
    optimal: bool
    unknown: tuple[str, ...]
    changes: tuple[ChangeOut, ...]
    paths: tuple[PathOut, ...]


class LimitedOut(Out, frozen=True):
    """Does a policy limit what comes in, and what goes out?"""

    ingress: bool
    egress: bool


class SpotOut(Out, frozen=True):
    """A workload on the map."""

    object: ObjectOut
    app: str
    limited: LimitedOut


class LinkOut(Out, frozen=True):
    """What one workload may open to another, as far as it is protected alike."""

    source: int | None
    """Index into `workloads`; null for the Internet."""
    target: int
    ports: str
    """`TCP 80,443,UDP 53`, or `All Connections`."""
    transport: Transport
    authz: Authz
    plaintext: bool | None
    """Would the target serve this source in plaintext? Null: unknown."""
    certain: bool
    """False where network plugins differ, or something was not understood."""


class BundleOut(Out, frozen=True):
    """All links between two namespaces."""

    source: str | None
    """Null for the Internet."""
    target: str
    pairs: int
    """How many pairs of workloads have a link."""
    worst: Mapping[Transport, int]
    """The pairs by their worst transport."""


class MapOut(Out, frozen=True):
    """Who may open a connection to whom."""

    workloads: tuple[SpotOut, ...]
    links: tuple[LinkOut, ...]
    namespaces: tuple[BundleOut, ...]
    omitted: int
    """Pairs that have a link which is not in `links`; `namespaces` counts them."""


class ProblemOut(Out, frozen=True):
    """Something that was not understood."""

    what: str
    file: str
    line: int
    got: str
    wanted: str
    do: str
    blinds: bool
    """True where an access may hide behind it."""


class GapOut(Out, frozen=True):
    """Something that was not seen."""

    kind: str
    namespace: str
    why: str


class CoverageOut(Out, frozen=True):
    """What the answer does not rest on."""

    problems: tuple[ProblemOut, ...]
    gaps: tuple[GapOut, ...]
    unread: Mapping[str, int]
    """Objects of kinds that no layer reads."""


class Document(Out, frozen=True):
    """The answer of `mistrust check`."""

    version: Literal[1]
    """Of this form; a key may be added without a new one."""
    tool: str
    """The version of mistrust that answered."""
    name: str
    source: str
    scope: str
    kubernetes: str
    workloads: int
    namespaces: int
    evidence: str
    rows: tuple[RowOut, ...]
    paths: PathsOut
    findings: tuple[FindingOut, ...]
    accepted: tuple[AcceptedOut, ...]
    new: int | None
    """Null without a baseline."""
    failures: tuple[str, ...]
    coverage: CoverageOut
    exit_code: int
    map: MapOut | None = None
    """Null where nobody asked for connections."""
