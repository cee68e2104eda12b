"""What is Rego, and what is said of what is not: where it stands, what was read, what was wanted."""

from __future__ import annotations

import pytest
from tests.languages.rego.asking import asked

from mistrust.kube.errors import InputError
from mistrust.languages.rego.parse import parse, parse_query
from mistrust.languages.rego.syntax import Const, Ref


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "p.rego:1:1: not Rego: got the end, wanted package"),
        ("allow := true", "p.rego:1:1: not Rego: got 'allow', wanted package"),
        ("package p\nx := ", "p.rego:2:6: not Rego: got the end, wanted a term"),
        ("package p\nx := [1, 2", "p.rego:2:11: not Rego: got the end, wanted ,"),
        ("package p\nx if { y := }", "p.rego:2:13: not Rego: got '}', wanted a term"),
        ("package p\nx if { 1 2 }", "p.rego:2:10: not Rego: got '2', wanted a new line, ; or }"),
        ("package p\nx := 1 @", "p.rego:2:8: not Rego: got '@', wanted a word or a sign"),
        ('package p\nx := "a\n"', "p.rego:2:6: not Rego: got '\"a\\n\"', wanted a word or a sign"),
        (r"package p" "\n" r'x := "\q"', r"p.rego:2:6: no such escape: got \q, wanted those of JSON"),
        ("package p\nx := 1a", "p.rego:2:6: not a number: got '1a'"),
        ("package p\nx := 1e99999", "p.rego:2:6: the number is too large: wanted 4,000 digits"),
        (
            "package p\nimport other.things",
            "an import of nothing: got other.things, wanted data. or input.",
        ),
        ("package p\nimport rego.v2", "p.rego:2:1: an import of nothing: got rego.v2"),
        ("package p\ndefault x", "p.rego:2:10: not Rego: got the end, wanted := and the default"),
        ("package p\nx", "p.rego:2:1: a rule without a value and without a body: wanted NAME if {...}"),
        ("package p\nx[1]", "p.rego:2:1: a set without `contains`; write: NAME contains ELEMENT if {...}"),
        ("package p\nx { true }", "p.rego:2:3: not Rego: got '{', wanted if"),
        ('package p\nx := $"{1', "p.rego:2:6: the expression of a template string has no end: wanted }"),
        ('package p\nx := $"{y := 1}"', "not a term: wanted a term in the braces of a template string"),
        ("package p\nx if { some f(1) }", "p.rego:2:18: not Rego: got '}', wanted names of variables, or `in`"),
        ("package p\nx if { input.y with }", "p.rego:2:21: not Rego: got '}', wanted a term"),
    ],
)
def test_an_error_says_what_was_wanted_where(text: str, said: str) -> None:
    with pytest.raises(InputError) as caught:
        parse(text, "p.rego")
    assert str(caught.value).endswith(said)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("x := 7", "7"),
        ("x = 7", "7"),
        ("x if 1 < 2", "true"),
        ("x if { 1 < 2; 2 < 3 }", "true"),
        ("x := 1 if { 1 > 2 } else := 2 if { 1 < 2 }", "2"),
        ("x contains 1\nx contains 2", "{1, 2}"),
        ("x.a.b := 1\nx.a.c := 2", '{"a": {"b": 1, "c": 2}}'),
        ("x[k] := v if some k, v in [7, 8]", "{0: 7, 1: 8}"),
        ("x := {1: 2, [3]: {4},}", "{1: 2, [3]: {4}}"),
        ("x := [1, 2,]", "[1, 2]"),
        ("x := set()", "set()"),
        ("x := {}", "{}"),
        ("x := `a\\n`", '"a\\\\n"'),
        ('x := $"{1 + 1} and {{"a"}}"', '"2 and {\\"a\\"}"'),
        (r'x := $"\{{1}\}"', '"{1}"'),
        ("x := 1 + 2 * 3 - 4 / 2", "5"),
        ("x := {1} | {2} & {2, 3}", "{1, 2}"),
        ("x := [y | y := [1, 2][_]]", "[1, 2]"),
        ("x := [{1} | {2} > {0}, 3]", "[true, 3]"),
        ("x := -1 - -1", "0"),
        ("x := 1 in [1]", "true"),
        ("x := [0, 1 in [1]]", "[0, true]"),
        ("x := (0, 1 in [1])", "true"),
        ("x := data.p.y.if\ny.if := 3", "3"),
    ],
)
def test_what_is_written_means(text: str, value: str) -> None:
    assert asked(text) == value


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("x { true }", "true"),
        ("x = 1 { true }", "1"),
        ("x[1] { true }\nx[2]", "{1, 2}"),
        ("x[k] = v { v := [7][k] }", "{0: 7}"),
        ("x { false } { true }", "true"),
        ("if := 1\nx := if", "1"),
        ("contains := 1\nx = contains", "1"),
        ("import future.keywords.in\nx { 1 in [1] }", "true"),
        ("import future.keywords\nx contains 1 if true", "{1}"),
        ("import future.keywords.every\nx { every y in [1] { y == 1 } }", "true"),
        ("import rego.v1\nx contains 1 if true", "{1}"),
    ],
)
def test_version_0_knows_the_new_words_where_they_are_imported(text: str, value: str) -> None:
    assert asked(text, version=0) == value


@pytest.mark.parametrize("text", ["x if true", "x contains 1", "x { 1 in [1] }", "import rego.v1\nx { true }"])
def test_version_0_does_not_know_them_otherwise(text: str) -> None:
    with pytest.raises(InputError):
        asked(text, version=0)


def test_a_call_stands_on_the_line_of_its_name() -> None:
    assert asked("x if {\n  y := [1]\n  (y[0] == 1)\n}") == "true"


def test_a_query_is_a_body() -> None:
    [first, second] = parse_query("data.a.b; x := 1")
    assert isinstance(first.says.term, Ref)
    assert second.says.right == Const(1)


@pytest.mark.parametrize("text", ["[" * 40 + "{1} | {2}, 3" + "]" * 40, "{" * 40 + "{1} | {2}, 3" + "}" * 40])
def test_brackets_in_brackets_do_not_double_the_time(text: str) -> None:
    assert asked(f"x := {text}").count(text[0]) >= 40


@pytest.mark.parametrize(
    "text", ["[" * 5000, "(" * 5000, '{"a": ' * 5000, "[y | y := " * 5000, '$"{' * 5000, "f(" * 5000]
)
def test_what_is_too_deep_is_said(text: str) -> None:
    with pytest.raises(InputError, match=r"too deeply nested|not Rego|no end"):
        parse(f"package p\nx := {text}", "p.rego")


def test_many_rules_take_time_in_their_number() -> None:
    assert asked("\n".join(f"x contains {i}" for i in range(2000))).count(",") == 1999
