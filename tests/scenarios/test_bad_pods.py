"""Bad Pods: 128 manifests of eight kinds of workload, each with its true level and every way out of it.

What the authors say each is good for: README of the collection, one section a folder.
"""

from __future__ import annotations

import pytest

from mistrust.kube.read import read
from mistrust.kube.snapshot import snapshot
from mistrust.layers.pods.escapes.every import escapes
from mistrust.layers.pods.facts import facts
from mistrust.layers.pods.levels import level
from tests.corpora import corpus

TRUTH: dict[str, tuple[str, dict[str, str]]] = {
    "everything-allowed": (
        "privileged",
        {"E1": "node", "E2": "node", "E4": "node", "E9": "node-network", "E10": "node-processes"},
    ),
    "priv-and-hostpid": ("privileged", {"E1": "node", "E2": "node"}),
    "priv": ("privileged", {"E1": "node"}),
    "hostpath": ("privileged", {"E4": "node"}),
    "hostpid": ("privileged", {"E2": "node-processes"}),
    "hostnetwork": ("privileged", {"E9": "node-network"}),
    "hostipc": ("privileged", {"E10": "node-processes"}),
    "nothing-allowed": ("baseline", {}),
}

SLIPS = {
    "hostipc-revshell-deamonset.yaml": (
        "privileged",
        {"E2": "node-processes", "E9": "node-network", "E10": "node-processes"},
    )
}
"""Files that ask for more than their folder says."""

FACTS = {
    "E1": "pods.privileged",
    "E2": "pods.host-pid",
    "E4": "pods.host-path-write",
    "E9": "pods.host-network",
    "E10": "pods.host-ipc",
}


@pytest.mark.parametrize("folder", TRUTH)
def test_every_manifest_has_its_level_and_its_ways_out(folder: str) -> None:
    files = sorted((corpus("manifests") / "bad-pods" / "manifests" / folder).rglob("*.yaml"))
    assert len(files) == 16
    for file in files:
        expected_level, expected = SLIPS.get(file.name, TRUTH[folder])
        objects, problems = read(file.read_bytes(), file.name)
        assert not problems
        world = snapshot(objects)
        assert world.workloads, file
        for workload in world.workloads:
            found = escapes(workload, world)
            assert str(level(workload.template.metadata, workload.spec)) == expected_level, file
            assert {e.code: str(e.power) for e in found if e.code != "E18"} == expected, file
            assert [e.code for e in found if e.code == "E18"] == ["E18"], file
        names = {f.name for f in facts(world)}
        assert {FACTS[code] for code in expected} == names & set(FACTS.values()), file


def test_every_kind_of_workload_is_there() -> None:
    root = corpus("manifests") / "bad-pods" / "manifests"
    files = [read(file.read_bytes(), file.name)[0] for file in root.rglob("*.yaml")]
    assert {w.ref.kind for objects in files for w in snapshot(objects).workloads} == {
        "CronJob",
        "DaemonSet",
        "Deployment",
        "Job",
        "Pod",
        "ReplicaSet",
        "ReplicationController",
        "StatefulSet",
    }
