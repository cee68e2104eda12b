"""Whatever the hand and whatever the change: it says what was wanted, and no other line is touched."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from mistrust.kube.yaml import documents
from mistrust.report.inplace.rewrite import rewritten, same

from .hands import DOCUMENTS, Line, changed, stays, written


@st.composite
def cases(draw: Any) -> tuple[list[Line], Any, Any]:
    before = draw(DOCUMENTS)
    after = draw(changed(before)) or {"kind": "x"}
    return draw(written(before)), before, after


def said(text: str) -> Any:
    found, problems = documents(text.encode())
    assert not problems
    return found[0].value


@given(cases())
def test_the_text_says_what_was_wanted(case: tuple[list[Line], Any, Any]) -> None:
    lines, before, after = case
    text = "".join(f"{line.text}\n" for line in lines)
    assert same(said(text), before)
    assert same(said(rewritten(text, before, after)), after)


@given(cases())
def test_lines_about_what_stays_are_there_in_their_order(case: tuple[list[Line], Any, Any]) -> None:
    lines, before, after = case
    text = "".join(f"{line.text}\n" for line in lines)
    left = iter(rewritten(text, before, after).split("\n"))
    for line in lines:
        if stays(line, before, after):
            assert line.text in left, f"{line} is gone or out of order"


@given(cases())
def test_nothing_changes_where_nothing_is_to_change(case: tuple[list[Line], Any, Any]) -> None:
    lines, before, after = case
    text = "".join(f"{line.text}\n" for line in lines)
    assert rewritten(text, before, before) == text
    once = rewritten(text, before, after)
    assert rewritten(once, after, after) == once
