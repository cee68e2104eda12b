"""`Standing`: a cluster as it was read, worked out once, over which each request is laid by itself.

What was let in since is not in it, so two requests may do together what neither does alone: whoever holds one
replaces it with a newer one again and again, and asks about the whole from time to time.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Final

import msgspec

from mistrust.admission.effects.guard import KIND, Guard
from mistrust.admission.effects.judging import UNKNOWN, Change, judged, labels_of
from mistrust.admission.finding import Finding
from mistrust.admission.plain import text
from mistrust.admission.policy import Policy, Question
from mistrust.admission.review import Review
from mistrust.effect.binding import Binding, of_binding
from mistrust.effect.doubts import EVERY, IDENTITY, doubts
from mistrust.effect.effect import Doubt, Effect, Kind
from mistrust.effect.laid import laid_over, without
from mistrust.effect.part import can, part
from mistrust.effect.state import Given, state
from mistrust.kube.core import Namespace
from mistrust.kube.decode import DEFAULT_NAMESPACE, from_plain
from mistrust.kube.meta import Object, Ref
from mistrust.kube.problem import Origin, Problem
from mistrust.kube.snapshot import Scope, Snapshot, snapshot
from mistrust.kube.workloads import template_of

ORIGIN: Final = Origin("the request")
WHOLE: Final = ("", "status", "ephemeralcontainers")
"""Subresources whose object is the one that is stored."""


class Standing:
    """Answers what a request would change of a cluster."""

    def __init__(self, cluster: Snapshot, given: Given) -> None:
        self._state, self._given = state(cluster, given), given
        self._at = {o.ref: i for i, o in enumerate(cluster.objects)}
        self._doubts = tuple(doubts(cluster, cluster))
        self._labels = labels_of(cluster)

    def policies(self, guards: Sequence[Guard]) -> tuple[Policy, ...]:
        """Guards as policies of admission, to be asked beside others."""
        return tuple(Policy(f"{KIND} {g.name}", UNKNOWN[g.spec.unknown], partial(self._ask, g)) for g in guards)

    def _ask(self, guard: Guard, asked: Question) -> list[Finding]:
        return self.judge([guard], asked.sent)

    def judge(self, guards: Sequence[Guard], review: Review) -> list[Finding]:
        """What guards say of a request, as if it alone came over the cluster."""
        if text(review.request, "operation") == "CONNECT":
            return []
        ref, after = _requested(review)
        asked = [g for g in guards if g.spec.match.holds(ref)]
        if not asked:
            return []
        kinds = frozenset[Kind]().union(*(g.kinds for g in asked))
        return judged(asked, self.change(review, ref, after, kinds))

    def change(self, review: Review, ref: Ref, after: Object | Doubt | None, kinds: frozenset[Kind]) -> Change:
        """The effect of a request, of the kinds that somebody asks about."""
        old = self._state.snapshot
        there = self._at.get(ref)
        before = old.objects[there] if there is not None else None
        if isinstance(after, Doubt):
            return Change(Effect(doubts=(*self._doubts, after)), (ref,), self._labels, review)
        differing = [o for o in (before, after) if o is not None]
        able = can(differing)
        if _alike(before, after) or not kinds & able:
            return Change(Effect(doubts=self._doubts), (ref,), self._labels, review)
        found, labels, known = self._bound(before, after, kinds), self._labels, self._doubts
        if found is None:
            new = self._laid(ref, before, after)
            found = part(self._state, new, self._given, kinds, able)
            known = known if able <= IDENTITY else tuple(doubts(old, new))
            labels = labels_of(new) if any(isinstance(o, Namespace) for o in differing) else labels
        found = msgspec.structs.replace(found, doubts=(*known, *found.doubts))
        return Change(found, (ref,), labels, review)

    def _bound(self, before: Object | None, after: Object | None, kinds: frozenset[Kind]) -> Effect | None:
        if isinstance(before, Binding | None) and isinstance(after, Binding | None):
            return of_binding(self._state, before, after, kinds)
        return None

    def _laid(self, ref: Ref, before: Object | None, after: Object | None) -> Snapshot:
        """The cluster with an object come, written otherwise, or gone."""
        old = self._state.snapshot
        shapes = any(o is not None and template_of(o) is not None for o in (before, after))
        if shapes or len(self._at) != len(old.objects):
            return without(old, ref) if after is None else laid_over(old, snapshot([after], scope=Scope.MANIFESTS))
        kinds = dict(old.kinds)
        for kind in {type(o) for o in (before, after) if o is not None}:
            kept = [o for o in kinds.get(kind, ()) if o is not before]
            kinds[kind] = (*kept, after) if type(after) is kind and after is not None else tuple(kept)
        there = self._at.get(ref)
        front, back = (old.objects, ()) if there is None else (old.objects[:there], old.objects[there + 1 :])
        objects = (*front, *((after,) if after is not None else ()), *back)
        return msgspec.structs.replace(old, objects=objects, kinds=kinds)


def _requested(review: Review) -> tuple[Ref, Object | Doubt | None]:
    """The object that a request is about, and what it is to be: None where it goes, a doubt where nobody can tell."""
    deleted = text(review.request, "operation") == "DELETE"
    group, _, kind = review.group_version_kind
    space, part_of = text(review.request, "namespace"), text(review.request, "subResource")
    ref = Ref(group, kind, space, text(review.request, "name"))
    if part_of not in WHOLE:
        return ref, Doubt("new", f"what {kind.lower()}s/{part_of} changes of the object is not worked out", EVERY)
    match list(from_plain(review.old if deleted else review.object, ORIGIN, space or DEFAULT_NAMESPACE)):
        case [Object() as found]:
            return found.ref, None if deleted else found
        case [Problem() as problem]:
            return ref, Doubt("new", f"not understood: {problem}", EVERY)
        case _:
            return ref, Doubt("new", "not understood: a request about no object, or about several", EVERY)


def _alike(before: Object | None, after: Object | None) -> bool:
    """Is there no difference but in what the server counts?"""
    if before is None or after is None:
        return before is after
    kept = msgspec.structs.replace(after.metadata, resource_version=before.metadata.resource_version)
    return msgspec.structs.replace(after, metadata=kept, origin=before.origin) == before
