"""The words of an expression."""

from __future__ import annotations

import json
import re
from typing import Final, cast

import msgspec

from mistrust.kube.build import Plain
from mistrust.kube.errors import InputError

LONGEST: Final = 64 << 10
"""Characters of an expression."""
_WORD: Final = re.compile(
    r"\s*(?:(?P<name>[A-Za-z_][A-Za-z0-9_]*)|(?P<number>-?\d+)|(?P<quoted>\"(?:\\.|[^\"\\])*\")"
    r"|(?P<raw>'(?:\\.|[^'\\])*')|(?P<literal>`(?:\\.|[^`\\])*`)"
    r"|(?P<sign>\[\?|\[\]|\|\||&&|==|!=|<=|>=|[.*@&|<>!()\[\]{},:]))",
    re.DOTALL | re.ASCII,
)


class Token(msgspec.Struct, frozen=True, gc=False):
    """A word; `kind` of a sign is the sign."""

    kind: str
    text: str
    at: int
    value: Plain = None


def tokens(text: str) -> list[Token]:
    """The words of an expression, the last of them `end`. Raises `InputError` for what is none."""
    if len(text) > LONGEST:
        raise InputError("the expression is too long", wanted=f"at most {LONGEST:,} characters")
    found: list[Token] = []
    at, end = 0, len(text.rstrip())
    while at < end:
        match = _WORD.match(text, at)
        if match is None:
            raise InputError("not JMESPath", where=str(at + 1), got=text[at : at + 20])
        found.append(_token(match))
        at = match.end()
    return [*found, Token("end", "", end)]


def _token(match: re.Match[str]) -> Token:
    kind = match.lastgroup or ""
    text, at = match[kind], match.start(kind)
    try:
        if kind == "number":
            return Token(kind, text, at, int(text))
        if kind == "quoted":
            return Token("name", cast("str", json.loads(text)), at, True)
        if kind == "raw":
            return Token("literal", text, at, text[1:-1].replace("\\'", "'"))
        if kind == "literal":
            return Token(kind, text, at, _literal(text[1:-1].replace("\\`", "`")))
    except ValueError:
        raise InputError("not JMESPath", where=str(at + 1), got=text[:40]) from None
    return Token(text if kind == "sign" else kind, text, at)


def _literal(text: str) -> Plain:
    """JSON; what is none is a string, as it was in the first versions of the language."""
    try:
        return cast("Plain", json.loads(text))
    except ValueError:
        return cast("str", json.loads(f'"{text.strip()}"'))
