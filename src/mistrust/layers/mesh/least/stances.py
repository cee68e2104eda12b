"""What the server side of each workload of Istio can take: mutual TLS alone, and at which ports plaintext too."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

import msgspec

from mistrust.access.change import seen
from mistrust.access.ports import SPAN
from mistrust.kube.admission import (
    APIService,
    CustomResourceDefinition,
    MutatingWebhookConfiguration,
    ValidatingWebhookConfiguration,
    WebhookService,
)
from mistrust.kube.core import Service
from mistrust.kube.endpoints import Endpoint
from mistrust.kube.meta import Ref
from mistrust.kube.pods import Container, Handler
from mistrust.kube.selectors import covers
from mistrust.kube.workloads import template_of
from mistrust.layers.mesh.istio.istio import Istio
from mistrust.layers.mesh.istio.server import Mode
from mistrust.layers.mesh.istio.view import kinds
from mistrust.layers.mesh.least.ground import Ground
from mistrust.layers.mesh.member import Kind

REWRITE: Final = "sidecar.istio.io/rewriteAppHTTPProbers"
SERVERS: Final = (Kind.SIDECAR, Kind.AMBIENT)


class Stance(msgspec.Struct, frozen=True):
    """One workload."""

    ref: Ref
    plain: Mapping[int, str]
    """Ports that take plaintext as well, each with whoever needs it."""
    left: str = ""
    """Why it stays as it is; empty where mutual TLS may be required."""


def stances(ground: Ground, istio: Istio) -> Mapping[Ref, Stance]:
    """Every workload that is, or may be, a server of the mesh; gateways decide for themselves what they listen to."""
    hooks = _hooks(ground)
    out: dict[Ref, Stance] = {}
    for ref, pods in sorted(ground.grants.pods.items()):
        members = [istio.view.members[i] for i in pods]
        parts = {m.kind for m in members}
        if parts <= {Kind.NONE} or parts <= {Kind.GATEWAY}:
            continue
        needed = dict(sorted(_plain(ground, ref, hooks)))
        plain = {port: why for port, why in needed.items() if captured(istio, pods, port)}
        left = next((m.because for m in members if m.kind is Kind.UNKNOWN), "")
        if not left and not parts <= set(SERVERS):
            left = "some of its pods are in the mesh and some are not"
        out[ref] = Stance(ref, plain, left or ground.silence(ref) or _unfit(istio, pods, plain))
    return out


def captured(istio: Istio, pods: tuple[int, ...], port: int) -> bool:
    """Does a proxy see what comes to this port of some of these endpoints?"""
    view = istio.view
    return any(view.accepts(i, kind, port).captured for i in pods for kind in kinds(view.members[i]))


def _plain(ground: Ground, ref: Ref, hooks: Mapping[tuple[Ref, int], str]) -> Iterator[tuple[int, str]]:
    """Ports that need plaintext."""
    for e in ground.pods(ref):
        for port in _probed(e):
            yield port, f"the kubelet asks there in plaintext: {REWRITE} is false"
    for (who, port), why in hooks.items():
        if who == ref:
            yield port, f"the API server calls it there, for {why}"
    told: dict[int, str] = {}
    for use, tally in ground.to(ref):
        if use.at < SPAN and not ground.surely_mutual(use):
            how = {"": "it is not told how", "tls": "in TLS of its own"}.get(use.security, "in plaintext")
            told.setdefault(use.port, f"{use.source or 'somebody outside'} connects, {how} ({seen(tally)})")
    yield from told.items()


def _unfit(istio: Istio, pods: tuple[int, ...], plain: Mapping[int, str]) -> str:
    """Why what holds for it today cannot be tightened."""
    for i in pods:
        e = istio.view.endpoints[i]
        scope = istio.view.policies.scope(e.namespace, e.labels)
        if scope.doubt:
            return scope.doubt
        for port in {*istio.view.ports(i), *plain}:
            found = istio.view.accepts(i, istio.view.members[i].kind, port)
            if found.captured and found.mode is Mode.DISABLE:
                return f"mutual TLS is switched off for it: {found.because}"
    return ""


def _probed(e: Endpoint) -> Iterator[int]:
    """Ports that the kubelet asks past the sidecar's agent, which otherwise asks in its place."""
    if e.annotations.get(REWRITE) != "false":
        return
    made = template_of(e.source)
    for _, c in made[1].spec.every_container() if made is not None else ():
        for probe in (c.liveness_probe, c.readiness_probe, c.startup_probe):
            if probe is not None:
                yield from _number(probe, c)


def _number(probe: Handler, c: Container) -> Iterator[int]:
    for asked in (probe.http_get, probe.tcp_socket):
        if asked is not None:
            named = (p.container_port for p in c.ports if p.name == asked.port)
            yield from (asked.port,) if isinstance(asked.port, int) else named


def _hooks(ground: Ground) -> Mapping[tuple[Ref, int], str]:
    """Workloads that the API server calls: it is in no mesh."""
    snapshot = ground.snapshot
    asked: list[tuple[WebhookService | None, Ref]] = []
    for v in snapshot.of(ValidatingWebhookConfiguration):
        asked += [(hook.client_config.service, v.ref) for hook in v.webhooks]
    for m in snapshot.of(MutatingWebhookConfiguration):
        asked += [(hook.client_config.service, m.ref) for hook in m.webhooks]
    asked += [(a.spec.service, a.ref) for a in snapshot.of(APIService)]
    for d in snapshot.of(CustomResourceDefinition):
        if d.spec.conversion is not None and d.spec.conversion.webhook is not None:
            asked.append((d.spec.conversion.webhook.client_config.service, d.ref))
    services = {(s.namespace, s.name): s for s in snapshot.of(Service)}
    out: dict[tuple[Ref, int], str] = {}
    for wanted, who in asked:
        service = services.get((wanted.namespace, wanted.name)) if wanted is not None else None
        if service is not None:
            out.update(((ref, port), str(who)) for ref, port in _behind(ground, service))
    return out


def _behind(ground: Ground, service: Service) -> Iterator[tuple[Ref, int]]:
    ports = [p for p in service.spec.ports if p.port == 443] or list(service.spec.ports)
    for ref, pods in ground.grants.pods.items():
        for i in pods:
            e = ground.grants.ends[i]
            if e.namespace == service.namespace and covers(service.spec.selector, e.labels):
                for p in ports:
                    wanted = p.target_port or p.port
                    named = (q.number for q in e.ports if q.name == wanted)
                    yield from ((ref, n) for n in ((wanted,) if isinstance(wanted, int) else named))
