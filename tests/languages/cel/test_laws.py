"""Random expressions: where the fast way has a value it is that of the exact one, and errors are absorbed both ways."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.languages.cel.asking import valued

from mistrust.languages.cel.budget import STEPS
from mistrust.languages.cel.emit import fast
from mistrust.languages.cel.environment import EvaluationError
from mistrust.languages.cel.exact import Exact
from mistrust.languages.cel.libraries.versions import LATEST, known
from mistrust.languages.cel.parse import parse
from mistrust.languages.cel.standard import CONSTANTS
from mistrust.languages.cel.values import Value, equal

NAMES: dict[str, Value] = {
    "object": {"a": 1, "b": [1, 2, 0], "c": {"a": "x", "d": None}, "e": "xy", "f": True},
    "params": {"b": ["x", "y"], "a": {"x": 1}},
    "nothing": None,
}
LEAVES = (
    *("1", "0", "2u", "1.5", "'x'", "'xy'", "b'x'", "true", "false", "null", "[]", "{}", "9223372036854775807"),
    *(
        "object",
        "params",
        "nothing",
        "object.a",
        "object.b",
        "object.c.a",
        "object.c.d",
        "params.a",
        "missing",
        "v",
        "w",
    ),
)
FIELDS = ("a", "b", "c", "missing")


def _extended(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    signs = st.sampled_from(("+", "-", "*", "/", "%", "==", "!=", "<", "<=", ">", ">=", "in", "&&", "||"))
    macros = st.sampled_from(("all", "exists", "exists_one", "filter", "map"))
    twos = st.sampled_from(("all", "exists", "exists_one", "transformList", "transformMap"))
    methods = st.sampled_from(("size()", "startsWith('x')", "contains('y')", "orValue(1)", "hasValue()", "join()"))
    field = st.sampled_from(FIELDS)
    return st.one_of(
        st.builds("({} {} {})".format, inner, signs, inner),
        st.builds("(!{})".format, inner),
        st.builds("({} ? {} : {})".format, inner, inner, inner),
        st.builds("({}).{}".format, inner, field),
        st.builds("({}).?{}".format, inner, field),
        st.builds("has(({}).{})".format, inner, field),
        st.builds("({})[{}]".format, inner, inner),
        st.builds("({})[?{}]".format, inner, inner),
        st.builds("[{}, {}]".format, inner, inner),
        st.builds("{{{}: {}}}".format, inner, inner),
        st.builds("({}).{}(v, {})".format, inner, macros, inner),
        st.builds("({}).{}(v, w, {})".format, inner, twos, inner),
        st.builds("cel.bind(w, {}, {})".format, inner, inner),
        st.builds("({}).?a.optMap(w, {})".format, inner, inner),
        st.builds("({}).{}".format, inner, methods),
        st.builds("string({})".format, inner),
    )


expressions = st.recursive(st.sampled_from(LEAVES), _extended, max_leaves=12)


@settings(deadline=None, max_examples=500)
@given(expressions)
def test_the_fast_way_says_what_the_exact_one_says(text: str) -> None:
    functions, node = known(LATEST), parse(text)
    quick = fast(node, tuple(NAMES), CONSTANTS, functions)
    if quick is None:
        return
    try:
        found = quick([STEPS], NAMES)
    except Exception:
        return
    exact = Exact(functions, CONSTANTS, STEPS).value(node, NAMES)
    assert type(found) is type(exact)
    assert equal(found, exact) or repr(found) == repr(exact)


def answer(text: str) -> object:
    """True, false, or that it is an error."""
    try:
        return valued(text, NAMES)
    except EvaluationError:
        return "an error"


@settings(deadline=None)
@given(expressions, expressions)
def test_the_sides_of_and_and_or_may_change_places(left: str, right: str) -> None:
    for sign in ("&&", "||"):
        assert answer(f"{left} {sign} {right}") == answer(f"{right} {sign} {left}")
    assert answer(f"!({left} && {right})") == answer(f"!({left}) || !({right})")


@settings(deadline=None)
@given(expressions)
def test_a_name_for_an_expression_is_the_expression(text: str) -> None:
    try:
        wanted = valued(text, NAMES)
    except EvaluationError:
        return
    found = valued(f"cel.bind(once, {text}, once)", NAMES)
    assert equal(found, wanted) or repr(found) == repr(wanted)
