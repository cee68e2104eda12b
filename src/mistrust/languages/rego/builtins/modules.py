"""What Rego says of itself: `rego.parse_module` (topdown/parse.go)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from mistrust.kube.errors import InputError
from mistrust.languages.rego.builtins.builtin import Builtin, pure
from mistrust.languages.rego.builtins.operands import failed, text
from mistrust.languages.rego.parse import parse
from mistrust.languages.rego.values import Hashed, Value


def parse_module(file: Value, source: Value) -> Value:
    """The package and the imports of a module; its rules are not told."""
    name = "rego.parse_module"
    try:
        module = parse(text(name, 2, source), text(name, 1, file))
    except InputError as error:
        raise failed(name, f"rego_parse_error: {error}") from None
    found: dict[Hashed, Value] = {"package": {"path": [_var("data"), *map(_string, module.package)]}}
    if module.imports:
        found["imports"] = [
            {"path": {"type": "ref", "value": [_var(i.path[0]), *map(_string, i.path[1:])]}} for i in module.imports
        ]
    return found


def _var(name: str) -> Value:
    return {"type": "var", "value": name}


def _string(name: str) -> Value:
    return {"type": "string", "value": name}


MODULES: Final[Mapping[str, Builtin]] = {"rego.parse_module": pure(parse_module)}
