"""Answers of three values put together: a sure answer wins where it decides, else the doubt is kept."""

from __future__ import annotations

import pytest

from mistrust.access.match import Match, all_of, any_of

DOUBT = "the label is not shown"


@pytest.mark.parametrize(
    ("matched", "some", "every"),
    [
        ((), False, True),
        ((True,), True, True),
        ((False,), False, False),
        ((DOUBT,), DOUBT, DOUBT),
        ((False, True), True, False),
        ((DOUBT, True), True, DOUBT),
        ((DOUBT, False), DOUBT, False),
        ((True, DOUBT, False), True, False),
        ((DOUBT, "another"), DOUBT, DOUBT),
    ],
)
def test_a_sure_answer_wins_where_it_decides(matched: tuple[Match, ...], some: Match, every: Match) -> None:
    assert any_of(matched) == some
    assert all_of(matched) == every
