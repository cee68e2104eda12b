"""Wildcards, quantities and durations."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mistrust.languages.kyverno.errors import ExceededError
from mistrust.languages.kyverno.scalars import (
    duration,
    duration_text,
    printed,
    quantity,
    quantity_text,
    wild,
)


def slowly(pattern: str, text: str) -> bool:
    """What a wildcard means, character by character."""
    if not pattern:
        return not text
    if pattern[0] == "*":
        return slowly(pattern[1:], text) or (bool(text) and slowly(pattern, text[1:]))
    return bool(text) and pattern[0] in ("?", text[0]) and slowly(pattern[1:], text[1:])


@given(st.text("ab*?", max_size=8), st.text("ab\n", max_size=8))
def test_a_wildcard_matches_as_its_definition_says(pattern: str, text: str) -> None:
    assert wild(pattern, text) is slowly(pattern, text)


@pytest.mark.parametrize(("pattern", "matches"), [("*a" * 2000, True), ("*a" * 2000 + "b", False), ("?" * 5000, False)])
def test_a_long_wildcard_is_answered_too(pattern: str, matches: bool) -> None:
    assert wild(pattern, "a" * 4999) is matches


@pytest.mark.parametrize(
    ("text", "amount"),
    [
        ("1", Fraction(1)),
        ("1Gi", Fraction(1 << 30)),
        ("1.5Gi", Fraction(3 << 29)),
        ("100m", Fraction(1, 10)),
        ("1e3", Fraction(1000)),
        (".5", Fraction(1, 2)),
        ("1.", Fraction(1)),
        ("1 Gi", None),
        ("Gi", None),
        ("", None),
        ("1e999999999", None),
        ("9" * 300, None),
    ],
)
def test_a_quantity(text: str, amount: Fraction | None) -> None:
    assert quantity(text) == amount


@given(st.integers(-(10**18), 10**18), st.booleans())
def test_the_canonical_form_of_a_quantity_is_the_same_amount(amount: int, binary: bool) -> None:
    assert quantity(quantity_text(Fraction(amount), binary=binary)) == amount


@pytest.mark.parametrize(
    ("text", "ns"),
    [("1h30m", 5400 * 10**9), ("-1.5s", -1500000000), ("1us", 1000), ("0", 0), ("1d", None), ("", None), ("h", None)],
)
def test_a_duration(text: str, ns: int | None) -> None:
    assert duration(text) == ns


@given(st.integers(-(10**18), 10**18))
def test_a_duration_as_it_is_printed_is_the_same_one(ns: int) -> None:
    assert duration(duration_text(ns)) == ns


def test_values_are_printed_as_go_prints_them() -> None:
    assert printed([1, 2.0, True, None, {"b": "x", "a": 1}]) == "[1 2 true <nil> map[a:1 b:x]]"


def test_a_hostile_wildcard_is_given_up_or_answered_soon() -> None:
    assert not wild("*a" * 5000 + "b", "a" * 1_000_000)
    with pytest.raises(ExceededError):
        wild("*" + "a?" * 500 + "b*", "a" * 1_000_000)
