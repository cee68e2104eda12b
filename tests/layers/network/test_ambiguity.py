"""Policies of one priority whose order decides."""

from __future__ import annotations

from typing import Any

import pytest
from tests.layers.network.scene import Plain, Scene, cluster, made, namespace, pod

from mistrust.access.verdict import Answer
from mistrust.layers.network.facts.ambiguity import ambiguities

PLACES = (namespace("a", "team=x"), namespace("b", "team=y"), pod("a/p", "app=x"), pod("b/q", "app=y"))


def wide(name: str, action: str, priority: int = 5, tier: str = "Admin", **spec: Any) -> Plain:
    rule = {"action": action, "from": [{"namespaces": {}}], **spec.pop("rule", {})}
    given = {"tier": tier, "priority": priority, "subject": {"namespaces": {}}, "ingress": [rule], **spec}
    return made({"ClusterNetworkPolicy": name, "spec": given})


TCP = {"protocols": [{"tcp": {"destinationPort": {"number": 80}}}]}
UDP = {"protocols": [{"udp": {}}]}
TEAM_X, TEAM_Y = ({"namespaces": {"matchLabels": {"team": t}}} for t in "xy")
CASES: list[tuple[str, list[Plain], list[str]]] = [
    ("they contradict", [wide("c", "Deny"), wide("d", "Accept", rule=TCP)], ["d before c: Pod b/q -> Pod a/p TCP 80"]),
    ("either way round", [wide("d", "Deny"), wide("c", "Accept", rule=TCP)], ["c before d: Pod b/q -> Pod a/p TCP 80"]),
    ("different ports", [wide("c", "Deny", rule=UDP), wide("d", "Accept", rule=TCP)], []),
    ("different pods", [wide("c", "Deny", subject=TEAM_X), wide("d", "Accept", subject=TEAM_Y)], []),
    ("the same action", [wide("c", "Deny"), wide("d", "Deny", rule=TCP)], []),
    ("different priorities", [wide("c", "Deny"), wide("d", "Accept", 6)], []),
    ("different tiers", [wide("c", "Deny"), wide("d", "Accept", tier="Baseline")], []),
    ("a Pass that leads to the same", [wide("c", "Pass"), wide("d", "Accept", rule=TCP)], []),
    (
        "a Pass that leads elsewhere",
        [wide("c", "Pass"), wide("d", "Deny", rule=TCP)],
        ["c before d: Pod b/q -> Pod a/p TCP 80"],
    ),
    (
        "a third of the same rank does not hide it",
        [wide("c", "Deny"), wide("d", "Accept", rule=TCP), wide("e", "Deny", rule=TCP)],
        ["d before c: Pod b/q -> Pod a/p TCP 80", "d before e: Pod b/q -> Pod a/p TCP 80"],
    ),
    (
        "to the outside",
        [
            wide("c", "Deny", ingress=[], egress=[{"action": "Deny", "to": [{"networks": ["8.0.0.0/8"]}]}]),
            wide("d", "Accept", ingress=[], egress=[{"action": "Accept", "to": [{"networks": ["8.8.0.0/16"]}]}]),
        ],
        ["d before c: Pod a/p -> 8.8.0.0 TCP 1"],
    ),
    (
        "to the outside of IPv6",
        [
            wide("c", "Deny", ingress=[], egress=[{"action": "Deny", "to": [{"networks": ["2001:db8::/32"]}]}]),
            wide("d", "Accept", ingress=[], egress=[{"action": "Accept", "to": [{"networks": ["2001:db8::/64"]}]}]),
        ],
        ["d before c: Pod a/p -> 2001:db8:: TCP 1"],
    ),
]


@pytest.mark.parametrize(("title", "policies", "expected"), CASES, ids=[c[0] for c in CASES])
def test_the_order_decides(title: str, policies: list[Plain], expected: list[str]) -> None:
    found = ambiguities(cluster(*PLACES, *policies))

    assert [
        f"{a.allowed_by.name} before {a.denied_by.name}: {a.source} -> {a.destination} {a.protocol} {a.port}"
        for a in found
    ] == expected


@pytest.mark.parametrize(("title", "policies", "expected"), CASES, ids=[c[0] for c in CASES])
def test_the_connection_that_is_shown_is_unknown(title: str, policies: list[Plain], expected: list[str]) -> None:
    asked = Scene(*PLACES, *policies)
    for shown in ambiguities(asked.snapshot):
        source, destination = (s.removeprefix("Pod ") for s in (shown.source, shown.destination))
        assert asked.ask(source, destination, f"{shown.protocol}/{shown.port}").answer is Answer.UNKNOWN


@pytest.mark.parametrize(("title", "policies", "expected"), CASES, ids=[c[0] for c in CASES])
def test_the_order_of_the_input_does_not_matter(title: str, policies: list[Plain], expected: list[str]) -> None:
    def bare(objects: list[Plain]) -> set[tuple[str, str, str, str, int]]:
        found = ambiguities(cluster(*objects))
        return {(a.allowed_by.name, a.denied_by.name, a.source, a.destination, a.port) for a in found}

    assert bare([*PLACES, *policies]) == bare([*policies[::-1], *PLACES[::-1]])
