"""The connections of a snapshot, as one profile reads its policies."""

from __future__ import annotations

from typing import TypeVar

from msgspec import structs

from mistrust.kube.core import Node
from mistrust.kube.endpoints import namespace_labels
from mistrust.kube.network import AdminRule, ClusterNetworkPolicy, ClusterRule
from mistrust.kube.snapshot import Snapshot
from mistrust.layers.network.policies import ClusterWide, Policies, policies
from mistrust.layers.network.profile import NP_GUARD, UPSTREAM, Profile
from mistrust.layers.network.reach import Reach, reach
from mistrust.report.connections import Connections
from mistrust.report.connections_doors import CONTROLLER, LABELS, NAMESPACE, doors
from mistrust.report.connections_gather import Doors, cuts_of, gather
from mistrust.report.connections_peers import Population, population

Rule = TypeVar("Rule", AdminRule, ClusterRule)


def connections_of(snapshot: Snapshot, profile: Profile = UPSTREAM) -> Connections:
    """Every connection that policies leave open.

    Under the profile `np-guard` everything is as np-guard counts it: pods by the owner that they name, external ranges
    of IPv4 cut wherever a policy cuts them, no peers that are nodes.
    """
    people = population(snapshot, owners=profile is NP_GUARD)
    opened = doors(snapshot, people)
    given = policies(snapshot)
    if profile is NP_GUARD:
        given = without_nodes(given)
    found = reach_of(snapshot, people, given, profile)
    cuts = cuts_of(given) if profile is NP_GUARD else None
    return gather(found, people.groups, cuts, Doors(len(people.endpoints), opened) if opened else None)


def reach_of(snapshot: Snapshot, people: Population, given: Policies, profile: Profile) -> Reach:
    """Reachability of everybody, with one more endpoint for whatever serves Ingress objects."""
    namespaces = {**namespace_labels(snapshot), NAMESPACE: LABELS}
    return reach((*people.endpoints, CONTROLLER), namespaces, given, profile, nodes=snapshot.of(Node))


def without_nodes(given: Policies) -> Policies:
    """The same policies without the peers that are nodes, which np-guard leaves out with a warning."""
    return Policies(given.network, tuple(map(_bare, given.cluster)))


def _bare(policy: ClusterWide) -> ClusterWide:
    if isinstance(policy, ClusterNetworkPolicy):
        wide = tuple(r for rule in policy.spec.egress if (r := _rule(rule)).destinations)
        return structs.replace(policy, spec=structs.replace(policy.spec, egress=wide))
    egress = tuple(r for rule in policy.spec.egress if (r := _rule(rule)).destinations)
    return structs.replace(policy, spec=structs.replace(policy.spec, egress=egress))


def _rule(rule: Rule) -> Rule:
    return structs.replace(rule, destinations=tuple(p for p in rule.destinations if p.nodes is None))
