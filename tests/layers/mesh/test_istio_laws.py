"""Classes and cuts are coarse, and change nothing: every endpoint and port gets the answer it would get by itself."""

from __future__ import annotations

from random import Random

import pytest
from tests.layers.mesh.istio_scene import (
    IN_AMBIENT,
    INJECTED,
    Plain,
    Scene,
    config,
    meta,
    namespace,
    peers,
    rule,
    service,
    tls,
    workload,
)

from mistrust.access.ports import SPAN, point
from mistrust.layers.mesh.istio.istio import Istio
from mistrust.layers.mesh.istio.view import OUTSIDE
from mistrust.layers.mesh.layer import Meshes
from mistrust.layers.mesh.mesh import UNMESHED

NAMESPACES = ("istio-system", "shop", "pay", "old")
APPS = ("a", "b", "c", "d")
PORTS = (80, 81, 443)
MODES = ("STRICT", "PERMISSIVE", "DISABLE", "UNSET")
PREFIX = "traffic.sidecar.istio.io/"


def cluster(dice: Random) -> list[Plain]:
    """A small cluster that has a little of everything."""
    out: list[Plain] = [
        namespace(n, dice.choice([INJECTED, INJECTED, IN_AMBIENT, {}])) for n in NAMESPACES if dice.random() < 0.9
    ]
    for n in NAMESPACES:
        for app in APPS:
            if dice.random() < 0.7:
                out.append(_workload(dice, app, n))
            if dice.random() < 0.6:
                headless = dice.random() < 0.2
                shown = {"networking.istio.io/exportTo": dice.choice([".", "*", "pay", "~"])}
                more = {"annotations": shown} if dice.random() < 0.2 else {}
                out.append(service(app, n, ports=dice.sample(PORTS, 2), headless=headless, **more))
    for i in range(dice.randrange(5)):
        ports = {p: dice.choice(MODES) for p in dice.sample(PORTS, 2)} if dice.random() < 0.5 else None
        app = dice.choice(("", *APPS))
        made = f"2026-01-0{dice.randrange(1, 4)}T00:00:00Z"
        out.append(peers(dice.choice(NAMESPACES), dice.choice(MODES), name=f"p{i}", app=app, ports=ports, made=made))
    out += [_rule(dice, i) for i in range(dice.randrange(5))]
    out += [_authorization(dice, i) for i in range(dice.randrange(4))]
    if dice.random() < 0.3:
        out.append(_sidecar(dice))
    if dice.random() < 0.5:
        hbone = {"proxyMetadata": {"ISTIO_META_ENABLE_HBONE": "true"}} if dice.random() < 0.5 else {}
        outside = {"mode": dice.choice(["ALLOW_ANY", "REGISTRY_ONLY"])}
        auto = dice.random() < 0.9
        out.append(config(enableAutoMtls=auto, defaultConfig=hbone, outboundTrafficPolicy=outside))
    return out


def _workload(dice: Random, app: str, namespace: str) -> Plain:
    annotations: dict[str, str] = {}
    if dice.random() < 0.2:
        annotations[f"{PREFIX}exclude{dice.choice(['Inbound', 'Outbound'])}Ports"] = str(dice.choice(PORTS))
    if dice.random() < 0.1:
        annotations[f"{PREFIX}excludeOutboundIPRanges"] = "10.0.0.0/8"
    labels = {"version": dice.choice("12")}
    if dice.random() < 0.2:
        labels["sidecar.istio.io/inject"] = dice.choice(["true", "false"])
    return workload(
        app, namespace, ports=PORTS, labels=labels, annotations=annotations, host_network=dice.random() < 0.1
    )


def _rule(dice: Random, i: int) -> Plain:
    host = dice.choice(["*", "*.shop.svc.cluster.local", *(f"{a}.shop.svc.cluster.local" for a in APPS), "a"])
    policy = dict(tls(dice.choice(["DISABLE", "ISTIO_MUTUAL", "SIMPLE", "MUTUAL"])))
    if dice.random() < 0.3:
        policy["portLevelSettings"] = [{"port": {"number": dice.choice(PORTS)}, **tls("DISABLE")}]
    spec: dict[str, object] = {}
    if dice.random() < 0.3:
        spec["exportTo"] = [dice.choice([".", "*", "pay"])]
    if dice.random() < 0.3:
        spec["workloadSelector"] = {"matchLabels": {"app": dice.choice(APPS)}}
    if dice.random() < 0.3:
        spec["subsets"] = [{"name": "v", "labels": {"version": "1"}, "trafficPolicy": tls("ISTIO_MUTUAL")}]
    return rule(dice.choice(NAMESPACES), host, policy, name=f"r{i}", **spec)


