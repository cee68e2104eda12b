"""The pods of ingress controllers and gateways: what makes Ingresses and routes work."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import msgspec

from mistrust.access.evidence import Evidence
from mistrust.kube.core import Service, ServicePort
from mistrust.kube.endpoints import Endpoint
from mistrust.kube.snapshot import Snapshot
from mistrust.layers.network.exposure.behind import Behind
from mistrust.layers.network.exposure.door import Door, Kind, Sees, together
from mistrust.layers.network.exposure.hosts import host_doors
from mistrust.layers.network.exposure.judge import Assumed, Judge, judged
from mistrust.layers.network.exposure.services import by_workload, selector, service_doors

FAMILIES: Mapping[str, tuple[str, ...]] = {
    "nginx": ("ingress-nginx/controller", "ingress-nginx-controller", "nginx-ingress", "nginx-ingress-controller"),
    "traefik": ("traefik",),
    "haproxy": ("haproxy-ingress", "haproxytech/kubernetes-ingress"),
    "kong": ("kong", "kong-gateway"),
    "caddy": ("caddy/ingress",),
    "emissary": ("emissary-ingress/emissary", "emissary"),
    "skipper": ("skipper",),
    "apisix": ("apisix",),
}
"""A word in the name of a class, and the images of the pods that serve it. Mirrors keep the end of an image's name."""

GATEWAY_LABELS = ("gateway.networking.k8s.io/gateway-name", "istio.io/gateway-name")
"""GEP-1762 (sigs.k8s.io/gateway-api): the pods of a Gateway carry its name."""
OWNING_GATEWAY = ("gateway.envoyproxy.io/owning-gateway-name", "gateway.envoyproxy.io/owning-gateway-namespace")

SILENT = "the controller answers to the outside, although no object opens a door to it"


class Controllers:
    """Answers which pods serve a class or a gateway, and whether the outside gets as far as to them."""

    def __init__(self, snapshot: Snapshot, behind: Behind, judge: Judge, doors: Sequence[Door]) -> None:
        self.ends, self.judge, self.behind = behind.ends, judge, behind
        self._snapshot = snapshot
        self._easiest: dict[int, Door] = {}
        for door in sorted(doors, key=lambda d: (d.cost, d.how, d.port)):
            for i in door.endpoints:
                self._easiest.setdefault(i, door)
        self._families: dict[str, tuple[int, ...]] | None = None
        self._opened: frozenset[int] | None = None
        self._gateways: dict[tuple[str, str], list[int]] | None = None

    def serving(self, name: str) -> tuple[tuple[int, ...], str]:
        """The pods that serve an IngressClass (or GatewayClass) by its name, and what that assumes."""
        if self._families is None:
            self._families = dict(_families(self._snapshot, self.ends))
        named = [pods for word, pods in self._families.items() if word in name.lower()]
        if named:
            return named[0], ""
        if any(word in name.lower() for word in FAMILIES) or not self._families:
            return (), ""
        every = tuple(sorted({i for pods in self._families.values() for i in pods}))
        clause = f"class {name} is served by" if name else "it is served by"
        return every, f"{clause} {_told(self.ends, every)}"

    def of_gateway(self, namespace: str, name: str) -> tuple[int, ...]:
        """The pods that were made for a Gateway of the Gateway API."""
        if self._gateways is None:
            self._gateways = {}
            for i, e in enumerate(self.ends):
                for key in GATEWAY_LABELS:
                    if key in e.labels:
                        self._gateways.setdefault((e.namespace, e.labels[key]), []).append(i)
                own, space = (e.labels.get(key, "") for key in OWNING_GATEWAY)
                if own:
                    self._gateways.setdefault((space, own), []).append(i)
        return tuple(dict.fromkeys(self._gateways.get((namespace, name), ())))

    def answering(self, pods: Sequence[int]) -> tuple[tuple[int, ...], float, str] | None:
        """Those of a controller's pods that the outside gets to, how easily, and what that assumes; None for none."""
        reached = [i for i in pods if i in self._easiest]
        if not reached:
            if self._opened is None:  # is there no door, or do the policies shut it?
                blindly = Judge(self._snapshot, self.ends, None)
                doors = (
                    *service_doors(self._snapshot, self.behind, blindly),
                    *host_doors(self._snapshot, self.ends, blindly),
                )
                self._opened = frozenset(i for d in doors for i in d.endpoints)
            return None if self._opened.intersection(pods) else (tuple(pods), 1.0, SILENT)
        door = min((self._easiest[i] for i in reached), key=lambda d: (d.cost, d.how, d.port))
        return tuple(reached), door.cost if door.kind is Kind.LOAD_BALANCER else 0.0, door.assumes


class Relayed(msgspec.Struct, frozen=True):
    """A route through a controller, as an object says it."""

    kind: Kind
    how: str
    evidence: tuple[Evidence, ...]
    pods: tuple[int, ...] = ()
    """The controller's; none where it is not shown."""
    outer: int = 0
    cost: float = 0.0
    assumes: str = ""


def relayed(route: Relayed, service: Service, ports: Sequence[ServicePort], controllers: Controllers) -> Iterator[Door]:
    """The doors that a route through a controller opens to the pods behind these ports of a Service.

    Both legs must hold: from outside to the controller, and from the controller to the pod.
    """
    through: tuple[int, ...] = ()
    cost, assumes = route.cost, route.assumes
    if route.pods:
        outside = controllers.answering(route.pods)
        if outside is None:
            return
        through, cost, assumes = outside[0], max(cost, outside[1]), together(assumes, outside[2])
    judge, behind = controllers.judge, controllers.behind
    chosen = selector(service)
    for port in ports:
        for (workload, number), pods in by_workload(behind, service, port).items():
            door = Door(
                route.kind,
                route.how,
                workload,
                (),
                port.protocol,
                number,
                route.outer,
                Sees.CONTROLLER if through else Sees.UNKNOWN,
                (*route.evidence, chosen),
                cost,
                assumes,
                through,
            )

            def ask(pod: int, at: int = door.at) -> Assumed:
                if not through:
                    return judge.unseen(pod, at)
                return judge.pods(through, pod, at)

            for assumed, let_in in judged(pods, ask).items():
                yield msgspec.structs.replace(door, endpoints=tuple(let_in), assumes=together(assumes, assumed))


def _families(snapshot: Snapshot, ends: Sequence[Endpoint]) -> Iterator[tuple[str, tuple[int, ...]]]:
    """The controllers that are shown, by family."""
    words: dict[int, str] = {}
    for w, workload in enumerate(snapshot.workloads):
        for container in workload.spec.containers:
            if word := _family(container.image):
                words[w] = word
    found: dict[str, list[int]] = {}
    for i, e in enumerate(ends) if words else ():
        if e.workload in words:
            found.setdefault(words[e.workload], []).append(i)
    yield from ((word, tuple(pods)) for word, pods in found.items())


def _family(image: str) -> str:
    name = image.partition("@")[0]
    path, slash, last = name.rpartition("/")
    bare = f"/{path}{slash}{last.partition(':')[0]}"
    return next((word for word, ends in FAMILIES.items() if bare.endswith(tuple(f"/{end}" for end in ends))), "")


def _told(ends: Sequence[Endpoint], pods: Sequence[int]) -> str:
    names = sorted({f"{ends[i].namespace}/{ends[i].name}" for i in pods})
    return ", ".join(names[:2]) + (f" and {len(names) - 2} more" if len(names) > 2 else "")
