"""One way in from outside: to which container port of which pods, by what object and field."""

from __future__ import annotations

from enum import StrEnum

import msgspec

from mistrust.access.evidence import Evidence
from mistrust.access.ports import point


class Kind(StrEnum):
    """What opens a door."""

    LOAD_BALANCER = "load-balancer"
    NODE_PORT = "node-port"
    EXTERNAL_IP = "external-ip"
    INGRESS = "ingress"
    ROUTE = "route"
    """A route of the Gateway API."""
    VIRTUAL_SERVICE = "virtual-service"
    """Istio's route."""
    HOST_PORT = "host-port"
    HOST_NETWORK = "host-network"


class Sees(StrEnum):
    """Whose address arrives at the pod."""

    CLIENT = "client"
    NODE = "node"
    """Some node's: the client's address is replaced on the way."""
    CONTROLLER = "controller"
    """The pod of an ingress controller or gateway, which opens a connection of its own."""
    UNKNOWN = "unknown"


class Door(msgspec.Struct, frozen=True, gc=False):
    """A workload answers to the outside at one container port."""

    kind: Kind
    how: str
    """`Service shop/web (LoadBalancer)`."""
    workload: int
    """Index in `Snapshot.workloads`."""
    endpoints: tuple[int, ...]
    """Its pods behind the door, as indexes of endpoints."""
    protocol: str
    port: int
    """Of the container, after the Service's port was translated."""
    outer: int
    """The port that the outside asks for; 0 where no object says."""
    sees: Sees
    evidence: tuple[Evidence, ...] = ()
    cost: float = 0.0
    """0 for a door that is meant for the world; more where the nodes, or a private network, must be reachable first."""
    assumes: str = ""
    """What was taken for granted because no object says it; empty for a door that is surely there."""
    through: tuple[int, ...] = ()
    """The controller's pods, as indexes of endpoints; empty where there is none, or none was found."""

    @property
    def at(self) -> int:
        """The container port on the line of `access.ports`."""
        return point(self.protocol, self.port)


def together(*clauses: str) -> str:
    """Several things taken for granted, each once."""
    return "; ".join(dict.fromkeys(c for c in clauses if c))
