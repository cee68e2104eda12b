"""What a proposed version would have denied, day by day. The sets here are the plainest there are."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mistrust.access.record import Coverage, Tally
from mistrust.access.verdict import Answer, Verdict
from mistrust.trust.shadow import DAY, Shadow, Shadowing, clean, told


class Letters(msgspec.Struct, frozen=True):
    """A set of letters, of some of which nobody knows whether they are in it."""

    held: frozenset[str]
    hidden: frozenset[str] = frozenset()

    def __contains__(self, access: str, /) -> bool:
        return access in self.held

    def decide(self, access: str, /) -> Verdict:
        denied = Answer.UNKNOWN if access in self.hidden else Answer.DENIED
        return Verdict(Answer.ALLOWED if access in self.held else denied, access)


def letters(text: str, hidden: str = "") -> Letters:
    return Letters(frozenset(text), frozenset(hidden))


def shadow(current: str, proposed: str, *uses: str, hidden: str = "", unsure: str = "") -> Shadow[str]:
    """Each use is a letter, or several that each suffice, once on day 1."""
    judging = Shadowing(letters(current), letters(proposed, hidden), lambda a: a in unsure)
    return judging.days({1: [(tuple(use), Tally(1, DAY, DAY)) for use in uses]})


def test_what_the_proposed_version_allows_is_counted_and_not_told() -> None:
    found = shadow("ab", "a", "a", "a")
    assert (found.days[1].times, found.denied, found.unexplained) == (2, {}, {})


def test_what_it_would_have_denied_is_told_with_how_often() -> None:
    found = shadow("ab", "a", "b", "a", "b")
    assert dict(found.denied) == {("b",): Tally(2, DAY, DAY)}


def test_another_way_to_the_same_use_keeps_it() -> None:
    assert not shadow("ab", "b", "ab").denied


def test_what_neither_version_allows_is_told_apart() -> None:
    found = shadow("a", "a", "z")
    assert (found.days[1].times, set(found.unexplained), found.denied) == (0, {("z",)}, {})


def test_where_nobody_can_say_it_is_unknown_and_not_denied() -> None:
    found = shadow("ab", "a", "b", hidden="b")
    assert (set(found.unknown), found.denied) == ({("b",)}, {})


def test_what_is_in_the_set_and_may_be_denied_all_the_same_is_unknown() -> None:
    assert set(shadow("a", "a", "a", unsure="a").unknown) == {("a",)}


SETS = st.frozensets(st.sampled_from("abcd")).map(Letters)
USE = st.tuples(
    st.integers(1, 3),
    st.lists(st.sampled_from("abcd"), min_size=1, max_size=2).map(tuple),
    st.integers(1, 5).map(lambda n: Tally(n, n, 2 * n)),
)
USES = st.lists(USE, max_size=10)
Drawn = list[tuple[int, tuple[str, ...], Tally]]


def by_day(uses: Drawn) -> dict[int, list[tuple[tuple[str, ...], Tally]]]:
    found: dict[int, list[tuple[tuple[str, ...], Tally]]] = {}
    for day, ways, tally in uses:
        found.setdefault(day, []).append((ways, tally))
    return found


@given(SETS, SETS, USES)
def test_each_day_is_what_the_definition_says(old: Letters, new: Letters, uses: Drawn) -> None:
    found = Shadowing(old, new).days(by_day(uses))
    for number, several in by_day(uses).items():
        denied = [(w, t) for w, t in several if any(a in old for a in w) and not any(a in new for a in w)]
        known = [t for w, t in several if any(a in old or a in new for a in w)]
        assert sum(t.count for t in found.days[number].denied.values()) == sum(t.count for _, t in denied)
        assert set(found.days[number].denied) == {w for w, _ in denied}
        assert found.days[number].times == sum(t.count for t in known)


@given(SETS, SETS, USES, st.integers(0, 10), st.booleans())
def test_batches_add_up_however_they_are_cut(old: Letters, new: Letters, uses: Drawn, at: int, turned: bool) -> None:
    whole = Shadowing(old, new).days(by_day(uses))
    parts = [Shadowing(old, new).days(by_day(part)) for part in (uses[:at], uses[at:])]
    first, second = reversed(parts) if turned else parts
    assert first + second == whole


@given(SETS, USES)
def test_nothing_changed_denies_nothing(old: Letters, uses: Drawn) -> None:
    assert not Shadowing(old, old).days(by_day(uses)).denied


def at(day: int, hour: float = 0) -> int:
    return int(day * DAY + hour * 3600)


WHOLE = Coverage(first=at(10), last=at(13) - 1)


@pytest.mark.parametrize(
    ("coverage", "why"),
    [
        (WHOLE, ["", "", ""]),
        (Coverage(first=at(10, 0.5), last=at(12, 23.5)), ["", "", ""]),  # nobody cuts a log at midnight sharp
        (Coverage(first=at(10, 7), last=at(13) - 1), ["seen from 07:00 on", "", ""]),
        (Coverage(first=at(10), last=at(12, 18.5)), ["", "", "seen until 18:30"]),
        (
            Coverage(first=at(10), last=at(13) - 1, holes=((at(11, 23), at(12, 1)),)),
            ["", *["60 minutes are missing"] * 2],
        ),
        (Coverage(first=at(10), last=at(13) - 1, sampled=True), ["the evidence is sampled"] * 3),
    ],
    ids=["whole", "nearly whole", "begins late", "ends early", "a hole over midnight", "sampled"],
)
def test_a_day_that_was_not_seen_whole_is_never_clean(coverage: Coverage, why: list[str]) -> None:
    use = (("a",), Tally(1, 1, 1))
    days = told(Shadowing(letters("a"), letters("a")).days({day: [use] for day in (10, 11, 12)}), coverage)
    assert [each.thin for each in days] == why
    assert clean(days) == why.count("")
    assert {each.answer for each in days if each.thin} <= {Answer.UNKNOWN}


def test_a_day_without_evidence_stands_between_those_with() -> None:
    use = (("a",), Tally(1, 1, 1))
    days = told(Shadowing(letters("a"), letters("a")).days({10: [use], 12: [use]}), WHOLE)
    assert [(each.number, each.thin) for each in days] == [(10, ""), (11, "nothing was seen"), (12, "")]


def test_a_use_without_a_time_is_judged_and_belongs_to_no_day() -> None:
    use = (("b",), Tally(1, 0, 0))
    (undated, *_) = told(Shadowing(letters("ab"), letters("a")).days({0: [use]}), WHOLE)
    assert (undated.number, undated.answer, undated.thin) == (0, Answer.DENIED, "no time is known of it")


def test_no_evidence_has_no_days() -> None:
    assert told(Shadow[str](), Coverage()) == ()
