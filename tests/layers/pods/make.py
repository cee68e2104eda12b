"""Short ways to write a pod, a workload and a snapshot."""

from __future__ import annotations

import msgspec
import yaml

from mistrust.kube.decode import from_plain
from mistrust.kube.meta import Object
from mistrust.kube.pods import PodSpec
from mistrust.kube.problem import Origin, Problem
from mistrust.kube.snapshot import Snapshot, snapshot
from mistrust.kube.version import Version
from mistrust.kube.workloads import Workload
from mistrust.layers.pods.escapes.escape import Escape
from mistrust.layers.pods.escapes.every import escapes


def spec(text: str) -> PodSpec:
    """A pod spec from YAML."""
    return msgspec.convert(yaml.safe_load(text) or {}, PodSpec)


def objects(text: str) -> list[Object]:
    """Objects from YAML documents."""
    found = []
    for i, value in enumerate(yaml.safe_load_all(text)):
        for one in from_plain(value, Origin("test.yaml", i)):
            assert not isinstance(one, Problem), str(one)
            found.append(one)
    return found


def cluster(*texts: str, version: Version | None = None) -> Snapshot:
    """A snapshot of these documents."""
    return snapshot([o for text in texts for o in objects(text)], version=version)


def deployment(pod: str, name: str = "web", namespace: str = "shop", annotations: dict[str, str] | None = None) -> str:
    """A Deployment with this pod spec, as YAML."""
    template = {"metadata": {"annotations": annotations or {}}, "spec": yaml.safe_load(pod) or {}}
    return yaml.safe_dump(
        {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": {"name": name, "namespace": namespace},
            "spec": {"template": template},
        }
    )


def first(snapshot: Snapshot) -> Workload:
    """Its first workload."""
    return snapshot.workloads[0]


def ways_out(pod: str, *others: str, version: Version | None = None, **annotations: str) -> list[Escape]:
    """The escapes of a Deployment with this pod spec, but for the token that every pod has."""
    world = cluster(deployment(pod, annotations=annotations), *others, version=version)
    return [e for e in escapes(first(world), world) if e.code != "E18"]


def told(pod: str, *others: str, version: Version | None = None, **annotations: str) -> list[tuple[str, str]]:
    """The same as pairs of code and power."""
    return [(e.code, str(e.power)) for e in ways_out(pod, *others, version=version, **annotations)]


def one(extra: str) -> str:
    """A pod with one container, with these lines in it: `securityContext: {privileged: true}`."""
    lines = "".join(f"\n  {line}" for line in extra.splitlines())
    return f"containers:\n- name: web{lines}"
