"""Documents with `{{ expressions }}` in them (kyverno/pkg/engine/variables/vars.go).

What an expression answers is put where it stands and never read again: a value cannot bring expressions of its own.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Final

import msgspec

from mistrust.kube.build import Plain
from mistrust.kube.errors import InputError
from mistrust.languages.kyverno.errors import FinalError, KyvernoError
from mistrust.languages.kyverno.jmespath.compile import evaluate, expression
from mistrust.languages.kyverno.jmespath.standard import text

Filled = Callable[[Plain], Plain]
DEEPEST: Final = 20
_PATH: Final = re.compile(r'(?:[\w.]|\[\d+\]|"[^"]*")+')


class Variable(msgspec.Struct, frozen=True):
    """`{{ expression }}`, perhaps with others inside."""

    parts: tuple[str | Variable, ...]

    def evaluate(self, context: Plain) -> Plain:
        """Its value. Raises `KyvernoError` where it has none."""
        source = ""
        for part in self.parts:
            source += part if isinstance(part, str) else _inside(part.evaluate(context), source)
        source = source.strip()
        try:
            return evaluate(source, context)
        except InputError as error:
            raise KyvernoError(f"{error.what}: {error.got}") from None

    @property
    def names(self) -> bool:
        """Is it a path and no more? A path that leads nowhere is an empty text in conditions, not a null."""
        return _PATH.fullmatch("".join(map(str, self.parts)).strip()) is not None

    def __str__(self) -> str:
        return f"{{{{{''.join(map(str, self.parts))}}}}}"


def _inside(value: Plain, before: str) -> str:
    """A value where it stands in an expression: in quotes as text, after a dot as a name, elsewhere as a literal."""
    found, quote = text(value), _quote(before)
    if quote == "'":
        if found.endswith("\\") or "\\'" in found:
            raise KyvernoError("a value with a backslash before a quote")
        return found.replace("'", "\\'")
    if quote == "`":
        return found.replace("`", "\\u0060")
    named = json.dumps(found)
    if quote == '"':
        return named[1:-1]
    if before.rstrip().endswith("."):
        return named
    literal = json.dumps(value).replace("`", "\\u0060")
    return f"`{literal}`"


def _quote(before: str) -> str:
    """The quote in which what follows a piece of an expression stands."""
    inside, at = "", 0
    while at < len(before):
        if inside and before[at] == "\\":
            at += 1
        elif before[at] in "'\"`":
            inside = "" if inside == before[at] else inside or before[at]
        at += 1
    return inside


def parsed(source: str) -> tuple[str | Variable, ...]:
    """A text with its variables. Raises `InputError` for an expression that is none.

    >>> [str(p) for p in parsed("a {{ b }}")]
    ['a ', '{{ b }}']
    """
    parts, at = _parts(source, 0, 0)
    assert at == len(source)
    for part in parts:
        if isinstance(part, Variable) and all(isinstance(p, str) for p in part.parts):
            source = "".join(p for p in part.parts if isinstance(p, str)).strip()
            if source == "@":
                raise InputError("the field of the object at the same place is not understood", got="{{ @ }}")
            expression(source)
    return parts


def _parts(source: str, at: int, depth: int) -> tuple[tuple[str | Variable, ...], int]:
    """Up to the end, or inside of a variable up to the braces that end it."""
    found: list[str | Variable] = []
    start, braces = at, 0
    while at < len(source):
        if source.startswith("{{", at):
            if at > 0 and source[at - 1] == "\\" and not depth:
                found.append(source[start : at - 1])
                start, at = at, at + 2
                continue
            if depth >= DEEPEST:
                raise InputError("variables nested too deeply", wanted=f"at most {DEEPEST} levels")
            inner, end = _parts(source, at + 2, depth + 1)
            if end > len(source):
                if depth:
                    return (), end
                break
            found += [source[start:at]] * (start < at)
            found.append(Variable(inner))
            start = at = end
            continue
        if depth and not braces and source.startswith("}}", at):
            found += [source[start:at]] * (start < at)
            return tuple(found), at + 2
        if depth:
            braces += (source[at] == "{") - (source[at] == "}" and braces > 0)
        at += 1
    if depth:
        return (), len(source) + 1
    found += [source[start:]] * (start < len(source))
    return tuple(found), len(source)


def template(document: Plain, *, lenient: bool = False) -> Filled:
    """A document that is filled in for each request. Raises `InputError` for an expression that is none.

    Parameters: `lenient`, whether what has no value is an empty text rather than an error, as in conditions.
    """
    if isinstance(document, str):
        return _text(document, lenient)
    if isinstance(document, dict):
        fields = [(_text(k, lenient), template(v, lenient=lenient)) for k, v in document.items()]
        if all(isinstance(f, _Constant) for pair in fields for f in pair):
            return _Constant(document)
        return lambda context: {text(k(context)): v(context) for k, v in fields}
    if isinstance(document, list):
        items = [template(each, lenient=lenient) for each in document]
        if all(isinstance(f, _Constant) for f in items):
            return _Constant(document)
        return lambda context: [each(context) for each in items]
    return _Constant(document)


class _Constant:
    """A document without variables."""

    __slots__ = ("value",)

    def __init__(self, value: Plain) -> None:
        self.value = value

    def __call__(self, context: Plain) -> Plain:
        return self.value


def _text(source: str, lenient: bool) -> Filled:
    if "$(" in source and "./" in source.partition("$(")[2]:
        raise InputError("references to other fields are not understood", got=source)
    if "{{" not in source:
        return _Constant(source)
    parts = parsed(source)
    if all(isinstance(p, str) for p in parts):
        return _Constant("".join(str(p) for p in parts))
    if len(parts) == 1 and isinstance(parts[0], Variable):
        return _whole(parts[0], lenient)

    def joined(context: Plain) -> Plain:
        return "".join(p if isinstance(p, str) else _told(p, context, lenient) for p in parts)

    return joined


def _whole(variable: Variable, lenient: bool) -> Filled:
    def value(context: Plain) -> Plain:
        return _value(variable, context, lenient)

    return value


def _value(variable: Variable, context: Plain, lenient: bool) -> Plain:
    try:
        found = variable.evaluate(context)
    except FinalError:
        raise
    except KyvernoError:
        if lenient:
            return ""
        raise
    if found is None and not lenient:
        raise KyvernoError(f"{variable} has no value")
    return "" if found is None and variable.names else found


def _told(variable: Variable, context: Plain, lenient: bool) -> str:
    return text(_value(variable, context, lenient))
