"""The text form of protocol buffers, as far as the CEL specification's tests use it."""

from __future__ import annotations

import re
from typing import Final

_TOKEN: Final = re.compile(
    r"\s+|#[^\n]*"
    r"|(?P<text>(?:\"(?:[^\"\\]|\\.)*\"|'(?:[^'\\]|\\.)*')(?:\s*(?:\"(?:[^\"\\]|\\.)*\"|'(?:[^'\\]|\\.)*'))*)"
    r"|(?P<word>\[[\w./]+\]|[-+]?[\w.][\w.+-]*)|(?P<sign>[{}<>:\[\],;])",
    re.S,
)
_QUOTED: Final = re.compile(r'"((?:[^"\\]|\\.)*)"|\'((?:[^\'\\]|\\.)*)\'', re.S)
_ESCAPE: Final = re.compile(rb"\\(?:[xX]([0-9a-fA-F]{1,2})|([0-7]{1,3})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|(.))", re.S)
_NAMED: Final = {b"a": b"\a", b"b": b"\b", b"f": b"\f", b"n": b"\n", b"r": b"\r", b"t": b"\t", b"v": b"\v"}

Message = dict[str, list["Field"]]
Field = Message | str | bytes


def parse(text: str) -> Message:
    """A message; every field is a list. Strings are bytes, everything else is a word."""
    tokens = [(m.lastgroup, m[0]) for m in _TOKEN.finditer(text) if m.lastgroup]
    found, at = _message(tokens, 0, "")
    assert at == len(tokens)
    return found


def _message(tokens: list[tuple[str, str]], at: int, end: str) -> tuple[Message, int]:
    found: Message = {}
    while at < len(tokens) and tokens[at][1] != end:
        name, at = tokens[at][1], at + 1
        at += tokens[at][1] == ":"
        several = tokens[at][1] == "["
        at += several
        while True:
            value, at = _value(tokens, at)
            found.setdefault(name, []).append(value)
            if not several or tokens[at][1] == "]":
                break
            at += tokens[at][1] == ","
        at += several
        at += at < len(tokens) and tokens[at][1] in (",", ";")
    return found, at


def _value(tokens: list[tuple[str, str]], at: int) -> tuple[Field, int]:
    kind, said = tokens[at]
    if said in ("{", "<"):
        inner, at = _message(tokens, at + 1, "}" if said == "{" else ">")
        return inner, at + 1
    return (unquoted(said) if kind == "text" else said), at + 1


def unquoted(said: str) -> bytes:
    """The bytes of one or several strings."""
    parts = (m[1] if m[1] is not None else m[2] for m in _QUOTED.finditer(said))
    return b"".join(_ESCAPE.sub(_meant, part.encode()) for part in parts)


def _meant(match: re.Match[bytes]) -> bytes:
    byte, octal, short, long, named = match.groups()
    if byte:
        return bytes((int(byte, 16),))
    if octal:
        return bytes((int(octal, 8) & 255,))
    if short or long:
        return chr(int(short or long, 16)).encode("utf-8", "surrogatepass")
    return _NAMED.get(named, named)
