"""What pods to come may have: a grant that no workload holds, and anybody who may create pods takes.

Of each namespace, the controls of the Pod Security Standards that nothing enforces there. Pods that exist need what
they violate, and so a label that is too strict shows as something lost.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Final, Self

import msgspec

from mistrust.access.verdict import Answer, Verdict
from mistrust.kube.core import Namespace
from mistrust.kube.meta import Metadata
from mistrust.kube.pods import PodSpec
from mistrust.kube.snapshot import Snapshot
from mistrust.layers.pods.admission import Enforced, admits_level
from mistrust.layers.pods.levels import policy_minor
from mistrust.layers.pods.standards.check import Check, Revision
from mistrust.layers.pods.standards.registry import CHECKS

CONTROLS: Final[Mapping[str, Check]] = {check.id: check for check in CHECKS}
APART: Final = frozenset({"seccompProfile_baseline"})
"""Its revisions look at different fields. Of every other control a later revision forbids less than an earlier one."""


class Newcomer(msgspec.Struct, frozen=True, order=True, gc=False):
    """A pod to come in a namespace has what a control forbids."""

    namespace: str
    control: str
    """`hostPathVolumes`, as the standards name it."""
    since: int
    """The revision of the control, by the minor of Kubernetes 1 that brought it."""

    @property
    def reason(self) -> str:
        """`hostPath volumes`; where the control has changed, with the minor whose meaning it is."""
        control = CONTROLS[self.control]
        if len(control.revisions) == 1:
            return control.reason
        dated = f"as of v1.{self.since}" if self.since else f"as before v1.{control.revisions[1].since}"
        return f"{control.reason} {dated}"

    def __str__(self) -> str:
        return f"a pod to come in namespace {self.namespace} with {self.reason}"


class Newcomers(msgspec.Struct, frozen=True):
    """Which pods may come: a finite set, so it is held as one."""

    free: frozenset[Newcomer]
    enforced: Mapping[str, Enforced]

    def __contains__(self, access: Newcomer) -> bool:
        return access in self.free

    def __or__(self, other: Self, /) -> Self:
        """Everything in either."""
        return type(self)(self.free | other.free, {**other.enforced, **self.enforced})

    def __sub__(self, other: Self, /) -> Self:
        """What the other does not let in."""
        return type(self)(self.free - other.free, self.enforced)

    def witness(self) -> Newcomer | None:
        """The first by name; None if there is none."""
        return min(self.free, default=None)

    def count(self) -> int:
        """How many namespaces and revisions of controls there are."""
        return len(self.free)

    def decide(self, access: Newcomer) -> Verdict:
        """May such a pod come? The evidence is the label that says so."""
        place = self.enforced.get(access.namespace)
        if place is None:
            return Verdict(Answer.UNKNOWN, f"namespace {access.namespace} is not in the snapshot")
        failed = (place.assumed,) if place.assumed else ()
        if access in self.free:
            return Verdict(Answer.ALLOWED, place.note, place.decided_by, failed)
        return Verdict(Answer.DENIED, f"{place.note}, which forbids {access.reason}", place.decided_by)


def newcomers(snapshot: Snapshot) -> Newcomers:
    """What pods to come may have in every namespace that the snapshot shows or implies."""
    spaces = {n.name for n in snapshot.of(Namespace)} | {w.namespace for w in snapshot.workloads}
    enforced = {name: admits_level(snapshot, name) for name in sorted(spaces)}
    free = {a for name, place in enforced.items() for a in free_under(name, place)}
    return Newcomers(frozenset(free), enforced)


def free_under(namespace: str, enforced: Enforced) -> Iterator[Newcomer]:
    """What is not forbidden there."""
    forbidden = frozenset(_forbidden(enforced))
    for check, revision in _everything():
        if (check.id, revision.since) not in forbidden:
            yield Newcomer(namespace, check.id, revision.since)


def needed(namespace: str, metadata: Metadata, spec: PodSpec) -> Iterator[Newcomer]:
    """What a pod with this template has: the level of its namespace admits it if all of that is free."""
    for check, revision in _everything():
        if next(revision.rule(metadata, spec), None) is not None:
            yield Newcomer(namespace, check.id, revision.since)


def in_use(snapshot: Snapshot) -> Iterable[Newcomer]:
    """What the pods and templates of a snapshot have, each once."""
    found: dict[Newcomer, None] = {}
    for w in snapshot.workloads:
        for metadata, spec in ((w.template.metadata, w.spec), *((p.metadata, p.spec) for p in w.pods)):
            found.update(dict.fromkeys(needed(w.namespace, metadata, spec)))
    return found


def _everything() -> Iterator[tuple[Check, Revision]]:
    return ((check, revision) for check in CHECKS for revision in check.revisions)


def _forbidden(enforced: Enforced) -> Iterator[tuple[str, int]]:
    """The controls of a level with every revision that they imply."""
    for check in CHECKS:
        revision = check.revision(policy_minor(enforced.version))
        if check.level > enforced.level or revision is None:
            continue
        yield check.id, revision.since
        later = (r.since for r in check.revisions if r.since > revision.since)
        yield from ((check.id, since) for since in later if check.id not in APART)
        for name in revision.overrides:
            yield from ((name, r.since) for r in CONTROLS[name].revisions if name not in APART or r.since)
