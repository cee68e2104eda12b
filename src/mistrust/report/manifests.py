"""Changes as files that a team would merge: what changes, what is new, what goes, and a kustomize component of it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

import msgspec
import yaml

from mistrust.access.change import Change
from mistrust.access.edited import plain
from mistrust.access.evidence import show_path
from mistrust.access.fact import Edit
from mistrust.kube.cilium import CiliumNetworkPolicy
from mistrust.kube.core import Namespace
from mistrust.kube.istio import AuthorizationPolicy, PeerAuthentication
from mistrust.kube.linkerd import (
    LinkerdAuthorizationPolicy,
    MeshTLSAuthentication,
    NetworkAuthentication,
    Server,
)
from mistrust.kube.meta import Object
from mistrust.kube.network import ClusterNetworkPolicy, NetworkPolicy
from mistrust.kube.pods import Pod
from mistrust.kube.rbac import ClusterRole, ClusterRoleBinding, Role, RoleBinding
from mistrust.kube.workloads import (
    CronJob,
    DaemonSet,
    Deployment,
    Job,
    PodTemplateObject,
    ReplicaSet,
    ReplicationController,
    StatefulSet,
)
from mistrust.report.clean import clean

WIDTH = 110
API_VERSIONS: Mapping[type[Object], str] = {
    **dict.fromkeys((Role, ClusterRole, RoleBinding, ClusterRoleBinding), "rbac.authorization.k8s.io/v1"),
    NetworkPolicy: "networking.k8s.io/v1",
    **dict.fromkeys((DaemonSet, Deployment, ReplicaSet, StatefulSet), "apps/v1"),
    **dict.fromkeys((CronJob, Job), "batch/v1"),
    **dict.fromkeys((Namespace, Pod, PodTemplateObject, ReplicationController), "v1"),
    CiliumNetworkPolicy: "cilium.io/v2",
    ClusterNetworkPolicy: "policy.networking.k8s.io/v1alpha2",
    **dict.fromkeys((PeerAuthentication, AuthorizationPolicy), "security.istio.io/v1"),
    Server: "policy.linkerd.io/v1beta3",
    **dict.fromkeys(
        (LinkerdAuthorizationPolicy, MeshTLSAuthentication, NetworkAuthentication), "policy.linkerd.io/v1alpha1"
    ),
}
"""The versions that are written: Istio's since 1.22, Linkerd's Server since 2.16."""
NAMED = frozenset({"containers", "initContainers", "ephemeralContainers", "volumes"})
"""Lists whose items a strategic merge tells by `name` (patchMergeKey in k8s.io/api/core/v1/types.go)."""
COMPONENT = {"apiVersion": "kustomize.config.k8s.io/v1alpha1", "kind": "Component"}


def folder(changes: Iterable[Change]) -> Mapping[str, bytes]:
    """File names and contents, the same for the same changes.

    `changed/` and `new/` are manifests, `deleted/` names what goes, `fields/` has the fields that change of objects of
    which not every field is read, each file for `kubectl patch -f FILE --patch-file FILE`; `kustomization.yaml` says
    all of it as a component, with `patches/` for what a strategic merge would get wrong.
    """
    files: dict[str, bytes] = {}
    replaced: dict[str, Object] = {}
    for change in changes:
        for place, content, o in _files(change):
            name = place
            n = 2
            while name in files:
                name = place.replace(".yaml", f"-{n}.yaml")
                n += 1
            files[name] = content
            if hasattr(o, "spec") and place.startswith("changed/"):
                replaced[name] = o
    new = sorted(f for f in files if f.startswith("new/"))
    patches: list[dict[str, object]] = []
    for name in sorted(f for f in files if not f.startswith("new/")):
        if (policy := replaced.get(name)) is None:
            patches.append({"path": name})
        else:
            patch = name.replace("changed/", "patches/")
            files[patch] = _document([{"op": "replace", "path": "/spec", "value": manifest(policy)["spec"]}], ())
            patches.append({"path": patch, "target": _target(policy)})
    component: dict[str, object] = dict(COMPONENT)
    if new:
        component["resources"] = new
    if patches:
        component["patches"] = patches
    files["kustomization.yaml"] = yaml.safe_dump(component, sort_keys=False).encode()
    return dict(sorted(files.items()))


def _target(policy: Object) -> dict[str, str]:
    """A merge would keep rules that are gone, and labels of the old selector: the whole `spec` is replaced."""
    group, _, version = API_VERSIONS[type(policy)].partition("/")
    named = {"name": policy.name} | ({"namespace": policy.namespace} if policy.namespace else {})
    return {"group": group, "version": version, "kind": policy.KIND, **named}


def _files(change: Change) -> Iterator[tuple[str, bytes, Object]]:
    if change.edits:
        assert change.old is not None
        yield f"fields/{_name(change.old)}", _document(patch(change.old, change.edits), _comments(change)), change.old
        return
    same = [o for o in change.new if change.old is not None and o.ref == change.old.ref]
    for o in change.new:
        where = "changed" if o in same else "new"
        plain = manifest(o, annotated=where == "changed")
        yield f"{where}/{_name(o)}", _document(plain, _comments(change)), o
    if change.old is not None and not same:
        gone = {"$patch": "delete", **_head(change.old)}
        yield f"deleted/{_name(change.old)}", _document(gone, _comments(change)), change.old


def _comments(change: Change) -> tuple[str, ...]:
    old = f"{change.old.ref}: " if change.old is not None else ""
    return (f"{old}{change.because}.", *map(str, change.notes))


def patch(o: Object, edits: Iterable[Edit]) -> dict[str, object]:
    """A strategic merge patch: what the object is, and these fields. Raises `ValueError` for what it cannot say."""
    merged: dict[str, object] = dict(_head(o))
    for edit in edits:
        _say(merged, msgspec.to_builtins(o), edit, 0)
    return merged


def _say(into: dict[str, object], value: object, edit: Edit, at: int) -> None:
    key, rest = edit.path[at], edit.path[at + 1 :]
    here = value.get(key) if isinstance(value, dict) else None
    if edit.op == "add" or not isinstance(key, str):
        raise ValueError(f"no patch for {show_path(edit.path)} of {edit.ref}")
    if not rest:
        into[key] = None if edit.op == "remove" else plain(edit.value)
    elif isinstance(rest[0], int):
        if key not in NAMED or not isinstance(here, tuple):
            raise ValueError(f"no patch for {show_path(edit.path)} of {edit.ref}")
        item = here[rest[0]]
        if len(rest) == 1:
            several = into.setdefault(key, [])
            assert isinstance(several, list)
            several.append({"$patch": "delete", "name": item["name"]})
        else:  # every item is named, in order: kustomize puts those that a patch names before all others
            several = into.setdefault(key, [{"name": each["name"]} for each in here])
            assert isinstance(several, list)
            _say(next(each for each in several if each["name"] == item["name"]), item, edit, at + 2)
    else:
        inner = into.setdefault(key, {})
        assert isinstance(inner, dict)
        _say(inner, here, edit, at + 1)


def manifest(o: Object, *, annotated: bool = False) -> dict[str, object]:
    """An object as a person writes it: what it is, its labels, and what it says.

    Parameters: `annotated`, with its annotations, which `kubectl apply` would otherwise take away.
    """
    plain = msgspec.to_builtins(o)
    assert isinstance(plain, dict)
    for key in ("metadata", "mistrust.dev/origin"):
        plain.pop(key, None)
    head = _head(o)
    metadata = head["metadata"]
    assert isinstance(metadata, dict)
    if o.metadata.labels:
        metadata["labels"] = dict(o.metadata.labels)
    if annotated and o.metadata.annotations:
        metadata["annotations"] = dict(o.metadata.annotations)
    if isinstance(o, NetworkPolicy):  # every pod: older API servers want the field
        plain["spec"] = {"podSelector": {}, **plain.get("spec", {})}
    elif hasattr(o, "spec"):  # an empty one says something too
        plain.setdefault("spec", {})
    return {**head, **plain}


def _head(o: Object) -> dict[str, object]:
    metadata = {"name": o.name} | ({"namespace": o.namespace} if o.namespace else {})
    return {"apiVersion": API_VERSIONS[type(o)], "kind": o.KIND, "metadata": metadata}


def _name(o: Object) -> str:
    words = "-".join(w for w in (o.KIND.lower(), o.namespace, o.name) if w)
    return "".join(c if c.isalnum() or c in "-_." else "-" for c in words) + ".yaml"


def _document(plain: object, comments: Sequence[str]) -> bytes:
    text = "".join(f"# {clean(line)}\n" for line in comments)
    body = yaml.safe_dump(plain, sort_keys=False, default_flow_style=None, width=WIDTH, allow_unicode=True)
    return (text + body).encode("utf-8", "backslashreplace")
