"""Expressions that would never end or fill the memory stop, and nothing that they say becomes code."""

from __future__ import annotations

import pytest
from tests.languages.cel.asking import failed, valued

from mistrust.languages.cel.values import Value

NAMES: dict[str, Value] = {"xs": list(range(1000)), "s": "a" * 1000, "__class__": 1, "c": 2, "n": 3, "x0": 4}


def bound(text: str, first: str, last: str) -> str:
    """Forty names, each twice what the one before is."""
    body = last.replace("?", "a40")
    for i in range(39, -1, -1):
        body = f"cel.bind(a{i + 1}, {text.replace('?', first if i == 0 else f'a{i}')}, {body})"
    return body


@pytest.mark.parametrize(
    "text",
    [
        "xs.map(a, xs.map(b, xs.map(c, s + s)))",
        "xs.all(a, xs.all(b, xs.all(c, true)))",
        "xs.map(a, s + s).map(t, t + t).map(t, t + t).map(t, t + t).map(t, t + t)",
        "s.replace('a', s).replace('a', s)",
        "xs.map(a, s).join(s.replace('a', s))",
        "'%s'.format([xs.map(a, s.replace('a', s))])",
        "lists.range(1000000000)",
        "lists.range(100000).map(a, lists.range(100000))",
        "xs.all(a, xs.all(b, !(5000 in xs)))",
        "xs.all(a, xs.all(b, xs == xs))",
        "lists.range(90000).exists(i, s.contains('b'))",
        "sets.contains(lists.range(10000), lists.range(10000))",
        "xs.map(a, xs.map(b, xs)).flatten(9)",
    ],
)
def test_it_stops(text: str) -> None:
    assert failed(text, NAMES) == "operation cancelled: actual cost limit exceeded"


@pytest.mark.parametrize(
    ("text", "first", "last"),
    [
        ("? + ?", "s", "size(?)"),
        ("? + ?", "xs", "size(?)"),
        ("[?, ?]", "xs", "? == ?"),
        ("[?, ?]", "s", "'%s'.format([?])"),
    ],
)
def test_doubling_stops(text: str, first: str, last: str) -> None:
    assert failed(bound(text, first, last), NAMES) in (
        "operation cancelled: actual cost limit exceeded",
        "too deeply nested",
    )


def test_nothing_absorbs_the_limit() -> None:
    assert valued("true || xs.all(a, xs.all(b, xs.all(c, true)))", NAMES) is True
    assert "cost limit" in failed("xs.all(a, xs.all(b, xs.all(c, true))) || true", NAMES)
    assert "cost limit" in failed("(1 / 0 > 1 && xs.all(a, xs.all(b, xs.all(c, true)))) || true", NAMES)


@pytest.mark.parametrize("text", ["1" + "+1" * 40_000, "xs" + ".a" * 40_000, "xs" + "[0]" * 30_000])
def test_what_is_too_deep_is_said(text: str) -> None:
    assert failed(text, NAMES) == "too deeply nested"


def test_regular_expressions_take_time_in_the_length_of_the_text() -> None:
    assert valued(f"'{'a' * 60}b'.matches('(a+)+$')") is False


@pytest.mark.parametrize("name", ["__builtins__", "key", "truth", "f1", "v1", "__import__", "lambda", "open"])
def test_names_of_python_are_not_there(name: str) -> None:
    assert failed(name) == f"undeclared reference to '{name}'"
    assert failed(f"{name}('os')") == f"no such overload: {name}(string)"
    assert valued(f"[1].map({name}, {name})") == [1]
    assert valued(f"[1].map({name}, [2].map(other, {name} + other))") == [[3]]


@pytest.mark.parametrize("name", ["__class__", "c", "n", "x0"])
def test_variables_are_called_as_they_like(name: str) -> None:
    assert valued(f"{name} + {name} > 1", NAMES) is True
    assert failed(f"xs.{name}", NAMES).startswith("no such overload: select(list")


@pytest.mark.parametrize(
    "said", ['"', "'", "\\", "\n", "{", "}", "{0}", "%s", "\x00", "\u2028", "');raise SystemExit(1)#", "\\'", '"""']
)
def test_strings_stay_strings(said: str) -> None:
    quoted = "".join(f"\\U{ord(c):08x}" for c in said)
    given: dict[str, Value] = {"o": {said: 7}}
    assert valued(f"'{quoted}'") == said
    assert valued(f"o['{quoted}']", given) == 7
    assert valued(f"{{'{quoted}': 1}}") == {said: 1}
    assert valued(f"['{quoted}'].exists(x, x == '{quoted}')") is True
