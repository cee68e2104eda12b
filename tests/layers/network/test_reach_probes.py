"""The connections that the conformance suite of the network policy API tries, asked of the engine."""

from __future__ import annotations

import json
from typing import Any

import pytest
from tests.corpora import corpus
from tests.layers.network.reached import Reached
from tests.layers.network.scene import Plain

from mistrust.access.ports import point


@pytest.fixture(scope="module")
def recorded() -> dict[str, Any]:
    found: dict[str, Any] = json.loads((corpus("network-policy-api") / "probes.json").read_text())
    return found


def running(sets: list[Plain]) -> list[Plain]:
    """The pods of StatefulSets, with addresses."""
    out = []
    for i, o in enumerate(sets):
        template = o["spec"]["template"]
        for replica in range(o["spec"]["replicas"]):
            name = {"name": f"{o['metadata']['name']}-{replica}", "namespace": o["metadata"]["namespace"]}
            status = {"phase": "Running", "podIPs": [{"ip": f"10.{i}.0.{replica + 1}"}]}
            pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {**template["metadata"], **name}, "status": status}
            out.append({**pod, "spec": template["spec"]})
    return out


def test_every_probe_is_answered_as_the_suite_expects(recorded: dict[str, Any]) -> None:
    """With pods that run, surely; of StatefulSets alone, which say no address, the truth is among what may be."""
    spaces, sets = ([o for o in recorded["base"] if o["kind"] == k] for k in ("Namespace", "StatefulSet"))
    pods = running(sets)
    wrong = []
    for probe in recorded["probes"]:
        given = [*probe["networkPolicies"], *probe["clusterNetworkPolicies"]]
        at = point(probe["protocol"], int(probe["port"]))
        live, promised = Reached(*spaces, *pods, *given), Reached(*spaces, *sets, *given)
        names = ["/".join(probe[side]) for side in ("from", "to")]
        told = holds(live, names, at)
        foreseen = holds(promised, [n.rpartition("-")[0] for n in names], at) if names[0] != names[1] else told
        allowed = bool(probe["allowed"])
        if told != (allowed, allowed) or not foreseen[0] <= allowed <= foreseen[1]:
            wrong.append((probe["test"], *names, told, foreseen))
    assert wrong == []
    assert len(recorded["probes"]) >= 224


def holds(world: Reached, names: list[str], at: int) -> tuple[bool, bool]:
    """Surely open, and possibly."""
    known = {f"{e.namespace}/{e.name}": i for i, e in enumerate(world.reach.endpoints)}
    a, b = (known[n] for n in names)
    may = at in world.reach.between(a, b)
    unsure = at in world.reach.unsure_ports(world.reach.class_of[a], world.reach.class_of[b])
    return may and not unsure, may
