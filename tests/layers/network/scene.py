"""Clusters in a few lines: pods as words, policies as YAML."""

from __future__ import annotations

from typing import Any

import yaml

from mistrust.access.ports import point
from mistrust.access.verdict import Verdict
from mistrust.kube.decode import from_plain
from mistrust.kube.endpoints import endpoints
from mistrust.kube.meta import Object
from mistrust.kube.problem import Origin, Problem
from mistrust.kube.snapshot import Gap, Snapshot, snapshot
from mistrust.layers.network.deciding.decide import Ground, decide, ground
from mistrust.layers.network.deciding.party import Party
from mistrust.layers.network.profile import Profile

Plain = dict[str, Any]


def pairs(text: str) -> dict[str, str]:
    """`app=web tier=front` -> a mapping."""
    return dict(part.split("=", 1) for part in text.split())


def namespace(name: str, labels: str = "") -> Plain:
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": pairs(labels)}}


def pod(
    name: str, labels: str = "", ports: str = "", address: str = "", node: str = "", host: bool = False, phase: str = ""
) -> Plain:
    """`pod("shop/web", "app=web", "http=TCP/80", "10.0.0.1")`; several addresses with a space between."""
    space, _, short = name.partition("/")
    declared = []
    for title, number in pairs(ports).items():
        protocol, _, value = number.partition("/")
        declared.append({"name": title, "protocol": protocol, "containerPort": int(value)})
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": short, "namespace": space, "labels": pairs(labels)},
        "spec": {"hostNetwork": host, "nodeName": node, "containers": [{"name": "c", "image": "i", "ports": declared}]},
        "status": {"phase": phase or "Running", "podIPs": [{"ip": a} for a in address.split()]},
    }


def node(name: str, address: str = "", labels: str = "", version: str = "") -> Plain:
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": name, "labels": pairs(labels)},
        "status": {
            "addresses": [{"type": "InternalIP", "address": a} for a in address.split()],
            "nodeInfo": {"kubeletVersion": version},
        },
    }


def policy(name: str, spec: str) -> Plain:
    """`policy("shop/db", "{podSelector: {}, ingress: []}")`; without `podSelector` it selects every pod."""
    return made({"NetworkPolicy": name, "spec": yaml.safe_load(spec)})


def made(short: Plain) -> Plain:
    """A policy from `{Kind: name, spec: ...}`."""
    (kind, name), spec = next((k, v) for k, v in short.items() if k != "spec"), short["spec"]
    space, _, last = str(name).rpartition("/")
    if kind == "NetworkPolicy":
        group, spec = "networking.k8s.io/v1", {"podSelector": {}} | spec
    else:
        group = f"policy.networking.k8s.io/{'v1alpha2' if kind == 'ClusterNetworkPolicy' else 'v1alpha1'}"
    return {"apiVersion": group, "kind": kind, "metadata": {"name": last, "namespace": space}, "spec": spec}


def other(api_version: str, kind: str, name: str, space: str = "") -> Plain:
    """An object that nobody reads."""
    return {"apiVersion": api_version, "kind": kind, "metadata": {"name": name, "namespace": space}}


def typed(*plain: Plain) -> list[Object]:
    found = [each for i, value in enumerate(plain) for each in from_plain(value, Origin("test.yaml", i, -1, i + 1))]
    assert not any(isinstance(each, Problem) for each in found), found
    return [each for each in found if isinstance(each, Object)]


def cluster(*plain: Plain, gaps: tuple[Gap, ...] = (), problems: tuple[Problem, ...] = ()) -> Snapshot:
    return snapshot(typed(*plain), problems, gaps=gaps)


class Scene:
    """A snapshot that is asked by name."""

    def __init__(self, *plain: Plain, gaps: tuple[Gap, ...] = (), problems: tuple[Problem, ...] = ()) -> None:
        self.snapshot = cluster(*plain, gaps=gaps, problems=problems)
        self.ground: Ground = ground(self.snapshot)
        self.pods = {f"{e.namespace}/{e.name}": e for e in endpoints(self.snapshot)}

    def party(self, text: str) -> Party:
        """`shop/web`, `node/n1`, or an address."""
        if text.startswith("node/"):
            n = self.ground.nodes[text.removeprefix("node/")]
            return Party(node=n, addresses=self.ground.at(n.status.addresses[0].address).addresses)
        return self.ground.pod(self.pods[text]) if text in self.pods else self.ground.at(text)

    def ask(self, source: str, destination: str, port: str = "TCP/80", profile: Profile | None = None) -> Verdict:
        protocol, _, number = port.partition("/")
        at = point(protocol, int(number))
        return decide(self.ground, self.party(source), self.party(destination), at, profile)

    def flow(self, question: str) -> Verdict:
        """`shop/web -> shop/db TCP/80`."""
        source, _, destination, port = question.split()
        return self.ask(source, destination, port)
