"""Laws of the YAML reader: the fast reader answers what the exact one does, and values survive their way to text."""

from __future__ import annotations

import json
import random

import pytest
import yaml
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from mistrust.kube.blocks import block
from mistrust.kube.build import Memory, read
from mistrust.kube.events import UnreadableError
from mistrust.kube.lines import line_of
from mistrust.kube.scalars import resolve
from mistrust.kube.shapes import DoubtError, Shapes
from mistrust.kube.yaml import documents

TEXT = st.text(st.characters(codec="utf-8", exclude_categories=["Cs"], exclude_characters="\ufeff"), max_size=12)
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**63), 2**63 - 1),
    st.floats(allow_nan=False, allow_infinity=False).filter(lambda number: not number.is_integer()),
    TEXT,
    st.sampled_from(
        ["", "yes", "0644", "a: b", "a #b", "- a", "x\ny\n", "x\n\n y", "<<", "=", "{{ x }}", "---", "...", "~"]
    ),
)
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4), max_leaves=12
)


def only(data: bytes) -> object:
    """The value of the only document."""
    (document,), problems = documents(data)
    assert not problems
    return document.value


class Dumper(yaml.SafeDumper):
    """Writes text in any style, quoted where Kubernetes would take it for something else."""


def text_node(dumper: yaml.SafeDumper, text: str) -> yaml.Node:
    any_style = resolve(text) == text and text != "<<" and not set(text) & set("\r\x85\u2028\u2029")
    style = random.Random(text).choice(["", "", "|", ">", "'"]) if any_style else '"'
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


Dumper.add_representer(str, text_node)


def read_by_pyyaml(text: str) -> object:
    try:
        return yaml.load(text, yaml.CSafeLoader)
    except yaml.YAMLError:
        return None


@given(VALUES, st.sampled_from([True, False, None]), st.sampled_from([None, 8, 400]), st.sampled_from([2, 3, 8]))
def test_what_pyyaml_writes_is_read_back(value: object, flow: bool | None, width: int | None, indent: int) -> None:
    text = yaml.dump(
        {"v": value}, Dumper=Dumper, default_flow_style=flow, width=width, indent=indent, allow_unicode=True
    )
    assume(read_by_pyyaml(text) == {"v": value})  # its folding of quoted text has a bug of its own
    assert only(text.encode()) == {"v": value}


@given(VALUES, st.sampled_from([None, 1, 4]))
def test_json_is_yaml(value: object, indent: int | None) -> None:
    text = json.dumps({"v": value}, indent=indent, ensure_ascii=False)
    assume("\x7f" not in text and not any("\x80" <= letter <= "\x9f" for letter in text))
    assert only(text.encode()) == {"v": value}


PIECES = [
    *[
        "",
        "x",
        "1",
        "0644",
        "yes",
        "~",
        "foo bar",
        '"q"',
        "'s'",
        '"a\\n"',
        "'it''s'",
        '"',
        "é",
        "=",
        "<<",
        "a  ",
        "a\\b",
    ],
    *[
        "[]",
        "{}",
        "[a, b]",
        "{a: b}",
        "[1, 'n, y' , n]",
        "{y: n, a: b c}",
        "[a,]",
        "[.inf]",
        "{~: a}",
        "[a] #c",
        "[",
        "{",
    ],
    *["|", "|-", ">", ">-", "|+", "|2", "a:b", "a #c", "a#b", "# c", "x: y", "- x", "-x", "-", "x:", "...", "---"],
    *[".inf", "!!str 1", "&x y", "*x", "*", "%", "x\ty", "\tx", "\u2028", "\ufeff"],
]
KEYS = ["a:", "b:", "foo:", "x-y:", "a.b/c:", "f:x:", "null:", "y:", "1.5:", '"q":', "k v:", "<<:", "?", ":", ""]
DASHES = st.sampled_from(["", "", "", "- ", "- ", "-  ", "- - ", "-"])
LINES = st.tuples(
    st.integers(-4, 4), DASHES, st.sampled_from(KEYS), st.sampled_from([" ", " ", "", "  "]), st.sampled_from(PIECES)
)


