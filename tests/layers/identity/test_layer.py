"""The layer as the rest of the house sees it: an exact set that answers for single accesses too."""

from __future__ import annotations

from tests.layers.identity.objects import Plain, binding, cluster, role, rule, thing, typed

from mistrust.access.layer import Layer
from mistrust.access.verdict import Answer
from mistrust.kube.snapshot import Gap, Snapshot
from mistrust.layers.identity.grants import Access, Grants
from mistrust.layers.identity.layer import Identity
from mistrust.layers.identity.resources import Resource
from mistrust.layers.identity.subjects import account, group, user

SERVED = (
    Resource("", "pods", "Pod", True, ("get", "list")),
    Resource("", "secrets", "Secret", True, ("get",)),
    Resource("", "nodes", "Node", False, ("get",)),
    Resource("", "namespaces", "Namespace", False, ("get", "list")),
)
LAYER: Layer[Grants] = Identity((), SERVED)
SPACES = 5
"""`a` and the four that every server has."""


def granted(*objects: Plain, gaps: tuple[Gap, ...] = ()) -> Grants:
    return LAYER.granted(cluster(*objects, thing("v1", "Namespace", "a"), gaps=gaps))


def given(*rules: Plain, namespace: str = "", who: str = "User/ann") -> tuple[Plain, ...]:
    return role("r", *rules), binding("b", "ClusterRole/r", who, namespace=namespace)


ANN = user("ann")


def test_wildcards_count_over_what_exists() -> None:
    resources = 2 + 1  # pods get and list, secrets get: inside each namespace
    one_namespace = 1  # get of a Namespace: inside it
    cluster_wide = 1 + 1  # get nodes, list namespaces

    assert granted().count() == 0
    assert granted(*given(rule("get", "pods"), namespace="a")).count() == 1
    assert granted(*given(rule("get", "pods"))).count() == SPACES
    everything = granted(*given(rule("*", "*", "*"))).count()
    virtual = granted(*given(rule("impersonate,approve,sign,attest", "*", "*"), rule("get,create", "nodes/*"))).count()
    kubelet = 8 * 2  # get and create on the eight parts of the kubelet's own API
    assert everything == SPACES * (resources + one_namespace) + cluster_wide + virtual + kubelet


def test_what_is_told_twice_counts_once() -> None:
    twice = (
        role("r", rule("get", "pods"), rule("get,list", "*")),
        binding("b", "ClusterRole/r", "User/ann", "User/ann"),
    )

    assert granted(*twice).count() == granted(*given(rule("get,list", "*"))).count()


def test_a_difference_comes_with_a_witness_of_something_that_exists() -> None:
    more = granted(*given(rule("get", "*", "*")))
    less = granted(*given(rule("get", "pods"), rule("get", "*", "apps")))

    witness = (more - less).witness()
    assert witness is not None
    assert (witness.principal, witness.verb) == (ANN, "get")
    assert (witness.group, witness.resource) in {(r.group, r.resource) for r in more.universe.resources}
    assert (less - more).witness() is None


def test_eight_verbs_are_not_all_verbs() -> None:
    eight = "get,list,watch,create,update,patch,delete,deletecollection"
    left = granted(*given(rule("*", "pods"))) - granted(*given(rule(eight, "pods")))

    witness = left.witness()
    assert witness is not None
    assert witness.verb not in eight.split(",")


def test_what_comes_through_a_group_is_the_groups() -> None:
    found = granted(*given(rule("get", "pods"), who="Group/system:serviceaccounts:a"))
    access = Access(group("system:serviceaccounts:a"), "get", "", "pods", "a")

    assert found.decide(access).answer is Answer.ALLOWED
    assert found.decide(Access(account("a", "s"), "get", "", "pods", "a")).answer is Answer.DENIED


def test_the_evidence_survives_set_operations() -> None:
    more = granted(*given(rule("get", "pods,secrets")))
    left = more - granted(*given(rule("get", "pods")))

    verdict = left.decide(Access(ANN, "get", "", "secrets"))
    assert verdict.because == 'RBAC: allowed by ClusterRoleBinding "b" of ClusterRole "r" to User "ann"'
    assert [e.path for e in verdict.decided_by] == [("rules", 0), ("subjects", 0)]


GAP = Gap("ClusterRoleBinding", "forbidden")
HELD = given(rule("get", "pods"))
POD = Access(ANN, "get", "", "pods")
NODE = Access(ANN, "get", "", "nodes")


def answers(found: Grants) -> tuple[Answer, Answer]:
    return found.decide(POD).answer, found.decide(NODE).answer


def test_what_was_not_seen_can_only_add_to_a_set() -> None:
    seen, blind = granted(*HELD), granted(*HELD, gaps=(GAP,))

    assert answers(seen) == (Answer.ALLOWED, Answer.DENIED)
    assert answers(blind) == (Answer.ALLOWED, Answer.UNKNOWN)
    assert answers(seen | blind) == (Answer.ALLOWED, Answer.UNKNOWN)


def test_what_was_not_seen_of_the_other_can_only_take_from_a_difference() -> None:
    nobody_seen, nobody_blind = granted(), granted(gaps=(GAP,))

    assert answers(granted(*HELD) - nobody_seen) == (Answer.ALLOWED, Answer.DENIED)
    assert answers(granted(*HELD) - nobody_blind) == (Answer.UNKNOWN, Answer.DENIED)
    assert answers(granted(*HELD, gaps=(GAP,)) - nobody_seen) == (Answer.ALLOWED, Answer.UNKNOWN)


def test_facts_come_with_the_set() -> None:
    snapshot: Snapshot = cluster(*given(rule("list", "secrets")))

    assert [f.name for f in LAYER.facts(snapshot, LAYER.granted(snapshot))] == ["identity.secrets-everywhere"]


def test_the_defaults_of_a_server_are_granted_where_files_do_not_bring_their_own() -> None:
    defaults = typed(*given(rule("get", "nodes"), who="Group/system:masters"))
    found = Identity(defaults, SERVED).granted(cluster(thing("v1", "Namespace", "a")))

    assert Access(group("system:masters"), "get", "", "nodes") in found
