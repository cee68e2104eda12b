"""The connections of which nobody can say from what is given whether they are allowed."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import product

from msgspec import structs

from mistrust.access.ports import EVERY_PORT
from mistrust.kube.core import Node
from mistrust.kube.endpoints import namespace_labels
from mistrust.kube.meta import Ref
from mistrust.layers.network.addresses import FAMILIES
from mistrust.layers.network.engine.cluster import Ties
from mistrust.layers.network.engine.reach import Reach, reach
from mistrust.layers.network.facts.ambiguity import orders
from mistrust.layers.network.grants import Connections, Origin, as_read
from mistrust.layers.network.profile import Profile
from mistrust.layers.network.relation import Crowd, Relation, both, combine, either, minus, relation
from mistrust.layers.network.statements.policies import Policies, policies
from mistrust.layers.network.statements.rules import Peer


def doubtful(given: Connections) -> Connections:
    """Those that some plausible plugin allows, or may allow, and not every one surely does.

    Doubts are addresses that pods do not have yet, names of domains, labels of namespaces that were not seen, policies
    that the API server refuses or whose order is not defined, and policies that were not read or not seen. A document
    that was not understood may be anything: it is told as such, and puts no number on every connection. `given` is of
    one snapshot.
    """
    origin = given.origins[0]
    found = Relation((), ())
    if _open_questions(origin):
        owners = [origin.snapshot.workloads[e.workload].ref for e in origin.reach.endpoints]
        allowed: Relation | None = None
        given_policies = policies(origin.snapshot)
        for profile, ties in product(_different(origin.ground.profiles, given_policies), orders(given_policies)):
            solved = _under(origin, profile, ties)
            some, firm = relation(solved, owners, Reach.row_apart), relation(solved, owners, Reach.sure)
            found = combine(found, some, either)
            allowed = firm if allowed is None else combine(allowed, firm, both)
        assert allowed is not None
        found = combine(found, allowed, minus)
    dark = {u.namespace for u in origin.ground.unseen if not u.anything and not u.nodes}
    if dark:
        touched = _touched(given.relation.places, dark)
        found = combine(found, combine(given.relation, touched, both), either)
    return structs.replace(given, relation=found)


def _different(profiles: Iterable[Profile], rules: Policies) -> list[Profile]:
    return list({as_read(p, rules): p for p in profiles}.values())


def _under(origin: Origin, profile: Profile, ties: Ties) -> Reach:
    if profile == origin.reach.profile and ties == "forward":
        return origin.reach
    s = origin.snapshot
    ends, spaces = origin.reach.endpoints, namespace_labels(s)
    return reach(ends, spaces, policies(s), profile, nodes=s.of(Node), seen=origin.ground.seen, ties=ties)


def _open_questions(origin: Origin) -> bool:
    """May anything be in doubt but for what was not read? It costs a second solution to find out what is."""
    given = policies(origin.snapshot)
    said = list(given.statements())
    peers: Iterable[Peer] = (p for s in said for rule in s.rules for p in rule.peers)
    modes = _different(origin.ground.profiles, given)
    hidden = {e.namespace for e in origin.reach.endpoints} - origin.ground.seen
    return bool(
        hidden
        or len(orders(given)) > 1
        or any(s.malformed for s in said)
        or any(p.chosen is None and not p.everybody for p in peers)
        or any(rule.unsure for s in said for rule in s.rules)
        or (len(modes) > 1 and {(p.enforces, p.cluster_wide) for p in modes} != {(True, True)})
    )


def _touched(workloads: Iterable[Ref], namespaces: set[str]) -> Relation:
    """Every connection with an end in one of the namespaces; the empty name is all of them."""
    inside: list[Ref] = []
    others: list[Ref] = []
    for ref in sorted(workloads):
        (inside if "" in namespaces or ref.namespace in namespaces else others).append(ref)
    crowds = (Crowd(tuple(inside)), Crowd(tuple(others)), Crowd(addresses=FAMILIES))
    return Relation(crowds, (((EVERY_PORT, 7),), ((EVERY_PORT, 1),), ((EVERY_PORT, 1),)))
