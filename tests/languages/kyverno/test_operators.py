"""The operators of conditions."""

from __future__ import annotations

import pytest

from mistrust.kube.build import Plain
from mistrust.languages.kyverno.operators import OPERATORS

Row = tuple[str, Plain, Plain, bool]
ROWS: list[Row] = [
    ("Equals", "a", "a", True),
    ("Equals", "abc", "a*", True),
    ("Equals", "a*", "abc", False),
    ("Equals", "1h", "60m", True),
    ("Equals", "1h", 3600, True),
    ("Equals", "1Gi", "1024Mi", True),
    ("Equals", 1, "1", True),
    ("Equals", 1, 1.0, True),
    ("Equals", True, 1, False),
    ("Equals", ["a"], ["a"], True),
    ("Equals", {"a": 1}, {"a": 1}, True),
    ("Equals", None, None, False),
    ("NotEquals", "a", "b", True),
    ("NotEquals", "", "b", True),
    ("NotEquals", None, "b", False),
    ("NotEquals", "a", 1, True),
    ("AnyIn", "a", ["a", "b"], True),
    ("AnyIn", ["x", "a"], ["a", "b"], True),
    ("AnyIn", ["x"], ["a", "b"], False),
    ("AnyIn", "a-1", ["a-*"], True),
    ("AnyIn", "a*", ["abc"], True),
    ("AnyIn", 5, "1-10", True),
    ("AnyIn", [50], "1-10", False),
    ("AnyIn", "a", '["a", "b"]', True),
    ("AnyIn", "a", "a", True),
    ("AnyIn", [], ["a"], False),
    ("AnyIn", None, ["a"], False),
    ("AllIn", ["a", "b"], ["a", "b", "c"], True),
    ("AllIn", ["a", "z"], ["a", "b", "c"], False),
    ("AllIn", [], ["a"], True),
    ("AnyNotIn", ["a", "z"], ["a", "b"], True),
    ("AnyNotIn", ["a"], ["a", "b"], False),
    ("AnyNotIn", "", ["a"], True),
    ("AnyNotIn", [5, 50], "1-10", True),
    ("AllNotIn", ["y", "z"], ["a"], True),
    ("AllNotIn", ["a", "z"], ["a"], False),
    ("GreaterThan", 2, 1, True),
    ("GreaterThan", "2", "1.5", True),
    ("GreaterThan", "1Gi", "512Mi", True),
    ("GreaterThan", "1h", "30m", True),
    ("GreaterThan", "1.10.0", "1.9.0", True),
    ("GreaterThan", "x", "y", False),
    ("GreaterThan", None, 1, False),
    ("GreaterThanOrEquals", 1, 1, True),
    ("LessThan", "10s", 11, True),
    ("LessThanOrEquals", "1Gi", "1Gi", True),
    ("DurationGreaterThan", 61, "1m", True),
    ("DurationLessThan", "x", "1m", False),
]


@pytest.mark.parametrize(("operator", "key", "value", "wanted"), ROWS)
def test_an_operator(operator: str, key: Plain, value: Plain, wanted: bool) -> None:
    assert OPERATORS[operator](key, value) is wanted
