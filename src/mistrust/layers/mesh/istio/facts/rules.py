"""Facts about DestinationRules: clients that they make speak plaintext, or something that the server does not take."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product

from mistrust.access.evidence import Evidence, at
from mistrust.access.fact import Fact
from mistrust.kube.istio import ClientTLS, DestinationRule, ServiceEntry
from mistrust.kube.snapshot import Snapshot
from mistrust.layers.mesh.channel import Transport
from mistrust.layers.mesh.istio import client
from mistrust.layers.mesh.istio.hosts import Via
from mistrust.layers.mesh.istio.istio import Istio
from mistrust.layers.mesh.istio.meet import transport
from mistrust.layers.mesh.istio.rules import matches_host, qualified
from mistrust.layers.mesh.istio.server import Mode
from mistrust.layers.mesh.istio.view import View
from mistrust.layers.mesh.member import ISTIO, Kind
from mistrust.layers.mesh.told import listed

Found = dict[tuple[str, Evidence, str], list[int]]
"""Fact, field of the rule, and why -> the workloads at the other end."""
SENDS = (Kind.SIDECAR, Kind.GATEWAY)


def facts(mesh: Istio, snapshot: Snapshot) -> Iterator[Fact]:
    """Every fact about DestinationRules, and about policies that make clients and servers disagree."""
    by_ref = {r.ref: r for r in mesh.view.rules.everything}
    for (name, evidence, why), workloads in sorted(_met(mesh).items(), key=lambda item: str(item[0])):
        names = listed(snapshot.workloads[w].ref for w in workloads)
        yield Fact(name, f"{evidence.ref} {why}", evidence.ref, f"{why}: {names}", (evidence,))
    for rule in by_ref.values():
        yield from _unverified(rule)
        yield from _idle(mesh.view, snapshot, rule)


def _met(mesh: Istio) -> Found:
    """What comes of each way that a rule or a namespace's DISABLE decides, for every kind of client."""
    out: Found = {}
    view = mesh.view
    clients = [i for i in mesh.senders() if view.members[i].kind in SENDS]
    concerned = {v for vias in view.hosts.vias for v in vias if _decided(view, v)}
    seen: set[tuple[int, int]] = set()
    for target in view.ordered:
        e = view.endpoints[target]
        kind, vias = view.members[target].kind, concerned.intersection(view.hosts.vias[target])
        if kind is Kind.UNKNOWN or (e.workload, mesh.target_of[target]) in seen:
            continue
        seen.add((e.workload, mesh.target_of[target]))
        for port, source in product(sorted({v.target for v in vias}), clients):
            for name, evidence, why in _ways(view, source, target, port):
                found = out.setdefault((name, evidence, why), [])
                if e.workload not in found:
                    found.append(e.workload)
    return out


def _decided(view: View, via: Via) -> bool:
    """May a rule, or the mode of its namespace, decide how this host is dialled?"""
    return view.rules.concern(via.host) or view.policies.hint(via.namespace).mode is Mode.DISABLE


def _ways(view: View, source: int, target: int, port: int) -> Iterator[tuple[str, Evidence, str]]:
    """Fact, field and reason for each way of one client to one port that is worth telling."""
    kind = view.members[target].kind
    accepts, what = view.accepts(target, kind, port), view.server(target, kind)
    who = view.client(source, view.members[source].kind)
    for dialled in view.dialled(who, target, port):
        for way in client.sends(who, what, port, accepts.mode, (dialled,), auto=view.config.auto):
            name = _name(transport(way, accepts), meshed=kind in ISTIO)
            if name and way.decided_by and way.decided_by != who.told:
                why = way.because if name != "mesh.broken" else f"{way.because}, and {accepts.because}"
                yield name, way.decided_by[0], why


def _name(found: Transport, *, meshed: bool) -> str:
    match found:
        case Transport.BROKEN:
            return "mesh.broken"
        case Transport.PLAINTEXT if meshed:
            return "mesh.rule-plaintext"
        case Transport.TLS if meshed:
            return "mesh.rule-foreign-tls"
        case _:
            return ""


def _tls(rule: DestinationRule) -> Iterator[tuple[str, ClientTLS]]:
    """Every TLS setting of a rule with its field."""
    spec = rule.spec
    policies = [("spec.trafficPolicy", spec.traffic_policy)]
    policies += [(f"spec.subsets[{i}].trafficPolicy", s.traffic_policy) for i, s in enumerate(spec.subsets)]
    for path, policy in policies:
        if policy is None:
            continue
        if policy.tls is not None:
            yield f"{path}.tls", policy.tls
        for i, port in enumerate(policy.port_level_settings):
            if port.tls is not None:
                yield f"{path}.portLevelSettings[{i}].tls", port.tls


def _unverified(rule: DestinationRule) -> Iterator[Fact]:
    """TLS to a server that is not asked who it is."""
    for path, tls in _tls(rule):
        if tls.mode in ("SIMPLE", "MUTUAL") and tls.insecure_skip_verify:
            detail = f"clients of {rule.spec.host} take any certificate, an attacker's too"
            evidence = (at(rule, f"{path}.insecureSkipVerify", value="true"),)
            yield Fact("mesh.rule-unverified", f"{rule.ref} {path}", rule.ref, detail, evidence)


def _idle(mesh: View, snapshot: Snapshot, rule: DestinationRule) -> Iterator[Fact]:
    """A rule with TLS settings for a host that does not exist: in most cases `service.namespace`, cut short."""
    host = qualified(rule.spec.host, rule.namespace)
    if not any(True for _ in _tls(rule)) or any(matches_host(host, name) for name in mesh.hosts.names):
        return
    if host.startswith("*") or snapshot.blind(ServiceEntry):
        return
    near = _meant(mesh, host)
    detail = f"no Service and no ServiceEntry has the host {host}" + (f"; {near} would be one" if near else "")
    evidence = (at(rule, "spec.host", value=rule.spec.host),)
    yield Fact("mesh.rule-idle", str(rule.ref), rule.ref, detail, evidence)


def _meant(mesh: View, host: str) -> str:
    return next((name for name in sorted(mesh.hosts.names) if name.startswith(f"{host}.")), "")
