"""What holds for the whole cluster: the ConfigMap `linkerd-config`, or the chart's own values where it is not seen.

Source: linkerd2 charts/linkerd-control-plane/values.yaml and templates/config.yaml.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import msgspec
from msgspec import structs

from mistrust.access.evidence import Evidence, at
from mistrust.access.match import Match
from mistrust.access.ports import NO_PORT, Ports
from mistrust.kube.core import ConfigMap
from mistrust.kube.endpoints import Endpoint
from mistrust.kube.meta import Value
from mistrust.kube.network import IPBlock
from mistrust.kube.snapshot import Snapshot
from mistrust.kube.yaml import documents

CONFIG = "linkerd-config"
CONTROL_PLANE = "linkerd.io/control-plane-ns"
"""The label of every injected pod."""
VERSION = "linkerd.io/proxy-version"
TUNNEL = "transport-header"
PRIVATE = "10.0.0.0/8,100.64.0.0/10,172.16.0.0/12,192.168.0.0/16,fd00::/8"
POLICIES = (
    "all-unauthenticated", "all-authenticated", "cluster-unauthenticated", "cluster-authenticated", "deny", "audit",
)  # fmt: skip
"""policy-controller/k8s/index/src/defaults.rs (DefaultPolicy::from_str)."""


class ProxyValues(Value, frozen=True):
    """`proxy`."""

    default_inbound_policy: str = "all-unauthenticated"
    require_identity_on_inbound_ports: str | int = ""
    opaque_ports: str | int = "25,587,3306,4444,5432,6379,9300,11211"
    outbound_transport_mode: str = ""
    """`transport-header`, which the chart sets since edge-25.3.2 (2.18), or `transparent`, which it was before."""


class InitValues(Value, frozen=True):
    """`proxyInit`."""

    ignore_inbound_ports: str | int = "4567,4568"
    ignore_outbound_ports: str | int = "4567,4568"
    skip_subnets: str = ""


class ControllerValues(Value, frozen=True):
    """`policyController`."""

    probe_networks: tuple[str, ...] = ("0.0.0.0/0", "::/0")


class Values(Value, frozen=True):
    """The chart's values, with its defaults."""

    cluster_domain: str = "cluster.local"
    cluster_networks: str = PRIVATE
    identity_trust_domain: str = ""
    proxy: ProxyValues = ProxyValues()
    proxy_init: InitValues = InitValues()
    policy_controller: ControllerValues = ControllerValues()


class Settings(msgspec.Struct, frozen=True):
    """The cluster's settings."""

    default_policy: str = "all-unauthenticated"
    control_plane: str = "linkerd"
    trust_domain: str = "cluster.local"
    networks: tuple[IPBlock, ...] = ()
    """Where pods and Services have their addresses."""
    probe_networks: tuple[IPBlock, ...] = ()
    require_identity: Ports = NO_PORT
    opaque: Ports = NO_PORT
    skip_inbound: Ports = NO_PORT
    skip_outbound: Ports = NO_PORT
    skip_subnets: bool = False
    tunnels: Match = True
    """Does everything between two proxies travel to one port of the server's proxy, or opaque bytes alone?"""
    assumed: str = ""
    """Empty where the ConfigMap was read; else the words that say that defaults were taken."""
    evidence: tuple[Evidence, ...] = ()


def settings(snapshot: Snapshot, endpoints: Sequence[Endpoint]) -> Settings:
    """The settings of the control plane that the snapshot shows; several control planes are told apart by nobody."""
    for config in sorted(snapshot.of(ConfigMap), key=lambda c: c.ref):
        if config.name == CONFIG and (text := config.data.get("values")):
            read = _values(text)
            if isinstance(read, Values):
                return _settings(read, config.namespace, "", (at(config, "data", "values"),))
            assumed = f"{config.ref} was not understood ({read})"
            return structs.replace(_settings(Values(), config.namespace, assumed, (at(config),)), tunnels=assumed)
    versions = {e.annotations[VERSION] for e in endpoints if VERSION in e.annotations}
    modes = {m for m in map(_tunnels, versions) if m is not None}
    named = {e.labels[CONTROL_PLANE] for e in endpoints if CONTROL_PLANE in e.labels}
    assumed = f"ConfigMap {CONFIG} was not seen: the defaults of Linkerd's chart are taken for the cluster's"
    tunnels: Match = modes.pop() if len(modes) == 1 else assumed
    return structs.replace(_settings(Values(), min(named, default="linkerd"), assumed, ()), tunnels=tunnels)


def _tunnels(version: str) -> bool | None:
    """Does a proxy of this version come with a chart whose default is the transport header?"""
    edge, stable = re.match(r"edge-(\d+)\.(\d+)\.(\d+)", version), re.match(r"[a-z]+-2\.(\d+)", version)
    if edge:
        return tuple(map(int, edge.groups())) >= (25, 3, 2)
    return int(stable[1]) >= 18 if stable else None


def _values(text: str) -> Values | str:
    found, problems = documents(text.encode(), CONFIG)
    if problems or len(found) != 1:
        return problems[0].what if problems else "not one document"
    try:
        return msgspec.convert(found[0].value, Values)
    except msgspec.ValidationError as error:
        return str(error)


def _settings(v: Values, control_plane: str, assumed: str, evidence: tuple[Evidence, ...]) -> Settings:
    policy = v.proxy.default_inbound_policy
    if policy not in POLICIES:
        assumed = assumed or f"the cluster's default policy {policy!r} is not one of Linkerd's: {POLICIES[0]} is taken"
        policy = POLICIES[0]
    return Settings(
        default_policy=policy,
        control_plane=control_plane,
        trust_domain=v.identity_trust_domain or v.cluster_domain,
        networks=tuple(IPBlock(c.strip()) for c in v.cluster_networks.split(",") if c.strip()),
        probe_networks=tuple(IPBlock(c) for c in v.policy_controller.probe_networks),
        require_identity=ports_in(str(v.proxy.require_identity_on_inbound_ports)) or NO_PORT,
        opaque=ports_in(str(v.proxy.opaque_ports)) or NO_PORT,
        skip_inbound=ports_in(str(v.proxy_init.ignore_inbound_ports)) or NO_PORT,
        skip_outbound=ports_in(str(v.proxy_init.ignore_outbound_ports)) or NO_PORT,
        skip_subnets=bool(v.proxy_init.skip_subnets),
        tunnels=v.proxy.outbound_transport_mode == TUNNEL,
        assumed=assumed,
        evidence=evidence,
    )


def ports_in(text: str) -> Ports | None:
    """The TCP ports of an annotation: numbers and ranges with commas between; None where it is no such list.

    Source: policy-controller/k8s/index/src/ports.rs (parse_portset).

    >>> str(ports_in("4567, 8000-8010"))
    'TCP 4567,8000-8010'
    """
    found = NO_PORT
    for part in text.split(","):
        low, dash, high = (piece.strip() for piece in part.partition("-"))
        if not low and not dash:
            continue
        high = high if dash else low
        if not (low.isdecimal() and high.isdecimal() and 0 < int(low) <= int(high) < 65536):
            return None
        found |= Ports.span("TCP", int(low), int(high))
    return found
