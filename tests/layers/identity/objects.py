"""RBAC objects in one line each, as a person writes them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from mistrust.kube.decode import from_plain
from mistrust.kube.meta import Object
from mistrust.kube.problem import Origin
from mistrust.kube.rbac import BindingSubject, PolicyRule
from mistrust.kube.snapshot import Gap, Scope, Snapshot, snapshot
from mistrust.layers.identity.index import Rbac, rbac
from mistrust.layers.identity.lookup import Lookup

Plain = dict[str, object]
GROUP = "rbac.authorization.k8s.io"
V1 = f"{GROUP}/v1"


def rule(
    verbs: str, resources: str = "", groups: str | None = None, names: Iterable[str] = (), urls: str = ""
) -> Plain:
    """`rule("get,list", "pods,pods/log")`; the group "" where none is said."""
    found: Plain = {"verbs": verbs.split(",")}
    if resources:
        found |= {"apiGroups": (groups or "").split(","), "resources": resources.split(",")}
    if urls:
        found["nonResourceURLs"] = urls.split(",")
    if names:
        found["resourceNames"] = list(names)
    return found


def policy(*args: str, **kwargs: str | Iterable[str]) -> PolicyRule:
    """The same as a `PolicyRule`."""
    import msgspec

    return msgspec.convert(rule(*args, **kwargs), PolicyRule)


def role(
    name: str, *rules: Plain, namespace: str = "", labels: Mapping[str, str] | None = None, **more: object
) -> Plain:
    """A Role `ns/name` (with a namespace), or a ClusterRole."""
    metadata: Plain = {"name": name, "labels": dict(labels or {})}
    if namespace:
        metadata["namespace"] = namespace
    kind = "Role" if namespace else "ClusterRole"
    return {"apiVersion": V1, "kind": kind, "metadata": metadata, "rules": list(rules), **more}


def binding(name: str, of: str, *subjects: str, namespace: str = "") -> Plain:
    """`binding("b", "Role/r", "User/ann", "ServiceAccount/ci/x", namespace="ci")`; a ClusterRoleBinding without one."""
    kind, _, target = of.partition("/")
    metadata: Plain = {"name": name} | ({"namespace": namespace} if namespace else {})
    return {
        "apiVersion": V1,
        "kind": "RoleBinding" if namespace else "ClusterRoleBinding",
        "metadata": metadata,
        "roleRef": {"apiGroup": GROUP, "kind": kind, "name": target},
        "subjects": [subject(s) for s in subjects],
    }


def subject(text: str) -> Plain:
    kind, _, name = text.partition("/")
    if kind != "ServiceAccount":
        return {"kind": kind, "name": name, "apiGroup": GROUP}
    namespace, slash, short = name.partition("/")
    return {"kind": kind, "name": short, "namespace": namespace} if slash else {"kind": kind, "name": name}


def thing(api_version: str, kind: str, name: str, namespace: str = "", **more: object) -> Plain:
    """Any other object."""
    metadata: Plain = {"name": name} | ({"namespace": namespace} if namespace else {})
    return {"apiVersion": api_version, "kind": kind, "metadata": metadata, **more}


def typed(*plain: Plain) -> list[Object]:
    """Decoded, as a reader does; document i of `test.yaml`."""
    found = [each for i, value in enumerate(plain) for each in from_plain(value, Origin("test.yaml", i, -1, i + 1))]
    assert all(isinstance(each, Object) for each in found), found
    return [each for each in found if isinstance(each, Object)]


def cluster(*plain: Plain, scope: Scope | None = None, gaps: Iterable[Gap] = ()) -> Snapshot:
    return snapshot(typed(*plain), scope=scope, gaps=tuple(gaps))


def index(*plain: Plain, scope: Scope | None = None, gaps: Iterable[Gap] = (), defaults: Iterable[Plain] = ()) -> Rbac:
    return rbac(cluster(*plain, scope=scope, gaps=gaps), typed(*defaults))


def lookup(*plain: Plain, gaps: Iterable[Gap] = (), defaults: Iterable[Plain] = ()) -> Lookup:
    return Lookup(index(*plain, gaps=gaps, defaults=defaults))


def bound(kind: str, name: str, namespace: str = "") -> BindingSubject:
    return BindingSubject(kind, name, namespace)


def policies(*rules: Plain) -> tuple[PolicyRule, ...]:
    """Rules as a decoder reads them."""
    import msgspec

    return tuple(msgspec.convert(r, PolicyRule) for r in rules)
