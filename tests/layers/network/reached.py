"""Reachability of clusters in a few lines, asked by name."""

from __future__ import annotations

from tests.layers.network.scene import Plain, cluster, namespace, node, pod

from mistrust.kube.core import Node
from mistrust.kube.endpoints import endpoints, namespace_labels
from mistrust.layers.network.engine.reach import Reach, Ties, reach
from mistrust.layers.network.profile import UPSTREAM, Profile
from mistrust.layers.network.statements.policies import policies

ALL, NONE = "All Connections", "No Connections"
PLACES = (
    namespace("shop", "env=prod"),
    namespace("pay", "env=dev"),
    node("n1", "192.168.0.1", "zone=a"),
    node("n2", "192.168.0.2", "zone=b"),
)
TWICE = pod("shop/api", "app=api", "http=TCP/9090", "10.0.0.2", "n1")
"""A name may mean several numbers, one for each container."""
TWICE["spec"]["containers"].append(
    {"name": "side", "image": "i", "ports": [{"name": "http", "containerPort": 9091}]},
)
PODS = (
    pod("shop/web", "app=web tier=front", "http=TCP/8080 dns=UDP/53", "10.0.0.1", "n1"),
    TWICE,
    pod("shop/db", "app=db", "sql=TCP/5432 http=UDP/8080", "10.0.1.3", "n2"),
    pod("pay/job", "app=job", "", "10.1.0.4", "n2"),
    pod("pay/agent", "app=agent", "", "192.168.0.1", "n1", host=True),
)


class Reached:
    """All pairs of one cluster."""

    def __init__(self, *plain: Plain, profile: Profile = UPSTREAM, ties: Ties = "forward", spare: int = 0) -> None:
        given = cluster(*plain)
        self.policies = policies(given)
        self.reach: Reach = reach(
            endpoints(given),
            namespace_labels(given),
            self.policies,
            profile,
            nodes=given.of(Node),
            ties=ties,
            spare=spare,
        )

    def _ends(self, question: str) -> tuple[int, int]:
        names = {f"{e.namespace}/{e.name}": i for i, e in enumerate(self.reach.endpoints)}
        source, _, destination = question.split()
        a, b = (self.reach.class_of[names[p]] if p in names else self.reach.block_of(p) for p in (source, destination))
        return a, b

    def ports(self, question: str) -> str:
        """`shop/web -> shop/db`: what may be open; between pods what they have, not what their classes have."""
        names = {f"{e.namespace}/{e.name}": i for i, e in enumerate(self.reach.endpoints)}
        source, _, destination = question.split()
        if source in names and destination in names:
            return str(self.reach.between(names[source], names[destination]))
        return str(self.reach.ports(*self._ends(question)))

    def unsure(self, question: str) -> str:
        """What of it may be denied as well."""
        return str(self.reach.unsure_ports(*self._ends(question)))


def shop(*policies: Plain, profile: Profile = UPSTREAM, ties: Ties = "forward", spare: int = 0) -> Reached:
    """The pods above under some policies."""
    return Reached(*PLACES, *PODS, *policies, profile=profile, ties=ties, spare=spare)
