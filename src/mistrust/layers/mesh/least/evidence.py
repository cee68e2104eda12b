"""What the evidence says enough of: where it is thin, what was not seen is not unused."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from mistrust.access.record import Coverage, Tally
from mistrust.access.telling import listed
from mistrust.kube.endpoints import Endpoint
from mistrust.kube.istio import AuthorizationPolicy, DestinationRule, PeerAuthentication
from mistrust.kube.linkerd import LinkerdAuthorizationPolicy, MeshTLSAuthentication, Server, ServerAuthorization
from mistrust.kube.meta import Object, Ref
from mistrust.kube.pods import Pod
from mistrust.kube.snapshot import Snapshot
from mistrust.kube.workloads import CronJob, Job
from mistrust.layers.mesh.use import Use

Uses = Mapping[Use, Tally]
JOBS: Final = (Job.KIND, CronJob.KIND)
KINDS: Final[tuple[type[Object], ...]] = (
    Pod, PeerAuthentication, AuthorizationPolicy, DestinationRule, Server, ServerAuthorization,
    LinkerdAuthorizationPolicy, MeshTLSAuthentication,
)  # fmt: skip
SILENT: Final = "nothing was seen to connect to it, and nothing says that it would have been"
HOST: Final = "it runs on the node's network, where no proxy stands before it"


def thin(snapshot: Snapshot, coverage: Coverage, days: float) -> str:
    """Why the evidence as a whole shows no absence; empty where it does."""
    missing = sorted({g.kind for kind in KINDS for g in snapshot.blind(kind)})
    if missing:
        return f"{listed(missing)} objects could not be seen"
    silent = sum(end - start for start, end in coverage.holes) / 86_400
    if not coverage.events:
        return "no connection was read"
    if coverage.sampled:
        return "the evidence is sampled: it shows use, and never that something is unused"
    if coverage.days - silent < days:
        return f"the evidence shows {coverage.days - silent:.1f} days, and {days:g} are wanted"
    return ""


def silence(pods: Sequence[Endpoint], coverage: Coverage, *, seen: bool, answers: bool) -> str:
    """Why it is not known who uses a workload; empty where it is.

    `seen`: was anybody seen to connect to it? `answers`: is it known to answer at any port?
    """
    if any(e.host_network for e in pods):
        return HOST
    nodes = {e.node for e in pods if e.running}
    lacking = sorted(n for n in nodes if n and coverage.nodes and n not in coverage.nodes)
    if lacking:
        return f"nothing was seen of {'node' if len(lacking) == 1 else 'nodes'} {listed(lacking)}, where it runs"
    if seen or not answers or (nodes and coverage.nodes and "" not in nodes):
        return ""
    return SILENT


def rare(snapshot: Snapshot, uses: Iterable[Use]) -> tuple[Ref, ...]:
    """The jobs of which no run was seen: whom they call is unknown."""
    seen = {ref for u in uses for ref in (u.source, u.destination)}
    return tuple(sorted({w.ref for w in snapshot.workloads if w.ref.kind in JOBS and w.ref not in seen}))
