"""NetworkPolicies that are just enough: what was used and what every cluster needs stays open, the rest closes.

Every workload that the evidence covers gets one policy that limits both directions; a namespace of which all workloads
are covered gets a denial for pods to come as well. Nothing becomes wider: a connection is written down only where the
old policies let every pod open it that the new selectors choose, an old policy goes only where all pods that it
chooses are limited by new ones, and one that may limit pods to come stays without its rules. Cluster-wide kinds stay.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Final

from mistrust.access.change import LeftAlone, Tightened
from mistrust.kube.meta import Ref
from mistrust.kube.snapshot import Snapshot
from mistrust.layers.network.facts.telling import listed
from mistrust.layers.network.least.drafting import Scene
from mistrust.layers.network.least.enough import NEVER, unsaid
from mistrust.layers.network.least.forms import CILIUM, KUBERNETES, Name
from mistrust.layers.network.least.identities import Identities
from mistrust.layers.network.least.replacing import Replacing
from mistrust.layers.network.least.wide import OUTSIDE, Wide
from mistrust.layers.network.plugin import may_be_cilium, profiles
from mistrust.layers.network.usage import Usage

INERT: Final = "the network plugin that runs enforces no policy: these will do nothing until another one does"
FOREIGN: Final = "the network plugin that runs reads no CiliumNetworkPolicy: nothing is written"
NARROW: Final = "the network plugin that runs reads no ClusterNetworkPolicy: nothing is written"
PROBES: Final = "probes of the kubelet need no rule: a node always reaches its own pods"


def synthesize(
    snapshot: Snapshot,
    usage: Usage,
    *,
    days: float = 14,
    callers: Collection[Ref] = (),
    form: Name = "kubernetes",
) -> Tightened:
    """What to change so that what was used is allowed and little else.

    Less evidence than `days`, holes not counted, shows no absence. `callers` are workloads whose token the API server
    saw. `usage` is of the same snapshot.
    """
    if form == "cluster" and not all(p.cluster_wide for p in profiles(snapshot)):
        return Tightened(remarks=(NARROW,))
    if form == "cilium":
        if not may_be_cilium(snapshot):
            return Tightened(remarks=(FOREIGN,))
        scene: Scene = Identities(snapshot, usage)
    else:
        scene = Scene(snapshot, usage)
    left = dict(unsaid(scene.snapshot, usage, scene.ends, days))
    for unit in scene.units:
        for ref in unit.workloads if unit.selector is None else ():
            left.setdefault(ref, "it has no label that stays: add one")
        for ref in unit.workloads if isinstance(scene, Identities) and scene.unknown(unit) else ():
            left.setdefault(ref, "the labels that tell it are no part of Cilium's identities: add one")
    while True:
        scene.spread(left)
        draft = scene.draft({u for u in scene.units if not left.keys() & set(u.workloads)}, callers)
        reasons = sorted(((m.workload, m.because) for m in draft.missing if m.workload not in left), reverse=True)
        new = dict(reasons)
        if not new:
            break
        left |= new
    wide = Wide(scene, draft) if form == "cluster" else None
    shut = wide.shut if wide is not None else ()
    replacing = Replacing(scene, draft, CILIUM if form == "cilium" else KUBERNETES, shut)
    changes = (*(wide.changes() if wide is not None else ()), *replacing.changes())
    shown = {w.ref for w in snapshot.workloads}
    inert = () if scene.permitted.enforced else (INERT,)
    inert = (*inert, OUTSIDE) if shut else inert
    said = (*inert, *replacing.remarks, *sorted(draft.remarks), *_unwritten(usage), *_never(left, shown), PROBES)
    return Tightened(
        changes,
        tuple(LeftAlone(ref, why) for ref, why in sorted(left.items()) if ref in shown),
        tuple(dict.fromkeys(said)) if changes else (),
    )


def _never(left: Mapping[Ref, str], shown: Collection[Ref]) -> Iterator[str]:
    never = sorted(ref for ref, why in left.items() if why == NEVER and ref in shown)
    if never:
        names = listed([str(ref) for ref in never])
        yield f"nothing was seen of {names}: what they ask of others is refused from now on"


def _unwritten(usage: Usage) -> Iterator[str]:
    beyond = sorted(map(str, usage.beyond()))
    if beyond:
        yield f"{len(beyond):,} connections were seen that the policies deny, such as {beyond[0]}: they stay denied"
    if usage.unresolved:
        flow = min(usage.unresolved)
        ends = (p.pod or p.workload or p.name or p.address for p in (flow.source, flow.destination))
        yield f"{len(usage.unresolved):,} flows have an end that is not shown, such as {' -> '.join(ends)}"
