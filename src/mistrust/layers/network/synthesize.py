"""NetworkPolicies that are just enough: what was used and what every cluster needs stays open, the rest closes.

Every workload that the evidence covers gets one policy that limits both directions; a namespace of which all workloads
are covered gets a denial for pods to come as well. Nothing becomes wider: a connection is written down only where the
old policies let every pod open it that the new selectors choose, an old policy goes only where all pods that it
chooses are limited by new ones, and one that may limit pods to come stays without its rules. Cluster-wide kinds stay.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Final

import msgspec
from msgspec import structs

from mistrust.kube.endpoints import Endpoint, endpoints
from mistrust.kube.meta import Object, Ref
from mistrust.kube.network import NetworkPolicy
from mistrust.kube.selectors import LabelSelector, matches
from mistrust.kube.snapshot import Snapshot
from mistrust.layers.network.enough import unsaid
from mistrust.layers.network.exposure.doors import doors
from mistrust.layers.network.grants import granted
from mistrust.layers.network.lines import Span
from mistrust.layers.network.permitted import Extent, Permitted
from mistrust.layers.network.regulars import Regulars, promised, regulars
from mistrust.layers.network.rules import refusals
from mistrust.layers.network.separate import Unit, units
from mistrust.layers.network.telling import listed
from mistrust.layers.network.usage import Usage
from mistrust.layers.network.wanted import DOOR, End, Missing, Wanted, Wants
from mistrust.layers.network.writing import Note, Peer, Written, deny_all, policy

PROBES: Final = "probes of the kubelet need no rule: a node always reaches its own pods"
DENY: Final = "default-deny"
USED: Final = "what of it was used is in the policies of the workloads"


class Replacement(msgspec.Struct, frozen=True):
    """What becomes of one policy, or a new one."""

    old: NetworkPolicy | None
    """None: it replaces nothing."""
    new: tuple[NetworkPolicy, ...]
    """Empty: the old one goes."""
    because: str
    notes: tuple[Note, ...] = ()
    """Why each rule of the new one is there."""


class LeftAlone(msgspec.Struct, frozen=True):
    """A workload whose connections stay as they are."""

    workload: Ref
    because: str


class Tightened(msgspec.Struct, frozen=True):
    """The policies that are just enough."""

    changes: tuple[Replacement, ...]
    left: tuple[LeftAlone, ...]
    remarks: tuple[str, ...]
    """What is left over, or was used and is not written down, and why."""


def synthesize(snapshot: Snapshot, usage: Usage, *, days: float = 14, callers: Collection[Ref] = ()) -> Tightened:
    """What to change so that what was used is allowed and little else.

    Less evidence than `days`, holes not counted, shows no absence. `callers` are workloads whose token the API server
    saw. `usage` is of the same snapshot.
    """
    scene = _Scene(snapshot, usage)
    left = {ref: LeftAlone(ref, why) for ref, why in unsaid(scene.snapshot, usage, scene.ends, days)}
    for unit in scene.units:
        if unit.selector is None:
            for ref in unit.workloads:
                left.setdefault(ref, LeftAlone(ref, "it has no label that stays: add one"))
    while True:
        scene.spread(left)
        draft = scene.draft({u for u in scene.units if not left.keys() & set(u.workloads)}, callers)
        new = {m.workload: m for m in draft.missing if m.workload not in left}
        if not new:
            break
        left |= {ref: LeftAlone(ref, m.because) for ref, m in new.items()}
    changes, remarks = scene.changes(draft)
    shown = {w.ref for w in snapshot.workloads}
    return Tightened(
        changes,
        tuple(each for ref, each in sorted(left.items()) if ref in shown),
        tuple(dict.fromkeys((*remarks, *draft.remarks, *_unwritten(usage), PROBES))) if changes else (),
    )


def applied(objects: Iterable[Object], changes: Iterable[Replacement]) -> tuple[Object, ...]:
    """The objects after the changes, new ones in the place of what they replace, else at the end."""
    several = tuple(changes)
    new = {id(c.old): c.new for c in several if c.old is not None}
    kept = [o for old in objects for o in new.get(id(old), (old,))]
    return (*kept, *(p for c in several if c.old is None for p in c.new))


def _unwritten(usage: Usage) -> Iterator[str]:
    beyond = sorted(map(str, usage.beyond()))
    if beyond:
        yield f"{len(beyond):,} connections were seen that the policies deny, such as {beyond[0]}: they stay denied"
    if usage.unresolved:
        flow = min(usage.unresolved)
        ends = (p.pod or p.workload or p.name or p.address for p in (flow.source, flow.destination))
        yield f"{len(usage.unresolved):,} flows have an end that is not shown, such as {' -> '.join(ends)}"


class _Draft(msgspec.Struct):
    """What is needed by the units that are covered."""

    covered: set[Unit]
    ingress: dict[Unit, dict[Peer, dict[int, list[Wanted]]]]
    egress: dict[Unit, dict[Peer, dict[int, list[Wanted]]]]
    missing: list[Missing]
    remarks: list[str]


class _Scene:
    """One snapshot, with everything that is asked of it."""

    def __init__(self, snapshot: Snapshot, usage: Usage) -> None:
        self.snapshot = whole = promised(snapshot)
        self.ends = endpoints(whole)
        old = usage.granted if whole is snapshot else granted(whole)
        self.permitted = Permitted(old)
        self.units = units(whole, self.ends)
        self.of = {ref: u for u in self.units for ref in u.workloads}
        self.regulars: Regulars = regulars(whole, self.ends)
        found = doors(whole, self.ends, old.origins[0].reach)
        self.wants = Wants(whole, self.ends, usage, self.regulars, found)
        self._pods = _pods(whole, self.ends)

    def spread(self, left: dict[Ref, LeftAlone]) -> None:
        """What no label tells from a workload that is left alone is left alone too."""
        for unit in self.units:
            alone = [ref for ref in unit.workloads if ref in left]
            for ref in unit.workloads if alone else ():
                left.setdefault(ref, LeftAlone(ref, f"no label that stays tells it from {alone[0]}: add one"))

    def draft(self, covered: set[Unit], callers: Collection[Ref]) -> _Draft:
        """What the covered units need, of what is allowed."""
        draft = _Draft(covered, {}, {}, [], [])
        refs = {ref for u in covered for ref in u.workloads}
        for one in self.wants.every(refs, callers):
            if isinstance(one, Missing):
                draft.missing.append(one)
            else:
                self._place(draft, one)
        return draft

    def _place(self, draft: _Draft, one: Wanted) -> None:
        source, destination = self._party(one.source), self._party(one.destination)
        mine = [u for u in (source, destination) if isinstance(u, Unit) and u in draft.covered]
        if not mine:
            return
        if one.source is None:
            if isinstance(destination, Unit) and self._open(destination, one.at):
                _add(draft.ingress, destination, None, one)
            return
        if source is None or destination is None:
            return
        bare = next((u for u in (source, destination) if isinstance(u, Unit) and u.selector is None), None)
        if bare is not None:
            why = f"{bare.workloads[0]} has no label that stays: add one"
            draft.missing.extend(Missing(ref, why) for u in mine for ref in u.workloads)
            return
        if isinstance(source, tuple) and isinstance(destination, Unit) and one.because == DOOR:
            for span in self.permitted.outside(source, destination, one.at):
                _add(draft.ingress, destination, span, one)
            return
        extent = self.permitted.extent(source, destination, one.at)
        if extent is Extent.SOME:
            why = f"of the pods that its labels choose, policies let only some open {one}: add a label"
            draft.missing.extend(Missing(ref, why) for u in mine for ref in u.workloads)
        if extent is Extent.WORDLESS:
            why = f"{one}: the network plugin matches no node by its address; its own kind of policy can"
            draft.missing.extend(Missing(ref, why) for u in mine for ref in u.workloads)
        if extent is not Extent.ALL:
            return
        if any(isinstance(end, tuple) and self.permitted.nodes_differ(end) for end in (source, destination)):
            draft.remarks.append("Cilium matches no node by its address: if it runs here, nodes need its own policies")
        if source in draft.covered and isinstance(source, Unit):
            _add(draft.egress, source, destination, one)
        if destination in draft.covered and isinstance(destination, Unit):
            _add(draft.ingress, destination, source, one)
        for unit in {source, destination}:
            if isinstance(unit, Unit) and len(unit.workloads) > 1:
                names = listed([str(ref) for ref in unit.workloads])
                draft.remarks.append(f"no label that stays tells {names} apart: what one needs, all may")

    def _party(self, end: End | None) -> Unit | Span | None:
        return self.of.get(end) if isinstance(end, Ref) else end

    def _open(self, unit: Unit, at: int) -> bool:
        """May every pod come in, and do the policies say so of pods to come?"""
        if not self.permitted.everybody(unit, at):
            return False
        for namespace, labels, _ in (p for ref in unit.workloads for p in self._pods.get(ref, ())):
            limiting = [
                p
                for p in self.snapshot.of(NetworkPolicy)
                if p.namespace == namespace and "Ingress" in p.spec.directions and matches(p.spec.pod_selector, labels)
            ]
            if limiting and not any(_everybody(p) for p in limiting):
                return False
        return True

    def changes(self, draft: _Draft) -> tuple[tuple[Replacement, ...], list[str]]:
        """Old policies against new ones, and what is left over."""
        found: list[Replacement] = []
        remarks: list[str] = []
        for namespace in sorted({u.namespace for u in draft.covered}):
            found.extend(self._namespace(namespace, draft, remarks))
        return tuple(found), remarks

    def _namespace(self, namespace: str, draft: _Draft, remarks: list[str]) -> Iterator[Replacement]:
        here = [u for u in self.units if u.namespace == namespace]
        whole = all(u in draft.covered for u in here)
        mine = [u for u in here if u in draft.covered]
        gone: list[NetworkPolicy] = []
        staying: list[NetworkPolicy] = []
        for old in (p for p in self.snapshot.of(NetworkPolicy) if p.namespace == namespace):
            chosen = {u for u in here if self._chooses(old, u)}
            covered = chosen & draft.covered
            if covered and chosen <= draft.covered and not any(refusals(old)):
                gone.append(old)
                continue
            staying.append(old)
            if covered and (old.spec.ingress or old.spec.egress):
                others = listed([str(u.workloads[0]) for u in here if u in chosen - draft.covered])
                why = f"it also limits {others}" if others else "nobody knows what it says"
                remarks.append(f"{old.ref} stays, with what it allows: {why}")
        shut = next((p for p in (*staying, *gone) if whole and _denies(p)), None)
        if shut is not None:
            gone = [p for p in gone if p is not shut]
            staying.append(shut)
        written = list(self._written(mine, draft, gone, {p.name for p in staying}, whole=whole))
        if whole and shut is None:
            taken = {p.name for p in (*staying, *(w.policy for w in written))}
            written.append(Written(deny_all(namespace, _free(DENY, taken)), ()))
        selectors = [w.policy.spec.pod_selector for w in written]
        by_name = {w.policy.name: w for w in written}
        for old in gone:
            same = by_name.pop(old.name, None)
            if same is not None:
                if same.policy.spec != old.spec:
                    yield _replaced(old, same)
            elif whole or old.spec.pod_selector in selectors:
                yield Replacement(old, (), USED)
            elif old.spec.ingress or old.spec.egress:
                bare = structs.replace(old.spec, policy_types=old.spec.directions, ingress=(), egress=())
                yield Replacement(old, (structs.replace(old, spec=bare),), f"{USED}; pods to come stay limited")
        yield from (_replaced(None, w) for w in by_name.values())

    def _written(
        self, mine: Sequence[Unit], draft: _Draft, gone: Sequence[NetworkPolicy], taken: set[str], *, whole: bool
    ) -> Iterator[Written]:
        """The policy of each unit, under the name of one that says the same if there is one."""
        selectors = [u.selector for u in mine]
        names = taken | {p.name for p in gone if not whole and p.spec.pod_selector not in selectors}
        for unit in mine:
            first = unit.workloads[0]
            made = policy(unit, first.name, draft.ingress.get(unit, {}), draft.egress.get(unit, {}))
            like = next((p.name for p in gone if p.spec == made.policy.spec and p.name not in taken), None)
            name = like or _free(first.name, names, first.kind.lower())
            taken.add(name)
            names.add(name)
            metadata = structs.replace(made.policy.metadata, name=name)
            yield structs.replace(made, policy=structs.replace(made.policy, metadata=metadata))

    def _chooses(self, old: NetworkPolicy, unit: Unit) -> bool:
        pods = (p for ref in unit.workloads for p in self._pods.get(ref, ()))
        return any(matches(old.spec.pod_selector, labels) for _, labels, _ in pods)


def _add(needs: dict[Unit, dict[Peer, dict[int, list[Wanted]]]], unit: Unit, peer: Peer, one: Wanted) -> None:
    needs.setdefault(unit, {}).setdefault(peer, {}).setdefault(one.at, []).append(one)


Pods = Mapping[Ref, Sequence[tuple[str, Mapping[str, str], bool]]]


def _pods(snapshot: Snapshot, ends: Sequence[Endpoint]) -> Pods:
    """Namespace and labels of the pods of every workload, those that its template promises included."""
    found: dict[Ref, list[tuple[str, Mapping[str, str], bool]]] = {}
    for e in ends:
        found.setdefault(snapshot.workloads[e.workload].ref, []).append((e.namespace, e.labels, e.running))
    for w in snapshot.workloads:
        found.setdefault(w.ref, []).append((w.namespace, w.labels, False))
    return found


def _everybody(given: NetworkPolicy) -> bool:
    every = LabelSelector()
    return any(
        not rule.sources or any(p.namespace_selector == every and p.pod_selector in (None, every) for p in rule.sources)
        for rule in given.spec.ingress
    )


def _denies(given: NetworkPolicy) -> bool:
    """Does it deny both directions to all pods of the namespace, and allow nothing?"""
    spec = given.spec
    return (
        spec.pod_selector == LabelSelector()
        and set(spec.directions) == {"Ingress", "Egress"}
        and not spec.ingress
        and not spec.egress
    )


def _replaced(old: NetworkPolicy | None, new: Written) -> Replacement:
    because = "keeps what was used" if new.notes else "nothing was seen to be used"
    if new.policy.spec.pod_selector == LabelSelector():
        because = "every workload of the namespace has a policy: what comes later has to get one"
    if old is not None:
        return Replacement(old, (structs.replace(old, spec=new.policy.spec),), because, new.notes)
    return Replacement(None, (new.policy,), because, new.notes)


def _free(name: str, taken: Collection[str], kind: str = "") -> str:
    """A name that is not taken."""
    for candidate in (name, f"{name}-{kind}" if kind else f"{name}-used"):
        if candidate not in taken:
            return candidate
    number = 2
    while f"{name}-{number}" in taken:
        number += 1
    return f"{name}-{number}"
