"""The connections of a snapshot, as one profile reads its policies."""

from __future__ import annotations

from collections.abc import Collection

from msgspec import structs

from mistrust.kube.core import Namespace, Node
from mistrust.kube.endpoints import namespace_labels
from mistrust.kube.snapshot import Snapshot
from mistrust.layers.network.engine.reach import Reach, reach
from mistrust.layers.network.profile import NP_GUARD, UPSTREAM, Profile
from mistrust.layers.network.statements.policies import Policies, policies
from mistrust.report.connections.doors import CONTROLLER, LABELS, NAMESPACE, doors
from mistrust.report.connections.exposure import exposure_of
from mistrust.report.connections.focus import names
from mistrust.report.connections.gather import Doors, cuts_of, gather
from mistrust.report.connections.listed import Connections
from mistrust.report.connections.npguard import as_np_guard_reads
from mistrust.report.connections.peers import Population, population


def connections_of(
    snapshot: Snapshot,
    profile: Profile = UPSTREAM,
    *,
    exposure: bool = False,
    fold: bool = True,
    about: Collection[str] = (),
) -> Connections:
    """Every connection that policies leave open, and with `exposure` what they open to pods that may come.

    Under the profile `np-guard` everything is as np-guard counts it: pods by the owner that they name, external ranges
    of IPv4 cut wherever a policy cuts them, and of the policies only what it reads. With names in `about`, connections
    that none of them has a part in may be left out.
    """
    people = population(snapshot, owners=profile is NP_GUARD)
    opened = doors(snapshot, people)
    given = policies(snapshot).under(profile)
    if profile is NP_GUARD:
        given = as_np_guard_reads(given)
    found = reach_of(snapshot, people, given, profile)
    cuts = cuts_of(given) if profile is NP_GUARD else None
    through = Doors(len(people.endpoints), opened) if opened else None
    wanted = set(about)
    near = [peer for peer in people.groups if not wanted.isdisjoint(names(peer))] if wanted else None
    told = gather(found, people.groups, cuts, through, fold=fold, about=near)
    if not exposure:
        return told
    standing = {peer: people.endpoints[members[0]] for peer, members in people.groups.items()}
    return structs.replace(told, exposure=exposure_of(told, given, standing, namespace_labels(snapshot)))


def reach_of(snapshot: Snapshot, people: Population, given: Policies, profile: Profile) -> Reach:
    """Reachability of everybody, with one more endpoint for whatever serves Ingress objects."""
    namespaces = {**namespace_labels(snapshot), NAMESPACE: LABELS}
    seen = None if profile is NP_GUARD else {NAMESPACE, *(n.name for n in snapshot.of(Namespace))}
    return reach((*people.endpoints, CONTROLLER), namespaces, given, profile, nodes=snapshot.of(Node), seen=seen)
