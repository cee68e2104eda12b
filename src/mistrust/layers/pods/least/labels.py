"""Pod Security labels: the strictest level that every pod of a namespace meets, and nothing looser than what is there.

The level is pinned to the server's minor: what was proved of the pods stays true when the cluster is upgraded. `warn`
and `audit` name the next stricter level, in its newest meaning, so that what comes is seen early.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from mistrust.access.change import Change, Note
from mistrust.access.edited import edited
from mistrust.access.evidence import FieldPath
from mistrust.access.fact import Edit
from mistrust.access.telling import listed
from mistrust.kube.admission import MutatingWebhookConfiguration
from mistrust.kube.core import Namespace
from mistrust.kube.ingress import Gateway
from mistrust.kube.meta import Object, Other
from mistrust.kube.snapshot import Scope, Snapshot
from mistrust.kube.version import Version
from mistrust.kube.workloads import Workload
from mistrust.layers.pods.admission import SINCE, asks_about_pods
from mistrust.layers.pods.least.reshaping import Makers
from mistrust.layers.pods.level import Level
from mistrust.layers.pods.policy import AUDIT, ENFORCE, WARN, policy
from mistrust.layers.pods.spaces import blind
from mistrust.layers.pods.usage import Usage

SYSTEM: Final = "kube-system"
ADDONS: Final = "the cluster's own parts run there, and what they need changes with each version"
INJECTING: Final = ("istio-injection", "istio.io/rev", "linkerd.io/inject", "sidecar.istio.io/inject")
"""Labels and annotations by which meshes are told to add containers to pods."""
BUILT_IN: Final = frozenset({"", "apps", "autoscaling", "batch", "extensions", "policy"})


def unlabelled(
    snapshot: Snapshot, space: Namespace, usage: Usage, workloads: Sequence[Workload], makers: Makers
) -> str:
    """Why a namespace is left as it is; empty where its pods alone decide."""
    labels = space.metadata.labels
    if snapshot.version is not None and snapshot.version < SINCE:
        return f"Kubernetes {snapshot.version} does not enforce Pod Security labels by default"
    if space.name == SYSTEM:
        return ADDONS
    if mistaken := policy(labels).invalid:
        return f"its label {mistaken[0]} is not understood"
    if sum(n.name == space.name for n in snapshot.of(Namespace)) > 1:
        return "it is written more than once, with different content"
    if blind(snapshot, space.name):
        return "not every kind that makes pods could be seen there"
    if not workloads and snapshot.scope is Scope.MANIFESTS:
        return "no file shows what runs there"
    if others := usage.makers.get(space.name, ()):
        return f"{listed(others)}: what it needs is not shown"
    return _unread(snapshot, space) or _injected(snapshot, space, [w for w in workloads if not makers.shows(w)])


def _unread(snapshot: Snapshot, space: Namespace) -> str:
    """Manifests do not show what operators make of objects that are not read; a cluster does."""
    if snapshot.scope is Scope.CLUSTER:
        return ""
    own = [o for o in (*snapshot.of(Other), *snapshot.of(Gateway)) if o.namespace == space.name and not _built_in(o)]
    return f"{listed([str(o.ref) for o in own])} may make pods that no file shows" if own else ""


def _built_in(o: Object) -> bool:
    group = o.ref.group
    return not isinstance(o, Gateway) and (group in BUILT_IN or group.endswith(".k8s.io"))


def _injected(snapshot: Snapshot, space: Namespace, unseen: Sequence[Workload]) -> str:
    """What changes pods on their way in, where these workloads have no pod that would show it."""
    if not unseen:
        return ""
    said = {**space.metadata.labels, **space.metadata.annotations}
    said.update((k, v) for w in unseen for part in (w.labels, w.template.metadata.annotations) for k, v in part.items())
    mesh = next((key for key in INJECTING if said.get(key, "disabled") not in ("disabled", "false")), "")
    if mesh:
        return f"{mesh} has containers added to pods of {unseen[0].ref}, and no pod shows which"
    name = changing(snapshot, space)
    return f"webhook {name} may change pods of {unseen[0].ref}, and no pod shows how" if name else ""


def changing(snapshot: Snapshot, space: Namespace) -> str:
    """A webhook that may change pods there; empty if none is known."""
    labels = {**space.metadata.labels, "kubernetes.io/metadata.name": space.name}
    hooks = (h for c in snapshot.of(MutatingWebhookConfiguration) for h in c.webhooks)
    return next((h.name for h in hooks if asks_about_pods(h, labels)), "")


def labelled(space: Namespace, level: Level, version: Version | None, because: str) -> Change:
    """The labels that say so."""
    labels = space.metadata.labels
    asked = {ENFORCE: str(level)}
    if version is not None or f"{ENFORCE}-version" in labels:
        asked[f"{ENFORCE}-version"] = f"v{version}" if version else "latest"
    now = policy({**labels, **asked})
    if level < Level.RESTRICTED:
        stricter = Level(level + 1)
        asked |= {
            label: str(stricter) for label, mode in ((WARN, now.warn), (AUDIT, now.audit)) if mode.level < stricter
        }
    edits = tuple(_edits(space, {k: v for k, v in asked.items() if labels.get(k) != v}))
    return Change(space, (edited(space, edits),), because, tuple(_notes(edits, level)), edits)


def _edits(space: Namespace, labels: Mapping[str, str]) -> Iterator[Edit]:
    for label, value in labels.items():
        path: FieldPath = ("metadata", "labels", label)
        yield Edit(space.ref, space.origin, "set", path, value)


def _notes(edits: Sequence[Edit], level: Level) -> Iterator[Note]:
    said = {
        ENFORCE: f"the strictest level that all of its pods meet is {level}",
        f"{ENFORCE}-version": "the meaning for which this was shown",
        WARN: "the next stricter level: whoever applies what it forbids is told",
        AUDIT: "the next stricter level: the audit log tells of what it forbids",
    }
    for edit in edits:
        label = str(edit.path[-1])
        yield Note(said[label], label)
