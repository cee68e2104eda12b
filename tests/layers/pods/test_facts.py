"""Facts: one a workload and name, with the field it rests on, and edits that take it away."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.corpora import corpus
from tests.layers.pods.apply import Plain, applied
from tests.layers.pods.make import cluster, deployment, objects, one
from tests.layers.pods.pods import POD

from mistrust.access.evidence import show_path
from mistrust.access.fact import Fact
from mistrust.kube.decode import from_plain
from mistrust.kube.problem import Origin, Problem
from mistrust.kube.snapshot import Gap, Scope, Snapshot, snapshot
from mistrust.kube.yaml import documents
from mistrust.layers.pods.facts import facts

SAFE = one(
    """image: nginx
resources: {limits: {cpu: 1, memory: 1Gi}}
securityContext:
  allowPrivilegeEscalation: false
  capabilities: {drop: [ALL]}
  readOnlyRootFilesystem: true
  runAsNonRoot: true
  seccompProfile: {type: RuntimeDefault}"""
)


def about(*texts: str) -> dict[str, Fact]:
    return {f.name: f for f in facts(cluster(*texts))}


def test_a_careful_pod_has_none() -> None:
    assert about(deployment(SAFE)) == {}


def test_a_careless_pod_has_each_once_with_its_containers_in_the_detail() -> None:
    found = about(deployment("containers: [{name: a}, {name: b}]"))
    assert sorted(found) == [
        "pods.kept-capabilities",
        "pods.may-run-as-root",
        "pods.no-cpu-limit",
        "pods.no-memory-limit",
        "pods.no-seccomp",
        "pods.privilege-escalation",
        "pods.writable-root-filesystem",
    ]
    memory = found["pods.no-memory-limit"]
    assert memory.detail == 'containers "a", "b": each has no memory limit'
    assert memory.subject == "Deployment shop/web"
    assert [show_path(e.path) for e in memory.evidence] == [
        "spec.template.spec.containers[0].resources.limits.memory",
        "spec.template.spec.containers[1].resources.limits.memory",
    ]


@pytest.mark.parametrize(
    ("change", "name"),
    [
        (("runAsNonRoot: true", "runAsUser: 0"), "pods.may-run-as-root"),
        (("runAsNonRoot: true", "runAsNonRoot: false"), "pods.may-run-as-root"),
        (("  seccompProfile: {type: RuntimeDefault}", ""), "pods.no-seccomp"),
        (("readOnlyRootFilesystem: true", "readOnlyRootFilesystem: false"), "pods.writable-root-filesystem"),
        (("allowPrivilegeEscalation: false", "allowPrivilegeEscalation: true"), "pods.privilege-escalation"),
        (("[ALL]", "[NET_RAW]"), "pods.kept-capabilities"),
        (("cpu: 1, ", ""), "pods.no-cpu-limit"),
        ((", memory: 1Gi", ""), "pods.no-memory-limit"),
        (("image: nginx", "ports: [{hostPort: 80}]"), "pods.host-port"),
        (("image: nginx", "livenessProbe: {httpGet: {host: 10.0.0.1}}"), "pods.probe-host"),
        (("image: nginx", "envFrom: [{secretRef: {name: s}}]"), "pods.secret-in-env"),
        (("image: nginx", "env: [{name: X, valueFrom: {secretKeyRef: {name: s}}}]"), "pods.secret-in-env"),
        (("containers:", "securityContext: {sysctls: [{name: kernel.msgmax}]}\ncontainers:"), "pods.unsafe-sysctl"),
        (("containers:", "hostIPC: true\ncontainers:"), "pods.host-ipc"),
    ],
)
def test_each_weakness_alone_is_told_alone(change: tuple[str, str], name: str) -> None:
    assert list(about(deployment(SAFE.replace(*change)))) == [name]


def test_other_paths_of_the_node_are_told_without_drama() -> None:
    pod = SAFE + "\n  volumeMounts: [{name: v, mountPath: /v}]\nvolumes: [{name: v, hostPath: {path: /data}}]"
    found = about(deployment(pod))
    assert list(found) == ["pods.host-path"]
    assert found["pods.host-path"].detail == 'container "web" mounts /data of the node read-write'


def test_limits_are_not_asked_of_what_ends_by_itself() -> None:
    asked = about(deployment("initContainers: [{name: i}, {name: sidecar, restartPolicy: Always}]"))
    assert asked["pods.no-memory-limit"].detail == 'container "sidecar" has no memory limit'


def test_a_limit_range_is_mentioned_because_it_may_set_limits() -> None:
    ranged = "apiVersion: v1\nkind: LimitRange\nmetadata: {name: l, namespace: shop}"
    assert "LimitRange" in about(deployment(one("")), ranged)["pods.no-memory-limit"].detail


def test_linux_is_not_asked_of_windows() -> None:
    assert sorted(about(deployment("os: {name: windows}\n" + one("resources: {limits: {cpu: 1, memory: 1Gi}}")))) == []


def space(**labels: str) -> str:
    shown = ", ".join(f"pod-security.kubernetes.io/{k.replace('_', '-')}: {v}" for k, v in labels.items())
    return f"apiVersion: v1\nkind: Namespace\nmetadata: {{name: shop, labels: {{{shown}}}}}"


class TestNamespaces:
    def test_a_pod_that_its_namespace_refuses_is_told_with_every_field(self) -> None:
        found = about(deployment("hostPID: true\n" + SAFE), space(enforce="baseline"))["pods.refused"]
        assert found.detail == "violates PodSecurity baseline, which its namespace enforces: host namespaces"
        assert [str(e) for e in found.evidence] == [
            "Deployment shop/web spec.template.spec.hostPID true",
            'Namespace shop metadata.labels["pod-security.kubernetes.io/enforce"] baseline',
        ]

    @pytest.mark.parametrize(
        ("label", "pod", "to"),
        [
            ({}, SAFE, "restricted"),
            ({}, one(""), "baseline"),
            ({}, "hostPID: true\n" + SAFE, None),
            ({"enforce": "baseline"}, SAFE, "restricted"),
            ({"enforce": "baseline"}, one(""), None),
            ({"enforce": "restricted"}, SAFE, None),
        ],
    )
    def test_the_strictest_label_that_breaks_nothing_is_offered(
        self, label: dict[str, str], pod: str, to: str | None
    ) -> None:
        found = about(deployment(pod), space(**label)).get("pods.namespace-admits-more")
        assert (found.edits[0].value if found else None) == to

    def test_one_workload_that_needs_more_keeps_the_namespace_open(self) -> None:
        both = deployment(SAFE), deployment("hostPID: true\n" + SAFE, "other")
        assert "pods.namespace-admits-more" not in about(*both, space())

    def test_nothing_is_unused_where_not_everything_could_be_seen(self) -> None:
        world = snapshot(objects(space()), gaps=[Gap("Pod", "forbidden")], scope=Scope.CLUSTER)
        assert list(facts(world)) == []
        world = snapshot(objects(space()), gaps=[Gap("Pod", "forbidden", "other")], scope=Scope.CLUSTER)
        assert [f.detail for f in facts(world)] == ["privileged pods are admitted, although it runs none"]

    def test_an_empty_namespace_in_files_says_nothing(self) -> None:
        assert about(space()) == {}

    def test_a_label_that_means_nothing_is_told(self) -> None:
        found = about(space(warn="strict"))["pods.namespace-label"]
        assert found.detail.endswith('says "strict", which is not understood: no effect')


def test_equal_templates_in_different_places_keep_their_own_names() -> None:
    two = cluster(deployment("hostPID: true\n" + SAFE, "a"), deployment("hostPID: true\n" + SAFE, "b", "other"))
    assert [f.subject for f in facts(two)] == ["Deployment shop/a", "Deployment other/b"]


@settings(deadline=None)
@given(st.lists(POD, max_size=4))
def test_law_a_pod_is_judged_alone_or_among_others_alike(pods: list[Plain]) -> None:
    many = [{**pod, "metadata": {**pod["metadata"], "name": f"p{i}"}} for i, pod in enumerate((*pods, *pods))]  # type: ignore[dict-item]
    alone = [fact for pod in many for fact in facts(of_documents({("f", 0): pod}))]
    together = facts(of_documents({("f", 0): {"apiVersion": "v1", "kind": "List", "items": many}}))
    assert [said(f) for f in together] == [said(f) for f in alone]


def said(fact: Fact) -> tuple[object, ...]:
    """A fact without where its object was read."""
    seen = tuple((e.ref, e.path, e.value) for e in fact.evidence)
    return (fact.name, fact.ref, fact.detail, seen, tuple((e.op, e.path, e.value) for e in fact.edits))


def test_equal_templates_with_different_claims_are_told_apart() -> None:
    volume = "apiVersion: v1\nkind: PersistentVolume\nmetadata: {name: p}\n"
    volume += "spec: {hostPath: {path: /etc}, claimRef: {namespace: shop, name: c}}"
    pod = SAFE.replace("runAsNonRoot: true", "runAsUser: 0") + "\n  volumeMounts: [{name: v, mountPath: /v}]"
    pod += "\nvolumes: [{name: v, persistentVolumeClaim: {claimName: c}}]"
    found = facts(cluster(deployment(pod), deployment(pod, "b", "other"), volume))
    assert [f.subject for f in found if f.name == "pods.host-path-write"] == ["Deployment shop/web"]


def plain_documents(folder: Path) -> Iterator[tuple[str, int, Plain]]:
    for file in sorted(folder.rglob("*.yaml")):
        if "templates" not in file.parts:  # Helm's
            for document in documents(file.read_bytes(), str(file))[0]:
                if isinstance(document.value, dict) and "kind" in document.value:
                    yield str(file), document.index, dict(document.value)


def of_documents(known: dict[tuple[str, int], Plain]) -> Snapshot:
    found = [o for (file, i), value in known.items() for o in from_plain(value, Origin(file, i))]
    return snapshot(o for o in found if not isinstance(o, Problem))


@pytest.mark.parametrize("name", ["bad-pods", "kubernetes-goat", "kube-prometheus", "bookinfo", "online-boutique"])
def test_law_the_edits_of_a_fact_take_it_away(name: str) -> None:
    known = {(file, i): value for file, i, value in plain_documents(corpus("manifests") / name)}
    tried = set()
    for fact in facts(of_documents(known)):
        kind = (fact.name, fact.detail, len(fact.edits))
        if not fact.edits or kind in tried:
            continue
        tried.add(kind)
        origin = fact.edits[0].origin
        where = (origin.file, origin.document)
        edited = {where: applied(known[where], fact.edits)}
        left = {f.name for f in facts(of_documents(edited)) if f.ref == fact.ref}
        assert fact.name not in left, fact
    assert tried
