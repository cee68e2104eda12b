"""Rules: what makes one true, what they say together, and what cannot be said."""

from __future__ import annotations

import pytest
from tests.languages.rego.asking import asked, body

from mistrust.kube.errors import InputError
from mistrust.languages.rego.compile import compiled
from mistrust.languages.rego.errors import ConflictError
from mistrust.languages.rego.parse import parse


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("x if y", "p.rego:2:6: unsafe variable: got y; let something outside of `not` and of calls give it a value"),
        ("x if not y", "unsafe variable: got y"),
        ("x if y > 1", "unsafe variable: got y"),
        ("x := [1 | z == 1]", "unsafe variable: got z"),
        ("x contains y if true", "unsafe variable: got y"),
        ("x if { not input.a[_] == y; y > 1 }", "unsafe variable: got"),
        ("x if count([1]) == y", "unsafe variable: got y"),
        ("x if [y] == [1]", "unsafe variable: got y"),
        ("x if not [1][_] == 1", "unsafe variable: got _"),
        ("x := nothing(1)", "p.rego:2:6: no such function: got nothing"),
        ("x := count(1, 2, 3)", "p.rego:2:6: count was called wrongly: got 3, wanted 1 arguments"),
        ("f(a) := a\nf(a, b) := a", "a function with other numbers of arguments: got data.p.f"),
        ("x := 1\nx(a) := a", "a function that is also a value: got data.p.x"),
        ("default x := 1\ndefault x := 2", "several defaults: got data.p.x"),
        ("x := 1\nx contains 1", "a set that is also a value: got data.p.x"),
        ("x := 1\nx.a := 2", "a value that other rules are in: got data.p.x and p.x.a"),
        ("x := [1 | y == z; z := 1]", "unsafe variable: got y"),
        ("x := x", "a rule needs itself: got data.p.x -> data.p.x"),
        ("x if y\ny if not z\nz if x", "a rule needs itself: got data.p."),
        ("f(a) := f(a - 1)\nx := f(1)", "a rule needs itself: got data.p.f -> data.p.f"),
        ("x := data.p[input.k]", "a rule needs itself"),
        ("f(a) := a\nx := f", "a function is not a value: got data.p.f"),
        ("x if true with nothing as 1", "not a target of `with`: wanted input, data or a function"),
    ],
)
def test_what_cannot_be_is_said_before_it_runs(text: str, said: str) -> None:
    with pytest.raises(InputError) as caught:
        compiled([parse(f"package p\n{text}", "p.rego")]).check()
    assert said in str(caught.value)


