"""Objects of named types, where an environment has some; and what cel-go takes for an optional."""

from __future__ import annotations

import pytest

from mistrust.kube.errors import InputError
from mistrust.languages.cel.environment import Environment
from mistrust.languages.cel.libraries.versions import LATEST
from mistrust.languages.cel.values import Value


def evaluated(text: str) -> Value:
    return Environment(LATEST, ("object",), {}, ("Object",)).compile(text).evaluate({"object": {"a": [1]}})


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("Object{}", {}),
        ("Object{a: 1, b: 'x'}", {"a": 1, "b": "x"}),
        ("Object{spec: Object.spec{a: object.a}}", {"spec": {"a": [1]}}),
        ("Object{`a-b`: 1}", {"a-b": 1}),
        ("Object{?a: optional.none(), ?b: optional.of(1)}", {"b": 1}),
        ("Object{a: 1}.a + 1", 2),
        ("object.a.orValue([])", [1]),
        ("object.?b.orValue([2])", [2]),
    ],
)
def test_an_object_of_a_named_type(text: str, wanted: Value) -> None:
    assert evaluated(text) == wanted


@pytest.mark.parametrize("text", ["Other{a: 1}", "object{a: 1}", "Object{1: 1}", "Object{'a': 1}", "Object{a}"])
def test_what_makes_no_object(text: str) -> None:
    with pytest.raises(InputError):
        evaluated(text)


def test_without_such_types_there_are_no_such_objects() -> None:
    with pytest.raises(InputError):
        Environment(LATEST, (), {}).compile("Object{a: 1}")
