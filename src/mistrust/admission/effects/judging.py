"""Guards held against a change: what each says, and what may hide that it would say more."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Final, cast

import msgspec

from mistrust.admission.celled import message
from mistrust.admission.effects.guard import KIND, Guard
from mistrust.admission.effects.variable import Labels, cut, variable
from mistrust.admission.finding import Action, Finding, Result
from mistrust.admission.review import Review
from mistrust.effect.effect import Doubt, Effect
from mistrust.kube.core import Namespace
from mistrust.kube.meta import Ref
from mistrust.kube.snapshot import Snapshot
from mistrust.languages.cel.environment import EvaluationError
from mistrust.languages.cel.values import Value

UNKNOWN: Final = {"deny": Action.DENY, "warn": Action.WARN, "allow": Action.AUDIT}
SAID: Final = 3
"""Doubts that are said of one guard before the rest is counted."""


class Change(msgspec.Struct, frozen=True):
    """What is judged."""

    effect: Effect
    refs: Collection[Ref]
    """The objects that differ."""
    labels: Labels
    """Of the Namespaces afterwards."""
    review: Review | None = None
    """The request; None for a change of many objects, where `object`, `oldObject` and `request` are null."""


def labels_of(snapshot: Snapshot) -> Labels:
    """The labels of every Namespace."""
    return {n.name: n.metadata.labels for n in snapshot.of(Namespace)}


def judged(guards: Iterable[Guard], change: Change) -> list[Finding]:
    """What the guards that are asked say: a failure for every validation that does not hold.

    Of a change of many objects something may not have been read that a guard would be asked about.
    """
    found: list[Finding] = []
    for each in guards:
        if any(map(each.spec.match.holds, change.refs)):
            found += judge(each, change)
        elif change.review is None:
            found += _hidden(each, _doubts(each, change))
    return found


def judge(guard: Guard, change: Change) -> Iterator[Finding]:
    """What one guard says. What has no value is an error, never a pass."""
    doubts = _doubts(guard, change)
    names = _names(guard, change, doubts)
    failed = False
    for i, asked in enumerate(guard.asked):
        rule = f"validations[{i}]"
        try:
            if asked.holds.evaluate(names) is not True:
                failed = True
                yield _finding(guard, Result.FAIL, message(asked, names), rule)
        except EvaluationError as error:
            failed = True
            words = f"expression '{asked.validation.expression.strip()}' resulted in error: {error}"
            yield _finding(guard, Result.ERROR, words, rule)
    if not failed:
        yield from _hidden(guard, doubts)


def _doubts(guard: Guard, change: Change) -> list[Doubt]:
    return [d for d in (*change.effect.doubts, *cut(change.effect)) if d.hides & guard.kinds]


def _hidden(guard: Guard, doubts: Sequence[Doubt]) -> Iterator[Finding]:
    if doubts:
        more = f" (and {len(doubts) - SAID:,} more)" if len(doubts) > SAID else ""
        words = f"nothing was found, but it may be hidden: {'; '.join(d.words for d in doubts[:SAID])}{more}"
        yield _finding(guard, Result.UNKNOWN, words, action=UNKNOWN[guard.spec.unknown])


def _names(guard: Guard, change: Change, doubts: Iterable[Doubt]) -> Mapping[str, Value]:
    review = change.review
    found = {
        "object": review.object if review is not None else None,
        "oldObject": review.old if review is not None else None,
        "request": review.request if review is not None else None,
    }
    effect = variable(change.effect, change.labels, guard.fields, doubts)
    return {**cast("dict[str, Value]", found), "effect": effect}


def _finding(guard: Guard, result: Result, words: str, rule: str = "", action: Action = Action.DENY) -> Finding:
    return Finding(f"{KIND} {guard.name}", result, f"[{guard.name}] {words}", rule, action=action)
