"""Text -> tokens, each with where it stands and whether space or a new line came before it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

import msgspec

from mistrust.kube.errors import InputError
from mistrust.languages.rego.syntax import At

LARGEST: Final = 4 << 20
"""Characters of a module."""
_TOKEN: Final = re.compile(
    r"""(?P<space>[ \t\r]+)
      | (?P<line>\n)
      | (?P<comment>\#[^\n]*)
      | (?P<number>(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?)
      | (?P<name>[A-Za-z_][A-Za-z0-9_]*)
      | (?P<raw>`[^`]*`)
      | (?P<string>"(?:[^"\\\n]|\\.)*")
      | (?P<rawtemplate>\$`)
      | (?P<template>\$")
      | (?P<sign>:=|==|!=|<=|>=|[-+*/%&|=<>.,:;{}()\[\]])""",
    re.X,
)
_ESCAPES: Final = {'"': '"', "\\": "\\", "/": "/", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}
_ESCAPE: Final = re.compile(r"\\(?:u([0-9A-Fa-f]{4})|(.))", re.S)


class Token(msgspec.Struct, frozen=True, gc=False):
    """A word, a sign or a literal."""

    kind: str
    """`name`, `number`, `string`, `template` or `end`; of a sign the sign itself."""
    text: str
    """Of a string its value; of a template what stands between its quotes."""
    line: int
    column: int
    spaced: bool
    """Does space come before it?"""
    fresh: bool
    """Is it the first of its line?"""
    end: int = 0
    """Offset of the first character after it."""
    raw: bool = False
    """Of a template: in backquotes."""


class Comment(msgspec.Struct, frozen=True, gc=False):
    """A comment, without its `#`."""

    text: str
    line: int
    column: int


def tokens(text: str, file: str, comments: list[Comment] | None = None) -> Iterator[Token]:
    """The tokens of a text, the last of kind `end`; comments are put into the list.

    Raises `InputError` for what is no Rego.
    """
    if len(text) > LARGEST:
        raise InputError("the module is too large", where=file, got=f"{len(text):,} characters", wanted=f"{LARGEST:,}")
    at, line, begin = 0, 1, 0
    spaced, fresh = False, True
    while at < len(text):
        match = _TOKEN.match(text, at)
        place = At(file, line, at - begin + 1)
        if match is None:
            raise InputError("not Rego", where=str(place), got=repr(text[at : at + 20]), wanted="a word or a sign")
        kind, said, end = str(match.lastgroup), match[0], match.end()
        if kind == "line":
            line, begin, fresh, at = line + 1, end, True, end
            continue
        if kind in ("space", "comment"):
            if kind == "comment" and comments is not None:
                comments.append(Comment(said[1:], line, place.column))
            spaced, at = True, end
            continue
        raw = kind == "rawtemplate"
        if kind in ("template", "rawtemplate"):
            end = _template_end(text, end, raw, place)
            kind, said = "template", text[match.end() : end - 1]
        elif kind == "string":
            said = unescaped(said[1:-1], place)
        elif kind == "raw":
            kind, said = "string", said[1:-1]
        elif kind == "sign":
            kind = said
        elif kind == "number" and end < len(text) and (text[end].isalnum() or text[end] == "_"):
            raise InputError("not a number", where=str(place), got=repr(text[at : end + 10]))
        yield Token(kind, said, line, place.column, spaced, fresh, end, raw)
        newlines = text.count("\n", at, end)
        if newlines:
            line, begin = line + newlines, text.rindex("\n", at, end) + 1
        spaced, fresh, at = False, False, end
    yield Token("end", "", line, at - begin + 1, True, True, at)


def unescaped(text: str, place: At) -> str:
    """What a string in quotes means: the escapes of JSON.

    Raises `InputError` for another escape.
    """
    if "\\" not in text:
        return text

    def meant(match: re.Match[str]) -> str:
        if match[1]:
            return chr(int(match[1], 16))
        if match[2] not in _ESCAPES:
            raise InputError("no such escape", where=str(place), got=match[0], wanted="those of JSON")
        return _ESCAPES[match[2]]

    found = _ESCAPE.sub(meant, text)
    return found.encode("utf-16", "surrogatepass").decode("utf-16", "replace") if "\\u" in text else found


def _template_end(text: str, at: int, raw: bool, place: At) -> int:
    """The offset after the closing quote of a template, whose expressions may hold strings and templates."""
    quote = "`" if raw else '"'
    while at < len(text):
        c = text[at]
        if c == "\\" and (not raw or text[at + 1 : at + 2] in ("{", "}")):
            at += 2
        elif c == quote:
            return at + 1
        elif c == "{":
            at = expression_end(text, at + 1, place)
        elif c == "\n" and not raw:
            break
        else:
            at += 1
    raise InputError("the template string has no end", where=str(place), wanted=quote)


def expression_end(text: str, at: int, place: At) -> int:
    """The offset after the `}` that closes an expression of a template.

    Raises `InputError` where there is none.
    """
    depth = 1
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None:
            raise InputError("not Rego", where=str(place), got=repr(text[at : at + 20]))
        at = match.end()
        if match.lastgroup in ("template", "rawtemplate"):
            at = _template_end(text, at, match.lastgroup == "rawtemplate", place)
        elif match[0] in ("{", "}"):
            depth += 1 if match[0] == "{" else -1
            if not depth:
                return at
    raise InputError("the expression of a template string has no end", where=str(place), wanted="}")
