"""Of all strings one stands for those that the same patterns match: no combination that any string has is missing."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mistrust.layers.mesh.istio.authorization.paths import path_pattern
from mistrust.layers.mesh.istio.authorization.patterns import Form, Pattern, pattern
from mistrust.layers.mesh.istio.authorization.principals import (
    SCHEME,
    account_pattern,
    domain_pattern,
    namespace_pattern,
    principal_pattern,
)
from mistrust.layers.mesh.istio.authorization.strings import representatives


def combinations(patterns: tuple[Pattern, ...], strings: tuple[str, ...]) -> set[frozenset[Pattern]]:
    """The sets of patterns that the strings match."""
    return {frozenset(p for p in patterns if p.matches(s)) for s in strings}


SEGMENTS = st.sampled_from(["a", "b", "ab", "{*}", "{**}", "{*}.png", ""])
PATHS = st.one_of(
    st.lists(SEGMENTS, min_size=1, max_size=3).map(lambda s: "/" + "/".join(s)),
    st.sampled_from(["*", "/a*", "*b", "*.png", "/a/b", "/*", "/"]),
)
ASKED = st.lists(st.sampled_from(["a", "b", "ab", "x.png", "", "="]), min_size=1, max_size=4)


@given(st.lists(PATHS, max_size=5), st.lists(ASKED, min_size=1, max_size=20))
def test_no_path_is_told_apart_by_patterns_that_tell_the_representatives_alike(
    several: list[str], paths: list[list[str]]
) -> None:
    patterns = tuple(p for text in several if (p := path_pattern(text)) is not None)
    found = representatives(patterns, pattern("/*"))
    assert found is not None
    assert all(s.startswith("/") for s in found)
    assert combinations(patterns, tuple("/" + "/".join(p) for p in paths)) <= combinations(patterns, found)
    assert len(found) == len(combinations(patterns, found)), "one for each, and no more"


NAMES = st.sampled_from(["shop", "lab", "web", "ns", "sa"])
WRITTEN = st.one_of(
    st.builds(lambda n, s: principal_pattern(f"cluster.local/ns/{n}/sa/{s}"), NAMES, NAMES),
    st.builds(lambda n: principal_pattern(f"*/sa/{n}"), NAMES),
    st.builds(lambda n: principal_pattern(f"cluster.local/ns/{n}*"), NAMES),
    st.builds(namespace_pattern, st.sampled_from(["shop", "s*", "*"])),
    st.builds(account_pattern, st.sampled_from(["web", "lab/web"]), NAMES),
    st.builds(domain_pattern, st.sampled_from(["cluster.local", "c*", "other"])),
)
IDENTITY = st.builds(
    lambda d, n, s: f"{SCHEME}{d}/ns/{n}/sa/{s}", st.sampled_from(["cluster.local", "other", "c"]), NAMES, NAMES
)


@given(st.lists(WRITTEN, max_size=5), st.lists(IDENTITY, min_size=1, max_size=20))
def test_no_identity_is_missing(several: list[Pattern], identities: list[str]) -> None:
    patterns = tuple(several)
    found = representatives(patterns, Pattern(Form.REGEX, f"{SCHEME}.+"))
    assert found is not None
    assert combinations(patterns, tuple(identities)) <= combinations(patterns, found)


def test_upper_and_lower_case_are_one_where_hosts_are_compared() -> None:
    folded = pattern("Shop.Test", fold=True)
    assert combinations((folded,), representatives((folded,)) or ()) == {frozenset(), frozenset({folded})}


def test_what_is_no_pattern_of_ours_is_an_error_and_no_answer() -> None:
    with pytest.raises(ValueError, match="no pattern"):
        representatives((Pattern(Form.REGEX, "[a"),))
