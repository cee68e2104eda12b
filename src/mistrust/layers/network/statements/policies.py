"""The policies of a snapshot, and what in them nobody can understand."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from mistrust.kube.cilium import CiliumClusterwideNetworkPolicy, CiliumNetworkPolicy, CiliumPolicy
from mistrust.kube.core import ConfigMap, Endpoints, EndpointSlice
from mistrust.kube.endpoints import endpoints
from mistrust.kube.network import (
    AdminNetworkPolicy,
    BaselineAdminNetworkPolicy,
    ClusterNetworkPolicy,
    NetworkPolicy,
)
from mistrust.kube.problem import Origin, Problem
from mistrust.kube.snapshot import Snapshot
from mistrust.layers.network.exposure.behind import SERVICE_NAME
from mistrust.layers.network.profile import Profile
from mistrust.layers.network.statements.rules import Chosen, Policy, Statement, Tier, refusals, statements

CILIUM_CONFIG = "cilium-config"
FEWER = "Cilium is told which labels of pods count (labels of cilium-config), which is not judged"
ALL = "selectors are read as if all of them counted"
ENFORCEMENT = "enable-policy"
REFUSED = "the API server refuses it; what it would allow or deny is unknown"
ClusterWide = AdminNetworkPolicy | BaselineAdminNetworkPolicy | ClusterNetworkPolicy


class Policies(msgspec.Struct, frozen=True):
    """Every policy, in the order of the input."""

    network: tuple[NetworkPolicy, ...] = ()
    cluster: tuple[ClusterWide, ...] = ()
    cilium: tuple[CiliumPolicy, ...] = ()
    always: bool = False
    """Is Cilium told to isolate every pod, whether a policy is about it or not?"""
    labels: Origin | None = None
    """Where Cilium is told which labels of pods count, if it is."""
    servers: tuple[str, ...] = ()
    """Addresses of the API server, which Cilium's policies may name without them; empty where none was seen."""

    def statements(self) -> Iterator[Statement]:
        """What they say, in one form."""
        for policy in self.every:
            yield from statements(policy)
        if self.always:
            yield from (Statement(egress, Tier.NETWORK, Chosen(), ()) for egress in (False, True))

    @property
    def every(self) -> tuple[Policy, ...]:
        """All of them."""
        return (*self.network, *self.cluster, *self.cilium)

    def under(self, profile: Profile) -> Policies:
        """Those that a plugin enforces."""
        return msgspec.structs.replace(
            self,
            network=self.network if profile.enforces else (),
            cluster=self.cluster if profile.enforces and profile.cluster_wide else (),
            cilium=self.cilium if profile.enforces and profile.cilium else (),
            always=self.always and profile.enforces and profile.cilium,
        )

    def with_policy(self, policy: Policy) -> Policies:
        """One more, the last of its sort."""
        sort = _sort(policy)
        return msgspec.structs.replace(self, **{sort: (*getattr(self, sort), policy)})

    def without_policy(self, policy: Policy) -> Policies:
        """One less. Raises `ValueError` where it is not there."""
        sort = _sort(policy)
        held: tuple[Policy, ...] = getattr(self, sort)
        n = held.index(policy)
        return msgspec.structs.replace(self, **{sort: (*held[:n], *held[n + 1 :])})

    @property
    def problems(self) -> tuple[Problem, ...]:
        """What the API server would refuse in them. Such a policy is taken as one that may or may not be there."""
        found = tuple(_problem(p, why) for p in self.every for why in refusals(p))
        return (*found, Problem(FEWER, self.labels.file, self.labels.line, do=ALL)) if self.labels else found


def policies(snapshot: Snapshot) -> Policies:
    """The policies of a snapshot, in its order."""
    settings = [c for c in snapshot.of(ConfigMap) if c.name == CILIUM_CONFIG]
    cilium = tuple(o for o in snapshot.objects if isinstance(o, CiliumNetworkPolicy | CiliumClusterwideNetworkPolicy))
    return Policies(
        network=snapshot.of(NetworkPolicy),
        cluster=tuple(
            o
            for o in snapshot.objects
            if isinstance(o, AdminNetworkPolicy | BaselineAdminNetworkPolicy | ClusterNetworkPolicy)
        ),
        cilium=cilium,
        always=cilium_setting(snapshot, ENFORCEMENT) == "always",
        labels=next((c.origin for c in settings if c.data.get("labels")), None) if cilium else None,
        servers=tuple(dict.fromkeys(servers(snapshot))) if cilium else (),
    )


def cilium_setting(snapshot: Snapshot, key: str) -> str:
    """What the configuration of Cilium says; empty where it was not seen."""
    return next((c.data.get(key, "") for c in snapshot.of(ConfigMap) if c.name == CILIUM_CONFIG), "")


def servers(snapshot: Snapshot) -> Iterator[str]:
    """The addresses at which the API server answers: the ones behind Service default/kubernetes, and its own pods."""
    for s in snapshot.of(EndpointSlice):
        if s.namespace == "default" and s.metadata.labels.get(SERVICE_NAME) == "kubernetes":
            yield from (a for e in s.endpoints for a in e.addresses)
    for o in snapshot.of(Endpoints):
        if (o.namespace, o.name) == ("default", "kubernetes"):
            yield from (a.ip for subset in o.subsets for a in subset.addresses)
    for e in endpoints(snapshot):
        if e.host_network and e.namespace == "kube-system" and e.labels.get("component") == "kube-apiserver":
            yield from e.addresses


def _sort(policy: Policy) -> str:
    if isinstance(policy, CiliumPolicy):
        return "cilium"
    return "network" if isinstance(policy, NetworkPolicy) else "cluster"


def _problem(policy: Policy, why: str) -> Problem:
    return Problem(
        f"{policy.ref}: {why}",
        policy.origin.file,
        policy.origin.line,
        do="what it would allow or deny is unknown" if isinstance(policy, CiliumPolicy) else REFUSED,
    )
