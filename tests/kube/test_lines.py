"""The line of a field, when it is printed."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mistrust.kube.lines import Lines, line_of

MANIFEST = b"""\
# two objects
kind: Role
metadata: {name: a,
  namespace: b}
rules:
- verbs: [get,
    list]
  resources:
  - pods

- &all
  verbs: ["*"]
---
kind: List
items:
- kind: Pod
  spec:
    "containers":
    - name: a
      securityContext:
        ? privileged
        : yes
      y: 1
- kind: Pod
  spec: &spec
    hostPID: true
copy: *spec
merged:
  <<: *spec
twice: 1
twice: 2
"""


@pytest.mark.parametrize(
    ("document", "item", "path", "line"),
    [
        (0, -1, (), 2),
        (0, -1, ("metadata",), 3),
        (0, -1, ("metadata", "namespace"), 4),
        (0, -1, ("rules", 0), 6),
        (0, -1, ("rules", 0, "verbs", 1), 7),
        (0, -1, ("rules", 0, "resources", 0), 9),
        (0, -1, ("rules", 1, "verbs"), 12),
        (1, 0, (), 16),
        (1, 0, ("spec", "containers"), 18),
        (1, 0, ("spec", "containers", 0), 19),
        (1, 0, ("spec", "containers", 0, "securityContext", "privileged"), 21),
        (1, 0, ("spec", "containers", 0, "true"), 23),
        (1, 1, ("spec", "hostPID"), 26),
        (1, -1, ("items", 1, "spec", "hostPID"), 26),
        (1, -1, ("copy", "hostPID"), 27),
        (1, -1, ("merged", "hostPID"), 28),
        (1, -1, ("twice",), 31),
    ],
)
def test_the_line_of_a_field(document: int, item: int, path: tuple[str | int, ...], line: int) -> None:
    assert line_of(MANIFEST, document, path, item) == line
    assert line_of(MANIFEST.replace(b"\n", b"\r\n"), document, path, item) == line


def test_an_absent_field_stands_at_its_nearest_ancestor() -> None:
    assert line_of(MANIFEST, 0, ("rules", 0, "resourceNames", 3)) == 6
    assert line_of(MANIFEST, 0, ("spec", "x")) == 2
    assert line_of(MANIFEST, 1, ("status",), 1) == 24
    assert line_of(MANIFEST, 7, ()) == 0


def test_a_document_that_stops_being_yaml_is_searched_up_to_there() -> None:
    assert line_of(b"a: 1\nb:\n  c: 2\nd: [\n", 0, ("b", "c")) == 3
    assert line_of(b"a: 1\n{{ x }}: [\nd: 1\n", 0, ("d",)) == 1


def pod(number: int) -> dict[str, object]:
    containers = [{"name": "a", "args": ['"items": [', "}]{["]}, {"name": f"b{number}"}]
    return {"kind": "Pod", "metadata": {"labels": {"items": [], "é": "😀"}}, "spec": {"containers": containers}}


@pytest.mark.parametrize("indent", [4, 1, None])
def test_a_dump_is_searched_item_by_item(indent: int | None) -> None:
    dump = {"metadata": {"items": [{}]}, "items": [pod(number) for number in range(30)], "kind": "List"}
    data = json.dumps(dump, indent=indent).encode()
    lines = data.split(b"\n")
    found = Lines(data).many([(0, ("spec", "containers", 1, "name"), item) for item in range(30)])
    for item, line in enumerate(found):
        assert b'"name": "b%d"' % item in lines[line - 1]
        assert line == line_of(data, 0, ("items", item, "spec", "containers", 1, "name"))
    assert line_of(data, 0, ("spec",), 99) == 0


def test_concatenated_json_values_are_documents() -> None:
    data = b"\n" + b"\n".join(json.dumps(pod(number), indent=2).encode() for number in range(3))
    name = ("spec", "containers", 1, "name")
    for number in range(3):
        assert data.split(b"\n")[line_of(data, number, name) - 1].strip() == b'"name": "b%d"' % number


def test_an_item_of_what_is_no_list() -> None:
    assert line_of(b'{"items": 3}', 0, ("a",), 0) == 0
    assert line_of(b"{items: 3}", 0, ("a",), 0) == 1


KEYS = st.sampled_from(["a", "b", "c d", "é"])
TREES = st.recursive(
    st.just("leaf"),
    lambda inner: st.lists(inner, min_size=1, max_size=3) | st.dictionaries(KEYS, inner, min_size=1),
    max_leaves=8,
)


def numbered(tree: object, path: tuple[str | int, ...], leaves: list[tuple[str | int, ...]]) -> object:
    """The same tree with a text of its own at each leaf."""
    match tree:
        case dict():
            return {name: numbered(field, (*path, name), leaves) for name, field in tree.items()}
        case list():
            return [numbered(item, (*path, number), leaves) for number, item in enumerate(tree)]
    leaves.append(path)
    return f"leaf {len(leaves) - 1}"


@given(st.dictionaries(KEYS, TREES, min_size=1), st.booleans())
def test_every_leaf_is_found_where_it_is_written(tree: dict[str, object], as_yaml: bool) -> None:
    import yaml

    leaves: list[tuple[str | int, ...]] = []
    value = numbered(tree, (), leaves)
    text = yaml.dump(value, default_flow_style=False, allow_unicode=True) if as_yaml else json.dumps(value, indent=1)
    lines = text.split("\n")
    found = Lines(text.encode()).many((0, path, -1) for path in leaves)
    for number, line in enumerate(found):
        assert lines[line - 1].rstrip('",').endswith(f"leaf {number}")
