"""AuthorizationPolicies: who was seen to do what at a workload may, and nobody else.

What allows today is replaced, so it can only go where every workload that it holds for gets a policy of its own; what
denies, or asks others, stays. Nothing is written that was denied before.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

import msgspec
from msgspec import structs

from mistrust.access.change import Change, Note
from mistrust.access.ports import SPAN
from mistrust.access.record import Tally
from mistrust.access.verdict import Answer
from mistrust.kube.istio import AuthorizationPolicy, AuthorizationPolicySpec, WorkloadSelector
from mistrust.kube.meta import Metadata, Ref
from mistrust.kube.separate import Unit
from mistrust.layers.mesh.istio.authorization.protocols import Protocol
from mistrust.layers.mesh.istio.authorization.server import is_dry_run
from mistrust.layers.mesh.istio.istio import Istio
from mistrust.layers.mesh.least.grants import SCHEME, Grants
from mistrust.layers.mesh.least.ground import NO_LABELS, Ground
from mistrust.layers.mesh.least.stances import SERVERS, Stance, captured
from mistrust.layers.mesh.least.writing import EVERY_PORT, Need, Needs, rules
from mistrust.layers.mesh.member import Kind
from mistrust.layers.mesh.use import ONE, REST, Use

NOTHING: Final = "allow-nothing"
RARE: Final = "no run of it was seen: it keeps what it may"


class Draft(msgspec.Struct, frozen=True):
    """What becomes of the policies."""

    changes: tuple[Change, ...]
    written: tuple[Ref, ...]
    """The workloads with a policy of their own."""
    left: Mapping[Ref, str]
    remarks: tuple[str, ...] = ()


class Authorizing:
    """Drafts policies; `now` is what is let in when mutual TLS is required as proposed."""

    def __init__(self, ground: Ground, istio: Istio, stances: Mapping[Ref, Stance], now: Grants) -> None:
        self._ground, self._istio, self._stances, self._now = ground, istio, stances, now
        self._chosen = {ref: self._allowing(ref) for ref in ground.grants.pods}
        self._holding: dict[int, set[Ref]] = {}
        for ref, policies in self._chosen.items():
            for p in policies:
                self._holding.setdefault(id(p), set()).add(ref)
        self._needs: dict[Ref, Needs] = {}
        self.denied: list[Use] = []
        """Uses that the policies deny: they are not written down."""

    def draft(self, left: Mapping[Ref, str], exactly: frozenset[Ref]) -> Draft:
        """The policies, with some workloads left alone, and for some no more than exactly what was seen."""
        out = dict(left)
        for ref, stance in self._stances.items():
            why = self._unfit(ref, stance)
            if why:
                out.setdefault(ref, why)
        self._spread(out)
        fitting = [
            u for u in self._ground.units if u.workloads[0] in self._stances and not out.keys() & set(u.workloads)
        ]
        changes = [c for u in fitting for c in self._unit(u, exactly=u.workloads[0] in exactly)]
        changes += self._default(fitting, out)
        return Draft(tuple(changes), tuple(r for u in fitting for r in u.workloads if self._need(r)), out)

    def _unfit(self, ref: Ref, stance: Stance) -> str:
        """Why no policy can be written for a workload."""
        view = self._istio.view
        if why := self._ground.silence(ref):
            return why
        unit = self._ground.unit.get(ref)
        if unit is None or unit.selector is None:
            return NO_LABELS
        if unit.selector.match_expressions:
            return "no labels that stay choose it alone, and Istio's selectors know nothing but labels: add one"
        for i in self._ground.grants.pods[ref]:
            if view.members[i].kind not in SERVERS:
                return stance.left or view.members[i].because
            if view.waypointed(i):
                return "a waypoint stands before it: its policies belong to the Service"
        if stance.plain and self._chosen[ref]:
            port, why = next(iter(stance.plain.items()))
            return f"port {port} needs plaintext, which no identity can be asked of: {why}"
        nameless = next((u for u, _ in self._ground.to(ref) if u.at < SPAN and not self._ground.grants.ways(u)), None)
        if nameless is not None:
            return f"nobody told as whom somebody came over mutual TLS: {nameless}"
        if why := self._ground.contradicted(ref):
            return why
        doubtful = next((u for u, _ in self._ground.to(ref) if self._doubtful(u)), None)
        if doubtful is not None:
            return f"it is not known whether its policies let in what was seen: {doubtful}"
        return ""

    def _doubtful(self, use: Use) -> bool:
        found = [self._ground.grants.decide(a).answer for a in self._ground.grants.ways(use)]
        if not found or Answer.ALLOWED in found:
            return False
        return Answer.UNKNOWN in found or ONE in use.path or REST in use.path

    def _spread(self, left: dict[Ref, str]) -> None:
        """What cannot be chosen apart, or is allowed by a policy that has to stay, stays too."""
        while True:
            new: dict[Ref, str] = {}
            for unit in self._ground.units:
                alone = [r for r in unit.workloads if r in left or r not in self._stances]
                for ref in unit.workloads if alone else ():
                    if ref in self._stances and ref not in left:
                        new[ref] = f"no label that stays tells it from {alone[0]}: add one"
            for ref in self._stances:
                for p in self._chosen[ref]:
                    others = sorted(r for r in self._holding[id(p)] if r in left or r not in self._stances)
                    if ref not in left and others:
                        new.setdefault(ref, f"{p.ref} allows for {others[0]} too, which is left alone")
            if not new:
                return
            left |= new

    def _allowing(self, ref: Ref) -> tuple[AuthorizationPolicy, ...]:
        """The policies that allow something there, those of gateways and waypoints included."""
        authorization = self._istio.view.authorization
        found: dict[int, AuthorizationPolicy] = {}
        for i in self._ground.grants.pods[ref]:
            waypoints = (p for w in authorization.waypoints.every(i) for p in authorization.attached.at_waypoint(w))
            for p in (*authorization.chosen(i), *waypoints):
                if (p.spec.action or "ALLOW") == "ALLOW" and p.spec.rules and not is_dry_run(p):
                    found[id(p)] = p
        return tuple(sorted(found.values(), key=lambda p: p.ref))

    def _need(self, ref: Ref) -> Needs:
        if ref not in self._needs:
            every = dict(self._wanted(ref))
            open_to_all = {n.port for n in every if n == Need("", n.port)}
            self._needs[ref] = {n: why for n, why in every.items() if n.port not in open_to_all or not n.name}
        return self._needs[ref]

    def _wanted(self, ref: Ref) -> Iterator[tuple[Need, tuple[str, Tally | None]]]:
        grants = self._ground.grants
        told: dict[tuple[str, int], list[tuple[Use, Tally]]] = {}
        for use, tally in self._ground.to(ref):
            if use.at >= SPAN or not captured(self._istio, grants.pods[ref], use.port):
                continue
            if self._ground.denied(use):
                self.denied.append(use)
                continue
            name = ""
            if self._ground.surely_mutual(use):
                own = grants.principal(use.source, ref) if use.source is not None else None
                name = use.identity.removeprefix(SCHEME) or own or ""
            told.setdefault((name, use.port), []).append((use, tally))
        for (name, port), several in told.items():
            http = self._spoken(ref, port) is not Protocol.TCP
            requests = [(u, t) for u, t in several if u.method or u.path] if http else []
            for use, tally in requests:
                yield Need(name, port, use.method, use.path), (str(use), tally)
            if not requests:
                total = several[0][1]
                for _, tally in several[1:]:
                    total += tally
                yield Need(name, port), (_whole(several[0][0]), total)
        for port, why in self._stances[ref].plain.items():
            if ("", port) not in told:
                yield Need("", port), (f"port {port}: {why}", None)
        for job in self._ground.rare:
            name = grants.principal(job, ref) or ""
            if name and told:
                yield Need(name, EVERY_PORT), (f"{job}: {RARE}", None)

    def _spoken(self, ref: Ref, port: int) -> Protocol:
        found = {self._istio.view.authorization.spoken(i, port) for i in self._ground.grants.pods[ref]}
        return found.pop() if len(found) == 1 else Protocol.TCP

    def _unit(self, unit: Unit, *, exactly: bool) -> Iterator[Change]:
        """One policy in the place of what allows today."""
        assert unit.selector is not None
        needs: dict[Need, tuple[str, Tally | None]] = {}
        for ref in unit.workloads:
            needs.update(self._need(ref))
        held = [p for ref in unit.workloads for p in self._chosen[ref]]
        held = list({id(p): p for p in held}.values())
        if not needs:
            return
        written, notes = rules(needs, exactly=exactly)
        mine = [p for p in held if self._holding[id(p)] == set(unit.workloads) and p.namespace == unit.namespace]
        names = ", ".join(map(str, unit.workloads))
        because = f"{names} lets in what was seen to be used, and nothing else"
        if mine:
            spec = structs.replace(mine[0].spec, rules=written)
            if spec != mine[0].spec:
                yield Change(mine[0], (structs.replace(mine[0], spec=spec),), because, notes)
        else:
            selector = WorkloadSelector(match_labels=unit.selector.match_labels)
            spec = AuthorizationPolicySpec(selector=selector, rules=written)
            made = AuthorizationPolicy(metadata=Metadata(name=self._name(unit), namespace=unit.namespace), spec=spec)
            yield Change(None, (made,), because, notes)
        for p in held:
            if p not in mine[:1] and self._first(p) == unit.workloads[0]:
                yield Change(p, (), "what was used of it stands in policies of its workloads")

    def _first(self, policy: AuthorizationPolicy) -> Ref:
        """Of the workloads that a policy holds for the one that it is told with."""
        unit = self._ground.unit[min(self._holding[id(policy)])]
        return unit.workloads[0]

    def _default(self, fitting: Sequence[Unit], left: Mapping[Ref, str]) -> Iterator[Change]:
        """In namespaces whose workloads all have policies, or need none, nothing else is let in."""
        root = self._istio.view.config.root
        authorization = self._istio.view.authorization
        covered = {ref for u in fitting for ref in u.workloads}
        for n in sorted({u.namespace for u in fitting if any(self._need(r) for r in u.workloads)}):
            here = [ref for ref in self._ground.grants.pods if ref.namespace == n]
            kinds = {authorization.kind(i) for ref in here for i in self._ground.grants.pods[ref]}
            whole = all(ref in covered or self._bare(ref) for ref in here)
            empty = any(
                _denies_all(p) for p in self._ground.snapshot.of(AuthorizationPolicy) if p.namespace in (n, root)
            )
            if n != root and whole and not empty and Kind.GATEWAY not in kinds:
                made = AuthorizationPolicy(metadata=Metadata(name=self._free(n, NOTHING), namespace=n))
                note = Note("what no other policy allows is denied, at workloads to come too")
                yield Change(
                    None, (made,), f"every workload of {n} has a policy of its own, or nobody uses it", (note,)
                )

    def _bare(self, ref: Ref) -> bool:
        """Is it surely in no mesh?"""
        return all(self._istio.view.members[i].kind is Kind.NONE for i in self._ground.grants.pods[ref])

    def _name(self, unit: Unit) -> str:
        return self._free(unit.namespace, unit.workloads[0].name)

    def _free(self, namespace: str, wanted: str) -> str:
        taken = {p.name for p in self._ground.snapshot.of(AuthorizationPolicy) if p.namespace == namespace}
        return next(n for n in (wanted, *(f"{wanted}-{i}" for i in range(2, len(taken) + 3))) if n not in taken)


def _denies_all(p: AuthorizationPolicy) -> bool:
    spec = p.spec
    bare = not (spec.selector or spec.target_ref or spec.target_refs or spec.rules)
    return bare and (spec.action or "ALLOW") == "ALLOW" and not is_dry_run(p)


def _whole(use: Use) -> str:
    return str(structs.replace(use, method="", path=""))
