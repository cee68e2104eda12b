"""Maps to draw: a shop, a cluster in which teams keep to themselves, one in which everybody talks to everybody."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Iterable

from mistrust.access.ports import EVERY_PORT, Ports
from mistrust.channels.atlas import INTERNET, Atlas, Bundle, Link, Spot
from mistrust.kube.meta import Ref
from mistrust.layers.mesh.channel import Authz, Transport

WORST = tuple(Transport)


def spot(namespace: str, app: str, name: str = "", kind: str = "Deployment", *, limited: bool = True) -> Spot:
    return Spot(Ref("apps", kind, namespace, name or app), namespace, app, (limited, False))


def link(
    source: int,
    target: int,
    ports: Ports = EVERY_PORT,
    transport: Transport = Transport.PLAINTEXT,
    authz: Authz = Authz.NONE,
    *,
    plaintext: bool | None = True,
    unknown: bool = False,
) -> Link:
    return Link(source, target, ports, transport, authz, plaintext, unknown)


def tcp(port: int) -> Ports:
    return Ports.span("TCP", port, port)


def atlas(spots: Iterable[Spot], links: Iterable[Link], *, keep: bool = True) -> Atlas:
    """The bundles of some links, as slowly and plainly as can be; `keep=False` leaves the links out, as a large map
    does."""
    spots = tuple(spots)
    links = tuple(sorted(links, key=lambda k: (k.source, k.target, k.ports.ranges)))
    worst: dict[tuple[int, int], Transport] = {}
    for k in links:
        before = worst.get((k.source, k.target), k.transport)
        worst[k.source, k.target] = max(before, k.transport, key=WORST.index)
    counts: dict[tuple[str, str], Counter[Transport]] = {}
    for (a, b), transport in worst.items():
        source = "" if a == INTERNET else spots[a].namespace
        counts.setdefault((source, spots[b].namespace), Counter())[transport] += 1
    bundles = tuple(Bundle(a, b, sum(c.values()), dict(c)) for (a, b), c in sorted(counts.items()))
    return Atlas(spots, links if keep else (), bundles, 0 if keep else len(worst))


def shop() -> Atlas:
    """Ten workloads: most of what they say is encrypted, some is not, and one neighbour may do as it likes."""
    spots = (
        spot("edge", "gateway"),
        spot("shop", "web"),
        spot("shop", "cart"),
        spot("shop", "cart", "cart-redis", "StatefulSet"),
        spot("shop", "payments"),
        spot("data", "orders-db", kind="StatefulSet"),
        spot("data", "reports", kind="CronJob", limited=False),
        spot("ops", "prometheus", limited=False),
        spot("ops", "agent", kind="DaemonSet", limited=False),
        spot("legacy", "billing", limited=False),
    )
    enforced, taken = Transport.MTLS_ENFORCED, Transport.MTLS_OPPORTUNISTIC
    links = [
        link(INTERNET, 0, tcp(443), Transport.TLS, Authz.REQUESTS, plaintext=False),
        link(0, 1, tcp(8080), enforced, Authz.IDENTITY, plaintext=False),
        link(1, 2, tcp(8080), enforced, Authz.IDENTITY, plaintext=False),
        link(1, 4, tcp(8443), taken, Authz.NONE),
        link(2, 3, tcp(6379)),
        link(4, 5, tcp(5432), Transport.UNKNOWN, Authz.UNKNOWN, plaintext=None),
        link(2, 5, tcp(5432), enforced, Authz.IDENTITY, plaintext=False),
        link(6, 5, tcp(5432), Transport.PLAINTEXT),
        link(4, 9, tcp(80), Transport.PLAINTEXT),
        link(INTERNET, 9, tcp(80), Transport.PLAINTEXT),
        link(9, 4, tcp(8443), Transport.BROKEN, Authz.NONE, plaintext=False),
        *(link(7, i, tcp(9090), taken) for i in (0, 1, 2, 4)),
        *(link(a, b, unknown=b == 6) for a in (6, 7, 8, 9) for b in (6, 7, 8, 9) if a != b),
    ]
    return atlas(spots, links)


def teams(workloads: int, namespaces: int, *, seed: int = 3) -> Atlas:
    """A cluster as they become: apps of a few workloads, shared services, some namespaces without any policy."""
    draw = random.Random(seed)
    names = ["kube-system", "monitoring", "ingress", *(f"team-{i:02}" for i in range(namespaces - 3))]
    shared = {"kube-system": ("coredns",), "monitoring": ("prometheus", "loki"), "ingress": ("nginx",)}
    spots = [spot(ns, app) for ns, apps in shared.items() for app in apps]
    while len(spots) < workloads:
        ns = names[3 + len(spots) % (namespaces - 3)]
        app = draw.choice(("web", "api", "worker", "db", "cache", "mailer", "search", "auth"))
        number = sum(s.namespace == ns for s in spots)
        spots.append(spot(ns, app, f"{app}-{number}", limited=not ns.endswith("7")))
    by: dict[str, list[int]] = {}
    for i, s in enumerate(spots):
        by.setdefault(s.namespace, []).append(i)
    modes = (Transport.MTLS_ENFORCED, Transport.MTLS_OPPORTUNISTIC, Transport.PLAINTEXT)
    mode = {ns: draw.choices(modes, (5, 2, 2))[0] for ns in names}
    links = {(INTERNET, 3): link(INTERNET, 3, tcp(443), Transport.TLS, plaintext=False)}
    for ns in names[3:]:
        inside = by.get(ns, [])
        if ns.endswith("7"):
            links |= {(a, b): link(a, b) for a in inside for b in inside if a != b}
        for a in inside:
            links[a, 0] = link(a, 0, Ports.span("UDP", 53, 53) | tcp(53))
            links[1, a] = link(1, a, tcp(9090), mode[ns])
            links |= {(a, b): link(a, b, tcp(8080), mode[ns], Authz.IDENTITY) for b in draw.sample(inside, 1) if b != a}
        for b in inside[: draw.randint(0, 1)]:
            links[3, b] = link(3, b, tcp(8080), mode[ns])
        for other in draw.sample(names[3:], min(2, namespaces - 4)):
            if other != ns and inside and by.get(other) and draw.random() < 0.6:
                a, b = draw.choice(inside), draw.choice(by[other])
                unsure = draw.random() < 0.2
                links[a, b] = link(a, b, tcp(8443), mode[other], Authz.IDENTITY, unknown=unsure)
    return atlas(spots, links.values())


def everybody(workloads: int, namespaces: int, *, keep: bool = False) -> Atlas:
    """No policy at all: every pair, every port."""
    spots = [spot(f"team-{i % namespaces:02}", f"app-{i}", limited=False) for i in range(workloads)]
    return atlas(spots, (link(a, b) for a in range(workloads) for b in range(workloads) if a != b), keep=keep)


SIZES: dict[str, Callable[[], Atlas]] = {
    "shop": shop,
    "teams-60": lambda: teams(60, 8),
    "teams-1000": lambda: teams(1_000, 100),
    "teams-5000": lambda: teams(5_000, 400),
    "open-60": lambda: everybody(60, 8, keep=True),
    "open-600": lambda: everybody(600, 60),
}