def written(lines: list[tuple[int, str, str, str, str]], by: int) -> str:
    """Lines that go in and out by a few columns each."""
    text, column = "", 0
    for step, dash, key, space, piece in lines:
        column = max(0, column + (step // 2) * by)
        text += f"{' ' * column}{dash}{key}{space}{piece}\n"
    return text


@settings(max_examples=1500)
@given(st.lists(LINES, max_size=9), st.sampled_from([1, 2, 2, 2]))
def test_the_fast_reader_answers_what_the_exact_one_does_or_nothing(
    lines: list[tuple[int, str, str, str, str]], by: int
) -> None:
    text = written(lines, by)
    assume(text and "\n---" not in text)
    try:
        fast, above = block(text, Shapes())
    except DoubtError:
        return
    exact = read(text, Memory())
    assert repr(fast) == repr(exact.value)
    assert exact.dropped is None
    assert exact.value is None or above == text.count("\n", 0, exact.start)


@settings(max_examples=500)
@given(
    st.lists(st.tuples(st.integers(-1, 1), st.sampled_from(["", "- "]), st.sampled_from(["a:", "b:", ""]))),
    st.booleans(),
)
def test_plain_blocks_are_what_any_yaml_reader_says(lines: list[tuple[int, str, str]], texts: bool) -> None:
    pieces = ["", "u", "[u, v]", "|\n   u\n\n    v"] if texts else ["", "u"]
    text, column = "", 0
    for number, (step, dash, key) in enumerate(lines):
        column = max(0, column + 2 * step)
        text += f"{' ' * column}{dash}{key} {pieces[number % len(pieces)]}\n"
    try:
        wanted = yaml.load(text, yaml.CBaseLoader)
    except yaml.YAMLError:
        assert documents(text.encode())[1]
        return
    found, problems = documents(text.encode())
    assert not problems
    assert empty_for_null(found[0].value if found else None) == (wanted or "")


def empty_for_null(value: object) -> object:
    """PyYAML's base loader resolves nothing: null is the empty text."""
    match value:
        case dict():
            return {key: empty_for_null(field) for key, field in value.items()}
        case list():
            return [empty_for_null(item) for item in value]
    return "" if value is None else value


@given(
    st.binary(max_size=40),
    st.lists(st.sampled_from([b"a: ", b"\n", b"---\n", b"- ", b"[", b"{{", b"&x ", b"*x", b"|\n "])),
)
def test_no_bytes_raise(noise: bytes, pieces: list[bytes]) -> None:
    data = b"".join(pieces) + noise
    found, problems = documents(data, "f")
    lines = data.count(b"\n") + data.count(b"\n\0") + 1
    for document in found:
        assert 1 <= document.line <= lines
        assert line_of(data, document.index, ("a", 0, "b")) <= lines
    for problem in problems:
        assert 1 <= problem.line <= lines


@given(st.text(st.sampled_from("0123456789+-._eExXoObBaf "), max_size=8))
def test_numbers_are_what_they_are_as_text(text: str) -> None:
    """A number that is written out again is the same number; what is none stays the text."""
    value = resolve(text.strip())
    if isinstance(value, str):
        assert value == text.strip()
    elif value is not None:
        assert resolve(repr(value)) == value


def test_the_exact_reader_alone_says_the_same_of_the_corpus_shapes() -> None:
    for text in ("a: 1\nb:\n- c\n- d: |\n    e\n", "a:\n  - b: x\n      y\n    c: {}\n", "---\n# c\n\n- - 1\n  - 2\n"):
        assert block(text, Shapes())[0] == read(text, Memory()).value


@pytest.mark.parametrize("text", ["a: [", "a: *x", "? [a]\n: b"])
def test_the_exact_reader_refuses_with_a_reason(text: str) -> None:
    with pytest.raises(UnreadableError, match=r"\w+ \w+"):
        read(text, Memory())
