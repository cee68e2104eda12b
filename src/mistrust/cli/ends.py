"""The two ends of a connection, as a person writes them on the command line."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from ipaddress import ip_address
from typing import TYPE_CHECKING

import msgspec

from mistrust.access.ports import EVERY_PORT, NO_PORT, PROTOCOLS, Ports
from mistrust.channels.ask import Wanted, by_pod
from mistrust.channels.scene import Scene, Side
from mistrust.cli.port_words import read_port
from mistrust.kube.core import Node, Service, ServicePort
from mistrust.kube.errors import UsageError
from mistrust.kube.meta import Metadata
from mistrust.layers.network.deciding.party import Party
from mistrust.layers.network.exposure.behind import Behind, port_named

if TYPE_CHECKING:
    from mistrust.kube.snapshot import Snapshot

FORMS = "shop/web, 'Deployment shop/web', 'Service shop/web', a pod, internet, node, or an IP address"
ANY_NODE = Party(node=Node(metadata=Metadata(name="any")))
"""A node of which nothing is known: the snapshot shows none."""

OWN_NODE = "a node and the pods that it runs always reach each other; this is about another one"


class End(msgspec.Struct, frozen=True):
    """One end, and the ports that are asked for there."""

    side: Side
    wanted: Wanted
    remark: str = ""
    """What a person should know about how the words were understood."""

    @property
    def ports(self) -> Ports:
        """The ports that are asked for at some pod of it."""
        return Ports.of(r for pod in self.side.pods or (-1,) for r in self.wanted(pod).ranges)


def origin(scene: Scene, text: str, namespace: str = "") -> End:
    """Who opens the connection. Raises `UsageError` as `end` does, and for a port, which only a target has."""
    name, port = _split(text)
    if port:
        raise UsageError("only the target has a port", got=repr(text), do=f"say {name} alone")
    return end(scene, text, namespace)


def end(scene: Scene, text: str, namespace: str = "") -> End:
    """Who is meant, and which of its ports.

    Raises `UsageError` for words that name nobody, or more than one, and for a port that is none.
    """
    name, port = _split(text)
    plain = _plain(scene, name, namespace)
    if isinstance(plain, Service):
        return _service(scene, plain, port)
    several = len(plain.parties) > 1 or plain.parties == (ANY_NODE,)
    return End(plain, _ports(scene, plain, port), OWN_NODE if several else _shadowed(scene, plain, port))


def _split(text: str) -> tuple[str, str]:
    """`shop/db:udp:53` -> (`shop/db`, `udp:53`); the colons of an IPv6 address are its own unless it is in brackets."""
    if text.startswith("["):
        name, _, rest = text[1:].partition("]")
        return name, rest.removeprefix(":")
    try:
        ip_address(text)
    except ValueError:
        name, _, port = text.partition(":")
        return name, port
    return text, ""


def _plain(scene: Scene, name: str, namespace: str) -> Side | Service:
    if name == "internet":
        return Side("the Internet", internet=True)
    if name == "node":
        return _nodes(scene)
    try:
        ip_address(name)
    except ValueError:
        return _named(scene, name, namespace)
    party = scene.ground.at(name)
    if party.endpoint is not None:
        return Side(str(party), tuple(i for i, e in enumerate(scene.ends) if e == party.endpoint))
    return Side(name if party.node is None else str(party), parties=(party,))


def _nodes(scene: Scene) -> Side:
    """Two nodes of each sort that policies tell apart, so that there is one that is not the pod's own."""
    found: dict[object, list[Party]] = {}
    for node in scene.ground.nodes.values():
        inner = [a.address for a in node.status.addresses if a.type == "InternalIP"]
        party = Party(node=node, addresses=tuple(ip_address(a) for a in inner))
        key = tuple(r.block_of(inner[0]) for r in scene.reaches) if inner else ""
        alike = found.setdefault(key, [])
        if len(alike) < 2:
            alike.append(party)
    return Side("a node", parties=tuple(p for alike in found.values() for p in alike) or (ANY_NODE,))


def _named(scene: Scene, name: str, namespace: str) -> Side | Service:
    """A workload, a pod or a Service, in this order where the kind is not given."""
    kind, space, rest = name.partition(" ")
    if not space:
        kind, rest = "", name
    home, slash, last = rest.rpartition("/")
    home = home if slash else namespace
    snapshot = scene.snapshot
    if kind not in ("Pod", "Service", "svc"):
        found = [
            i
            for i, w in enumerate(snapshot.workloads)
            if w.ref.name == last and home in ("", w.namespace) and kind in ("", w.ref.kind)
        ]
        refs = list(dict.fromkeys(str(snapshot.workloads[i].ref) for i in found))
        if len(refs) == 1:  # it may be written more than once, with different content
            return _running(Side(refs[0], tuple(i for i, e in enumerate(scene.ends) if e.workload in found)))
        if refs:
            raise _several(refs, name)
    if kind in ("", "Pod"):
        pods = tuple(i for i, e in enumerate(scene.ends) if e.running and e.name == last and home in ("", e.namespace))
        if len(pods) == 1:
            return Side(str(scene.ends[pods[0]].source.ref), pods)
        if pods:
            raise _several([str(scene.ends[i].source.ref) for i in pods], name)
    if kind in ("", "Service", "svc"):
        services = [s for s in snapshot.of(Service) if s.name == last and home in ("", s.namespace)]
        named = list(dict.fromkeys(str(s.ref) for s in services))
        if len(named) == 1:
            return services[0]
        if named:
            raise _several(named, name)
    raise _nobody(snapshot, name, last)


