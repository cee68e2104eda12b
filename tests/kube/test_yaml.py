"""YAML as kubectl reads it, shown by example. tests/peers asks kubectl itself about the same tables."""

from __future__ import annotations

import pytest
from tests.corpora import corpus
from tests.kube.yaml_traps import NAMES, REFUSED, VALUES

from mistrust.kube.yaml import documents


def one(text: str) -> object:
    """The only document of a text that holds nothing else."""
    found, problems = documents(text.encode(), "f.yaml")
    assert not problems
    (document,) = found
    return document.value


def values(data: bytes) -> list[object]:
    return [document.value for document in documents(data)[0]]


def problems(data: bytes) -> list[str]:
    return [str(problem) for problem in documents(data, "f.yaml")[1]]


@pytest.mark.parametrize("text", VALUES)
def test_what_a_value_means_does_not_depend_on_where_it_stands(text: str) -> None:
    wanted = VALUES[text]
    for found in (
        one(f"v: {text}\n")["v"],
        one(f"a:\n  b:\n  - c: {text}\n")["a"]["b"][0]["c"],
        one(f"- {text}\n")[0],
        one(f"v:\n  {text}\nw: 1\n")["v"],
        one(f"? k\n: {text}\n")["k"],
    ):
        assert found == wanted
        assert type(found) is type(wanted)


@pytest.mark.parametrize(("text", "name"), NAMES.items())
def test_what_a_name_means(text: str, name: str) -> None:
    assert one(f"{text}: 1\n") == {name: 1}
    assert one(f"a:\n- ? {text}\n  : 1\n") == {"a": [{name: 1}]}


@pytest.mark.parametrize("text", REFUSED)
def test_what_kubectl_refuses_is_a_problem_that_spares_the_neighbours(text: str) -> None:
    found, (problem,) = documents(f"a: 1\n---\nb: 2\nv: {text}\n---\nc: 3\n".encode(), "f.yaml")
    assert [(document.index, document.value) for document in found] == [(0, {"a": 1}), (2, {"c": 3})]
    assert problem.file == "f.yaml"
    assert problem.line in (3, 4, 5)
    assert problem.got
    assert problem.do
    assert problem.blinds


@pytest.mark.parametrize("name", ["null", "~", "", "9223372036854775808", "[a]", "{a: 1}"])
def test_names_that_json_has_not(name: str) -> None:
    assert not values(f"v:\n  ? {name}\n  : 1\n".encode())
    assert len(problems(f"v:\n  ? {name}\n  : 1\n".encode())) == 1


def test_the_last_of_two_fields_with_one_name_wins() -> None:
    assert one("a: 1\nb: 2\na: 3\n") == {"a": 3, "b": 2}
    assert one("a:\n  b: 1\na:\n  c: 2\n") == {"a": {"c": 2}}


MERGES = """
base: &base {image: a, tag: 1}
more: &more {tag: 2, pull: Always}
one: {<<: *base}
after: {<<: *base, image: b}
before: {image: b, <<: *base}
both: {<<: [*base, *more]}
nested: {<<: {<<: *more, tag: 3}}
quoted: {"<<": 1}
"""


def test_merges_happen_where_they_are_written() -> None:
    found = one(MERGES)
    assert found["one"] == {"image": "a", "tag": 1}
    assert found["after"] == {"image": "b", "tag": 1}
    assert found["before"] == {"image": "a", "tag": 1}, "what is merged later wins over the field before it"
    assert found["both"] == {"image": "a", "tag": 1, "pull": "Always"}, "the first of a list wins"
    assert found["nested"] == {"tag": 3, "pull": "Always"}
    assert found["quoted"] == {"<<": 1}


@pytest.mark.parametrize("merged", ["1", "null", "[1]", "*list", "[[{a: 1}]]", "[*list]"])
def test_only_mappings_merge(merged: str) -> None:
    assert len(problems(f"list: &list [{{a: 1}}]\nm: {{<<: {merged}}}\n".encode())) == 1


def test_what_an_alias_repeats_is_a_copy() -> None:
    found = one("a: &x {b: [1]}\nc: *x\nd: [*x, &y 010, *y]\n? *y\n: e\n")
    assert found == {"a": {"b": [1]}, "c": {"b": [1]}, "d": [{"b": [1]}, 8, 8], "8": "e"}
    found["c"]["b"].append(2)
    assert found["a"] == found["d"][0] == {"b": [1]}


def test_an_anchor_belongs_to_its_document() -> None:
    assert values(b"a: &x 1\nb: &x 2\nc: *x\n---\nd: *x\n") == [{"a": 1, "b": 2, "c": 2}]


BLOCKS = r"""
literal: |
  one
   two

  three
stripped: |-
  one


kept: |+
  one

folded: >-
  one
  two

  three
   indented
  four
plain: one
  two

  three
quoted: "one
  two\n

  three"
indented: |2
   one
empty: |
last: |
  # no comment
  a: b
"""


def test_text_on_many_lines() -> None:
    assert one(BLOCKS) == {
        "literal": "one\n two\n\nthree\n",
        "stripped": "one",
        "kept": "one\n\n",
        "folded": "one two\nthree\n indented\nfour",
        "plain": "one two\nthree",
        "quoted": "one two\n\nthree",
        "indented": " one\n",
        "empty": "",
        "last": "# no comment\na: b\n",
    }


def test_lists_at_the_column_of_their_field_and_deeper() -> None:
    assert one("a:\n- 1\n-\n  - 2\n- - 3\n  - b: 4\n    c:\n    - 5\nd:\n    - 6\n") == {
        "a": [1, [2], [3, {"b": 4, "c": [5]}]],
        "d": [6],
    }


