"""Which pods carry Linkerd's proxy, and what their annotations ask of it.

A pod that runs is asked itself: it has the container, or it has not, and its annotations are those that injection left.
Of a pod that will be made the injector's decision is foretold: linkerd2 pkg/inject/report.go (disableByAnnotation,
Injectable) and the webhook's namespaceSelector in charts/linkerd-control-plane/values.yaml.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from mistrust.access.match import Match
from mistrust.access.ports import NO_PORT, Ports
from mistrust.kube.core import Namespace
from mistrust.kube.endpoints import NAMESPACE_NAME, Endpoint
from mistrust.kube.meta import NO_STRINGS
from mistrust.kube.pods import PodSpec
from mistrust.kube.workloads import template_of
from mistrust.layers.mesh.linkerd.settings import POLICIES, Settings, ports_in

PROXY = "linkerd-proxy"
INJECT = "linkerd.io/inject"
DEFAULT_POLICY = "config.linkerd.io/default-inbound-policy"
SKIP_INBOUND = "config.linkerd.io/skip-inbound-ports"
SKIP_OUTBOUND = "config.linkerd.io/skip-outbound-ports"
SKIP_SUBNETS = "config.linkerd.io/skip-subnets"
OPAQUE = "config.linkerd.io/opaque-ports"
REQUIRE_IDENTITY = "config.linkerd.io/proxy-require-identity-inbound-ports"
WEBHOOKS = "config.linkerd.io/admission-webhooks"
ON = ("enabled", "ingress")
NEVER = ("kube-system", "cert-manager")
"""Namespaces that the injector's webhook leaves out."""


class Member(msgspec.Struct, frozen=True):
    """What Linkerd knows of one endpoint."""

    meshed: Match
    why: str
    default_policy: str = ""
    annotated: bool = False
    """Does an annotation give the default policy, or the cluster?"""
    require_identity: Ports = NO_PORT
    opaque: Ports = NO_PORT
    """Bytes that no proxy looks into; between proxies they travel through one port of the server's."""
    skip_inbound: Ports = NO_PORT
    """What the proxy is never handed."""
    skip_told: Ports = NO_PORT
    """The part of it that clients know of: the destination service reads the annotation alone."""
    skip_outbound: Ports = NO_PORT
    skip_subnets: bool = False
    probes: Ports = NO_PORT
    """Ports with a path that the kubelet asks for over HTTP."""
    ignored: tuple[str, ...] = ()
    """Annotations with a value that Linkerd does not take."""


def spec_of(endpoint: Endpoint) -> PodSpec:
    """The pod spec behind an endpoint."""
    made = template_of(endpoint.source)
    return made[1].spec if made else PodSpec()


def member(endpoint: Endpoint, spec: PodSpec, namespace: Namespace | str, settings: Settings) -> Member:
    """One endpoint; `namespace` is the words for why it was not seen where it is not an object."""
    meshed, why = injected(endpoint, spec, namespace)
    if meshed is False:
        return Member(meshed, why)
    inherited = NO_STRINGS if endpoint.source.live and has_proxy(spec) else annotations_of(namespace)
    told = {**inherited, **endpoint.annotations}
    ignored: list[str] = []

    def ports(key: str, otherwise: Ports) -> Ports:
        found = ports_in(told[key]) if key in told else otherwise
        if found is None:
            ignored.append(key)
        return otherwise if found is None else found

    policy = told.get(DEFAULT_POLICY, settings.default_policy)
    annotated = policy in POLICIES and DEFAULT_POLICY in told
    if DEFAULT_POLICY in told and not annotated:
        ignored.append(DEFAULT_POLICY)
        policy = settings.default_policy
    return Member(
        meshed,
        why,
        default_policy=policy,
        annotated=annotated,
        opaque=ports(OPAQUE, settings.opaque),
        require_identity=ports(REQUIRE_IDENTITY, settings.require_identity),
        skip_inbound=ports(SKIP_INBOUND, settings.skip_inbound),
        skip_told=ports(SKIP_INBOUND, NO_PORT),
        skip_outbound=ports(SKIP_OUTBOUND, settings.skip_outbound),
        skip_subnets=bool(told.get(SKIP_SUBNETS)) or settings.skip_subnets,
        probes=probe_ports(spec),
        ignored=tuple(dict.fromkeys(ignored)),
    )


def injected(endpoint: Endpoint, spec: PodSpec, namespace: Namespace | str) -> tuple[Match, str]:
    """Does the pod carry the proxy, and the words why."""
    if has_proxy(spec):
        return True, f"it has a container {PROXY}"
    if endpoint.host_network:
        return False, "it uses the node's network, where Linkerd injects nothing"
    if endpoint.running and endpoint.source.live:
        return False, f"it runs without a container {PROXY}"
    own = endpoint.annotations.get(INJECT, "")
    if own == "disabled":
        return False, f"{INJECT} is disabled on the pod"
    if own not in ("", *ON):
        return False, f"{INJECT} on the pod is neither enabled, ingress nor disabled"
    if isinstance(namespace, str):
        return (True, f"{INJECT} is {own} on the pod") if own else (namespace, namespace)
    labels = {NAMESPACE_NAME: namespace.name, **namespace.metadata.labels}
    if labels.get(WEBHOOKS) == "disabled" or namespace.name in NEVER:
        return False, "the injector leaves its namespace out"
    given = annotations_of(namespace).get(INJECT, "")
    if given not in ("", "disabled", *ON):
        return False, f"{INJECT} on the namespace is neither enabled, ingress nor disabled"
    if given in ON or own in ON:
        return True, f"{INJECT} is {own or given} on the {'pod' if own else 'namespace'}"
    return False, f"{INJECT} is enabled neither on the pod nor on the namespace"


def has_proxy(spec: PodSpec) -> bool:
    """Is the proxy among its containers, native sidecars included?"""
    return any(c.name == PROXY for c in spec.containers) or any(
        c.name == PROXY and c.restart_policy == "Always" for c in spec.init_containers
    )


def annotations_of(namespace: Namespace | str) -> Mapping[str, str]:
    """The annotations of a namespace, none where it was not seen."""
    return NO_STRINGS if isinstance(namespace, str) else namespace.metadata.annotations


def probe_ports(spec: PodSpec) -> Ports:
    """The ports that the kubelet probes over HTTP; a name means a TCP port of the same container.

    Source: policy-controller/k8s/index/src/inbound/workload.rs (pod_http_probes).
    """
    found = NO_PORT
    for c in (*spec.containers, *spec.init_containers):
        named = {p.name.lower(): p.container_port for p in c.ports if p.name and p.protocol == "TCP"}
        for probe in (c.liveness_probe, c.readiness_probe, c.startup_probe):
            if probe is None or probe.http_get is None:
                continue
            port = probe.http_get.port
            number = named.get(port.lower(), 0) if isinstance(port, str) else port
            if 0 < number < 65536:
                found |= Ports.span("TCP", number, number)
    return found