def _running(side: Side) -> Side:
    if not side.pods:
        raise UsageError(
            "it has no pod that runs", got=side.told, do="its pods have ended: nothing of it sends or answers"
        )
    return side


def _several(found: Sequence[str], name: str) -> UsageError:
    return UsageError("more than one has this name", got=f"{name}: {', '.join(found)}", do="say which, with its kind")


def _nobody(snapshot: Snapshot, name: str, last: str) -> UsageError:
    known = {w.ref.name: str(w.ref) for w in snapshot.workloads} | {s.name: str(s.ref) for s in snapshot.of(Service)}
    near = difflib.get_close_matches(last, known, n=1)
    do = f"did you mean {known[near[0]]}?" if near else ""
    return UsageError("there is nobody of this name", got=repr(name), wanted=FORMS, do=do)


def _ports(scene: Scene, side: Side, port: str) -> Wanted:
    if not port:
        return lambda _: EVERY_PORT
    protocol, number, name = read_port(port)
    if number:
        one = Ports.span(protocol or "TCP", number, number)
        return lambda _: one
    found: dict[int, Ports] = {}
    for i in side.pods:
        named = (port_named(scene.ends[i], name, p) for p in PROTOCOLS)
        spans = [Ports.span(p, n, n) for p, n in zip(PROTOCOLS, named, strict=True) if n and protocol in ("", p)]
        if spans:
            found[i] = Ports.of(r for ports in spans for r in ports.ranges)
    if not found:
        declared = ", ".join(sorted({p.name for i in side.pods for p in scene.ends[i].ports if p.name})) or "none"
        raise UsageError(f"{side.told} has no port of this name", got=repr(port), wanted=f"a number, or: {declared}")
    stand_in = {i: found.get(i, NO_PORT) for i in side.pods}
    return by_pod(stand_in)


def _service(scene: Scene, service: Service, port: str) -> End:
    """The pods behind a Service, at the ports that it sends to."""
    told, spec = str(service.ref), service.spec
    if spec.type == "ExternalName":
        raise UsageError(f"{told} is only another name", got=spec.external_name, do="ask for that")
    behind = Behind(scene.snapshot, scene.ends)
    straight = spec.cluster_ip == "None" and (not spec.ports or bool(port and read_port(port)[1]))
    if straight and behind.pods(service):
        side = Side(told, behind.pods(service))
        return End(side, _ports(scene, side, port), f"{told} is headless: a port is the pods' own")
    chosen = _served(service, port)
    found: dict[int, Ports] = {}
    leads: dict[str, None] = {}
    for p in chosen:
        for i, to in behind.targets(service, p):
            found[i] = found.get(i, NO_PORT) | Ports.span(p.protocol, to, to)
            leads[f"{p.protocol} {p.port} leads to {to}"] = None
    if not found and behind.pods(service):
        wanted = ", ".join(f"{p.port} leads to {p.target_port}" for p in chosen)
        raise UsageError(f"no pod behind {told} has the port", got=wanted, do="ask for a port of the pods instead")
    if not found:
        raise UsageError(f"no pod that is shown is behind {told}", do="ask for an address or a workload instead")
    return End(Side(told, tuple(found)), by_pod(found), f"{told}: {', '.join(leads)}")


def _served(service: Service, port: str) -> list[ServicePort]:
    """The ports of a Service that are meant: one, or all."""
    protocol, number, name = read_port(port) if port else ("", 0, "")
    sound = [p for p in service.spec.ports if p.protocol in PROTOCOLS]
    chosen = [p for p in sound if p.port == number or (name and p.name == name)] if port else sound
    chosen = [p for p in chosen if protocol in ("", p.protocol)]
    if not chosen:
        served = ", ".join(f"{p.name} {p.port}".strip() for p in service.spec.ports) or "none"
        raise UsageError(f"{service.ref} has no such port", got=repr(port or "any"), wanted=served)
    return chosen


def _shadowed(scene: Scene, side: Side, port: str) -> str:
    """A port of the workload is asked for, and a Service of its name would send that port elsewhere."""
    if not port.isdecimal() or not side.pods:
        return ""
    first = scene.ends[side.pods[0]]
    name = scene.snapshot.workloads[first.workload].ref.name
    for service in scene.snapshot.of(Service):
        if (service.namespace, service.name) == (first.namespace, name):
            for p in service.spec.ports:
                if p.port == int(port) and p.target_port not in (0, p.port):
                    leads = f"{service.ref} sends port {p.port} to {p.target_port}"
                    return f"{leads}; ask for '{service.ref}:{p.port}' if the Service is meant"
    return ""
