"""The one form of what every kind of policy says: in a tier, about a subject, in one direction, a list of rules."""

from __future__ import annotations

from enum import IntEnum, StrEnum

import msgspec

from mistrust.access.ports import EVERY_PORT, Ports
from mistrust.layers.network.engine.lines import Ranges


class Tier(IntEnum):
    """The order in which policies are asked."""

    ADMIN = 0
    PLUGIN = 1
    """What a plugin's own kind denies, which no NetworkPolicy can allow, and what it allows without isolating."""
    NETWORK = 2
    BASELINE = 3


class Action(StrEnum):
    """What a rule does with what it matches."""

    ALLOW = "allow"
    DENY = "deny"
    PASS = "pass"  # noqa: S105


class Selector(msgspec.Struct, frozen=True, gc=False):
    """A label selector as a value that can be a key."""

    labels: tuple[tuple[str, str], ...] = ()
    needs: tuple[tuple[str, str, tuple[str, ...]], ...] = ()
    """Key, operator, values."""


EVERY = Selector()
ACCOUNT = "\0account"
"""In place of a key: the pod's ServiceAccount. No label has it."""


class Chosen(msgspec.Struct, frozen=True, gc=False):
    """Pods, by the labels of their namespace (or its name) and their own."""

    pods: Selector = EVERY
    namespaces: Selector = EVERY
    namespace: str = ""
    """A policy's own; empty for all that `namespaces` selects."""


class Addresses(msgspec.Struct, frozen=True, gc=False):
    """Whoever has an address in the ranges."""

    ranges: Ranges


class Entity(StrEnum):
    """Somebody that Cilium knows by another name than a label or an address."""

    WORLD = "world"
    WORLD_IPV4 = "world-ipv4"
    WORLD_IPV6 = "world-ipv6"
    CLUSTER = "cluster"
    NODES = "remote-node"
    SERVER = "kube-apiserver"


class Machines(msgspec.Struct, frozen=True, gc=False):
    """Nodes by label."""

    labels: Selector


class Peer(msgspec.Struct, frozen=True, gc=False):
    """Whom a rule is about: exactly one field, or everybody, or (`unknown`) nobody knows whom."""

    chosen: Chosen | None = None
    addresses: Addresses | None = None
    machines: Machines | None = None
    entity: Entity | None = None
    names: bool = False
    """Domain names: some external addresses, unknown which."""
    everybody: bool = False
    unknown: bool = False


EVERYBODY = Peer(everybody=True)
UNKNOWN = Peer(unknown=True)


class Service(msgspec.Struct, frozen=True, gc=False):
    """What a rule is about at the destination: ports, and names that each destination resolves for itself."""

    ports: Ports
    names: tuple[tuple[str, str], ...] = ()
    """Protocol (empty for any) and name."""


EVERYTHING = Service(EVERY_PORT)


class Rule(msgspec.Struct, frozen=True, gc=False):
    """One rule."""

    peers: tuple[Peer, ...]
    service: Service = EVERYTHING
    action: Action = Action.ALLOW
    unsure: bool = False
    """Is it unknown whether it counts? It may hang on more than who connects where, or on what is not shown."""


class Statement(msgspec.Struct, frozen=True, gc=False):
    """A policy in one direction."""

    egress: bool
    tier: Tier
    subject: Chosen
    rules: tuple[Rule, ...]
    order: tuple[int, str, str] = (0, "", "")
    """Priority, then what breaks a tie for us; the API leaves ties undefined."""
    malformed: tuple[str, ...] = ()
    """Why the API server would refuse it; then everything about it is uncertain."""
