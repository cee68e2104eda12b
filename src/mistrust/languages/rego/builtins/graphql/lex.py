"""Text -> tokens (spec.graphql.org/October2021/#sec-Appendix-Grammar-Summary.Lexical-Tokens)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

import msgspec

from mistrust.languages.rego.errors import BuiltinError

LARGEST: Final = 1 << 20
_TOKEN: Final = re.compile(
    r"""(?P<space>[\s,\ufeff]+|\#[^\n\r]*)
      | (?P<block>\"\"\"(?:[^"\\]|\\\"\"\"|\\|"(?!""))*\"\"\")
      | (?P<string>"(?:[^"\\\n\r]|\\(?:["\\/bfnrt]|u[0-9A-Fa-f]{4}))*")
      | (?P<float>-?(?:0|[1-9]\d*)(?:\.\d+(?:[eE][+-]?\d+)?|[eE][+-]?\d+)(?![\w.]))
      | (?P<int>-?(?:0|[1-9]\d*)(?![\w.]))
      | (?P<name>[A-Za-z_]\w*)
      | (?P<sign>\.\.\.|[!$&()\[\]{}:=@|])""",
    re.X | re.A,
)
_ESCAPE: Final = re.compile(r"\\(?:u([0-9A-Fa-f]{4})|(.))", re.S)
_NAMED: Final = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}


class Token(msgspec.Struct, frozen=True, gc=False):
    """A word, a sign or a value."""

    kind: str
    """`name`, `int`, `float`, `string`, `block`, `end`, or the sign itself."""
    text: str
    at: str
    """`3:22`."""


def tokens(text: str) -> Iterator[Token]:
    """The tokens, the last of kind `end`. Raises `BuiltinError` for what is none."""
    if len(text) > LARGEST:
        raise BuiltinError("the document is too large")
    at = 0
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None:
            raise BuiltinError(f"Unexpected <Invalid> in GraphQL string at location {_place(text, at)}")
        kind, said, place = str(match.lastgroup), match[0], _place(text, at)
        at = match.end()
        if kind == "string":
            said = _ESCAPE.sub(lambda m: chr(int(m[1], 16)) if m[1] else _NAMED.get(m[2], m[2]), said[1:-1])
        elif kind == "block":
            said = _dedented(said[3:-3].replace('\\"""', '"""'))
        if kind != "space":
            yield Token(said if kind == "sign" else kind, said, place)
    yield Token("end", "<EOF>", _place(text, at))


def _place(text: str, at: int) -> str:
    return f"{text.count(chr(10), 0, at) + 1}:{at - (text.rfind(chr(10), 0, at) + 1) + 1}"


def _dedented(text: str) -> str:
    """Without the indent that all lines but the first share, and without empty lines around it."""
    lines = re.split(r"\r\n|\n|\r", text)
    indents = [len(line) - len(line.lstrip(" \t")) for line in lines[1:] if line.strip(" \t")]
    common = min(indents, default=0)
    lines = [lines[0], *(line[common:] for line in lines[1:])]
    while lines and not lines[0].strip(" \t"):
        lines.pop(0)
    while lines and not lines[-1].strip(" \t"):
        lines.pop()
    return "\n".join(lines)
