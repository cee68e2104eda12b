"""Documents in the plain block style of manifests, line by line.

Nothing is decided here that libyaml decides. A value that is not certainly a scalar on one line is read by
`build.read` from its own line and the deeper lines under it, where libyaml sees what it would see in place; any doubt
about the structure leaves the whole document to `build.read`.
"""

from __future__ import annotations

import re
from functools import lru_cache
from itertools import accumulate

from mistrust.kube.build import DEPTH, SCALAR, Memory, Plain, read
from mistrust.kube.events import UnreadableError
from mistrust.kube.shapes import (
    EMPTY,
    FIELD,
    FLAT,
    FLAT_ITEM,
    HARD,
    ITEM,
    LITERAL,
    LOOSE,
    NESTED,
    OPEN,
    OPEN_ITEM,
    OPENING,
    UNKNOWN,
    DoubtError,
    Shapes,
)

_SEPARATOR = re.compile(r"---( +(#.*)?)?")
_FIRST_OF_LITERAL = re.compile(r"\n*( +)[^ \n\t]")
_PROSE = re.compile(r" *(?:([A-Za-z][A-Za-z0-9_.-]{0,200}):|-) +([A-Za-z].*\n *[^ ].*)", re.DOTALL)
_NOT_PROSE = re.compile(r":[ \n]|[ \n]#|\t")
_BREAKS = re.compile(r" *\n((?: *\n)*) *")
_PRINTABLE = bytes([9, 10, *range(32, 127)])
_STRANGE = re.compile("[\x00-\x9f\u2028\u2029\ufeff\ufffe\uffff]")
"""Breaks that a split at line feeds would miss, and what YAML forbids."""


def block(text: str, shapes: Shapes) -> tuple[Plain, int]:
    """The value of a document in block style, and the number of lines above its content.

    Raises DoubtError where the text, of whole lines, is not certainly such a document.
    """
    if _STRANGE.search(text.encode().translate(None, _PRINTABLE).decode()):
        raise DoubtError
    lines = text.split("\n")
    del lines[-1]
    if _SEPARATOR.fullmatch(lines[0]):
        lines[0] = " " * len(lines[0])
    under = _Under(text, lines, shapes.memory)
    root: list[Plain] = [None]
    fields, items, place = dict[str, Plain](), root, -1  # the current container is `items` where its place is odd
    outer: list[tuple[dict[str, Plain], list[Plain], int]] = []
    above, last, last_kind, last_name, resume = -1, 0, OPEN_ITEM, "", 0
    for here, line in enumerate(lines):
        if here < resume:
            continue
        while True:
            at, kind, name, value = shapes[line]
            if kind == EMPTY:
                break
            if at < place:
                while at < place:
                    fields, items, place = outer.pop()
                if at != place:
                    raise DoubtError
            elif at > place:
                if last_kind not in OPENING or kind <= LOOSE:
                    resume = under.entry(last, place, len(outer), items if place & 1 else fields)
                    if resume <= here:
                        raise DoubtError
                    last_kind = HARD
                    break
                if len(outer) == DEPTH:
                    raise DoubtError
                outer.append((fields, items, place))
                inner: dict[str, Plain] | list[Plain] = [] if at & 1 else {}
                if place & 1:
                    items[-1] = inner
                else:
                    fields[last_name] = inner
                if isinstance(inner, dict):
                    fields = inner
                else:
                    items = inner
                place = at
                above = here if above < 0 else above
            last, last_kind = here, kind
            if kind == FIELD:
                fields[name] = value
            elif kind == OPEN:
                fields[name] = None
                last_name = name
            elif kind == NESTED:
                items.append(None)
                line = lines[here] = name
                continue
            elif kind == ITEM:
                items.append(value)
            elif kind == FLAT:
                fields[name] = _copied(value, len(outer))
            elif kind == FLAT_ITEM:
                items.append(_copied(value, len(outer)))
            elif kind == OPEN_ITEM:
                items.append(None)
            elif kind == LITERAL and (literal := under.literal(here, place, value)):
                fields[name], resume = literal
            elif kind == UNKNOWN:
                raise DoubtError
            else:
                if place & 1:
                    items.append(None)
                resume = under.entry(here, place, len(outer), items if place & 1 else fields)
            break
    return root[0], above


def _copied(flat: Plain, depth: int) -> Plain:
    if depth == DEPTH:
        raise DoubtError
    return flat.copy() if isinstance(flat, list | dict) else flat


class _Under:
    """The lines under an entry: the deeper ones, which belong to its value."""

    def __init__(self, text: str, lines: list[str], memory: Memory) -> None:
        self.text, self.lines, self.memory = text, lines, memory
        self.ends: list[int] = []

    def _start(self, entry: int) -> int:
        if not self.ends:
            self.ends = list(accumulate(map(len, self.lines)))
        return self.ends[entry] + entry + 1

    def literal(self, entry: int, place: int, style: Plain) -> tuple[str, int] | None:
        """The text of a literal, and the number of the line after it; None where blanks make its indentation unsure."""
        start = self._start(entry)
        first = _FIRST_OF_LITERAL.match(self.text, start)
        if not first or len(first[1]) <= place >> 1:
            return None
        indent = first[1]
        found = _less_than(len(indent)).search(self.text, start - 1)
        end = found.start() + 1 if found else len(self.text)
        if (found and found[1]) or end - start > SCALAR:
            return None
        body = self.text[start - 1 : end].replace("\n" + indent, "\n")[1:].rstrip("\n")
        return body + "\n" * (style == "|"), entry + 1 + self.text.count("\n", start, end)

    def entry(self, entry: int, place: int, depth: int, into: list[Plain] | dict[str, Plain]) -> int:
        """Read an entry again with the lines under it; the number of the line after them."""
        if depth == 0:
            raise DoubtError
        start = self._start(entry)
        found = _shallow(place >> 1).search(self.text, start - 1)
        end = found.start() + 1 if found else len(self.text)
        value = self._read(self.lines[entry] + self.text[start - 1 : end], depth - 1)
        if isinstance(into, dict) and isinstance(value, dict):
            into.update(value)
        elif isinstance(into, list) and isinstance(value, list) and len(value) == 1:
            into[-1] = value[0]
        else:
            raise DoubtError
        return entry + 1 + self.text.count("\n", start, end)

    def _read(self, text: str, depth: int) -> Plain:
        prose = _PROSE.fullmatch(text)
        if prose and len(text) <= SCALAR and not _NOT_PROSE.search(text, prose.start(2)):
            folded = _BREAKS.sub(_fold, prose[2].rstrip(" \n"))
            return {self.memory.names[prose[1]]: folded} if prose[1] else [folded]
        try:
            reading = read(text, self.memory, depth)
        except UnreadableError:
            raise DoubtError from None
        if reading.dropped or reading.aliased:
            raise DoubtError
        return reading.value


def _fold(breaks: re.Match[str]) -> str:
    return breaks[1].replace(" ", "") or " "


@lru_cache(DEPTH)
def _shallow(column: int) -> re.Pattern[str]:
    """The break before a line at the column or left of it, neither blank nor a comment."""
    return re.compile(rf"\n(?= {{0,{column}}}[^ \n#])")


@lru_cache(DEPTH)
def _less_than(indent: int) -> re.Pattern[str]:
    """The break before a line indented less, and that line where it is made of blanks."""
    return re.compile(rf"\n(?! {{{indent}}}|\n|\Z)( *\n)?")
