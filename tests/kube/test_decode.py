"""Plain values and JSON text become typed objects as the API server reads them; what it refuses is said."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mistrust.kube.core import ConfigMap, Namespace, Secret
from mistrust.kube.decode import from_json, from_plain, without_nulls
from mistrust.kube.meta import Object, Other
from mistrust.kube.pods import Pod
from mistrust.kube.problem import Origin, Problem
from mistrust.kube.rbac import ClusterRole, Role
from mistrust.kube.workloads import Deployment

HERE = Origin("a.yaml", 0, -1, 1)


def both(value: object) -> list[Object | Problem]:
    """The answer for a value, which must be the same from plain values and from JSON text."""
    plain = list(from_plain(value, HERE))
    assert list(from_json(json.dumps(value).encode(), HERE)) == plain
    return plain


def pod(**spec: object) -> dict[str, object]:
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p"}, "spec": spec}


def test_a_kind_is_read_whatever_the_version_of_its_group() -> None:
    for version in ("apps/v1", "apps/v1beta2", "extensions/v1beta1"):
        (found,) = both({"apiVersion": version, "kind": "Deployment", "metadata": {"name": "web"}})
        assert isinstance(found, Deployment)


def test_a_kind_of_another_group_is_another_kind() -> None:
    (found,) = both({"apiVersion": "example.com/v1", "kind": "Role", "metadata": {"name": "x"}})
    assert isinstance(found, Other)
    assert str(found.ref) == "Role x"
    assert found.ref.group == "example.com"


def test_namespaced_objects_without_a_namespace_are_in_default_as_kubectl_puts_them() -> None:
    (role,) = both({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role", "metadata": {"name": "x"}})
    assert isinstance(role, Role)
    assert role.namespace == "default"


def test_cluster_scoped_objects_lose_a_namespace_that_means_nothing() -> None:
    (found,) = both({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "x", "namespace": "y"}})
    assert isinstance(found, Namespace)
    assert found.namespace == ""


def test_null_is_an_absent_field() -> None:
    (found,) = both(
        {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole", "metadata": {"name": "x"}, "rules": None}
    )
    assert isinstance(found, ClusterRole)
    assert found.rules == ()


def test_lists_unfold_however_deep() -> None:
    inner = {"apiVersion": "v1", "kind": "List", "items": [pod(), None, "text"]}
    found = both({"apiVersion": "v1", "kind": "List", "items": [inner, pod()]})
    assert [type(f).__name__ for f in found] == ["Pod", "Problem", "Pod"]


def test_items_of_a_typed_list_need_not_say_their_kind() -> None:
    items = [{"metadata": {"name": "p", "namespace": "a"}, "spec": {}}]
    (found,) = both({"apiVersion": "v1", "kind": "PodList", "items": items})
    assert isinstance(found, Pod)
    assert found.origin.item == 0


def test_a_custom_kind_that_ends_in_list_is_not_taken_for_a_list() -> None:
    (found,) = both({"apiVersion": "example.com/v1", "kind": "AllowList", "metadata": {"name": "x"}})
    assert isinstance(found, Other)


@pytest.mark.parametrize(
    ("value", "got"),
    [
        (["a"], "a list"),
        ("text", "a string"),
        (7, "a number"),
        ({}, "an empty mapping"),
        ({"image": {"tag": "v1"}, "replicas": 2}, "a mapping with image, replicas"),
        ({"apiVersion": "v1"}, "a mapping with apiVersion"),
        ({"apiVersion": 1, "kind": "Pod"}, "a mapping with apiVersion, kind"),
    ],
)
def test_what_is_no_object_is_a_remark_that_says_what_it_is(value: object, got: str) -> None:
    (problem,) = both(value)
    assert isinstance(problem, Problem)
    assert (problem.what, problem.got, problem.blinds) == ("not a Kubernetes object", got, False)


def test_what_was_meant_to_be_an_object_blinds() -> None:
    (problem,) = both({"kind": "Pod", "metadata": {"name": "p"}, "spec": {}})
    assert isinstance(problem, Problem)
    assert problem.blinds


def test_an_object_that_the_server_would_refuse_is_a_problem_with_field_got_and_wanted() -> None:
    (problem,) = both(pod(containers="web"))
    assert isinstance(problem, Problem)
    assert problem.what == "Pod is not valid: spec.containers"
    assert (problem.got, problem.wanted, problem.blinds) == ("str", "array", True)


def test_secret_data_never_enters_the_model() -> None:
    secret = {"kubectl.kubernetes.io/last-applied-configuration": '{"data": {"k": "hunter2"}}', "team": "a"}
    (found,) = both(
        {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": "s", "annotations": secret},
            "data": {"k": "aHVudGVyMg=="},
            "stringData": {"k": "hunter2"},
        }
    )
    assert isinstance(found, Secret)
    assert "hunter2" not in repr(found)
    assert "aHVudGVyMg" not in repr(found)
    assert found.metadata.annotations == {"team": "a"}


def test_environment_values_and_commands_never_enter_the_model() -> None:
    container = {"name": "c", "command": ["run", "hunter2"], "env": [{"name": "PASSWORD", "value": "hunter2"}]}
    (found,) = both(pod(containers=[container]))
    assert "PASSWORD" in repr(found)
    assert "hunter2" not in repr(found)


def test_the_input_cannot_say_where_it_came_from() -> None:
    forged = {**pod(), "origin": {"file": "/etc/passwd"}, "mistrust.dev/origin": {"file": "/etc/passwd"}}
    (found,) = both(forged)
    assert isinstance(found, Pod)
    assert found.origin == HERE


PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=4),
    max_leaves=12,
)


@given(PLAIN)
def test_no_input_raises_and_both_readers_agree(value: object) -> None:
    both(value)
    both({"apiVersion": "v1", "kind": "List", "items": value})
    both({"apiVersion": "v1", "kind": "Pod", "metadata": value, "spec": {"containers": value, "volumes": value}})


def test_without_nulls_drops_fields_and_empties_elements() -> None:
    assert without_nulls({"a": None, "b": [None, {"c": None}], "d": 0}) == {"b": [{}, {}], "d": 0}


@pytest.mark.parametrize(
    ("name", "data", "kept"),
    [
        ("istio", {"mesh": "rootNamespace: mesh", "meshNetworks": "networks: {}"}, {"mesh": "rootNamespace: mesh"}),
        ("istio-1-30", {"mesh": "trustDomain: prod"}, {"mesh": "trustDomain: prod"}),
        ("istio-ca-root-cert", {"root-cert.pem": "not a certificate", "ca-key.pem": "hunter2"}, {}),
        ("istio-grafana", {"grafana.ini": "password = hunter2"}, {}),
        ("linkerd-config", {"values": "clusterNetworks: 10.0.0.0/8"}, {"values": "clusterNetworks: 10.0.0.0/8"}),
        ("cilium-config", {"enable-wireguard": "true", "cluster-name": "x"}, {"enable-wireguard": "true"}),
        ("settings", {"mesh": "x", "values": "x", "password": "hunter2"}, {}),
    ],
)
def test_of_configmaps_only_named_keys_enter_the_model(name: str, data: object, kept: object) -> None:
    (found,) = both({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": data})
    assert isinstance(found, ConfigMap)
    assert found.data == kept


def test_the_time_of_creation_is_kept_as_text() -> None:
    (found,) = both(
        {
            "apiVersion": "v1",
            "kind": "Namespace",
            "metadata": {"name": "x", "creationTimestamp": "2026-01-02T03:04:05Z"},
        }
    )
    assert isinstance(found, Namespace)
    assert found.metadata.creation_timestamp == "2026-01-02T03:04:05Z"
