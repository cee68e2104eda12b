"""The policies of examples/effects, held against changes of the example shop."""

from __future__ import annotations

from pathlib import Path

from mistrust.admission.effects.guard import Guard, guards
from mistrust.cli.policy_files import objects
from mistrust.cluster.files import read_files
from mistrust.kube.read import read
from mistrust.kube.snapshot import snapshot
from tests.admission.effects.asking import asked
from tests.effect.changes import SHOP

EXAMPLES = SHOP.parent / "effects"

ADMIN = """\
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: more}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: cluster-admin}
subjects: [{kind: ServiceAccount, name: orders, namespace: shop}]
"""
VIEW = ADMIN.replace("cluster-admin", "view")
DOOR = """\
apiVersion: v1
kind: Service
metadata: {name: open, namespace: shop}
spec: {type: LoadBalancer, selector: {app: cart}, ports: [{port: 80, targetPort: 7070}]}
"""
TOOL = """\
apiVersion: v1
kind: Pod
metadata: {name: tool, namespace: ops}
spec: {automountServiceAccountToken: false, containers: [{name: c, image: i, securityContext: {privileged: true}}]}
"""


def policies() -> tuple[Guard, ...]:
    return guards(objects([str(EXAMPLES)]))


def denied(added: str = "", edit: tuple[str, str, str] = ("", "", "")) -> dict[str, str]:
    """Policy -> message, for the shop with something added, or a text of one file written otherwise."""
    old = read_files([str(SHOP)]).snapshot
    name, before, after = edit
    new = list(read(added.encode(), "added.yaml")[0])
    for file in sorted(SHOP.glob("*.yaml")):
        text = file.read_text()
        if file.name == name:
            assert before in text
            text = text.replace(before, after, 1)
        new += read(text.encode(), str(file))[0]
    found = asked(list(policies()), old, snapshot(new, scope=old.scope))
    return {f.policy.removeprefix("EffectPolicy "): f.message for f in found}


def test_every_example_has_a_name_like_its_file() -> None:
    assert {p.name for p in policies()} == {Path(f).stem for f, _ in objects([str(EXAMPLES)])}


def test_nothing_is_denied_of_no_change() -> None:
    assert denied() == {}


def test_a_harmless_binding_is_let_in() -> None:
    assert denied(VIEW) == {}


def test_a_binding_to_cluster_admin_opens_a_path() -> None:
    found = denied(ADMIN)
    assert list(found) == ["no-new-path-to-cluster-admin"]
    assert "opens an attack path to cluster-admin: Deployment shop/" in found["no-new-path-to-cluster-admin"]


def test_a_door_opens_only_where_the_namespace_is_labelled_for_it() -> None:
    found = denied(DOOR)
    assert "Deployment shop/cart answers to the outside at TCP 7070" in found["no-new-exposure"]
    enforced = "pod-security.kubernetes.io/enforce: baseline"
    label = ("00-namespaces.yaml", enforced, f"{enforced}\n    mistrust.dev/exposed: 'true'")
    assert "no-new-exposure" not in denied(DOOR, label)


def test_a_mesh_that_goes_permissive_is_denied() -> None:
    found = denied(edit=("mesh.yaml", "mode: STRICT", "mode: PERMISSIVE"))
    assert list(found) == ["no-new-plaintext"]
    assert "no longer enforces mutual TLS" in found["no-new-plaintext"]
    assert "no-new-plaintext" not in denied(edit=("mesh.yaml", "mode: PERMISSIVE", "mode: STRICT"))


def test_a_privileged_pod_takes_its_node() -> None:
    found = denied(TOOL)
    assert found["no-pod-takes-its-node"].startswith("[no-pod-takes-its-node] Pod ops/tool has the power node")
    assert "no-pod-takes-its-node" not in denied(TOOL.replace("namespace: ops", "namespace: kube-system"))
