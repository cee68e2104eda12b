"""What proposals stand on: what was let in before, what was used of it, and which workloads can be told apart."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from msgspec import structs

from mistrust.access.record import Coverage, Tally
from mistrust.access.verdict import Answer
from mistrust.kube.endpoints import Endpoint
from mistrust.kube.meta import Ref
from mistrust.kube.separate import Unit, units
from mistrust.kube.snapshot import Snapshot
from mistrust.layers.mesh.least.evidence import Uses, rare, silence, thin
from mistrust.layers.mesh.least.grants import Grants
from mistrust.layers.mesh.use import Use

Seen = tuple[Use, Tally]
NO_LABELS: Final = "it has no label that stays: add one"


class Ground:
    """One snapshot with its evidence."""

    def __init__(self, snapshot: Snapshot, grants: Grants, uses: Uses, coverage: Coverage, days: float) -> None:
        self.snapshot, self.grants, self.coverage = snapshot, grants, coverage
        self.thin = thin(snapshot, coverage, days)
        self.rare = rare(snapshot, uses)
        self.units: tuple[Unit, ...] = units(snapshot, grants.ends)
        self.unit = {ref: u for u in self.units for ref in u.workloads}
        self._to: dict[Ref, list[Seen]] = {}
        for use in sorted(uses, key=order):
            self._to.setdefault(use.destination, []).append((use, uses[use]))

    def to(self, ref: Ref) -> tuple[Seen, ...]:
        """What was seen to come to a workload."""
        return tuple(self._to.get(ref, ()))

    def pods(self, ref: Ref) -> tuple[Endpoint, ...]:
        """The endpoints of a workload."""
        return tuple(self.grants.ends[i] for i in self.grants.pods.get(ref, ()))

    def silence(self, ref: Ref) -> str:
        """Why it is not known who uses a workload; empty where it is."""
        answers = bool(self.grants.answers(ref))
        return self.thin or silence(self.pods(ref), self.coverage, seen=ref in self._to, answers=answers)

    def surely_mutual(self, use: Use) -> bool:
        """Did it come over mutual TLS: seen so, or between proxies that speak nothing else with each other?"""
        if use.security:
            return use.security == "mtls"
        if use.identity:
            return True
        if use.source is None:
            return False
        mesh, pods = self.grants.mesh, self.grants.pods
        ends = [(s, t) for s in pods.get(use.source, ()) for t in pods.get(use.destination, ())]
        told = {mesh.channel(mesh.source_of[s], mesh.target_of[t], use.at) for s, t in ends}
        return bool(told) and all(c.transport.startswith("mtls") and not c.unknown for c in told)

    def denied(self, use: Use) -> bool:
        """Do the policies refuse what was seen, so that it must have been before them?"""
        ways = self.grants.ways(use)
        return bool(ways) and all(self.grants.decide(a).answer is Answer.DENIED for a in ways)

    def contradicted(self, ref: Ref) -> str:
        """What was seen to come to a workload and cannot have, as its mesh is shown; empty where all can."""
        for use, _ in self.to(ref):
            for access in self.grants.ways(use) if self.denied(use) else ():
                elsewhere = structs.replace(access, source=None)
                if access.source is not None and self.grants.decide(elsewhere).answer is not Answer.DENIED:
                    return f"{use} was seen, and should not have come about: {self.grants.decide(access).because}"
        return ""

    def lost(self, new: Grants, destinations: Iterable[Ref]) -> Iterator[tuple[Use, str]]:
        """Uses of some workloads that were let in and are not, or not surely, any more; with the reason."""
        for destination in destinations:
            for use, _ in self.to(destination):
                ways = self.grants.ways(use)
                before = [self.grants.decide(a) for a in ways]
                now = [new.decide(a) for a in ways]
                if any(v.answer is Answer.ALLOWED for v in now):
                    continue
                for old, found in zip(before, now, strict=True):
                    same = (old.answer, old.failed) == (found.answer, found.failed)
                    if old.answer is not Answer.DENIED and not same:
                        yield use, found.because
                        break


def order(use: Use) -> tuple[object, ...]:
    """Uses in the order of their names; what has no source comes first."""
    source = (use.source.namespace, use.source.name, use.source.kind) if use.source is not None else ("", "", "")
    return (source, use.destination, use.at, use.method, use.path, use.identity, use.security)
