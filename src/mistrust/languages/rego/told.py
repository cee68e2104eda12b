"""Values as text: as OPA prints them."""

from __future__ import annotations

import json

from mistrust.languages.rego.values import (
    Set,
    Value,
    key,
    ordered,
    pairs,
)


def spoken(found: list[Value]) -> str:
    """What a template string says of an expression."""
    if not found:
        return "<undefined>"
    return found[0] if isinstance(found[0], str) else told(found[0])


def told(value: Value) -> str:
    """A value as OPA prints it: ast.Value.String."""
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, list):
        return f"[{', '.join(map(told, value))}]"
    if isinstance(value, Set):
        return f"{{{', '.join(map(told, ordered(value)))}}}" if len(value) else "set()"
    if isinstance(value, dict):
        keys = ordered([k for k, _ in pairs(value)])
        return f"{{{', '.join(f'{told(k)}: {told(value[key(k)])}' for k in keys)}}}"
    if isinstance(value, bool) or value is None:
        return {True: "true", False: "false", None: "null"}[value]
    return digits(value)


def digits(value: float) -> str:
    """A number as Go's encoding/json prints it."""
    if type(value) is int:
        return str(value)
    size = abs(value)
    if value.is_integer() and size < 1e21:
        return str(int(value))
    if size != 0 and (size < 1e-6 or size >= 1e21):
        mantissa, _, exponent = f"{value!r}".partition("e")
        return f"{mantissa}e{exponent[0]}{exponent[1:].lstrip('0').rjust(2, '0')}" if exponent else mantissa
    return repr(value)
