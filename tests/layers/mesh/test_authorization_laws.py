"""What is said of everything that a client may send, held against what is said of single requests."""

from __future__ import annotations

import json
import random

import pytest
from msgspec.structs import replace
from tests.layers.mesh.istio_scene import Scene, config, meta
from tests.peers.istio_policies import Json, random_policies
from tests.peers.istio_requests import requests

from mistrust.access.ports import point
from mistrust.access.verdict import Answer
from mistrust.kube.istio import AuthorizationPolicy
from mistrust.kube.read import read
from mistrust.layers.mesh.channel import Authz
from mistrust.layers.mesh.istio.authorization.classes import Mentions
from mistrust.layers.mesh.istio.authorization.principals import TrustDomains
from mistrust.layers.mesh.istio.authorization.protocols import Protocol
from mistrust.layers.mesh.istio.authorization.requests import Request
from mistrust.layers.mesh.istio.authorization.server import Policy, authorizer, read_policy
from mistrust.layers.mesh.istio.authorization.summary import Hop, summary
from mistrust.layers.mesh.istio.view import View

PRINCIPALS = (
    None,
    "cluster.local/ns/a/sa/x",
    "cluster.local/ns/b/sa/y",
    "cluster.local/ns/shop/sa/x",
    "cluster.local/ns/other/sa/z",
    "elsewhere/ns/a/sa/x",
)
SOURCES = ("127.1.2.3", "127.1.2.4", "127.1.9.9", "127.9.9.9", "127.200.0.1")
PORTS = (80, 443, 8080, 9000, 7)
DESTINATION = "127.3.3.3"
EVERYTHING_PASSES = (Authz.NONE, Authz.IDENTITY, Authz.ADDRESS)


def policies(rng: random.Random, *, only_l4: bool = False) -> tuple[list[Json], list[Policy]]:
    """As they are written, and as they are read."""
    written = random_policies(rng, only_l4=only_l4)
    objects, problems = read("\n---\n".join(map(json.dumps, written)).encode(), "made-up")
    assert not problems
    return written, [read_policy(o, TrustDomains()) for o in objects if isinstance(o, AuthorizationPolicy)]


def client(rng: random.Random) -> Request:
    source = rng.choice(SOURCES)
    return Request(rng.choice(PORTS), rng.choice(PRINCIPALS), source, source, DESTINATION)


@pytest.mark.parametrize("seed", range(60))
def test_no_single_request_contradicts_what_is_said_of_all(seed: int) -> None:
    rng = random.Random(seed)
    written, several = policies(rng)
    asking = authorizer(several)
    for _ in range(6):
        who = client(rng)
        for spoken in (Protocol.HTTP, Protocol.TCP):
            said = summary([(Hop(asking, who, spoken),)])
            made = requests(written, http=spoken is Protocol.HTTP, seed=str(seed), count=40)
            answers = set()
            for r in made:
                remote = who.source if r.http is None else r.remote
                one = replace(
                    r, port=who.port, principal=who.principal, source=who.source, destination=DESTINATION, remote=remote
                )
                answers.add(asking.decide(one).answer)
            if said.authz is Authz.DENIED:
                assert answers == {Answer.DENIED}, (said, several)
            if said.authz in EVERYTHING_PASSES:
                assert answers == {Answer.ALLOWED}, (said, several)
            if said.authz is Authz.UNKNOWN:
                assert said.unknown


@pytest.mark.parametrize("seed", range(60))
def test_rules_about_connections_alone_are_decided_exactly(seed: int) -> None:
    rng = random.Random(seed)
    asking = authorizer(policies(rng, only_l4=True)[1])
    for _ in range(20):
        who = client(rng)
        said = {p: summary([(Hop(asking, who, p),)]).authz for p in Protocol}
        passes = asking.decide(who).answer is Answer.ALLOWED
        nameless = asking.decide(replace(who, principal=None)).answer is Answer.ALLOWED
        expected = Authz.DENIED if not passes else Authz.IDENTITY if not nameless else None
        for authz in said.values():
            assert authz in ((Authz.NONE, Authz.ADDRESS) if expected is None else (expected,))


@pytest.mark.parametrize("seed", range(50))
def test_clients_that_are_told_apart_by_no_policy_get_the_same_answer(seed: int) -> None:
    rng = random.Random(seed)
    _, several = policies(rng)
    asking, mentions = authorizer(several), Mentions(several)
    said: dict[object, object] = {}
    for principal in PRINCIPALS[1:]:
        for source in SOURCES:
            key = mentions.client(principal, (source,))
            for port in PORTS:
                hop = Hop(asking, Request(port, principal, source, source, DESTINATION), Protocol.SNIFFED)
                assert said.setdefault((key, port), summary([(hop,)])) == summary([(hop,)])


def test_there_are_fewer_classes_than_clients() -> None:
    """Or else the law above would say nothing."""
    counts = []
    for seed in range(40):
        mentions = Mentions(policies(random.Random(seed))[1])
        counts.append(len({mentions.client(p, (s,)) for p in PRINCIPALS if p is not None for s in SOURCES}))
    assert min(counts) == 1
    assert sum(counts) < 0.6 * 40 * 25


def pod(name: str, where: str, account: str, address: str) -> dict[str, object]:
    """A running pod with a sidecar."""
    containers = [{"name": "app", "image": "app"}, {"name": "istio-proxy", "image": "proxy"}]
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": meta(name, where, labels={"app": name}, annotations={"sidecar.istio.io/status": "{}"}),
        "spec": {"serviceAccountName": account, "containers": containers},
        "status": {"phase": "Running", "podIPs": [{"ip": address}]},
    }


CROWD = tuple(
    pod(f"{space}-{account}-{i}", space, account, address)
    for i, (space, account, address) in enumerate(
        (space, account, address)
        for space in ("a", "b", "shop", "other")
        for account in ("x", "y")
        for address in ("127.1.2.3", "127.1.9.9", "127.9.9.9", "127.3.3.3")
    )
)


@pytest.mark.parametrize("seed", range(15))
def test_classes_and_memory_change_no_answer(seed: int) -> None:
    """What the mesh says of two classes is what a fresh reading of the policies says of two pods."""
    rng = random.Random(seed)
    written, _ = policies(rng)
    for p in written:
        if rng.random() < 0.5:
            p["spec"]["selector"] = {"matchLabels": {"app": rng.choice(CROWD)["metadata"]["name"]}}
    ports = {"name": rng.choice(("http", "tcp", "web")), "port": 80}
    front = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": meta("front", "shop"),
        "spec": {"selector": {"app": "shop-x-16"}, "ports": [ports]},
    }
    scene = Scene(*CROWD, front, config(), *written)
    everybody = range(len(scene.endpoints))
    pairs = [
        (rng.choice(everybody), rng.choice([i for i in everybody if scene.endpoints[i].namespace == "shop"]))
        for _ in range(60)
    ]
    for source, target in pairs:
        for port in (80, 8080, 7):
            said = scene.mesh.channel(scene.mesh.source_of[source], scene.mesh.target_of[target], point("TCP", port))
            fresh = View(scene.snapshot, scene.endpoints).pair(source, target, point("TCP", port))
            assert (said.authz, said.plaintext, said.transport) == (fresh.authz, fresh.plaintext, fresh.transport)