@pytest.mark.parametrize(
    "text",
    [
        "x := 1\nx := 2",
        "x := true\nx := false",
        "f(a) := a\nf(a) := a + 1\nx := f(1)",
        'x["a"] := 1\nx["a"] := 2',
        "x := {k: v | some k in [1, 1]; some v in [1, 2]}",
    ],
)
def test_two_values_at_once_are_a_conflict(text: str) -> None:
    with pytest.raises(ConflictError):
        asked(text)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("x := 1\nx := 1", "1"),
        ("x := 1\nx := 1.0", "1"),
        ("default x := 1\nx := 2 if false", "1"),
        ("default x := 1\nx := 2 if true", "2"),
        ("default f(_) := 0\nf(a) := a if a > 1\nx := [f(1), f(2)]", "[0, 2]"),
        ("f(1) := 2\nf([a, b]) := a + b\nx := [f(1), f([3, 4])]", "[2, 7]"),
        ("f(a) if a > 1\nx if not f(1)", "true"),
        ("x := 1 if false else := 2 if false else := 3", "3"),
        ("x := 1 if false else if true", "true"),
        ("x contains 1 if false", "set()"),
        ("x[k] := 1 if { some k in []; true }", "{}"),
        ("x.a contains 1\nx.b contains y if some y in [2, 3]", '{"a": {1}, "b": {2, 3}}'),
        ("x[a].b[c] := 1 if { some a in [1, 2]; some c in [3] }", '{1: {"b": {3: 1}}, 2: {"b": {3: 1}}}'),
    ],
)
def test_rules_say_one_value_together(text: str, value: str) -> None:
    assert asked(text) == value


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("some y in [1, 2]; y > 1; x := y", "2"),
        ("x := [y | some i, y in [5, 6]; i == 1]", "[6]"),
        ("every y in [1, 2] { y > 0 }; x := 1", "1"),
        ("every y in [] { false }; x := 1", "1"),
        ("every y in 7 { true }; x := 1", "undefined"),
        ("every k, v in {1: 1} { k == v }; x := 1", "1"),
        ("not every y in [1, 2] { y > 1 }; x := 1", "1"),
        ("[a, [b]] := [1, [2]]; x := a + b", "3"),
        ('{"k": a} = {"k": 1}; x := a', "1"),
        ("[a, 2] = [1, b]; x := [a, b]", "[1, 2]"),
        ("x = y + 1; y = 1", "2"),
        ("walk([1, [2]], [path, 2]); x := path", "[1, 0]"),
        ("plus(1, 2, x)", "3"),
        ("x := 1; x == 1.0", "1"),
        ("x := 1; not true == 1", "1"),
        ('x := count({1, 1.0, true, "1"})', "3"),
        ("x := {{1}: [true], [1]: {1}}[{1}]", "[true]"),
        ('x := {[2], {}, {1}, null, "a", true, 1.5}', '{null, true, 1.5, "a", [2], {}, {1}}'),
        ("x := {true: 1, 1: 2}[true]", "1"),
        ("x := [1, 2][1.0]", "2"),
        ("x := [1][-1]", "undefined"),
        ("x := {1, 2}[2]", "2"),
        ("1 / 0 > 0; x := 1", "undefined"),
        ("not 1 / 0 > 0; x := 1", "undefined"),
        ("count([1, 2]) == [1, 2][x]", "1"),
        ("[1, 2][x] = count([1, 2])", "1"),
        ("count([[1, 2], [3]][x]) == 1", "1"),
    ],
)
def test_a_body_holds(text: str, value: str) -> None:
    assert body(text) == value


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("not f(input.nothing)", "undefined"),
        ("not f(input.there)", "true"),
        ("not input.nothing", "true"),
        ("not input.nothing == 1", "true"),
        ("not f([input.nothing])", "undefined"),
        ("not data.p.f(input.nothing)", "undefined"),
    ],
)
def test_what_an_argument_looks_up_is_looked_up_outside_of_not(text: str, value: str) -> None:
    """As OPA does: the reference is taken out of the expression, so that an undefined one ends the body."""
    assert asked(f"f(a) if a > 5\nx if {{ {text} }}", given={"there": 1}) == value


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ('x := v if v := input.a with input as {"a": 1}', "1"),
        ("x := v if v := input.a with input.a as 1", "1"),
        ("x := v if v := [input.a, input.b] with input.a as 1", '[1, "b"]'),
        ("x := v if v := data.q.r with data.q.r as 1", "1"),
        ("x := v if v := y with input.a as 2\ny := input.a", "2"),
        ("x := [y, z]\nz := v if v := y with input.a as 2\ny := input.a", '["a", 2]'),
        ("x := v if v := y with data.p.y as 3\ny := 1", "3"),
        ("x := v if v := f(1) with f as 5\nf(a) := a", "5"),
        ("x := v if v := f(1) with f as g\nf(a) := a\ng(a) := a + 1", "2"),
        ("x := v if v := count([1, 2]) with count as 7", "7"),
        ("x := v if v := f(1) with count as 7\nf(_) := count([])", "7"),
        ("x if { not input.a with input.a as false }", "true"),
        ("x := v if v := [v | v := input.a] with input.a as 3", "[3]"),
    ],
)
def test_with_changes_what_is_looked_up(text: str, value: str) -> None:
    assert asked(text, given={"a": "a", "b": "b"}) == value


def test_data_and_rules_make_one_document() -> None:
    assert asked("x := 1", "y", data={"p": {"y": 2}}) == "2"
    assert asked("x[k] := 1 if some k in [1]", "x", data={"p": {"x": {"a": 2}}}) == '{1: 1, "a": 2}'


def test_a_chain_of_many_elses_is_no_deeper_than_one() -> None:
    chain = "".join(f"else := {i} if input == {i}\n" for i in range(1, 500))
    assert asked(f"x := 0 if input == 0\n{chain}", given=499) == "499"
