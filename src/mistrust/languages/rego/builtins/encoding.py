"""JSON and YAML (topdown/{json,encoding}.go)."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Final, cast

import yaml

from mistrust.kube.yaml import documents
from mistrust.languages.rego.builtins.builtin import Builtin, Pure, pure
from mistrust.languages.rego.builtins.operands import failed, obj, text, truth
from mistrust.languages.rego.errors import BuiltinError, OperandError
from mistrust.languages.rego.told import digits
from mistrust.languages.rego.values import Set, Value, key, ordered, pairs


def plain(value: Value) -> object:
    """A value as JSON has it: sets are arrays in order, keys are strings."""
    if isinstance(value, Set):
        return [plain(v) for v in ordered(value)]
    if isinstance(value, list):
        return [plain(v) for v in value]
    if isinstance(value, dict):
        return {(k if isinstance(k, str) else written(k)): plain(v) for k, v in sorted_pairs(value)}
    return value


def sorted_pairs(value: Value) -> Iterable[tuple[Value, Value]]:
    """Keys and values of an object in Rego's order."""
    assert isinstance(value, dict)
    return [(k, value[key(k)]) for k in ordered([k for k, _ in pairs(value)])]


def written(value: Value) -> str:
    """JSON as Go's encoder writes it: sorted keys, no space, `<`, `>` and `&` escaped."""
    return _written(plain(value))


_HTML: Final = str.maketrans({"<": "\\u003c", ">": "\\u003e", "&": "\\u0026", "\u2028": "\\u2028", "\u2029": "\\u2029"})


def _written(value: object) -> str:
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False).translate(_HTML).replace("\x7f", "\x7f")
    if isinstance(value, dict):
        return f"{{{','.join(f'{_written(str(k))}:{_written(v)}' for k, v in sorted(value.items()))}}}"
    if isinstance(value, list):
        return f"[{','.join(map(_written, value))}]"
    if isinstance(value, bool) or value is None:
        return json.dumps(value)
    assert isinstance(value, int | float)
    return digits(value)


def json_marshal(value: Value) -> Value:
    """JSON of a value."""
    return written(value)


WIDEST: Final = 100


def json_marshal_with_options(value: Value, options: Value) -> Value:
    """JSON over several lines."""
    name = "json.marshal_with_options"
    found = obj(name, 2, options)
    pretty, prefix, indent = bool({"prefix", "indent"} & found.keys()), "", "\t"
    for option, given in found.items():
        match option:
            case "pretty":
                pretty = truth(name, 2, given)
            case "prefix":
                prefix = text(name, 2, given)
            case "indent":
                indent = text(name, 2, given)
            case _:
                raise OperandError(f'object contained unknown key "{option}"')
    if not pretty:
        return written(value)
    if max(len(prefix), len(indent)) > WIDEST:
        raise failed(name, f"more than {WIDEST} characters before a line")
    return prefix + _indented(plain(value), f"\n{prefix}", indent)


def _indented(value: object, line: str, indent: str) -> str:
    inner = line + indent
    if isinstance(value, list) and value:
        return f"[{inner}{f',{inner}'.join(_indented(v, inner, indent) for v in value)}{line}]"
    if isinstance(value, dict) and value:
        found = (f"{_written(k)}: {_indented(v, inner, indent)}" for k, v in sorted(value.items()))
        return f"{{{inner}{f',{inner}'.join(found)}{line}}}"
    return _written(value)


_LARGEST: Final = re.compile(r"-?\d{400,}")


def json_unmarshal(value: Value) -> Value:
    """The value that JSON stands for."""
    found = text("json.unmarshal", 1, value)
    try:
        return _read(found)
    except (ValueError, RecursionError) as error:
        raise failed("json.unmarshal", str(error)) from None


def _read(text_: str) -> Value:
    if _LARGEST.search(text_):
        raise ValueError("a number with too many digits")

    def refused(word: str) -> Value:
        raise ValueError(f"invalid character {word!r}")

    found: Value = json.loads(text_, parse_constant=refused, parse_float=_float)
    return found


def _float(said: str) -> int | float:
    found = float(said)
    if found in (float("inf"), float("-inf")):
        raise ValueError(f"a number out of range: {said}")
    return int(found) if found.is_integer() and abs(found) < 1 << 53 else found


def _valid(function: Callable[[Value], Value]) -> Callable[[Value], Value]:
    def answer(value: Value) -> Value:
        try:
            function(value)
        except BuiltinError:
            return False
        return True

    return answer


def yaml_unmarshal(value: Value) -> Value:
    """The value that YAML stands for."""
    found = text("yaml.unmarshal", 1, value)
    read, problems = documents(found.encode("utf-8", "surrogatepass"))
    if problems or len(read) > 1:
        raise failed("yaml.unmarshal", str(problems[0]) if problems else "several documents")
    return cast("Value", read[0].value) if read else None


def yaml_marshal(value: Value) -> Value:
    """YAML of a value."""
    return yaml.safe_dump(plain(value), default_flow_style=False, allow_unicode=True, sort_keys=True)


# Bytes as text


# Queries


# Units


_PURE: Final[Mapping[str, Pure]] = {
    "json.marshal": json_marshal,
    "json.marshal_with_options": json_marshal_with_options,
    "json.unmarshal": json_unmarshal,
    "json.is_valid": _valid(json_unmarshal),
    "yaml.marshal": yaml_marshal,
    "yaml.unmarshal": yaml_unmarshal,
    "yaml.is_valid": _valid(yaml_unmarshal),
}
ENCODING: Final[Mapping[str, Builtin]] = {name: pure(function) for name, function in _PURE.items()}
