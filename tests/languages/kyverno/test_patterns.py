"""Scalars against patterns: https://kyverno.io/docs/policy-types/cluster-policy/validate/."""

from __future__ import annotations

import pytest

from mistrust.kube.build import Plain
from mistrust.languages.kyverno.patterns import holds


@pytest.mark.parametrize(
    ("value", "pattern", "wanted"),
    [
        # texts and wildcards
        ("nginx", "nginx", True),
        ("nginx:latest", "*:latest", True),
        ("nginx", "?*", True),
        ("", "?*", False),
        ("nginx:1", "!*:latest", True),
        ("nginx:latest", "!*:latest", False),
        (True, "true", True),
        (8080, "80*", True),
        (None, "?*", False),
        # or, and
        ("b", "a | b", True),
        ("c", "a|b", False),
        ("x1", "x* & !x2", True),
        ("x2", "x* & !x2", False),
        ("a|b", "a|b", True),
        # comparisons of numbers, quantities and durations
        (10, ">5", True),
        (10, "> 5 & < 8", False),
        ("512Mi", "<=1Gi", True),
        ("1025Mi", "<=1Gi", False),
        ("1Gi", "1024Mi", True),
        ("90m", "90m", True),
        ("2h", ">=90m", True),
        ("10", ">9", True),
        (None, "<1", True),
        ("abc", ">1", False),
        # ranges
        (5, "1-10", True),
        (11, "1-10", False),
        ("2Gi", "1Gi-4Gi", True),
        (11, "1!-10", True),
        (5, "1!-10", False),
        ("a-b", "a-b", True),
        # other types
        (True, True, True),
        ("true", True, False),
        (1, True, False),
        (1, 1, True),
        ("1", 1, True),
        (1.0, 1, True),
        ("x", 1, False),
        (1, 1.0, True),
        (None, None, True),
        (0, None, True),
        ("x", None, False),
        ([], None, False),
        ({"a": 1}, {}, True),
        ("x", {}, False),
        ("x", ["x"], False),
    ],
)
def test_a_scalar_against_a_pattern(value: Plain, pattern: Plain, wanted: bool) -> None:
    assert holds(value, pattern) is wanted