def _sidecar(dice: Random) -> Plain:
    return {
        "apiVersion": "networking.istio.io/v1",
        "kind": "Sidecar",
        "metadata": meta("s", dice.choice(NAMESPACES)),
        "spec": {"egress": [{"hosts": [dice.choice(["./*", "shop/*", "*/a.shop.svc.cluster.local", "~/*"])]}]},
    }


def _authorization(dice: Random, i: int) -> Plain:
    source: dict[str, object] = dice.choice(
        [
            {"principals": [f"cluster.local/ns/{dice.choice(NAMESPACES)}/sa/{dice.choice(APPS)}"]},
            {"namespaces": [dice.choice(NAMESPACES)]},
            {"notPrincipals": [f"*/sa/{dice.choice(APPS)}"]},
            {"ipBlocks": ["10.0.0.0/8"]},
        ]
    )
    rule: dict[str, object] = {"from": [{"source": source}]}
    if dice.random() < 0.4:
        rule["to"] = [{"operation": {"ports": [str(dice.choice(PORTS))]}}]
    spec: dict[str, object] = {"action": dice.choice(["ALLOW", "DENY"]), "rules": [rule]}
    if dice.random() < 0.6:
        spec["selector"] = {"matchLabels": {"app": dice.choice(APPS)}}
    return {
        "apiVersion": "security.istio.io/v1",
        "kind": "AuthorizationPolicy",
        "metadata": meta(f"z{i}", dice.choice(NAMESPACES)),
        "spec": spec,
    }


@pytest.mark.parametrize("seed", range(60))
def test_a_class_answers_for_each_of_its_members_and_a_span_for_each_of_its_ports(seed: int) -> None:
    dice = Random(seed)
    scene = Scene(*cluster(dice))
    (istio,) = [f for f in scene.mesh.fabrics if isinstance(f, Istio)] or [None]
    if istio is None:
        pytest.skip("no sign of Istio in this cluster")
    mesh = scene.mesh

    def outer(source: int) -> int:
        return mesh.outside if source == OUTSIDE else mesh.source_of[source]

    points = [point("TCP", p) for p in (*PORTS, 1, 79, 82, 15008, 15020, SPAN - 1)] + [point("UDP", 80)]
    for target in range(len(scene.endpoints)):
        for source in (OUTSIDE, *range(len(scene.endpoints))):
            if source == target:
                continue
            of = istio.outside if source == OUTSIDE else istio.source_of[source]
            for at in points:
                alone = istio.view.pair(source, target, at)
                assert istio.channel(of, istio.target_of[target], at) == alone, (seed, source, target, at)
                told = scene.mesh.channel(outer(source), scene.mesh.target_of[target], at)
                if told is UNMESHED:
                    assert (alone.transport, alone.plaintext) == (UNMESHED.transport, UNMESHED.plaintext)
                else:
                    assert told == alone, (seed, source, target, at)


def told(scene: Scene) -> dict[str, object]:
    """Everything that is said of a cluster, by names alone."""
    names = [f"{e.namespace}/{e.name}" for e in scene.endpoints]
    said: dict[str, object] = {}
    for a, source in [("", scene.mesh.outside), *zip(names, scene.mesh.source_of, strict=True)]:
        for b, target in zip(names, scene.mesh.target_of, strict=True):
            for port in PORTS:
                c = scene.mesh.channel(source, target, point("TCP", port))
                evidence = sorted(map(str, c.decided_by))
                said[f"{a} {b} {port}"] = (c.transport, c.authz, c.plaintext, c.because, evidence, c.unknown)
    facts = Meshes().facts(scene.snapshot, scene.mesh)
    said["facts"] = sorted((f.name, f.subject, f.detail, sorted(map(str, f.evidence))) for f in facts)
    return said


@pytest.mark.parametrize("seed", range(25))
def test_the_order_of_the_input_does_not_matter(seed: int) -> None:
    dice = Random(seed)
    plain = cluster(dice)
    shuffled = dice.sample(plain, len(plain))
    assert told(Scene(*plain)) == told(Scene(*shuffled))


def test_many_pods_are_few_classes() -> None:
    """A thousand workloads in fifty namespaces that are alike to the mesh."""
    spaces = [f"n{i}" for i in range(50)]
    pods = [workload(f"w{i}", n) for n in spaces for i in range(20)]
    services = [service(f"w{i}", n) for n in spaces for i in range(20)]
    scene = Scene(*(namespace(n) for n in spaces), *pods, *services, peers("istio-system", "STRICT"))
    assert len(scene.endpoints) == 1000
    assert len(set(scene.mesh.source_of)) == 1
    assert len(set(scene.mesh.target_of)) == 1
