"""Which endpoints Istio carries: a fact where the pod runs, a prediction where only a template is known.

Sources: manifests/charts/istio-control/istio-discovery/templates/mutatingwebhook.yaml (which pods the injector is asked
about), pkg/kube/inject/inject.go (`injectRequired`), cni/pkg/util/podutil.go (what ambient takes in).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from mistrust.access.evidence import Evidence, at
from mistrust.kube.admission import MutatingWebhookConfiguration
from mistrust.kube.core import ConfigMap, Namespace
from mistrust.kube.endpoints import NAMESPACE_NAME, Endpoint
from mistrust.kube.pods import Pod, PodSpec
from mistrust.kube.selectors import LabelSelector, Requirement, matches
from mistrust.kube.snapshot import Scope, Snapshot
from mistrust.kube.workloads import template_of
from mistrust.layers.mesh.member import OUTSIDER, Kind, Member
from mistrust.layers.mesh.told import annotation, label

PROXY = "istio-proxy"
STATUS = "sidecar.istio.io/status"
INJECT = "sidecar.istio.io/inject"
INJECTION = "istio-injection"
REVISION = "istio.io/rev"
TEMPLATES = "inject.istio.io/templates"
MODE = "istio.io/dataplane-mode"
AMBIENT = "ambient"
REDIRECTION = "ambient.istio.io/redirection"
IGNORED = frozenset({"kube-system", "kube-public", "kube-node-lease", "local-path-storage"})
"""Namespaces that the injector never touches (pkg/kube/inject, IgnoredNamespaces)."""
INJECTOR = "sidecar-injector.istio.io"
"""How the names of the injector's webhooks end."""


class Injector(msgspec.Struct, frozen=True, gc=False):
    """One webhook of the injector: which namespaces and pods it is asked about."""

    namespaces: LabelSelector
    pods: LabelSelector


def _where(*requirements: tuple[str, str, tuple[str, ...]]) -> LabelSelector:
    return LabelSelector(match_expressions=tuple(Requirement(k, op, values) for k, op, values in requirements))


_UNLABELLED = ((INJECTION, "DoesNotExist", ()), (REVISION, "DoesNotExist", ()))
_NOT_REFUSED = (INJECT, "NotIn", ("false",))
CHART: tuple[Injector, ...] = (
    Injector(_where((INJECTION, "In", ("enabled",))), _where(_NOT_REFUSED)),
    Injector(_where((INJECTION, "DoesNotExist", ()), (REVISION, "Exists", ())), _where(_NOT_REFUSED)),
    Injector(_where(*_UNLABELLED), _where((INJECT, "In", ("true",)), (REVISION, "DoesNotExist", ()))),
    Injector(_where(*_UNLABELLED), _where(_NOT_REFUSED, (REVISION, "Exists", ()))),
)
"""What Istio's chart installs, for files that do not hold it; any revision is taken to be installed."""


class Setting(msgspec.Struct, frozen=True):
    """What decides for every endpoint alike."""

    injectors: tuple[Injector, ...]
    namespaces: Mapping[str, Namespace]


def members(snapshot: Snapshot, endpoints: Sequence[Endpoint]) -> tuple[Member, ...]:
    """What Istio makes of each endpoint."""
    if not present(snapshot):
        return (OUTSIDER,) * len(endpoints)
    setting = Setting(_injectors(snapshot), {n.name: n for n in snapshot.of(Namespace)})
    return tuple(
        _running(e, e.source.spec) if isinstance(e.source, Pod) and e.source.live else _promised(e, _spec(e), setting)
        for e in endpoints
    )


def _spec(e: Endpoint) -> PodSpec:
    made = template_of(e.source)
    return made[1].spec if made is not None else PodSpec()


def present(snapshot: Snapshot) -> bool:
    """Is there any sign of Istio: its objects, its settings, its injector, a label that asks for it, a proxy?"""
    return (
        any(o.ref.group.endswith(".istio.io") for o in snapshot.objects)
        or any("mesh" in m.data for m in snapshot.of(ConfigMap))
        or any(w.name.endswith(INJECTOR) for c in snapshot.of(MutatingWebhookConfiguration) for w in c.webhooks)
        or any(_asks(n.metadata.labels) for n in snapshot.of(Namespace))
        or any(_asks(w.labels) or _asks(w.template.metadata.annotations) or proxied(w.spec) for w in snapshot.workloads)
    )


def _asks(labels: Mapping[str, str]) -> bool:
    return any(key in labels for key in (INJECTION, REVISION, INJECT, MODE, TEMPLATES))


