"""The CEL specification's own tests: all that need no protobuf messages hold."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Final

import msgspec
import pytest
from tests.corpora import ROOT, corpus
from tests.peers.textproto import Field, Message, parse

from mistrust.kube.errors import InputError
from mistrust.languages.cel.environment import EvaluationError, environment
from mistrust.languages.cel.libraries.versions import EXTENSIONS
from mistrust.languages.cel.values import Bool, Hashed, Type, UInt, Value, equal

MESSAGES: Final = frozenset(
    ("proto2", "proto3", "proto2_ext", "enums", "wrappers", "unknowns", "type_deduction", "dynamic", "block_ext")
)
"""Files about protobuf messages and about type checking; Kubernetes has neither, it has plain JSON."""
PLAIN: Final = ("google.protobuf.Timestamp", "google.protobuf.Duration")


class Case(msgspec.Struct, frozen=True):
    """An expression, and what it has to be."""

    name: str
    expression: str
    wanted: Message
    fails: bool
    names: dict[str, Message]


class NotPlainError(Exception):
    """A value that is a message."""


@cache
def cases() -> tuple[Case, ...]:
    """Every case without messages, nothing where the corpus is absent."""
    return tuple(_cases())


def _cases() -> Iterator[Case]:
    for file in sorted((ROOT / "cel-spec").rglob("*.textproto")):
        if file.stem in MESSAGES:
            continue
        for section in parse(file.read_text()).get("section", []):
            assert isinstance(section, dict)
            for test in section.get("test", []):
                assert isinstance(test, dict)
                if not {"container", "check_only"} & test.keys():
                    yield from _case(f"{file.stem}/{_text(section, 'name')}", test)


def _case(place: str, test: Message) -> Iterator[Case]:
    expression = _text(test, "expr")
    rest = expression.replace(PLAIN[0], "").replace(PLAIN[1], "")
    if "google.protobuf" in rest or "TestAllTypes" in rest:
        return
    bindings = [b for b in test.get("bindings", []) if isinstance(b, dict)]
    names = {_text(b, "key"): _message(_message(b, "value"), "value") for b in bindings}
    wanted = _message(test, "value") if "value" in test else {"bool_value": ["true"]}
    try:
        for each in (wanted, *names.values()):
            value(each)
    except NotPlainError:
        return
    yield Case(f"{place}/{_text(test, 'name')}", expression, wanted, "eval_error" in test, names)


def _text(message: Message, name: str) -> str:
    found = message.get(name, [b""])[0]
    assert isinstance(found, bytes)
    return found.decode("utf-8", "surrogateescape")


def _message(message: Message, name: str) -> Message:
    found = message[name][0]
    assert isinstance(found, dict)
    return found


def value(message: Message) -> Value:
    [(kind, [said])] = message.items()
    match kind:
        case "int64_value":
            return int(_word(said))
        case "uint64_value":
            return UInt(_word(said))
        case "double_value":
            return float(_word(said))
        case "bool_value":
            return said == "true"
        case "string_value":
            return _bytes(said).decode()
        case "bytes_value":
            return _bytes(said)
        case "null_value":
            return None
        case "type_value":
            return Type(_bytes(said).decode())
        case "list_value":
            assert isinstance(said, dict)
            return [value(v) for v in said.get("values", []) if isinstance(v, dict)]
        case "map_value":
            assert isinstance(said, dict)
            return dict(_entries(said))
    raise NotPlainError(kind)


def _entries(message: Message) -> Iterator[tuple[Hashed, Value]]:
    for each in message.get("entries", []):
        assert isinstance(each, dict)
        k = value(_message(each, "key"))
        assert isinstance(k, bool | int | str)
        yield Bool(k) if isinstance(k, bool) else k, value(_message(each, "value"))


def _word(said: Field) -> str:
    assert isinstance(said, str)
    return said


def _bytes(said: Field) -> bytes:
    assert isinstance(said, bytes)
    return said


def same(a: Value, b: Value) -> bool:
    """As the specification compares: types count, and NaN is itself."""
    if isinstance(a, float) and isinstance(b, float) and a != a and b != b:
        return True
    if isinstance(a, list) and isinstance(b, list):
        return len(a) == len(b) and all(map(same, a, b))
    if type(a) is not type(b):
        return False
    if isinstance(a, dict) and isinstance(b, dict):
        return a.keys() == b.keys() and all(same(v, b[k]) for k, v in a.items())
    return equal(a, b)


@pytest.mark.parametrize("case", cases(), ids=lambda case: case.name)
def test_the_value_is_that_of_the_specification(case: Case) -> None:
    names = {name: value(given) for name, given in case.names.items()}
    try:
        found = environment(variables=tuple(names), more=EXTENSIONS).compile(case.expression).evaluate(names)
    except (EvaluationError, InputError):
        assert case.fails
    else:
        assert not case.fails
        assert same(found, value(case.wanted))


def test_the_corpus_is_here() -> None:
    corpus("cel-spec")
    assert len(cases()) > 1500