def test_flow_style_is_yaml_too() -> None:
    assert one('{"a": [1, {b: c}], d: "e", f: }\n') == {"a": [1, {"b": "c"}], "d": "e", "f": None}


# The cut into documents: kubectl looks for lines that start with three dashes before it parses anything.


def test_documents_keep_their_place_and_their_line() -> None:
    data = b"# licence\n---\na: 1\n--- # comment\n\n\n# b\nb: 2\n---\n---\n  \n---   \nc: 3"
    assert [(document.index, document.line, document.value) for document in documents(data)[0]] == [
        (1, 3, {"a": 1}),
        (2, 8, {"b": 2}),
        (4, 13, {"c": 3}),
    ]


@pytest.mark.parametrize(
    "data", [b"", b"\n", b"# only\n", b"---\n", b"---\n---\n", b"null\n", b"~", b"---\n# a\n...\n"]
)
def test_documents_without_content_are_none(data: bytes) -> None:
    assert documents(data) == ([], [])


def test_dashes_inside_a_literal_stay_text_unless_they_start_the_line() -> None:
    assert values(b"a: |\n  ---\n  b\n") == [{"a": "---\nb\n"}]
    assert values(b"a: |\n  x\n---\nb: 1\n") == [{"a": "x\n"}, {"b": 1}]


@pytest.mark.parametrize("separator", ["--- {a: 1}", "--- a", "--- |", "--- !!map", "----", "---a"])
def test_content_on_the_separator_is_refused(separator: str) -> None:
    data = f"x: 1\n{separator}\n  y: 2\n---\nz: 3\n".encode()
    assert values(data) == [{"x": 1}, {"z": 3}]
    assert problems(data) == [
        "f.yaml:2: not YAML that kubectl reads, got content on the line of a separator, "
        "wanted nothing or a comment after ---; break the line"
    ]


@pytest.mark.parametrize("rest", ["...\nb: 2\n", "...\n%\n"])
def test_what_kubectl_drops_in_silence_is_said(rest: str) -> None:
    found, (problem,) = documents(f"a: 1\n{rest}".encode(), "f.yaml")
    assert [document.value for document in found] == [{"a": 1}]
    assert problem.what == "text after the end of the document, which kubectl drops"
    assert problem.line in (2, 3)
    assert problem.blinds


def test_a_directive_is_cut_off_from_its_document() -> None:
    data = b"%YAML 1.1\n---\na: 1\n"
    assert values(data) == [{"a": 1}]
    assert len(problems(data)) == 1


# Encodings


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_byte_order_marks_and_line_ends(encoding: str, newline: str) -> None:
    text = newline.join(["a: é", "b: |", "  x", "  y", "---", "c: 1", ""])
    data = text.encode(encoding)
    assert [(document.line, document.value) for document in documents(data)[0]] == [
        (1, {"a": "é", "b": "x\ny\n"}),
        (6, {"c": 1}),
    ]
    assert not problems(data)


def test_what_is_not_utf8_is_replaced_and_said() -> None:
    found, (problem,) = documents(b"a: 1\nb: x\xffy\n", "f.yaml")
    assert [document.value for document in found] == [{"a": 1, "b": "x\ufffdy"}]
    assert (problem.line, problem.blinds) == (2, False)
    assert not values(b"\xef\xbb\xbfb: x\xffy\n"), "after a mark kubectl refuses it"


def test_a_second_mark_would_hide_a_field() -> None:
    assert not values("a: 1\n\ufeffmetadata: 2\n".encode())


# Templates


@pytest.mark.parametrize(
    "text",
    [
        "a: {{ .Values.a }}",
        "{{- if .Values.a }}\na: 1\n{{- end }}",
        "{{ template }}",
        "a: {{ .x }}-{{ .y }}",
        "{% if a %}\nb: 1",
        "# {{ fine }}\nx: 1\na: {{ .x }}",
    ],
)
def test_a_template_is_said_to_be_one_at_its_first_action(text: str) -> None:
    found, (problem,) = documents(f"ok: 1\n---\n{text}\n---\nok: 2\n".encode(), "t.yaml")
    assert [document.value for document in found] == [{"ok": 1}, {"ok": 2}]
    assert problem.what == "a template, not YAML"
    lines = text.split("\n")
    first = next(i for i, line in enumerate(lines) if "{" in line and not line.startswith("#"))
    assert problem.line == 3 + first
    assert problem.do.startswith("render it first: helm template")


@pytest.mark.parametrize(
    "text", ['a: "{{ .x }}"', "a: 1 # {{ .x }}", "a: |\n  {{ .x }}", "a: {b: '{{ x }}'}", "a: x {{ y }}"]
)
def test_braces_in_text_that_parses_are_text(text: str) -> None:
    assert not problems(text.encode())


def test_no_problem_quotes_the_text_of_a_document() -> None:
    secret = "hunter2"
    for text in (
        f"password: [{secret}",
        f"a: {{{{ {secret} }}}}",
        f"a: !!int {secret}",
        f"--- {secret}",
        f"a: '{secret}",
    ):
        assert secret not in "".join(problems(text.encode()))


def test_every_manifest_of_the_corpus_is_read_or_said() -> None:
    folder = corpus("manifests")
    for path in sorted(folder.rglob("*.y*ml")):
        found, said = documents(path.read_bytes(), path.name)
        assert found or said
        for problem in said:
            assert problem.what == "a template, not YAML"
            assert problem.line
