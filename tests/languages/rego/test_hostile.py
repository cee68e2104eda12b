"""Policies that would never end or fill the memory stop, and nothing that they say becomes code."""

from __future__ import annotations

import pytest
from tests.languages.rego.asking import asked, body

from mistrust.kube.errors import InputError
from mistrust.languages.rego.compile import compiled
from mistrust.languages.rego.errors import BudgetError, EvaluationError
from mistrust.languages.rego.parse import parse
from mistrust.languages.rego.values import Set

MANY = 'many := concat("", ["a" | some _ in numbers.range(1, 100000)])'


def doubled(what: str) -> str:
    """Forty lines, each twice as long as the one before."""
    lines = (f"a{i + 1} := {what.replace('?', f'a{i}')}" for i in range(40))
    return "\n".join((*lines, "x := a40"))


@pytest.mark.parametrize(
    "text",
    [
        "x := numbers.range(1, 1e12)",
        "x := numbers.range_step(1, 1e12, 1)",
        "x := count([1 | some _ in input; some _ in input; some _ in input])",
        "every a in input { every b in input { every c in input { a + b + c >= 0 } } }; x := 1",
        "x := [1 | some a in numbers.range(1, 100000); (a + 200000) in numbers.range(1, 100000)]",
        'a0 := "aaaaaaaa"\n' + doubled('concat("", [?, ?])'),
        'a0 := "aaaaaaaa"\n' + doubled('sprintf("%s%s", [?, ?])'),
        'a0 := "aaaaaaaa"\n' + doubled('$"{?}{?}"'),
        "a0 := [1, 2]\n" + doubled("array.concat(?, ?)"),
        f'{MANY}\nx := replace(many, "a", many)',
        f'{MANY}\nx := regex.replace(many, "a", many)',
        f'{MANY}\nx := strings.replace_n({{"a": many}}, many)',
        f'{MANY}\nx := concat(many, split(many, ""))',
        "some g in [{x: ys | some x in numbers.range(1, 30); ys := numbers.range(1, 30)}]\n"
        "x := graph.reachable_paths(g, {1})",
        'x := strings.render_template("{{range .a}}{{range $.a}}{{range $.a}}{{end}}{{end}}{{end}}", {"a": input})',
    ],
)
def test_it_stops(text: str) -> None:
    with pytest.raises(BudgetError):
        body(text, list(range(1000)))


@pytest.mark.parametrize(
    "text",
    [
        'x := net.cidr_expand("10.0.0.0/8")',
        'x := net.cidr_expand("::/0")',
        "x := bits.lsh(1, 1e6)",
        "a0 := 123456789\n" + doubled("? * ?"),
        'x := sprintf("%9999999999d", [1])',
        'x := to_number("1e999999")',
        'x := json.unmarshal("1e999")',
        f'x := json.unmarshal("{"[" * 5000}")',
        'x := regex.match("(a{1000}){1000}", "a")',
    ],
)
def test_what_is_too_large_is_undefined(text: str) -> None:
    assert body(text) == "undefined"


@pytest.mark.parametrize(
    ("text", "value"),
    [
        (f'x := regex.match("(a+)+$", "{"a" * 60}b")', "false"),
        (f'x := glob.match("{"*a" * 100}", [], "{"a" * 3000}b")', "false"),
        (f'x := regex.globs_match("{"[a-z]*" * 40}", "{"[a-z]+" * 40}b")', "true"),
    ],
)
def test_patterns_take_time_in_the_length_of_the_text(text: str, value: str) -> None:
    assert body(text) == value


def test_a_budget_is_for_a_whole_evaluation() -> None:
    text = "x := [f(a) | some a in input]\nf(a) := [a | some _ in input]"
    assert asked(text, given=list(range(10)), steps=200).count("[") == 11
    with pytest.raises(BudgetError):
        asked(text, given=list(range(10)), steps=100)


@pytest.mark.parametrize(
    "text",
    [
        "x := " + "1 + " * 20_000 + "1",
        "x := input" + ".a" * 20_000,
        "x if {\n" + "\n".join(f"some a{i} in input" for i in range(120)) + "\n}",
    ],
)
def test_what_is_too_deep_is_said(text: str) -> None:
    with pytest.raises(InputError, match="too deeply nested"):
        compiled([parse(f"package p\n{text}")]).check()


STRANGE = (
    *('"', "'", "\\", "\n", "\r", "{", "}", "{0}", "%s", "\\'", '"""', "'''", "\x00", "\u2028", "\ud800", "#", "$"),
    *("__class__", "__builtins__", "__import__('os')", "c", "v", "continue", "U", "');raise SystemExit(1)#"),
)


@pytest.mark.parametrize("said", STRANGE)
def test_strings_stay_strings(said: str) -> None:
    quoted = "".join(f"\\u{ord(c):04x}" for c in said)
    kept = said.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    module = f"""
package p
a := "{quoted}"
b["{quoted}"] := 1
c contains "{quoted}"
d := input["{quoted}"]
e if input == {{"{quoted}": 7}}
f(v) := w if {{ v == "{quoted}"; w := {{"{quoted}": v}}["{quoted}"] }}
g := f("{quoted}")
h[k] := v if some k, v in {{"{quoted}": 2}}
"""
    query = compiled([parse(module)]).query("x = data.p")
    [found] = query.ask({kept: 7}, {})
    answers = found["x"]
    assert isinstance(answers, dict)
    assert answers["a"] == answers["g"] == kept
    assert answers["b"] == {kept: 1}
    assert isinstance(answers["c"], Set)
    assert list(answers["c"]) == [kept]
    assert (answers["d"], answers["e"], answers["h"]) == (7, True, {kept: 2})


@pytest.mark.parametrize(
    "name", ["__class__", "__builtins__", "exec", "c", "v", "U", "ONE", "lambda", "None", "t1", "r1"]
)
def test_names_are_names(name: str) -> None:
    text = f"{name} := 1\nf({name}) := [{name}, input.{name}]\nx := f(2)"
    assert asked(text, given={name: 3}) == "[2, 3]"
    assert body(f"some {name} in [4]; x := {name}") == "4"


@pytest.mark.parametrize(
    "path", ["input.__class__", "input.keys", "data.__dict__", "input.a.__len__", "data.p.__init__"]
)
def test_attributes_of_python_are_not_there(path: str) -> None:
    assert asked(f"x := {path}", given={"a": [1]}, data={}) == "undefined"


def test_half_a_character_is_no_text() -> None:
    with pytest.raises(EvaluationError, match="not Unicode"):
        body("x := base64.encode(input)", "\ud800")
