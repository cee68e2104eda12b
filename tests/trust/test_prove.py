"""A proof over any exact set: nothing used is lost, nothing is gained. The sets here are the plainest there are."""

from __future__ import annotations

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from mistrust.access.verdict import Answer, Verdict
from mistrust.trust.prove import prove


class Letters(msgspec.Struct, frozen=True):
    """A set of letters."""

    held: frozenset[str]

    def __contains__(self, access: str, /) -> bool:
        return access in self.held

    def __sub__(self, other: Letters, /) -> Letters:
        return Letters(self.held - other.held)

    def witness(self) -> str | None:
        return min(self.held, default=None)

    def count(self) -> int:
        return len(self.held)

    def decide(self, access: str, /) -> Verdict:
        answer = Answer.ALLOWED if access in self.held else Answer.DENIED
        return Verdict(answer, f"{access} is {'in' if access in self.held else 'not in'} {''.join(sorted(self.held))}")


def letters(text: str) -> Letters:
    return Letters(frozenset(text))


def test_what_is_unused_may_go() -> None:
    proof = prove(letters("abc"), letters("a"), [["a"]])
    assert proof.holds
    assert (proof.used, proof.removed, proof.left, proof.gained) == (1, 2, 1, 0)


def test_a_lost_use_comes_with_both_answers() -> None:
    proof = prove(letters("ab"), letters("b"), [["a"], ["b"]])
    assert not proof.holds
    (lost,) = proof.lost
    assert (lost.access, lost.before.because, lost.now.because) == ("a", "a is in ab", "a is not in b")


def test_another_way_to_the_same_use_keeps_it() -> None:
    """A right of one's own, or of a group: either suffices."""
    assert prove(letters("ab"), letters("b"), [["a", "b"]]).holds


def test_what_is_gained_comes_with_a_witness() -> None:
    proof = prove(letters("a"), letters("abc"), [])
    assert not proof.holds
    assert (proof.gain, proof.gained) == ("b", 2)


def test_a_use_that_the_old_version_denies_too_is_told_apart() -> None:
    proof = prove(letters("a"), letters("a"), [["z"]])
    assert proof.holds
    assert (proof.used, proof.unexplained) == (0, 1)


SETS = st.frozensets(st.sampled_from("abcdef")).map(Letters)
USES = st.lists(st.lists(st.sampled_from("abcdef"), min_size=1, max_size=2), max_size=6)


@given(SETS, SETS, USES)
def test_it_holds_exactly_where_the_definition_says(old: Letters, new: Letters, uses: list[list[str]]) -> None:
    proof = prove(old, new, uses)
    kept = all(any(a in new for a in ways) for ways in uses if any(a in old for a in ways))
    assert proof.holds == (kept and new.held <= old.held)


@given(SETS, USES)
def test_nothing_changed_is_proved(old: Letters, uses: list[list[str]]) -> None:
    proof = prove(old, old, uses)
    assert proof.holds
    assert (proof.removed, proof.gained) == (0, 0)
