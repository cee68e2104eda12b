"""What is CEL, and what is said of what is not: where it stands, what was read, what was wanted."""

from __future__ import annotations

import pytest
from tests.languages.cel.asking import valued

from mistrust.kube.errors import InputError
from mistrust.languages.cel.parse import parse


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "1:1: not CEL: got the end, wanted an expression"),
        ("1 +", "1:4: not CEL: got the end, wanted an expression"),
        ("1 2", "1:3: not CEL: got '2', wanted end"),
        ("(1", "1:3: not CEL: got the end, wanted )"),
        ("[1, 2", "1:6: not CEL: got the end, wanted ]"),
        ("{1}", "1:3: not CEL: got '}', wanted :"),
        ("a\n  .b\n  .", "3:4: not CEL: got the end, wanted a field"),
        ("a ? b", "1:6: not CEL: got the end, wanted :"),
        ("a = b", "1:3: not CEL: got '= b', wanted a word or a sign"),
        ("'a", '1:1: not CEL: got "\'a", wanted a word or a sign'),
        (r"'\q'", r"1:1: no such escape: got \q"),
        (r"'\ud800'", r"1:1: no such character: got \ud800"),
        ("9223372036854775808", "1:1: the number is too large: got 9223372036854775808"),
        ("18446744073709551616u", "1:1: the number is too large: got 18446744073709551616u"),
        ("while", "1:1: a reserved word: got while"),
        ("a.in", "1:3: a reserved word: got in, wanted a field"),
        ("has(a)", "1:1: has() was called wrongly: wanted has(value.field)"),
        ("[1].all(1, true)", "not the name of a variable"),
        ("{1: 2}.all(k, k, true)", "1:8: one variable twice: got k"),
        ("(" * 100, "1:65: too deeply nested: wanted at most 64 levels"),
        ("a" * 100_001, "the expression is too long: got 100,001 code points, wanted 100,000"),
    ],
)
def test_an_error_says_what_was_wanted_where(text: str, said: str) -> None:
    with pytest.raises(InputError) as caught:
        parse(text)
    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1 + 2 * 3 == 7 && !false || false", True),
        ("1 - 2 - 3", -4),
        ("true ? 1 : false ? 2 : 3", 1),
        ("-9223372036854775808", -(1 << 63)),
        ("0xff", 255),
        ("--1", 1),
        ("!!true", True),
        ("1e3", 1000.0),
        (".5", 0.5),
        ("'''a\n'b'''", "a\n'b"),
        (r"r'\n'", "\\n"),
        (r"'\x41\101\u00e9\U0001F600'", "AAé😀"),
        (r"b'\xff\u00e9'", b"\xff\xc3\xa9"),
        ("{'a': 1,}.a", 1),
        ("{'a-b': 1}.`a-b`", 1),
        ("[1, 2,][1] // comment", 2),
        ("2 in [1, 2]", True),
    ],
)
def test_what_is_written_means(text: str, value: object) -> None:
    found = valued(text)
    assert found == value
    assert type(found) is type(value)


def test_many_signs_in_a_row_are_no_deeper_than_few() -> None:
    assert valued(" && ".join(["true"] * 10_000)) is True
    assert valued("!" * 90_000 + "true") is True
