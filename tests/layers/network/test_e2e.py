"""Kubernetes' own end-to-end tests of NetworkPolicy, as data: the engine and the one-connection answer agree with them.

e2e.yaml says what each test applies and which of the 81 pairs of pods it expects to connect.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import product
from pathlib import Path

import msgspec
import pytest
import yaml

from mistrust.access.ports import PROTOCOLS, point
from mistrust.access.verdict import Answer
from mistrust.kube.decode import from_plain
from mistrust.kube.endpoints import endpoints, namespace_labels
from mistrust.kube.meta import Object
from mistrust.kube.problem import Origin
from mistrust.kube.snapshot import Snapshot, snapshot
from mistrust.layers.network.deciding.decide import decide, ground
from mistrust.layers.network.engine.reach import reach
from mistrust.layers.network.profile import UPSTREAM
from mistrust.layers.network.statements.policies import policies

NAMESPACES = "xyz"
PODS = "abc"
EVERY_POD = [f"{n}/{p}" for n, p in product(NAMESPACES, PODS)]
Labels = Mapping[str, Mapping[str, str]]


class Case(msgspec.Struct, frozen=True):
    """One step of a test."""

    name: str
    policies: dict[str, dict[str, object]]
    expect: dict[str, list[str]]
    labels: Labels = {}


CASES = msgspec.convert(
    yaml.safe_load(Path(__file__).with_name("e2e.yaml").read_text(encoding="utf-8")), type=list[Case]
)


def cluster(case: Case) -> Snapshot:
    """Three namespaces of three pods, with the policies of the case."""
    plain: list[dict[str, object]] = []
    for i, namespace in enumerate(NAMESPACES, 1):
        plain.append({
            "apiVersion": "v1",
            "kind": "Namespace",
            "metadata": {"name": namespace, "labels": {"ns": namespace, **case.labels.get(namespace, {})}},
        })  # fmt: skip
        for j, pod in enumerate(PODS, 1):
            labels = {"pod": pod, **case.labels.get(f"{namespace}/{pod}", {})}
            plain.append({
                "apiVersion": "v1",
                "kind": "Pod",
                "metadata": {"name": pod, "namespace": namespace, "labels": labels},
                "spec": {"containers": [{"name": "serve", "image": "agnhost", "ports": served()}]},
                "status": {"phase": "Running", "podIP": f"192.168.{i}.{j}", "podIPs": [{"ip": f"192.168.{i}.{j}"}]},
            })  # fmt: skip
    for name, spec in case.policies.items():
        namespace, _, policy = name.partition("/")
        plain.append({
            "apiVersion": "networking.k8s.io/v1",
            "kind": "NetworkPolicy",
            "metadata": {"name": policy, "namespace": namespace},
            "spec": spec,
        })  # fmt: skip
    found = [o for i, p in enumerate(plain) for o in from_plain(p, Origin("e2e", i))]
    assert all(isinstance(o, Object) for o in found), found
    return snapshot(o for o in found if isinstance(o, Object))


def served() -> list[dict[str, object]]:
    return [
        {"name": f"serve-{number}-{protocol.lower()}", "protocol": protocol, "containerPort": number}
        for number, protocol in product((80, 81), PROTOCOLS)
    ]


def expected(statements: list[str]) -> dict[tuple[str, str], bool]:
    """Everything connects, except what the statements say in their order."""
    table = dict.fromkeys(product(EVERY_POD, EVERY_POD), True)
    for statement in statements:
        who, _, answer = statement.partition(": ")
        source, _, target = who.partition(" -> ")
        for a, b in product(meant(source), meant(target)):
            table[a, b] = answer == "yes"
    return {(a, b): answer for (a, b), answer in table.items() if a != b}


def meant(name: str) -> list[str]:
    """`*`, a namespace, or a pod."""
    return [pod for pod in EVERY_POD if name in ("*", pod, pod[0])]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_all_pairs(case: Case) -> None:
    seen = cluster(case)
    pods = endpoints(seen)
    index = {f"{e.namespace}/{e.name}": i for i, e in enumerate(pods)}
    found = reach(pods, namespace_labels(seen), policies(seen), UPSTREAM)
    for port, statements in case.expect.items():
        protocol, number = port.split()
        at = point(protocol, int(number))
        for (a, b), connects in expected(statements).items():
            assert (at in found.between(index[a], index[b])) is connects, f"{a} -> {b} at {port}"


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_one_by_one(case: Case) -> None:
    seen = cluster(case)
    about = ground(seen)
    pods = {f"{e.namespace}/{e.name}": about.pod(e) for e in endpoints(seen)}
    for port, statements in case.expect.items():
        protocol, number = port.split()
        for (a, b), connects in expected(statements).items():
            verdict = decide(about, pods[a], pods[b], point(protocol, int(number)), UPSTREAM)
            assert verdict.answer is (Answer.ALLOWED if connects else Answer.DENIED), (a, b, port, verdict)


def test_the_table_says_something() -> None:
    assert len(CASES) == 58
    told = [s for case in CASES for statements in case.expect.values() for s in statements]
    assert all(meant(end) for s in told for end in s.partition(": ")[0].split(" -> "))
    assert {s.partition(": ")[2] for s in told} == {"yes", "no"}
