"""How a person names a resource, what request that becomes, and the rows of who-may and what-may-it."""

from __future__ import annotations

import pytest
from tests.layers.identity.objects import binding, cluster, lookup, role, rule, thing

from mistrust.kube.errors import UsageError
from mistrust.layers.identity.ask import elsewhere, held, holders, request_for
from mistrust.layers.identity.lookup import Request
from mistrust.layers.identity.resources import Resource, known_resources, resolve
from mistrust.layers.identity.subjects import group, user

SERVED = (
    Resource("", "pods", "Pod", True, ("get", "list")),
    Resource("", "pods/exec", "PodExecOptions", True, ("create", "get")),
    Resource("", "nodes", "Node", False, ("get", "list")),
    Resource("", "namespaces", "Namespace", False, ("get", "list", "patch")),
    Resource("", "namespaces/status", "Namespace", False, ("patch",)),
    Resource("", "events", "Event", True, ("list",)),
    Resource("events.k8s.io", "events", "Event", True, ("list",)),
    Resource("apps", "deployments", "Deployment", True, ("get",)),
    Resource("apps", "deployments/scale", "Scale", True, ("get", "patch")),
)
KNOWN = known_resources(SERVED)


@pytest.mark.parametrize(
    ("text", "group_", "found"),
    [
        ("pods", None, "pods"),
        ("pod", None, "pods"),
        ("Pod", None, "pods"),
        ("po", None, "pods"),
        ("pods/exec", None, "pods/exec"),
        ("po/exec", None, "pods/exec"),
        ("deploy", None, "deployments.apps"),
        ("deployments.apps", None, "deployments.apps"),
        ("deployments.apps/scale", None, "deployments/scale.apps"),
        ("deploy/scale", None, "deployments/scale.apps"),
        ("events.events.k8s.io", None, "events.events.k8s.io"),
        ("events", "", "events"),
        ("users", None, "users"),
        ("userextras/scopes", None, "userextras/scopes.authentication.k8s.io"),
        ("nodes/metrics", None, "nodes/metrics"),
        ("*", None, "*.*"),
        ("*", "apps", "*.apps"),
        ("applications", "argoproj.io", "applications.argoproj.io"),
        ("po/new", "", "pods/new"),
    ],
)
def test_a_name_means_a_resource(text: str, group_: str | None, found: str) -> None:
    assert str(resolve(text, KNOWN, group_)) == found


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("events", "one of events, events.events.k8s.io"),
        ("podz", "one of pods"),
        ("pods/sell", "one of pods, pods/exec"),
        ("pods.apps", "one of pods, pods/exec"),
        ("Xyzzyx", "a resource such as"),
    ],
)
def test_an_unknown_or_ambiguous_name_lists_what_it_could_be(text: str, told: str) -> None:
    with pytest.raises(UsageError, match=told):
        resolve(text, KNOWN)


def test_a_definition_in_the_cluster_adds_its_resource() -> None:
    definition = thing(
        "apiextensions.k8s.io/v1",
        "CustomResourceDefinition",
        "apps.argoproj.io",
        spec={"group": "argoproj.io", "scope": "Cluster", "names": {"plural": "apps", "kind": "App"}},
    )
    known = known_resources(SERVED, cluster(definition))

    assert resolve("app", known).namespaced is False


def test_one_namespace_object_is_asked_about_inside_itself() -> None:
    request, remarks = request_for("patch", "ns", KNOWN, namespace="other", name="a")

    assert (request.resource, request.name, request.namespace) == ("namespaces", "a", "a")
    assert remarks == ("namespaces belongs to no namespace: -n other does not matter",)


def test_the_question_as_the_server_would_see_it() -> None:
    assert request_for("get", "/healthz", KNOWN)[0] == Request(verb="get", path="/healthz")
    assert request_for("list", "nodes", KNOWN, "a")[0].namespace == ""
    assert request_for("list", "ns", KNOWN, "a")[0].namespace == ""
    assert request_for("patch", "deploy/scale", KNOWN, "a")[0] == Request(
        "", (), "patch", "apps", "deployments", "scale", "a"
    )
    assert request_for("delet", "pods", KNOWN)[1] == ("pods has no verb 'delet'; it has get, list",)


FOUND = lookup(
    role("all", rule("get", "secrets")),
    role("some", rule("get", "secrets", names=["db"]), rule("get", urls="/metrics")),
    binding("wide", "ClusterRole/all", "Group/ops"),
    binding("near", "ClusterRole/all", "User/ann", namespace="a"),
    binding("named", "ClusterRole/some", "User/ann", "User/bob", namespace="a"),
)
SECRETS = Request(verb="get", resource="secrets")


def test_who_may_anywhere_and_in_one_namespace() -> None:
    import msgspec

    inside = msgspec.structs.replace(SECRETS, namespace="a")
    elsewhere_ = msgspec.structs.replace(SECRETS, namespace="b")
    named = msgspec.structs.replace(SECRETS, namespace="a", name="db")
    rows = [("", "Group ops", ""), ("a", "User ann", ""), ("a", "User bob", "only db")]

    assert [(r.namespace, r.who, r.what) for r in holders(FOUND, SECRETS)] == rows
    assert [(r.namespace, r.who, r.what) for r in holders(FOUND, inside)] == rows
    assert [r.who for r in holders(FOUND, elsewhere_)] == ["Group ops"]
    assert [(r.who, r.what) for r in holders(FOUND, named)] == [("Group ops", ""), ("User ann", ""), ("User bob", "")]


def test_rows_that_read_the_same_are_both_shown() -> None:
    many, more = [f"n{i}" for i in range(9)], [f"n{i}" for i in range(8)] + ["other"]
    found = lookup(
        role("r", rule("get", "secrets", names=many), namespace="a"),
        role("r", rule("get", "secrets", names=more), namespace="a"),  # written twice, differently
        binding("b", "Role/r", "User/ann", namespace="a"),
    )

    assert [r.what for r in holders(found, SECRETS)] == ["only n0, n1, n2, n3, n4 and 4 more"] * 2


def test_what_somebody_may_do_without_what_a_role_binding_cannot_give() -> None:
    rows = held(FOUND, [user("bob"), group("ops")])

    assert [(r.namespace, r.who, r.what) for r in rows] == [
        ("", "Group ops", "get secrets"),
        ("a", "User bob", "get secrets named db"),
    ]


@pytest.mark.parametrize(
    ("who", "namespace", "told"),
    [
        ("ann", "", ["but allowed in a; -n asks about one namespace"]),
        ("bob", "a", ["but allowed for the names db; --name asks about one"]),
        ("bob", "b", []),
        ("eve", "", []),
    ],
)
def test_a_no_says_where_it_would_be_a_yes(who: str, namespace: str, told: list[str]) -> None:
    import msgspec

    assert list(elsewhere(FOUND, msgspec.structs.replace(SECRETS, user=who, namespace=namespace))) == told
