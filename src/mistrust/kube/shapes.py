"""What one line of a plain block document holds: the same lines come back by the thousand, each is understood once."""

from __future__ import annotations

import re

from mistrust.kube.build import REMEMBERED, SCALAR, Memory, Plain
from mistrust.kube.scalars import Scalar

Shape = tuple[int, int, str, Plain]
"""A line understood: its place, what it holds, a name or the rest of the line, a value. The place is twice the column,
plus one for a dash: a list may stand at the column of the field that holds it, and is the deeper of the two."""

EMPTY, UNKNOWN, LOOSE, FIELD, FLAT, OPEN, LITERAL, HARD = range(8)
"""Nothing; what is not understood; text, or a name written in another way; a name with a scalar, with scalars in flow
style, with what follows on deeper lines, with | or |- and its text, with something for libyaml."""

ITEM, FLAT_ITEM, OPEN_ITEM, LITERAL_ITEM, HARD_ITEM, NESTED = range(8, 14)
"""A dash with the same, with a field or with another dash."""

OPENING = frozenset({OPEN, OPEN_ITEM, NESTED})

NAME = 1000
"""Longest name that is surely one: libyaml takes 1024 characters up to the colon."""

_NAME = re.compile(r"([A-Za-z0-9_./$][^ :]*(?::(?! )[^ :]*)*):(?: +|\Z)")
_PLAIN_STARTS = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_./$(^~+<=;\\")
_TEXT_STARTS = _PLAIN_STARTS | {"'", '"'}
_QUOTED = re.compile(r"'[^']*'|\"[^\"\\]*\"")
_WORD = r"[A-Za-z0-9_./][A-Za-z0-9_./-]*"
_ONE = rf"'[^']*'|\"[^\"\\]*\"|{_WORD}(?: {_WORD})*"
_FLOW_ITEM = re.compile(_ONE)
_FLOW_FIELD = re.compile(rf"({_WORD}): +({_ONE})")
_FLOW = re.compile(
    rf"\[ *(?:(?:{_ONE})(?: *, *(?:{_ONE}))* *)?\]|\{{ *(?:{_WORD}: +(?:{_ONE})(?: *, *{_WORD}: +(?:{_ONE}))* *)?\}}"
)


class DoubtError(Exception):
    """A document that is not certainly in the plain block style."""


class Shapes(dict[str, Shape]):
    """Lines by their text, understood once."""

    def __init__(self) -> None:
        super().__init__()
        self.memory = Memory()

    def __missing__(self, line: str) -> Shape:
        if len(line) > SCALAR:
            raise DoubtError
        if len(self) == REMEMBERED:
            self.clear()
        self[line] = shape = self._shape(line)
        return shape

    def _shape(self, line: str) -> Shape:
        text = line.strip(" ")
        place = 2 * (len(line) - len(line.lstrip(" ")))
        if not text or text[0] == "#":
            return place, EMPTY, "", None
        if "\t" in text:
            raise DoubtError
        if text == "-":
            return place + 1, OPEN_ITEM, "", None
        if not text.startswith("- "):
            return self._field(place, text)
        rest = text[2:].lstrip(" ")
        if rest == "-" or rest.startswith("- ") or _NAME.match(rest):
            return place + 1, NESTED, line.replace("-", " ", 1), None
        kind, value = self._value(rest)
        return place + 1, kind - FIELD + ITEM, "", value

    def _field(self, place: int, text: str) -> Shape:
        found = _NAME.match(text)
        if not found or found.end() > NAME:
            return place, LOOSE if text[0] in _TEXT_STARTS else UNKNOWN, "", None
        try:
            name = self.memory.names[found[1]]
        except ValueError:
            raise DoubtError from None
        rest = text[found.end() :]
        kind, value = (OPEN, None) if not rest or rest[0] == "#" else self._value(rest)
        return place, kind, name, value

    def _value(self, text: str) -> tuple[int, Plain]:
        if text[0] in "[{":
            return self._flat(text)
        if text in ("|", "|-"):
            return LITERAL, text
        if text[0] in "'\"":
            return (FIELD, text[1:-1]) if _QUOTED.fullmatch(text) else (HARD, None)
        plain = text[0] in _PLAIN_STARTS or text[0] > "\x7f" or (text[0] == "-" and text[1:2] not in ("", " "))
        if not plain or ": " in text or " #" in text or text[-1] == ":":
            return HARD, None
        try:
            return FIELD, self.memory.values[text]
        except ValueError:
            return HARD, None

    def _flat(self, text: str) -> tuple[int, Plain]:
        if not _FLOW.fullmatch(text):
            return HARD, None
        try:
            if text[0] == "[":
                return FLAT, [self._item(item) for item in _FLOW_ITEM.findall(text)]
            return FLAT, {self.memory.names[name]: self._item(item) for name, item in _FLOW_FIELD.findall(text)}
        except ValueError:
            return HARD, None

    def _item(self, text: str) -> Scalar:
        return text[1:-1] if text[0] in "'\"" else self.memory.values[text]
