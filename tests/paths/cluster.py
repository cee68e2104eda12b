"""Small clusters, written in a few words."""

from __future__ import annotations

from collections.abc import Iterable

from mistrust.kube.decode import from_plain
from mistrust.kube.meta import Object
from mistrust.kube.problem import Origin
from mistrust.kube.snapshot import Scope, Snapshot, snapshot

Plain = dict[str, object]
RBAC = "rbac.authorization.k8s.io"


def cluster(*objects: Plain, scope: Scope = Scope.CLUSTER) -> Snapshot:
    return snapshot(read(objects), scope=scope)


def read(objects: Iterable[Plain]) -> list[Object]:
    found = [o for i, plain in enumerate(objects) for o in from_plain(plain, Origin("cluster.yaml", i))]
    assert all(isinstance(o, Object) for o in found), found
    return [o for o in found if isinstance(o, Object)]


def named(kind: str, name: str, namespace: str = "", api: str = "v1", **fields: object) -> Plain:
    metadata = {"name": name, **({"namespace": namespace} if namespace else {})}
    labels = fields.pop("labels", None)
    return {
        "apiVersion": api,
        "kind": kind,
        "metadata": {**metadata, **({"labels": labels} if labels else {})},
        **fields,
    }


def namespace(name: str, level: str = "") -> Plain:
    labels = {"pod-security.kubernetes.io/enforce": level} if level else None
    return named("Namespace", name, labels=labels)


def account(namespace: str, name: str) -> Plain:
    return named("ServiceAccount", name, namespace)


def pod(namespace: str, name: str, account: str = "default", *, node: str = "", privileged: bool = False) -> Plain:
    main: Plain = {"name": "main", "securityContext": {"privileged": privileged, "runAsUser": 0}}
    return named("Pod", name, namespace, spec={"serviceAccountName": account, "nodeName": node, "containers": [main]})


def rule(verbs: str, resources: str, group: str = "", names: str = "") -> Plain:
    """`rule("get,list", "secrets")`."""
    return {
        "verbs": verbs.split(","),
        "resources": resources.split(","),
        "apiGroups": [group],
        **({"resourceNames": names.split(",")} if names else {}),
    }


def role(name: str, *rules: Plain, namespace: str = "") -> Plain:
    return named("Role" if namespace else "ClusterRole", name, namespace, f"{RBAC}/v1", rules=list(rules))


def binding(name: str, role: str, *subjects: str, namespace: str = "", kind: str = "ClusterRole") -> Plain:
    """Subjects are written `ci/runner` for a service account, `group:devs`, `user:jane`."""
    return named(
        "RoleBinding" if namespace else "ClusterRoleBinding",
        name,
        namespace,
        f"{RBAC}/v1",
        roleRef={"apiGroup": RBAC, "kind": kind, "name": role},
        subjects=[subject(s) for s in subjects],
    )


def subject(text: str) -> Plain:
    kind, colon, name = text.partition(":")
    if colon and kind in ("group", "user"):
        return {"kind": kind.capitalize(), "name": name, "apiGroup": RBAC}
    space, _, name = text.partition("/")
    return {"kind": "ServiceAccount", "namespace": space, "name": name}


def granted(who: str, *rules: Plain, namespace: str = "", name: str = "") -> list[Plain]:
    """A role with these rules, and its binding."""
    name = name or "".join(c if c.isalnum() else "-" for c in who)
    kind = "Role" if namespace else "ClusterRole"
    return [role(name, *rules, namespace=namespace), binding(name, name, who, namespace=namespace, kind=kind)]
