"""The effect of a change, as a value: what it grants, what it takes, and what hides from the comparison."""

from __future__ import annotations

from enum import StrEnum
from typing import Generic, Literal, TypeVar

import msgspec

from mistrust.access.evidence import Evidence
from mistrust.access.ports import Ports
from mistrust.kube.meta import Ref
from mistrust.kube.rbac import PolicyRule
from mistrust.layers.identity.subjects import Principal
from mistrust.layers.network.engine.lines import Span
from mistrust.layers.network.exposure.door import Door
from mistrust.layers.pods.escapes.escape import Power
from mistrust.paths.path import Path

T = TypeVar("T")


class Kind(StrEnum):
    """What a gate may deny; the worst first."""

    PATH = "new-path"
    EXPOSURE = "new-exposure"
    ESCALATION = "new-escalation"
    POWER = "new-power"
    PLAINTEXT = "new-plaintext"
    PERMISSION = "new-permission"
    CONNECTION = "new-connection"


class Delta(msgspec.Struct, Generic[T], frozen=True):
    """What came and what went. Read backwards, a change has the two the other way round."""

    gained: tuple[T, ...] = ()
    lost: tuple[T, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.gained or self.lost)


class Escalation(msgspec.Struct, frozen=True):
    """A right with which its holder gets others."""

    fact: str
    """As the identity layer names it: `identity.secrets-everywhere`."""
    what: str
    """`may get,list secrets everywhere`."""


class Permission(msgspec.Struct, frozen=True):
    """What one binding gives to its subjects, beyond what they have in the other version."""

    principals: tuple[Principal, ...]
    namespace: str
    """Where it holds; empty for everywhere."""
    rules: tuple[PolicyRule, ...]
    """The part of the role's rules that makes the difference; a wildcard is one part, held in part or not."""
    binding: Ref
    role: Ref
    evidence: tuple[Evidence, ...]
    count: int
    """How many permissions that is, as the identity layer counts them; another binding may give the same ones."""
    escalations: tuple[Escalation, ...] = ()


class Ends(msgspec.Struct, frozen=True, order=True):
    """One side of connections: workloads, addresses outside, or both."""

    workloads: tuple[Ref, ...] = ()
    addresses: tuple[Span, ...] = ()


class Link(msgspec.Struct, frozen=True):
    """Ports that policies open in one version and not in the other, for every pair of two sets of ends."""

    sources: Ends
    destinations: Ends
    ports: Ports
    pairs: int
    """A workload and itself are none; addresses outside count once."""
    fresh: bool = False
    """Is one of the two sides there in one version only?"""
    witness: str = ""
    """One of the connections; empty for those after the first."""
    before: str = ""
    """Why the witness was allowed or denied in the old version; empty where an end of it was not there."""
    now: str = ""
    evidence: tuple[Evidence, ...] = ()
    """The rules that let the witness through, where it is allowed."""


class Opening(msgspec.Struct, frozen=True):
    """A door from outside to a port of a workload."""

    workload: Ref
    door: Door


class Hearing(msgspec.Struct, frozen=True):
    """Whom a workload serves in some manner at some of its ports."""

    workload: Ref
    points: tuple[int, ...]
    """Ports where it is known to answer, as points of `access.ports`; empty for any port."""
    sources: tuple[Ref, ...]
    outside: bool
    """Addresses outside too?"""
    because: str = ""
    evidence: tuple[Evidence, ...] = ()

    @property
    def pairs(self) -> int:
        """How many (source workload or the outside, port) there are."""
        return (len(self.sources) + self.outside) * max(1, len(self.points))


class Held(msgspec.Struct, frozen=True):
    """A power of a workload over its node or its neighbours."""

    workload: Ref
    power: Power
    because: str
    conditions: tuple[str, ...] = ()
    """What else must hold, in clauses; empty where nothing must."""
    evidence: tuple[Evidence, ...] = ()


class Doubt(msgspec.Struct, frozen=True):
    """Something that was not read or not seen in one of the versions, and what it may hide."""

    version: Literal["old", "new", ""]
    """Empty for the comparison itself."""
    words: str
    hides: frozenset[Kind]


class Objects(msgspec.Struct, frozen=True):
    """How many objects differ as they are written."""

    added: int = 0
    changed: int = 0
    removed: int = 0


class Effect(msgspec.Struct, frozen=True):
    """What a change does to access. Empty everywhere: it does nothing."""

    objects: Objects = Objects()
    permissions: Delta[Permission] = Delta()
    granted: int = 0
    """Permissions gained, each once."""
    taken: int = 0
    exposure: Delta[Opening] = Delta()
    connections: Delta[Link] = Delta()
    """As policies decide."""
    authorized: Delta[Hearing] = Delta()
    """Connections that policies allow in both versions, and a mesh lets through in one of them."""
    plaintext: Delta[Hearing] = Delta()
    mutual: Delta[Hearing] = Delta()
    """Connections there are in both versions, with mutual TLS enforced in one of them."""
    meshed: bool = False
    """Is there a mesh in either version? Without one everything is plaintext, and it is not worth many words."""
    powers: Delta[Held] = Delta()
    paths: Delta[Path] = Delta()
    """Of the paths opened and closed, the shortest ones, written out."""
    opened: int = 0
    """Pairs of a start and a target with a path now that had none; pairs that could only start inside count once a
    start from outside has the path."""
    closed: int = 0
    inside: frozenset[tuple[str, str]] = frozenset()
    """Of `paths` those (start and target, as text) whose start has to be taken first."""
    doubts: tuple[Doubt, ...] = ()

    @property
    def kinds(self) -> frozenset[Kind]:
        """What the change brings."""
        escalating = any(p.escalations for p in self.permissions.gained)
        found = {
            Kind.PATH: self.opened,
            Kind.EXPOSURE: self.exposure.gained,
            Kind.ESCALATION: escalating,
            Kind.POWER: self.powers.gained,
            Kind.PLAINTEXT: self.plaintext.gained,
            Kind.PERMISSION: self.permissions.gained,
            Kind.CONNECTION: self.connections.gained or self.authorized.gained,
        }
        return frozenset(kind for kind, some in found.items() if some)

    def __bool__(self) -> bool:
        """Does access differ at all?"""
        layers = (self.permissions, self.exposure, self.connections, self.authorized, self.plaintext, self.mutual)
        return any(map(bool, (*layers, self.powers))) or self.opened + self.closed > 0
