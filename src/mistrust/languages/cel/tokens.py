"""Text -> tokens: words, signs, numbers and strings."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

import msgspec

from mistrust.kube.errors import InputError
from mistrust.languages.cel.syntax import (
    At,
)
from mistrust.languages.cel.values import HIGH, TOP, UInt

_TOKEN: Final = re.compile(
    r"""(?P<space>[ \t\r\f\n]+|//[^\n]*)
      | (?P<number>0[xX][0-9a-fA-F]+[uU]?|(?:\d+\.\d+|\.\d+)(?:[eE][+-]?\d+)?|\d+[eE][+-]?\d+|\d+[uU]?)
      | (?P<string>(?:[rR][bB]?|[bB][rR]?)?
          (?:\"\"\"(?:[^\\]|\\.)*?\"\"\"|'''(?:[^\\]|\\.)*?'''
            |"(?:[^"\\\n\r]|\\.)*"|'(?:[^'\\\n\r]|\\.)*'))
      | (?P<name>[A-Za-z_][A-Za-z0-9_]*)
      | (?P<quoted>`[A-Za-z0-9_./ -]+`)
      | (?P<sign>&&|\|\||==|!=|<=|>=|[-+*/%!<>?:.,()\[\]{}])""",
    re.X | re.S,
)
_RAW: Final = re.compile(
    r"(?P<prefix>[rR][bB]?|[bB][rR]?)(?:\"\"\"(?P<a>.*?)\"\"\"|'''(?P<b>.*?)'''|\"(?P<c>[^\"\n\r]*)\"|'(?P<d>[^'\n\r]*)')",
    re.S,
)
_ESCAPE: Final = re.compile(
    r"\\(?:([abfnrtv\\?\"'`])|[xX]([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|([0-3][0-7]{2}))"
)
_NAMED: Final = {"a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}


class Token(msgspec.Struct, frozen=True, gc=False):
    """A word, a sign or a literal."""

    kind: str
    text: str
    at: At
    value: object = None


def tokens(text: str) -> Iterator[Token]:
    """The tokens of a text, the last of kind `end`. Raises `InputError` for what is no CEL."""
    at, line, begin = 0, 1, 0
    while at < len(text):
        raw = _RAW.match(text, at)
        match = raw if raw is not None and "r" in raw["prefix"].lower() else _TOKEN.match(text, at)
        place = At(line, at - begin + 1)
        if match is None:
            raise InputError("not CEL", where=str(place), got=repr(text[at : at + 20]), wanted="a word or a sign")
        said, kind = match[0], "string" if match is raw else str(match.lastgroup)
        at = match.end()
        if newlines := said.count("\n"):
            line, begin = line + newlines, text.rindex("\n", 0, at) + 1
        if kind == "space":
            continue
        if kind == "number":
            yield Token("number", said, place, _number(said, place))
        elif kind == "string":
            yield Token("string", said, place, _string(said, place))
        elif kind == "quoted":
            yield Token("quoted", said[1:-1], place)
        else:
            yield Token("name" if kind == "name" else said, said, place)
    yield Token("end", "", At(line, len(text) - begin + 1))


def _number(said: str, place: At) -> int | float:
    lower = said.lower()
    if lower.startswith("0x") or lower.rstrip("u").isdigit():
        digits = lower.rstrip("u")
        if len(digits) > 40:
            raise InputError("the number is too large", where=str(place), got=said[:40])
        value = int(digits, 16 if digits.startswith("0x") else 10)
        if value > (TOP if lower.endswith("u") else HIGH + 1):
            raise InputError("the number is too large", where=str(place), got=said)
        return UInt(value) if lower.endswith("u") else value
    return float(said)


def _string(said: str, place: At) -> str | bytes:
    prefix = re.match(r"[rRbB]*", said)
    assert prefix is not None
    flags, body = prefix[0].lower(), said[prefix.end() :]
    quotes = 3 if body[:3] in ('"""', "'''") else 1
    body = body[quotes:-quotes].replace("\r\n", "\n") if quotes == 3 else body[quotes:-quotes]
    if "r" in flags:
        return body.encode() if "b" in flags else body
    return _bytes(body, place) if "b" in flags else _text(body, place)


def _pieces(body: str, place: At) -> Iterator[tuple[str, int, bool]]:
    """Text as it stands, and escapes: which number, and is it of a character rather than of a byte?"""
    at = 0
    while at < len(body):
        end = body.find("\\", at)
        if end < 0:
            yield body[at:], -1, True
            return
        if end > at:
            yield body[at:end], -1, True
        match = _ESCAPE.match(body, end)
        if match is None:
            raise InputError("no such escape", where=str(place), got=body[end : end + 4])
        named, byte, short, long, octal = match.groups()
        if named:
            yield _NAMED.get(named, named), -1, True
        elif byte or octal:
            yield "", int(byte or octal, 16 if byte else 8), False
        else:
            number = int(short or long, 16)
            if number > 0x10FFFF or 0xD800 <= number < 0xE000:
                raise InputError("no such character", where=str(place), got=match[0])
            yield "", number, True
        at = match.end()


def _text(body: str, place: At) -> str:
    return "".join(said if number < 0 else chr(number) for said, number, _ in _pieces(body, place))


def _bytes(body: str, place: At) -> bytes:
    out = b""
    for said, number, character in _pieces(body, place):
        out += said.encode() if number < 0 else chr(number).encode() if character else bytes((number,))
    return out
