"""The conformance tests of the network policy API: every probe agrees, through the engine and one by one."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from typing import Any

import msgspec
import pytest
from tests.corpora import ROOT, corpus

from mistrust.access.ports import point
from mistrust.access.verdict import Answer
from mistrust.kube.decode import from_plain
from mistrust.kube.endpoints import Endpoint, endpoints, namespace_labels
from mistrust.kube.meta import Object
from mistrust.kube.problem import Origin
from mistrust.kube.snapshot import Snapshot, snapshot
from mistrust.layers.network.deciding.decide import decide, ground
from mistrust.layers.network.engine.reach import reach
from mistrust.layers.network.profile import UPSTREAM
from mistrust.layers.network.statements.policies import policies

Plain = dict[str, Any]


class Probe(msgspec.Struct, frozen=True, rename="camel"):
    """One connection that the conformance tests try, under the policies of that moment."""

    test: str
    network_policies: list[Plain]
    cluster_network_policies: list[Plain]
    source: tuple[str, str] = msgspec.field(name="from")
    """Namespace and pod."""
    to: tuple[str, str]
    protocol: str
    port: int
    allowed: bool


class Probes(msgspec.Struct, frozen=True):
    base: list[Plain]
    probes: list[Probe]


FILE = ROOT / "network-policy-api" / "probes.json"
ALL = msgspec.json.decode(FILE.read_bytes(), type=Probes) if FILE.exists() else Probes([], [])
EACH = pytest.mark.parametrize("number", range(len(ALL.probes)), ids=lambda n: f"{n}-{ALL.probes[n].test}")


def read(plain: Iterable[Plain]) -> list[Object]:
    found = [o for i, p in enumerate(plain) for o in from_plain(p, Origin("probes.json", i))]
    assert all(isinstance(o, Object) for o in found), found
    return [o for o in found if isinstance(o, Object)]


@lru_cache(1)
def base() -> list[Object]:
    return read([*ALL.base, *running()])


def running() -> Iterable[Plain]:
    """The pods that the StatefulSets run, with addresses, as a cluster would have them."""
    for i, made in enumerate(p for p in ALL.base if p["kind"] == "StatefulSet"):
        name, template = made["metadata"]["name"], made["spec"]["template"]
        owner = {"apiVersion": "apps/v1", "kind": "StatefulSet", "name": name, "controller": True}
        for n in range(2):
            placed = {"name": f"{name}-{n}", "namespace": made["metadata"]["namespace"], "ownerReferences": [owner]}
            yield {
                "apiVersion": "v1",
                "kind": "Pod",
                "metadata": {**template["metadata"], **placed},
                "spec": template["spec"],
                "status": {"phase": "Running", "podIPs": [{"ip": f"10.{i}.0.{n + 1}"}]},
            }


def cluster(probe: Probe) -> tuple[Snapshot, dict[tuple[str, str], int], tuple[Endpoint, ...]]:
    seen = snapshot([*base(), *read([*probe.network_policies, *probe.cluster_network_policies])])
    pods = endpoints(seen)
    return seen, {(e.namespace, e.name): i for i, e in enumerate(pods)}, pods


@EACH
def test_through_the_engine(number: int) -> None:
    probe = ALL.probes[number]
    seen, index, pods = cluster(probe)
    found = reach(pods, namespace_labels(seen), policies(seen), UPSTREAM)
    ports = found.between(index[probe.source], index[probe.to])
    assert (point(probe.protocol, probe.port) in ports) is probe.allowed, (probe.source, probe.to, str(ports))


@EACH
def test_one_by_one(number: int) -> None:
    probe = ALL.probes[number]
    seen, index, pods = cluster(probe)
    about = ground(seen)
    source, target = (about.pod(pods[index[end]]) for end in (probe.source, probe.to))
    verdict = decide(about, source, target, point(probe.protocol, probe.port), UPSTREAM)
    assert verdict.answer is (Answer.ALLOWED if probe.allowed else Answer.DENIED), verdict


def test_there_are_all_of_them() -> None:
    corpus("network-policy-api")
    assert len(ALL.probes) == 224
    assert {p.allowed for p in ALL.probes} == {True, False}
