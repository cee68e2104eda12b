"""Random small clusters, two policies for each, and requests that tell them apart."""

from __future__ import annotations

from random import Random

from tests.layers.mesh.istio_scene import (
    IN_AMBIENT,
    INJECTED,
    Plain,
    config,
    meta,
    namespace,
    peers,
    read,
    rule,
    service,
    tls,
    workload,
)

from mistrust.access.ports import point
from mistrust.access.record import Coverage, Tally
from mistrust.kube.meta import Ref
from mistrust.kube.snapshot import Snapshot, snapshot
from mistrust.layers.mesh.istio.authorization.requests import Http, Request
from mistrust.layers.mesh.least.access import Access
from mistrust.layers.mesh.use import Use

SPACES = ("shop", "pay")
APPS = ("a", "b", "c")
PORTS = (80, 5432)
METHODS = ("GET", "POST", "PUT")
PATHS = ("/", "/cart", "/cart/7", "/cart/7/items", "/img/x.png", "/admin")
WEEKS = Coverage(first=0, last=30 * 86_400, events=1000)


def of(name: str, space: str = "shop") -> Ref:
    return Ref("apps", "Deployment", space, name)


def identity(name: str, space: str = "shop") -> str:
    return f"cluster.local/ns/{space}/sa/{name}"


def use(source: str, target: str, port: int = 80, method: str = "", path: str = "", security: str = "mtls") -> Use:
    """`shop/a` speaks to `shop/b`; an empty source is somebody outside."""
    space, _, name = source.partition("/")
    to, _, server = target.partition("/")
    who = f"spiffe://{identity(name, space)}" if security == "mtls" else ""
    at = point("TCP", port)
    return Use(of(name, space) if source else None, of(server, to), at, who, security, method, path)


def often(*uses: Use) -> dict[Use, Tally]:
    return {u: Tally(10, 0, 86_400) for u in uses}


def shop(*more: Plain, mesh: bool = True) -> Snapshot:
    """Three workloads in each of two namespaces of the mesh, and one outside it."""
    spaces = [namespace(n) for n in SPACES]
    pods = [workload(a, n, ports=PORTS) for n in SPACES for a in APPS]
    services = [http_service(a, n) for n in SPACES for a in APPS]
    bare = [namespace("old", {}), workload("legacy", "old")]
    return snapshot(read(*spaces, *pods, *services, *bare, *([config()] if mesh else []), *more))


def http_service(name: str, space: str) -> Plain:
    made = dict(service(name, space, ports=PORTS))
    made["spec"] = {
        "selector": {"app": name},
        "ports": [{"name": "http", "port": 80}, {"name": "tcp-db", "port": 5432}],
    }
    return made


def cluster(dice: Random) -> list[Plain]:
    """The parts that no policy changes."""
    out: list[Plain] = [namespace(n, dice.choice([INJECTED, INJECTED, IN_AMBIENT, {}])) for n in SPACES]
    out += [workload(a, n, ports=PORTS, host_network=dice.random() < 0.05) for n in SPACES for a in APPS]
    out += [http_service(a, n) for n in SPACES for a in APPS if dice.random() < 0.8]
    if dice.random() < 0.3:
        host = f"{dice.choice(APPS)}.shop.svc.cluster.local"
        out.append(rule(dice.choice(SPACES), host, tls(dice.choice(["DISABLE", "ISTIO_MUTUAL"]))))
    if dice.random() < 0.8:
        out.append(config())
    return out


def policies(dice: Random) -> list[Plain]:
    """A few PeerAuthentications and AuthorizationPolicies."""
    out: list[Plain] = []
    for i in range(dice.randrange(3)):
        app, space = dice.choice(("", *APPS)), dice.choice((*SPACES, "istio-system"))
        made = f"2026-01-0{i + 1}T00:00:00Z"
        ports = {80: "PERMISSIVE"} if app and dice.random() < 0.3 else None
        out.append(peers(space, dice.choice(["STRICT", "PERMISSIVE"]), name=f"p{i}", app=app, ports=ports, made=made))
    return out + [authorization(dice, i) for i in range(dice.randrange(4))]


def authorization(dice: Random, i: int) -> Plain:
    rules = [_rule(dice) for _ in range(dice.randrange(3))]
    spec: dict[str, object] = {"action": dice.choice(["ALLOW", "ALLOW", "DENY"]), "rules": rules}
    if dice.random() < 0.8:
        spec["selector"] = {"matchLabels": {"app": dice.choice(APPS)}}
    return {
        "apiVersion": "security.istio.io/v1",
        "kind": "AuthorizationPolicy",
        "metadata": meta(f"z{i}", dice.choice((*SPACES, *SPACES, "istio-system"))),
        "spec": spec,
    }


def _rule(dice: Random) -> dict[str, object]:
    out: dict[str, object] = {}
    if dice.random() < 0.7:
        source = dice.choice(
            [
                {"principals": [identity(dice.choice(APPS), dice.choice(SPACES))]},
                {"principals": ["*"]},
                {"namespaces": [dice.choice(SPACES)]},
                {"notPrincipals": [identity(dice.choice(APPS))]},
                {"ipBlocks": ["10.0.0.0/8"]},
            ]
        )
        out["from"] = [{"source": source}]
    operation: dict[str, list[str]] = {}
    for key, values in (
        ("methods", METHODS),
        ("paths", ("/cart*", "/cart/{*}", "*.png", "/admin", "/cart/{*}/items", "*")),
        ("notPaths", ("/admin*",)),
        ("ports", tuple(map(str, PORTS))),
        ("hosts", ("a.test", "*.test")),
    ):
        if dice.random() < 0.3:
            operation[key] = dice.sample(values, dice.randrange(1, min(3, len(values) + 1)))
    if operation:
        out["to"] = [{"operation": operation}]
    if dice.random() < 0.2:
        key = dice.choice(["request.headers[x-team]", "request.auth.claims[team]", "source.ip"])
        out["when"] = [{"key": key, "values": ["10.1.0.0/16" if key == "source.ip" else "red"]}]
    return out


def requests(dice: Random, count: int) -> list[Access]:
    """What clients may send."""
    refs = [of(a, n) for n in SPACES for a in APPS]
    out = []
    for _ in range(count):
        source = dice.choice([*refs, None])
        http = None
        if dice.random() < 0.8:
            headers = {"x-team": dice.choice(["red", "blue"])} if dice.random() < 0.3 else {}
            hosts = ["a.test", "b.test", "elsewhere"]
            http = Http(dice.choice(METHODS), dice.choice(PATHS), dice.choice(hosts), headers)
        name = None
        if dice.random() < 0.6:
            name = (
                identity(source.name, source.namespace)
                if source
                else dice.choice(["other/ns/shop/sa/a", identity("a")])
            )
        where = None if source else dice.choice(["10.1.2.3", "10.2.2.3", "192.0.2.9"])
        port = dice.choice([*PORTS, 9999])
        out.append(Access(source, dice.choice(refs), Request(port, name, where, where, http=http, sni="")))
    return out
