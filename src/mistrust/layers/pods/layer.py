"""The pods layer: which workload has which power beyond its own containers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Literal, Self

import msgspec

from mistrust.access.fact import Fact
from mistrust.access.verdict import Answer, Verdict
from mistrust.kube.meta import Ref
from mistrust.kube.snapshot import Snapshot
from mistrust.kube.workloads import Workload
from mistrust.layers.pods.escapes.escape import Escape, Power
from mistrust.layers.pods.escapes.every import escapes, surroundings
from mistrust.layers.pods.facts import facts
from mistrust.layers.pods.template import place


class Access(msgspec.Struct, frozen=True, order=True, gc=False):
    """A workload has a power."""

    workload: Ref
    power: Power

    def __str__(self) -> str:
        return f"{self.workload} has power {self.power}"


Reasons = tuple[tuple[Workload, Escape], ...]


class Powers(msgspec.Struct, frozen=True):
    """Who has which power: a finite set, so it is held as one. `amplifier` is none, and never in it."""

    held: Mapping[Access, Reasons]
    known: frozenset[Ref]
    """The workloads that were looked at: of others nothing is known."""

    def __contains__(self, access: Access) -> bool:
        return access in self.held

    def __or__(self, other: Self, /) -> Self:
        """Everything in either."""
        both = {a: (*self.held.get(a, ()), *other.held.get(a, ())) for a in {**self.held, **other.held}}
        return type(self)(both, self.known | other.known)

    def __sub__(self, other: Self, /) -> Self:
        """What the other does not have."""
        return type(self)({a: r for a, r in self.held.items() if a not in other.held}, self.known)

    def witness(self) -> Access | None:
        """The first by name; None if there is none."""
        return min(self.held, default=None)

    def count(self) -> int:
        """How many pairs of a workload and a power there are."""
        return len(self.held)

    def decide(self, access: Access) -> Verdict:
        """Has this workload this power? The evidence is the fields that give it, the clause what else must hold."""
        if access.workload not in self.known:
            return Verdict(Answer.UNKNOWN, f"{access.workload} is not in the snapshot")
        reasons = self.held.get(access, ())
        if not reasons:
            return Verdict(Answer.DENIED, f"no field of {access.workload} gives {access.power}")
        seen = tuple(
            e for workload, escape in reasons for e in (*place(workload).evidence(escape.fields), *escape.also)
        )
        because = "; ".join(dict.fromkeys(escape.detail for _, escape in reasons))
        sure = any(escape.certain for _, escape in reasons)
        conditions = () if sure else tuple(dict.fromkeys(f"if {escape.condition}" for _, escape in reasons))
        return Verdict(Answer.ALLOWED, because, seen, conditions)


class Pods:
    """What pods may do to their nodes and neighbours."""

    name = "pods"
    absent: Literal["allow", "deny"] = "deny"

    def granted(self, snapshot: Snapshot) -> Powers:
        """Every power of every workload."""
        around = surroundings(snapshot)
        held: dict[Access, Reasons] = {}
        for workload in snapshot.workloads:
            for escape in escapes(workload, around):
                if escape.power is not Power.AMPLIFIER:
                    access = Access(workload.ref, escape.power)
                    held[access] = (*held.get(access, ()), (workload, escape))
        return Powers(held, frozenset(w.ref for w in snapshot.workloads))

    def facts(self, snapshot: Snapshot, granted: Powers, /) -> Iterator[Fact]:
        """What is worth knowing about them."""
        return facts(snapshot)
