"""Which workloads the evidence says enough of to call what was not seen unused."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from mistrust.access.record import Coverage
from mistrust.kube.core import Namespace
from mistrust.kube.endpoints import Endpoint
from mistrust.kube.meta import Ref
from mistrust.kube.pods import Pod
from mistrust.kube.snapshot import Snapshot
from mistrust.kube.workloads import CronJob, Job
from mistrust.layers.network.deciding.unseen import CILIUM, OURS
from mistrust.layers.network.facts.telling import listed
from mistrust.layers.network.usage import Usage

POLICIES = (*OURS, *CILIUM)
ENOUGH = 14.0
"""Days of evidence below which nothing is called unused: weekly jobs run twice in it."""
JOBS = (Job.KIND, CronJob.KIND)
NEVER = "no flow of it was seen, and nothing says that one would have been"
AMBIENT = "istio.io/dataplane-mode"
REDIRECTED = "ambient.istio.io/redirection"


def thin(coverage: Coverage, days: float) -> str:
    """Why the evidence as a whole shows no absence; empty where it does."""
    silent = sum(end - start for start, end in coverage.holes) / 86_400
    if not coverage.events:
        return "no flow was read"
    if coverage.sampled:
        return "the evidence is sampled: it shows use, and never that something is unused"
    if coverage.days - silent < days:
        return f"the evidence shows {coverage.days - silent:.1f} days, and {days:g} are wanted"
    if coverage.lost is not None:
        return f"a part of the evidence was not read ({coverage.lost.what})"
    return ""


def unsaid(snapshot: Snapshot, usage: Usage, ends: Sequence[Endpoint], days: float) -> Iterator[tuple[Ref, str]]:
    """The workloads that are to be left alone, each with the reason."""
    whole = thin(usage.coverage, days) or _unseen(snapshot)
    seen = seen_in(usage)
    running: dict[Ref, list[Endpoint]] = {}
    for e in ends:
        running.setdefault(snapshot.workloads[e.workload].ref, []).append(e)
    spaces = {n.name: n.metadata.labels for n in snapshot.of(Namespace)}
    for w in snapshot.workloads:
        pods = running.get(w.ref, [])
        why = whole or _why(usage.coverage, w.ref, pods, seen)
        if not why and any(_ambient(e, spaces.get(e.namespace, {})) for e in pods):
            why = "Istio's ambient mesh carries its connections to port 15008, where flows show other ports"
        if why:
            yield w.ref, why


def rare(snapshot: Snapshot, usage: Usage) -> tuple[Ref, ...]:
    """The jobs of which no run was seen: what they need is unknown."""
    seen = seen_in(usage)
    return tuple(w.ref for w in snapshot.workloads if w.ref.kind in JOBS and w.ref not in seen)


def seen_in(usage: Usage) -> set[Ref]:
    """The workloads that some flow shows."""
    ends = {ref for c in (*usage.seen, *usage.within) for ref in (c.source, c.destination) if ref is not None}
    return ends | {a.workload for a in usage.abroad}


def _unseen(snapshot: Snapshot) -> str:
    missing = sorted({g.kind for kind in (*POLICIES, Pod) for g in snapshot.blind(kind)})
    return f"{listed(missing)} objects could not be seen" if missing else ""


def _why(coverage: Coverage, ref: Ref, pods: Sequence[Endpoint], seen: set[Ref]) -> str:
    if any(e.host_network for e in pods):
        return "it runs on the node's network, where NetworkPolicies choose no pods"
    nodes = {e.node for e in pods if e.running}
    silent = sorted(n for n in nodes if n and coverage.nodes and n not in coverage.nodes)
    if silent:
        return f"no flow was seen of {'node' if len(silent) == 1 else 'nodes'} {listed(silent)}, where it runs"
    if ref in seen:
        return ""
    if ref.kind in JOBS:
        return "no run of it was seen: it makes connections that nobody has seen yet"
    if not nodes or not coverage.nodes or "" in nodes:
        return NEVER
    return ""


def _ambient(pod: Endpoint, namespace: Mapping[str, str]) -> bool:
    wanted = pod.labels.get(AMBIENT, namespace.get(AMBIENT, ""))
    return pod.annotations.get(REDIRECTED) == "enabled" or wanted == "ambient"
