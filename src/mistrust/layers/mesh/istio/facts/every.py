"""What is worth knowing about Istio in a cluster: what is not enforced, what does nothing, what does not fit."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain

from mistrust.access.evidence import at
from mistrust.access.fact import Fact
from mistrust.kube.snapshot import Snapshot
from mistrust.layers.mesh.istio.facts import enforced as facts_enforced
from mistrust.layers.mesh.istio.facts import peers, pods, rules
from mistrust.layers.mesh.istio.istio import Istio
from mistrust.layers.mesh.istio.view import View


def facts(mesh: Istio, snapshot: Snapshot) -> Iterator[Fact]:
    """Every fact about mutual TLS and authorization."""
    return chain(
        _automatic(mesh.view),
        peers.facts(mesh.view, snapshot),
        rules.facts(mesh, snapshot),
        pods.facts(mesh.view, snapshot),
        facts_enforced.facts(mesh.view, snapshot),
    )


def _automatic(mesh: View) -> Iterator[Fact]:
    """Without automatic mutual TLS every Service needs a rule of its own."""
    read = mesh.config.read
    if mesh.config.auto or read is None:
        return
    detail = "clients send plaintext to every host for which no DestinationRule asks for ISTIO_MUTUAL"
    evidence = (at(read, "data.mesh", value="enableAutoMtls: false"),)
    yield Fact("mesh.automatic-off", str(read.ref), read.ref, detail, evidence)
