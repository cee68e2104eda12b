"""On random clusters every pair and port is answered as an obvious reading of Linkerd's rules answers it."""

from __future__ import annotations

import json
import random
from ipaddress import ip_address, ip_network

import pytest

from mistrust.access.ports import point
from mistrust.kube.endpoints import endpoints
from mistrust.kube.read import read
from mistrust.kube.snapshot import snapshot
from mistrust.layers.mesh.linkerd.linkerd import linkerd

Plain = dict[str, object]
NAMESPACES, APPS, ACCOUNTS = ("a", "b"), ("x", "y"), ("s", "t")
PORTS = {"http": 80, "admin": 90}
NETS = ("10.0.0.0/30", "10.0.0.4/30", "10.0.0.0/29", "0.0.0.0/0")
DEFAULTS = ("all-unauthenticated", "all-authenticated", "cluster-unauthenticated", "cluster-authenticated", "deny")
CLUSTER = ("10.0.0.0/30",)
DOMAIN = "serviceaccount.identity.linkerd.cluster.local"
NAMES = (f"s.a.{DOMAIN}", f"t.b.{DOMAIN}", f"*.a.{DOMAIN}", "*", f"*.{DOMAIN}", "s.a.example.org")


def thing(kind: str, namespace: str, name: str, spec: Plain, **metadata: object) -> Plain:
    meta = {"name": name, "namespace": namespace, **metadata}
    return {"apiVersion": "policy.linkerd.io/v1alpha1", "kind": kind, "metadata": meta, "spec": spec}