def _injectors(snapshot: Snapshot) -> tuple[Injector, ...]:
    """The injector's webhooks; of files that do not hold them the chart's, of a cluster without them none."""
    found = tuple(
        Injector(w.namespace_selector or LabelSelector(), w.object_selector or LabelSelector())
        for c in snapshot.of(MutatingWebhookConfiguration)
        for w in c.webhooks
        if w.name.endswith(INJECTOR)
    )
    seen = snapshot.scope is Scope.CLUSTER and not snapshot.blind(MutatingWebhookConfiguration)
    return found if found or seen else CHART


def proxied(spec: PodSpec) -> bool:
    """Is Istio's proxy in the pod, as a container or as a sidecar among the init containers?"""
    return any(c.name == PROXY for c in spec.containers) or any(
        c.name == PROXY and c.restart_policy == "Always" for c in spec.init_containers
    )


def _carried(spec: PodSpec, because: str, evidence: tuple[Evidence, ...], *, predicted: bool) -> Member:
    """A pod with a proxy; one that holds nothing else is a gateway."""
    alone = bool(spec.containers) and all(c.name == PROXY for c in spec.containers)
    return Member(Kind.GATEWAY if alone else Kind.SIDECAR, because, evidence, predicted)


def _running(e: Endpoint, spec: PodSpec) -> Member:
    if proxied(spec):
        return _carried(spec, f"it runs {PROXY}", (at(e.source, "spec"),), predicted=False)
    if STATUS in e.annotations:
        return Member(Kind.SIDECAR, "the injector says that it injected it", (annotation(e, STATUS),))
    match e.annotations.get(REDIRECTION, ""):
        case "enabled":
            return Member(Kind.AMBIENT, "its traffic goes through ztunnel", (annotation(e, REDIRECTION),))
        case "pending":
            because = "its redirection to ztunnel is not finished"
            return Member(Kind.UNKNOWN, because, (annotation(e, REDIRECTION),), maybe=Kind.AMBIENT)
        case _:
            return Member(Kind.NONE, "it runs without a proxy and without ztunnel")


def _promised(e: Endpoint, spec: PodSpec, setting: Setting) -> Member:
    if proxied(spec):
        return _carried(spec, f"its template has {PROXY}", (at(e.source, "spec"),), predicted=True)
    if e.host_network:
        return Member(Kind.NONE, "it shares the node's network, and Istio leaves such pods alone", predicted=True)
    namespace = setting.namespaces.get(e.namespace)
    if namespace is None:
        return _without_namespace(e)
    labels = {**namespace.metadata.labels, NAMESPACE_NAME: e.namespace}
    asked = any(matches(i.namespaces, labels) and matches(i.pods, e.labels) for i in setting.injectors)
    wish = e.labels.get(INJECT, e.annotations.get(INJECT, ""))
    if asked and e.namespace not in IGNORED and wish != "false":
        wishes = _wishes(e, namespace)
        if wish not in ("true", ""):
            because = f"{INJECT} is {wish!r}, which old and new releases read differently"
            return Member(Kind.UNKNOWN, because, wishes, predicted=True, maybe=Kind.SIDECAR)
        gateway = "gateway" in e.annotations.get(TEMPLATES, "").split(",")
        return Member(Kind.GATEWAY if gateway else Kind.SIDECAR, "the injector will add it", wishes, predicted=True)
    mode = e.labels.get(MODE, namespace.metadata.labels.get(MODE, ""))
    if mode == AMBIENT and e.labels.get("app") != "ztunnel":
        evidence = label(e, MODE) if MODE in e.labels else at(namespace, f'metadata.labels["{MODE}"]', value=mode)
        return Member(Kind.AMBIENT, f"{MODE} is {AMBIENT}", (evidence,), predicted=True)
    refused = f"{INJECT} is false" if wish == "false" else f"{MODE} is {mode}" if mode else ""
    return Member(Kind.NONE, refused or "no label puts it into the mesh", predicted=True)


def _without_namespace(e: Endpoint) -> Member:
    """Its own labels may still rule both out; otherwise the labels of its namespace would have decided."""
    if (e.labels.get(INJECT, "") == "false" or e.namespace in IGNORED) and e.labels.get(MODE, AMBIENT) != AMBIENT:
        return Member(Kind.NONE, "its labels keep it out of the mesh", predicted=True)
    because = f"Namespace {e.namespace}, whose labels decide, is not in the snapshot"
    return Member(Kind.UNKNOWN, because, predicted=True, maybe=Kind.SIDECAR)


def _wishes(e: Endpoint, namespace: Namespace) -> tuple[Evidence, ...]:
    """The labels that the injector goes by, of the namespace and of the pod."""
    held = namespace.metadata.labels
    out = [at(namespace, f'metadata.labels["{k}"]', value=held[k]) for k in (INJECTION, REVISION) if k in held]
    return (*out, *(label(e, k) for k in (INJECT, REVISION) if k in e.labels))
