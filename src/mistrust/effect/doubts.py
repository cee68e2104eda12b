"""What was not read or not seen in two versions, and which changes may hide behind it."""

from __future__ import annotations

from collections.abc import Iterator

from mistrust.effect.connections import NETWORK
from mistrust.effect.effect import Doubt, Kind
from mistrust.kube.meta import Other
from mistrust.kube.rbac import ClusterRole, ClusterRoleBinding, Role, RoleBinding
from mistrust.kube.snapshot import Gap, Snapshot
from mistrust.layers.network.deciding.unseen import OURS, unseen
from mistrust.layers.network.statements.policies import policies
from mistrust.paths.terrain import AUTHORIZERS

EVERY = frozenset(Kind)
IDENTITY = frozenset({Kind.PERMISSION, Kind.ESCALATION, Kind.PATH})

BY_KIND = {
    **{k.KIND: IDENTITY for k in (ClusterRole, ClusterRoleBinding, Role, RoleBinding)},
    **{k.KIND: NETWORK for k in OURS},
}
"""Kinds of which it is known what a missing one may hide; another may hide anything."""


def doubts(old: Snapshot, new: Snapshot) -> Iterator[Doubt]:
    """Everything, each thing once; what was not read in both versions is of none of them."""
    before, after = dict(_every(old)), dict(_every(new))
    for words, hides in before.items():
        if words in after:
            yield Doubt("", f"in both versions, {words}", hides | after[words])
        else:
            yield Doubt("old", words, hides)
    yield from (Doubt("new", words, hides) for words, hides in after.items() if words not in before)


def _every(snapshot: Snapshot) -> Iterator[tuple[str, frozenset[Kind]]]:
    for problem in snapshot.problems:
        if problem.blinds:
            yield f"not understood: {problem}", EVERY
    for gap in snapshot.gaps:
        yield f"not seen: {_words(gap)}", BY_KIND.get(gap.kind, EVERY)
    gone = {g.kind for g in snapshot.gaps}
    for thing in unseen(snapshot):
        if not thing.anything and not any(thing.words.startswith(f"{kind} objects") for kind in gone):
            yield thing.words, NETWORK
    for problem in policies(snapshot).problems:
        yield str(problem), NETWORK
    for kind in sorted({o.kind for o in snapshot.of(Other) if o.kind in AUTHORIZERS}):
        yield f"{kind} may allow what RBAC does not", IDENTITY


def _words(gap: Gap) -> str:
    return f"{gap.kind}{f' in {gap.namespace}' if gap.namespace else ''} ({gap.why})"