class World:
    """A random cluster, as the plain objects that a person would write."""

    def __init__(self, seed: int) -> None:
        r = self.random = random.Random(seed)
        self.default = r.choice(DEFAULTS)
        self.spaces = {n: self.annotations(n) for n in NAMESPACES}
        self.pods = [self.pod(i) for i in range(6)]
        self.servers = [self.server(i) for i in range(r.randrange(4))]
        self.meshtls = {(n, f"m{i}"): r.choices(NAMES, k=r.randrange(3)) for n in NAMESPACES for i in range(2)}
        self.networks = {(n, f"n{i}"): r.choices(NETS, k=r.randrange(3)) for n in NAMESPACES for i in range(2)}
        self.policies = [self.policy(i) for i in range(r.randrange(5))]
        self.grants = [self.grant(i) for i in range(r.randrange(3))]

    def annotations(self, _: object) -> dict[str, str]:
        r, found = self.random, {}
        if r.random() < 0.7:
            found["linkerd.io/inject"] = r.choice(("enabled", "disabled"))
        if r.random() < 0.3:
            found["config.linkerd.io/default-inbound-policy"] = r.choice((*DEFAULTS, "bogus"))
        if r.random() < 0.2:
            found["config.linkerd.io/skip-inbound-ports"] = r.choice(("80", "85-90"))
        if r.random() < 0.2:
            found["config.linkerd.io/skip-outbound-ports"] = r.choice(("80", "90"))
        if r.random() < 0.2:
            found["config.linkerd.io/proxy-require-identity-inbound-ports"] = "80"
        return found

    def pod(self, i: int) -> Plain:
        r = self.random
        ports = [{"name": n, "containerPort": p} for n, p in PORTS.items() if r.random() < 0.7]
        return {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {
                "name": f"p{i}",
                "namespace": r.choice(NAMESPACES),
                "labels": {"app": r.choice(APPS)},
                "annotations": self.annotations(i) if r.random() < 0.5 else {},
            },
            "spec": {"serviceAccountName": r.choice(ACCOUNTS), "containers": [{"name": "c", "ports": ports}]},
            "status": {"podIP": f"10.0.0.{i + 1}"},
        }

    def server(self, i: int) -> Plain:
        r = self.random
        spec = {"podSelector": {"matchLabels": {"app": r.choice(APPS)}}, "port": r.choice((80, 90, "http", "admin"))}
        if r.random() < 0.3:
            spec["accessPolicy"] = r.choice(DEFAULTS)
        made = f"2026-01-0{r.randrange(1, 4)}T00:00:00Z"
        labels = {"k": str(i % 2)}
        return thing("Server", r.choice(NAMESPACES), f"v{i}", spec, creationTimestamp=made, labels=labels)

    def policy(self, i: int) -> Plain:
        r = self.random
        namespace = r.choice(NAMESPACES)
        target = r.choice(({"kind": "Namespace", "name": namespace}, {"kind": "Server", "name": f"v{r.randrange(4)}"}))
        if target["kind"] == "Server":
            target["group"] = "policy.linkerd.io"
        refs = []
        for _ in range(r.randrange(3)):
            kind = r.choice(("MeshTLSAuthentication", "NetworkAuthentication", "ServiceAccount"))
            name = r.choice(ACCOUNTS) if kind == "ServiceAccount" else f"{kind[0].lower()}{r.randrange(3)}"
            ref = {"kind": kind, "name": name, "group": "" if kind == "ServiceAccount" else "policy.linkerd.io"}
            refs.append(ref | ({"namespace": r.choice(NAMESPACES)} if r.random() < 0.5 else {}))
        spec = {"targetRef": target, "requiredAuthenticationRefs": refs}
        return thing("AuthorizationPolicy", namespace, f"z{i}", spec)

    def grant(self, i: int) -> Plain:
        r = self.random
        chosen = r.choice(({"name": f"v{r.randrange(4)}"}, {"selector": {"matchLabels": {"k": "1"}}}))
        named = {"meshTLS": {"identities": [r.choice(NAMES)]}}
        client = r.choice(({"unauthenticated": True}, {"meshTLS": {"unauthenticatedTLS": True}}, named))
        if r.random() < 0.5:
            client = client | {"networks": [{"cidr": r.choice(NETS)}]}
        return thing("ServerAuthorization", r.choice(NAMESPACES), f"g{i}", {"server": chosen, "client": client})

    def objects(self) -> list[Plain]:
        values = f'clusterNetworks: "{",".join(CLUSTER)}"\nproxy: {{defaultInboundPolicy: {self.default}}}\n'
        meta = {"name": "linkerd-config", "namespace": "linkerd"}
        found: list[Plain] = [{"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta, "data": {"values": values}}]
        found += [
            {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": n, "annotations": a}}
            for n, a in self.spaces.items()
        ]
        for (n, name), ids in self.meshtls.items():
            found.append(thing("MeshTLSAuthentication", n, name, {"identities": ids}))
        for (n, name), nets in self.networks.items():
            found.append(thing("NetworkAuthentication", n, name, {"networks": [{"cidr": c} for c in nets]}))
        return [*found, *self.pods, *self.servers, *self.policies, *self.grants]

    # the obvious reading

    def told(self, pod: Plain) -> dict[str, str]:
        meta = pod["metadata"]
        return {**self.spaces[meta["namespace"]], **meta["annotations"]}

    def meshed(self, pod: Plain) -> bool:
        own = pod["metadata"]["annotations"].get("linkerd.io/inject")
        return (own or self.spaces[pod["metadata"]["namespace"]].get("linkerd.io/inject")) == "enabled"

    def skips(self, pod: Plain, direction: str, port: int, *, otherwise: bool) -> bool:
        text = self.told(pod).get(f"config.linkerd.io/skip-{direction}-ports")
        if text is None:
            return otherwise
        low, _, high = text.partition("-")
        return int(low) <= port <= int(high or low)

    def selected(self, pod: Plain, port: int) -> list[Plain]:
        numbers = {p["name"]: p["containerPort"] for p in pod["spec"]["containers"][0]["ports"]}
        return [
            s
            for s in sorted(self.servers, key=lambda s: (s["metadata"]["creationTimestamp"], s["metadata"]["name"]))
            if s["metadata"]["namespace"] == pod["metadata"]["namespace"]
            and s["spec"]["podSelector"]["matchLabels"]["app"] == pod["metadata"]["labels"]["app"]
            and numbers.get(s["spec"]["port"], s["spec"]["port"]) == port
        ]

    def lets(self, client: Plain, server: Plain, port: int, *, tls: bool) -> bool:
        """Is somebody who comes from the client's address, with the client's identity or with none, let in?"""
        address, meta = client["status"]["podIP"], client["metadata"]
        identity = f"{client['spec']['serviceAccountName']}.{meta['namespace']}.{DOMAIN}"

        def inside(nets: list[str]) -> bool:
            return any(ip_address(address) in ip_network(n) for n in nets)

        def named(names: list[str]) -> bool:
            return tls and any(n == "*" or (n[0] == "*" and identity.endswith(n[1:])) or n == identity for n in names)

        def default(policy: str) -> bool:
            if policy == "deny" or (policy.startswith("cluster") and not inside(list(CLUSTER))):
                return False
            return tls or policy.endswith("unauthenticated")

        chosen = self.selected(server, port)
        if not chosen:
            policy = self.told(server).get("config.linkerd.io/default-inbound-policy", self.default)
            policy = policy if policy in DEFAULTS else self.default
            if "config.linkerd.io/proxy-require-identity-inbound-ports" in self.told(server) and port == 80:
                policy = policy.replace("unauthenticated", "authenticated")
            return default(policy)
        name, namespace = chosen[0]["metadata"]["name"], chosen[0]["metadata"]["namespace"]
        if default(chosen[0]["spec"].get("accessPolicy", "deny")):
            return True
        for grant in self.grants:
            spec, who = grant["spec"]["server"], grant["spec"]["client"]
            label = chosen[0]["metadata"]["labels"]["k"]
            picks = spec["name"] == name if "name" in spec else label == "1"
            if grant["metadata"]["namespace"] != namespace or not picks:
                continue
            if not inside([n["cidr"] for n in who.get("networks", ())] or list(CLUSTER)):
                continue
            asked = who.get("meshTLS")
            if asked is None or (tls and (asked.get("unauthenticatedTLS") or named(asked["identities"]))):
                return True
        for policy in self.policies:
            target = policy["spec"]["targetRef"]
            if policy["metadata"]["namespace"] != namespace or target["name"] not in (name, namespace):
                continue
            if self.satisfied(policy, inside, named):
                return True
        return False

    def satisfied(self, policy: Plain, inside, named) -> bool:
        refs, home = policy["spec"]["requiredAuthenticationRefs"], policy["metadata"]["namespace"]
        kinds = ["id" if r["kind"] != "NetworkAuthentication" else "net" for r in refs]
        if len(set(kinds)) != len(kinds):
            return False
        for ref in refs:
            key = (ref.get("namespace", home), ref["name"])
            if ref["kind"] == "ServiceAccount":
                good = named([f"{ref['name']}.{key[0]}.{DOMAIN}"])
            elif ref["kind"] == "MeshTLSAuthentication":
                good = bool(self.meshtls.get(key)) and named(self.meshtls[key])
            else:
                good = bool(self.networks.get(key)) and inside(self.networks[key])
            if not good:
                return False
        return True


@pytest.mark.parametrize("block", range(4))
def test_every_pair_and_port_of_random_clusters(block: int) -> None:
    asked, seen = 0, set()
    for seed in range(block * 150, block * 150 + 150):
        world = World(seed)
        objects, problems = read(
            json.dumps({"apiVersion": "v1", "kind": "List", "items": world.objects()}).encode(), "w"
        )
        assert not problems
        s = snapshot(objects)
        every = endpoints(s)
        mesh = linkerd(s, every)
        assert mesh is not None
        for i, client in enumerate(world.pods):
            for j, server in enumerate(world.pods):
                for port in (80, 90, 85, 1000):
                    found = mesh.channel(mesh.source_of[i], mesh.target_of[j], point("TCP", port))
                    told = (found.transport.value, found.plaintext, found.authz.value == "denied")
                    assert told == expected(world, client, server, port), (seed, i, j, port, found)
                    asked += 1
                    seen.add(told)
    assert asked == 150 * 36 * 4
    assert len(seen) >= 6  # every kind of answer came up


def expected(world: World, client: Plain, server: Plain, port: int) -> tuple[str, bool, bool]:
    """Transport, whether plaintext is served, and whether this client is refused."""
    if not world.meshed(server):
        return "plaintext", True, False
    sends = world.meshed(client) and not world.skips(client, "outbound", port, otherwise=False)
    if world.skips(server, "inbound", port, otherwise=False):
        return "plaintext", True, False
    plain, mutual = world.lets(client, server, port, tls=False), world.lets(client, server, port, tls=True)
    if sends:
        return ("mtls-opportunistic" if plain else "mtls-enforced"), plain, not mutual
    if plain:
        return "plaintext", True, False
    return ("broken" if wants_tls(world, server, port) else "plaintext"), False, True


def wants_tls(world: World, server: Plain, port: int) -> bool:
    """Would anybody at all be let in with the mesh's TLS?"""
    chosen = world.selected(server, port)
    if not chosen:
        policy = world.told(server).get("config.linkerd.io/default-inbound-policy", world.default)
        policy = policy if policy in DEFAULTS else world.default
        required = "config.linkerd.io/proxy-require-identity-inbound-ports" in world.told(server) and port == 80
        return policy.endswith("-authenticated") or (policy != "deny" and required)
    name, namespace = chosen[0]["metadata"]["name"], chosen[0]["metadata"]["namespace"]
    if chosen[0]["spec"].get("accessPolicy", "deny").endswith("-authenticated"):
        return True
    for grant in world.grants:
        spec = grant["spec"]["server"]
        picks = spec["name"] == name if "name" in spec else chosen[0]["metadata"]["labels"]["k"] == "1"
        if grant["metadata"]["namespace"] == namespace and picks and "meshTLS" in grant["spec"]["client"]:
            return True
    for policy in world.policies:
        target = policy["spec"]["targetRef"]
        if policy["metadata"]["namespace"] == namespace and target["name"] in (name, namespace):
            refs = policy["spec"]["requiredAuthenticationRefs"]
            usable = world.satisfied(policy, lambda nets: bool(nets), lambda names: bool(names))
            if usable and any(r["kind"] != "NetworkAuthentication" for r in refs):
                return True
    return False
