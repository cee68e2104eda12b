"""The policies of a snapshot, and what in them nobody can understand."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from mistrust.kube.network import (
    AdminNetworkPolicy,
    BaselineAdminNetworkPolicy,
    ClusterNetworkPolicy,
    NetworkPolicy,
)
from mistrust.kube.problem import Problem
from mistrust.kube.snapshot import Snapshot
from mistrust.layers.network.statements.rules import Policy, Statement, refusals, statements

ClusterWide = AdminNetworkPolicy | BaselineAdminNetworkPolicy | ClusterNetworkPolicy


class Policies(msgspec.Struct, frozen=True):
    """Every policy, in the order of the input."""

    network: tuple[NetworkPolicy, ...] = ()
    cluster: tuple[ClusterWide, ...] = ()

    def statements(self, *, cluster_wide: bool = True) -> Iterator[Statement]:
        """What they say, in one form; the cluster-wide ones only where they are enforced."""
        for policy in self.network:
            yield from statements(policy)
        for wide in self.cluster if cluster_wide else ():
            yield from statements(wide)

    @property
    def problems(self) -> tuple[Problem, ...]:
        """What the API server would refuse in them. Such a policy is taken as one that may or may not be there."""
        return tuple(_problem(p, why) for p in (*self.network, *self.cluster) for why in refusals(p))


def policies(snapshot: Snapshot) -> Policies:
    """The policies of a snapshot, in its order."""
    return Policies(
        network=snapshot.of(NetworkPolicy),
        cluster=tuple(
            o
            for o in snapshot.objects
            if isinstance(o, AdminNetworkPolicy | BaselineAdminNetworkPolicy | ClusterNetworkPolicy)
        ),
    )


def _problem(policy: Policy, why: str) -> Problem:
    return Problem(
        f"{policy.ref}: {why}",
        policy.origin.file,
        policy.origin.line,
        do="the API server refuses it; what it would allow or deny is unknown",
    )
