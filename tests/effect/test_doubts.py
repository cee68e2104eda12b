"""What was not read hides what it may hide, and no more: a gate that denies something else is not stopped by it."""

from __future__ import annotations

import pytest

from mistrust.effect.doubts import doubts
from mistrust.effect.effect import Doubt, Effect, Kind
from mistrust.effect.gate import Ruling, kinds, rule
from mistrust.kube.errors import UsageError
from mistrust.kube.problem import Problem
from mistrust.kube.snapshot import Gap, Snapshot

EVERY = frozenset(Kind)
UNREAD = Snapshot(problems=(Problem("not YAML", "a.yaml", 3), Problem("a duplicate", "b.yaml", blinds=False)))


def test_a_document_that_was_not_understood_may_be_anything() -> None:
    assert list(doubts(Snapshot(), UNREAD)) == [Doubt("new", "not understood: a.yaml:3: not YAML", EVERY)]
    assert list(doubts(UNREAD, UNREAD)) == [Doubt("", "in both versions, not understood: a.yaml:3: not YAML", EVERY)]


@pytest.mark.parametrize(
    ("kind", "hidden", "shown"),
    [
        ("Role", {Kind.PERMISSION, Kind.ESCALATION, Kind.PATH}, {Kind.EXPOSURE, Kind.CONNECTION, Kind.POWER}),
        ("NetworkPolicy", {Kind.CONNECTION, Kind.EXPOSURE, Kind.PATH}, {Kind.PERMISSION, Kind.POWER}),
        ("Pod", EVERY, set()),
    ],
)
def test_a_kind_that_was_not_seen_hides_what_it_could_grant(kind: str, hidden: set[Kind], shown: set[Kind]) -> None:
    (doubt,) = doubts(Snapshot(gaps=(Gap(kind, "forbidden"),)), Snapshot())
    effect = Effect(doubts=(doubt,))
    assert {k for k in hidden if rule(effect, (k,)).exit_code == 3} == hidden
    assert {k for k in shown if rule(effect, (k,)).exit_code == 0} == shown
    assert rule(effect, EVERY, allow_unknown=True) == Ruling()


def test_words_for_kinds() -> None:
    assert kinds(["new-path, new-power", "new-path"]) == (Kind.PATH, Kind.POWER)
    assert kinds(["any"]) == tuple(Kind)
    assert kinds([]) == ()
    with pytest.raises(UsageError, match="nothing that can be denied"):
        kinds(["new-"])
