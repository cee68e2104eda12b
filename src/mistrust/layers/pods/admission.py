"""Would a pod get into a namespace? Pod Security admission, as far as the objects of a cluster tell.

k8s.io/pod-security-admission/admission/admission.go. What no object shows is said: the API server's defaults and
exemptions (AdmissionConfiguration), and the answers of webhooks and policies.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import msgspec

from mistrust.access.evidence import Evidence, at
from mistrust.access.verdict import Answer, Verdict
from mistrust.kube.admission import (
    MutatingWebhookConfiguration,
    ValidatingAdmissionPolicy,
    ValidatingWebhookConfiguration,
    Webhook,
)
from mistrust.kube.core import Namespace
from mistrust.kube.meta import Metadata, Other
from mistrust.kube.pods import PodSpec
from mistrust.kube.selectors import matches
from mistrust.kube.snapshot import Scope, Snapshot
from mistrust.kube.version import LATEST, Version
from mistrust.layers.pods.level import Level
from mistrust.layers.pods.levels import violations
from mistrust.layers.pods.policy import ENFORCE, Mode, policy

SINCE = Version(1, 23)
"""The first minor that enforces the labels by default (feature gate PodSecurity)."""

POD_SECURITY_POLICIES_UNTIL = Version(1, 25)
"""The minor that removed PodSecurityPolicy."""


DEFAULTS = "defaults of the API server's AdmissionConfiguration are not visible"
EXEMPTIONS = (
    "exemptions of the API server's AdmissionConfiguration (users, namespaces, runtime classes) are not visible"
)


class Enforced(msgspec.Struct, frozen=True):
    """What Pod Security admission enforces in a namespace."""

    level: Level
    version: Version | None
    """The minor whose meaning is enforced; None is the newest known."""
    note: str
    """One clause: which label says so, or what is assumed in its absence."""
    decided_by: tuple[Evidence, ...] = ()
    assumed: str = ""
    """What was taken for granted and may make the level stricter; empty where a label decides."""
    seen: bool = True
    """False where the snapshot does not show the namespace."""


def admits_level(snapshot: Snapshot, namespace: str) -> Enforced:
    """The level that the API server enforces for pods in a namespace: `privileged` admits every pod.

    A namespace that files do not show counts as unlabelled. Where a namespace is given twice, the weaker copy counts.
    """
    copies = [n for n in snapshot.of(Namespace) if n.name == namespace]
    if snapshot.version is not None and snapshot.version < SINCE:
        return Enforced(
            Level.PRIVILEGED,
            snapshot.version,
            f"Kubernetes {snapshot.version} does not enforce Pod Security by default",
        )
    if not copies:
        shown = "no file shows" if snapshot.scope is Scope.MANIFESTS else "the snapshot does not show"
        note = f"{shown} namespace {namespace}: assumed without Pod Security labels"
        return Enforced(Level.PRIVILEGED, snapshot.version, note, assumed=note, seen=False)
    return min((_enforced(n, snapshot.version) for n in copies), key=lambda e: e.level)


def _enforced(namespace: Namespace, cluster: Version | None) -> Enforced:
    labels = namespace.metadata.labels
    asked = policy(labels)
    version = _meaning(asked.enforce, cluster)
    if ENFORCE not in labels:
        note = f"namespace {namespace.name} has no label {ENFORCE}: privileged, unless the API server sets a default"
        return Enforced(Level.PRIVILEGED, version, note, (at(namespace, "metadata.labels"),), DEFAULTS)
    value = labels[ENFORCE]
    seen = (Evidence(namespace.ref, namespace.origin, ("metadata", "labels", ENFORCE), value),)
    if ENFORCE in asked.invalid:
        return Enforced(Level.RESTRICTED, version, f"{ENFORCE}={value} is not a level, and enforces restricted", seen)
    return Enforced(asked.enforce.level, version, f"namespace {namespace.name} enforces {asked.enforce}", seen)


def _meaning(mode: Mode, cluster: Version | None) -> Version | None:
    """The minor that applies: a server knows no newer meaning than its own."""
    newest = cluster or LATEST
    return min(mode.version or newest, newest)


def admits(snapshot: Snapshot, namespace: str, metadata: Metadata, spec: PodSpec) -> Verdict:
    """Would the API server let a pod with this template into a namespace?

    Allowed and denied are what Pod Security admission answers; `failed` lists what else may refuse, change or exempt
    the pod. Unknown where a running cluster has the namespace, but the snapshot does not show it.
    """
    enforced = admits_level(snapshot, namespace)
    found = violations(enforced.level, metadata, spec, enforced.version)
    if found:
        reasons = ", ".join(dict.fromkeys(v.reason for v in found))
        because = f"violates PodSecurity {str(enforced.level)!r}: {reasons}"
        return Verdict(Answer.DENIED, because, enforced.decided_by, (EXEMPTIONS,))
    failed = (*((enforced.assumed,) if enforced.assumed else ()), *other_admission(snapshot, namespace))
    if not enforced.seen and snapshot.scope is Scope.CLUSTER:
        return Verdict(Answer.UNKNOWN, enforced.note, (), failed)
    return Verdict(Answer.ALLOWED, enforced.note, enforced.decided_by, failed)


def other_admission(snapshot: Snapshot, namespace: str) -> Iterator[str]:
    """What else decides about new pods in a namespace, in words: webhooks that are asked, policies that exist."""
    labels: Mapping[str, str] = next((n.metadata.labels for n in snapshot.of(Namespace) if n.name == namespace), {})
    labels = {**labels, "kubernetes.io/metadata.name": namespace}
    webhooks = [
        *((c.ref, w, "refuse") for c in snapshot.of(ValidatingWebhookConfiguration) for w in c.webhooks),
        *((c.ref, w, "change") for c in snapshot.of(MutatingWebhookConfiguration) for w in c.webhooks),
    ]
    for ref, webhook, verb in webhooks:
        if asks_about_pods(webhook, labels):
            yield f"{ref}: webhook {webhook.name} may {verb} pods"
    policies = len(snapshot.of(ValidatingAdmissionPolicy))
    if policies:
        yield f"{policies} ValidatingAdmissionPolicies are not evaluated"
    kinds = {o.kind for o in snapshot.of(Other)}
    if "SecurityContextConstraints" in kinds:
        yield "SecurityContextConstraints of OpenShift are not evaluated"
    if "PodSecurityPolicy" in kinds and (snapshot.version is None or snapshot.version < POD_SECURITY_POLICIES_UNTIL):
        yield "PodSecurityPolicies are not evaluated"


def asks_about_pods(webhook: Webhook, namespace_labels: Mapping[str, str]) -> bool:
    """Is a webhook asked about a new pod in a namespace with these labels? Its object selector may leave some out."""
    chosen = webhook.namespace_selector is None or matches(webhook.namespace_selector, namespace_labels)
    return chosen and any(
        {"CREATE", "*"} & set(rule.operations)
        and {"", "*"} & set(rule.api_groups)
        and {"pods", "*", "*/*"} & set(rule.resources)
        and rule.scope in ("*", "Namespaced", "")
        for rule in webhook.rules
    )
