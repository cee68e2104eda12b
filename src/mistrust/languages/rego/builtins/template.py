"""Text templates of Go, as far as `strings.render_template` is for: fields, variables, `if`, `range` and `with`.

pkg.go.dev/text/template. What is not understood is an error, never left out.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Final

from mistrust.languages.rego.builtins.operands import ELEMENT, sized
from mistrust.languages.rego.errors import BuiltinError
from mistrust.languages.rego.told import told
from mistrust.languages.rego.values import Hashed, Set, Value, ordered, pairs

NAME: Final = "strings.render_template"
MISSING: Final = "<undefined>"
_ACTION: Final = re.compile(r"\{\{(-\s)?\s*(.*?)\s*(\s-)?\}\}", re.S)
_RANGE: Final = re.compile(r"(?:\$(\w+)\s*(?:,\s*\$(\w+)\s*)?:=\s*)?(.+)", re.S)


class Out:
    """What is written, and how much that is: every turn of a loop counts, even where it writes nothing."""

    def __init__(self) -> None:
        self.parts: list[str] = []
        self._size = 0

    def add(self, text: str) -> None:
        """One part more. Raises `BudgetError` for too much."""
        self._size = sized(NAME, self._size + len(text) + ELEMENT)
        self.parts.append(text)


def render(template: str, variables: Mapping[Hashed, Value]) -> str:
    """The template, filled in. Raises `BuiltinError` for one that is not understood."""
    parts = list(_parts(template))
    out = Out()
    at = _block(parts, 0, dict(variables), {"": dict(variables)}, out, live=True, depth=0)
    if at != len(parts):
        raise BuiltinError(f"{NAME}: unexpected {{{{{parts[at][1]}}}}}")
    return "".join(out.parts)


def _parts(template: str) -> Iterator[tuple[bool, str]]:
    begin, trim = 0, False
    for match in _ACTION.finditer(template):
        text = template[begin : match.start()]
        text = text.lstrip() if trim else text
        yield False, text.rstrip() if match[1] else text
        yield True, match[2]
        begin, trim = match.end(), bool(match[3])
    rest = template[begin:]
    if "{{" in rest:
        raise BuiltinError(f"{NAME}: unclosed action")
    yield False, rest.lstrip() if trim else rest


Names = dict[str, Value]


def _block(
    parts: list[tuple[bool, str]], at: int, dot: Value, names: Names, out: Out, *, live: bool, depth: int
) -> int:
    """Write up to `end` or `else`; returns where that is."""
    if depth > 50:
        raise BuiltinError(f"{NAME}: too deeply nested")
    while at < len(parts):
        action, text = parts[at]
        word, _, rest = text.partition(" ")
        if not action:
            if live:
                out.add(text)
        elif word in ("end", "else"):
            return at
        elif word in ("if", "with", "range"):
            at = _controlled(parts, at, word, rest, dot, names, out, live=live, depth=depth)
            continue
        elif text.startswith("/*"):
            pass
        elif live:
            out.add(_shown(_value(text, dot, names)))
        at += 1
    return at


def _controlled(
    parts: list[tuple[bool, str]],
    at: int,
    word: str,
    rest: str,
    dot: Value,
    names: Names,
    out: Out,
    *,
    live: bool,
    depth: int,
) -> int:
    match = _RANGE.fullmatch(rest) if word == "range" else None
    value = _value(match[3] if match else rest, dot, names) if live else None
    inside = at + 1
    end = _block(parts, inside, dot, names, Out(), live=False, depth=depth + 1)
    if word == "range":
        rounds = list(_rounds(value)) if live else []
        for k, v in rounds:
            own = dict(names)
            if match and match[2]:
                own[match[1]], own[match[2]] = k, v
            elif match and match[1]:
                own[match[1]] = v
            _block(parts, inside, v, own, out, live=True, depth=depth + 1)
        holds = bool(rounds)
    else:
        holds = _truth(value)
        if live and holds:
            _block(parts, inside, value if word == "with" else dot, names, out, live=True, depth=depth + 1)
    if end < len(parts) and parts[end][1].startswith("else"):
        again = parts[end][1].removeprefix("else").strip()
        otherwise = live and not holds
        if again.startswith("if "):
            return _controlled(
                parts, end, "if", again.removeprefix("if "), dot, names, out, live=otherwise, depth=depth + 1
            )
        end = _block(parts, end + 1, dot, names, out, live=otherwise, depth=depth + 1)
    if end >= len(parts):
        raise BuiltinError(f"{NAME}: unexpected EOF")
    return end + 1


def _rounds(value: Value) -> Iterator[tuple[Value, Value]]:
    if isinstance(value, list):
        yield from enumerate(value)
    elif isinstance(value, Set):
        yield from enumerate(ordered(value))
    elif isinstance(value, dict):
        found = dict(pairs(value))
        yield from ((k, found[k]) for k in ordered(found))
    elif value is not None and value != MISSING:
        raise BuiltinError(f"{NAME}: range can't iterate over {_shown(value)}")


def _truth(value: Value) -> bool:
    return value != MISSING and bool(len(value) if isinstance(value, Set) else value)


def _value(text: str, dot: Value, names: Names) -> Value:
    text = text.strip()
    if text == ".":
        return dot
    if re.fullmatch(r"-?\d+", text):
        return int(text)
    if re.fullmatch(r'"[^"\\]*"|`[^`]*`', text):
        return text[1:-1]
    if text in ("true", "false"):
        return text == "true"
    named = re.fullmatch(r"\$(\w*)((?:\.\w+)*)", text)
    field = re.fullmatch(r"((?:\.\w+)+)", text)
    if named:
        if named[1] not in names:
            raise BuiltinError(f"{NAME}: undefined variable ${named[1]}")
        return _field(names[named[1]], named[2])
    if field:
        return _field(dot, field[1])
    raise BuiltinError(f"{NAME}: not understood: {text}")


def _field(value: Value, path: str) -> Value:
    for name in path.split(".")[1:]:
        if isinstance(value, dict) and name in value:
            value = value[name]
        elif isinstance(value, dict):
            return MISSING
        else:
            raise BuiltinError(f"{NAME}: can't evaluate field {name}")
    return value


def _shown(value: Value) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, list):
        return f"[{' '.join(map(_shown, value))}]"
    if isinstance(value, dict):
        found = dict(pairs(value))
        return f"map[{' '.join(f'{_shown(k)}:{_shown(found[k])}' for k in ordered(found))}]"
    return told(value)
