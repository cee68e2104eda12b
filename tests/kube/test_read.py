"""A file's bytes become objects and problems: nothing raises, nothing is lost."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mistrust.kube.read import json_values, read

ROLE = {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role", "metadata": {"name": "r", "namespace": "a"}}


def names(data: bytes) -> list[str]:
    return [str(o.ref) for o in read(data, "f")[0]]


def test_a_dump_is_a_list_or_concatenated_values_indented_or_not() -> None:
    other = {**ROLE, "metadata": {"name": "q", "namespace": "a"}}
    as_list = {"apiVersion": "v1", "kind": "List", "items": [ROLE, other]}
    wanted = ["Role a/r", "Role a/q"]
    assert names(json.dumps(as_list, indent=4).encode()) == wanted
    assert names(json.dumps(ROLE).encode() + json.dumps(other).encode()) == wanted
    assert names("\n".join(json.dumps(o, indent=1) for o in (ROLE, other)).encode()) == wanted
    assert names(b"\xef\xbb\xbf  \n" + json.dumps(as_list).encode() + b"\n\n") == wanted


def test_json_documents_may_stand_under_yaml_separators() -> None:
    other = {**ROLE, "metadata": {"name": "q", "namespace": "a"}}
    objects, problems = read(f"{json.dumps(ROLE, indent=1)}\n---\n{json.dumps(other)}\n".encode(), "f")
    assert [o.name for o in objects] == ["r", "q"]
    assert problems == []


def test_a_truncated_dump_keeps_what_was_whole_and_says_where_it_ends() -> None:
    objects, problems = read(json.dumps(ROLE).encode() + b'\n\n{"apiVersion": "v1", "ki', "dump.json")
    assert [o.name for o in objects] == ["r"]
    assert [(p.what, p.line, p.blinds) for p in problems] == [("not JSON", 3, True)]


def test_the_line_of_a_concatenated_value_is_that_of_its_first_character() -> None:
    data = b"\n\n" + json.dumps(ROLE).encode() + b"\n\n\n" + json.dumps(ROLE).encode()
    assert [o.origin.line for o in read(data, "f")[0]] == [3, 6]


def test_one_bad_document_does_not_hide_its_neighbours() -> None:
    good = b"apiVersion: v1\nkind: Namespace\nmetadata: {name: %s}\n"
    objects, problems = read(good % b"a" + b"---\na: [1\nb: }\n---\n" + good % b"b", "f.yaml")
    assert [o.name for o in objects] == ["a", "b"]
    assert len(problems) == 1
    assert problems[0].blinds


@pytest.mark.parametrize("data", [b"", b"\n", b"# nothing\n", b"---\n---\n", b"null\n"])
def test_nothing_is_nothing(data: bytes) -> None:
    assert read(data, "f") == ([], [])


@given(st.binary(max_size=200))
def test_no_bytes_raise(data: bytes) -> None:
    read(data, "f")


@given(st.lists(st.dictionaries(st.text(max_size=5), st.integers() | st.text(max_size=5), max_size=3), max_size=4))
def test_spans_of_concatenated_values_are_the_values(values: list[dict[str, object]]) -> None:
    data = b" ".join(json.dumps(v).encode() for v in values)
    spans = list(json_values(data))
    assert [
        json.loads(data[s[0] : s[1]]) for s in spans if isinstance(s, tuple) and data[s[0] : s[1]].strip()
    ] == values


def test_json_nested_beyond_reason_is_a_problem_and_never_a_crash() -> None:
    deep = b'{"a":' * 200_000 + b"1" + b"}" * 200_000
    lists = b'{"apiVersion":"v1","kind":"List","items":[' * 5_000 + b"]}" * 5_000
    for data in (deep, lists):
        objects, problems = read(data, "deep.json")
        assert objects == []
        assert [(p.what, p.blinds) for p in problems] == [("nested too deeply", True)]


def test_many_concatenated_values_each_know_their_line() -> None:
    data = b"\n".join([json.dumps(ROLE).encode()] * 3_000)
    assert [o.origin.line for o in read(data, "f")[0]] == list(range(1, 3_001))
