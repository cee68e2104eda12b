"""How a document is written, and new values in the same hand."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator
from typing import TypeVar

import msgspec

from mistrust.kube.build import Plain
from mistrust.kube.scalars import resolve
from mistrust.report.inplace.tree import Node

T = TypeVar("T")

WIDTH = 80
"""Longest value between brackets."""
_WORD = re.compile(r"[A-Za-z0-9_./][A-Za-z0-9_./@-]*(?::[A-Za-z0-9_./@-]+)*")


class Style(msgspec.Struct, frozen=True):
    """The habits of one document."""

    step: int = 2
    """Columns from a field to the fields in it."""
    dash: int = 2
    """Columns from a field to the dashes in it."""
    flow: bool = True
    """Lists of scalars between brackets."""
    braces: bool = False
    """Short mappings between braces."""
    quote: str = '"'
    json: bool = False
    tabs: bool = False
    """JSON whose inner lines begin with tabs."""


def style(text: str, root: Node) -> Style:
    """The habits that are the most frequent."""
    if text[root.start : root.start + 1] == "{" and text[root.start + 1 :].lstrip()[:1] in ('"', "}"):
        return Style(json=True, step=_json_step(text, root), tabs="\n\t" in text)
    steps, dashes, quotes = Counter[int](), Counter[int](), Counter[str]()
    flows, braces = Counter[bool](), Counter[bool]()
    for field, value in _fields(root):
        inner = value.entries[0] if value.entries else None
        if inner is not None and not value.flow:
            offset = column(text, inner.start) - column(text, field)
            (steps if value.kind == "mapping" else dashes)[offset] += 1
        if inner is not None and value.kind == "list" and inner.value.kind == "scalar":
            flows[value.flow] += 1
        elif inner is not None:
            braces[value.flow] += 1
        if value.kind == "scalar" and text[value.start : value.start + 1] in ("'", '"'):
            quotes[text[value.start]] += 1
    step = _most(steps, 2)
    dash = _most(dashes, step if step != 4 else 0)
    return Style(step, dash, _most(flows, True), 2 * braces[True] > braces.total(), _most(quotes, '"'))


def column(text: str, at: int) -> int:
    """The column, from 0, of a character."""
    return at - text.rfind("\n", 0, at) - 1


def scalar(value: Plain, hand: Style, quote: str = "") -> str:
    """One scalar on one line; `quote` is that of the scalar it replaces.

    >>> [scalar(v, Style()) for v in ("get", "*", "yes", "", 80, True, None)]
    ['get', '"*"', '"yes"', '""', '80', 'true', 'null']
    """
    if hand.json or not isinstance(value, str):
        return json.dumps(value, ensure_ascii=not str(value).isprintable())
    if not quote and _WORD.fullmatch(value) and resolve(value) == value:
        return value
    if not value.isprintable():
        return '"' + "".join(c if c.isprintable() and c not in '"\\' else f"\\U{ord(c):08x}" for c in value) + '"'
    if (quote or hand.quote) == "'":
        return "'" + value.replace("'", "''") + "'"
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'


def inline(value: Plain, hand: Style) -> str:
    """A value between brackets, on one line.

    >>> inline({"verbs": ["get", "*"], "ports": [{"port": 53}], "to": []}, Style())
    '{verbs: [get, "*"], ports: [{port: 53}], to: []}'
    """
    if isinstance(value, dict):
        return "{" + ", ".join(f"{scalar(k, hand)}: {inline(v, hand)}" for k, v in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(inline(v, hand) for v in value) + "]"
    return scalar(value, hand)


def spread(value: Plain, hand: Style, margin: int) -> str:
    """A value of JSON, an entry a line as its neighbours are; `margin` is that of the line it starts on."""
    if not hand.step or not isinstance(value, dict | list) or not value:
        return inline(value, hand)
    space = "\t" if hand.tabs else " "
    inner = "\n" + space * (margin + hand.step)
    if isinstance(value, dict):
        parts = [f"{scalar(k, hand)}: {spread(v, hand, margin + hand.step)}" for k, v in value.items()]
    else:
        parts = [spread(v, hand, margin + hand.step) for v in value]
    brackets = "{}" if isinstance(value, dict) else "[]"
    return brackets[0] + inner + f",{inner}".join(parts) + "\n" + space * margin + brackets[1]


def block(value: Plain, hand: Style, margin: int) -> str:
    """A value that is not empty, an entry a line; the first line without its indentation, the last without a break."""
    return ("\n" + " " * margin).join(_lines(value, hand))


def field(name: str, value: Plain, hand: Style, margin: int) -> str:
    """A field and its value, as `block`.

    >>> print(field("rules", [{"verbs": ["get"], "to": {"a": 1}}], Style(), 0))
    rules:
      - verbs: [get]
        to:
          a: 1
    """
    return block({name: value}, hand, margin)


def item(value: Plain, hand: Style, margin: int) -> str:
    """A dash and its value, as `block`."""
    return block([value], hand, margin)


def _lines(value: Plain, hand: Style) -> Iterator[str]:
    if isinstance(value, dict):
        for name, inner in value.items():
            key = f"{scalar(name, hand)}:"
            if _short(inner, hand):
                yield f"{key} {inline(inner, hand)}"
            else:
                yield key
                offset = " " * (hand.dash if isinstance(inner, list) else hand.step)
                yield from (offset + line for line in _lines(inner, hand))
    elif isinstance(value, list):
        for inner in value:
            if _short(inner, hand) or isinstance(inner, list):
                yield f"- {inline(inner, hand)}"
            else:
                first, *rest = _lines(inner, hand)
                yield from (f"- {first}", *(f"  {line}" for line in rest))


def _short(value: Plain, hand: Style) -> bool:
    """Does it go on the line of its name, or of its dash?"""
    if not isinstance(value, dict | list) or not value:
        return True
    if isinstance(value, list) and not any(isinstance(v, dict | list) for v in value):
        return hand.flow and len(inline(value, hand)) <= WIDTH
    inner = [value] if isinstance(value, dict) else value
    return hand.braces and all(map(_plain, inner)) and len(inline(value, hand)) <= WIDTH


def _plain(value: Plain) -> bool:
    """Is it readable between brackets: one field, or scalars alone?"""
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return len(inner) == 1 or not any(isinstance(v, dict | list) for v in inner)


def _fields(node: Node) -> Iterator[tuple[int, Node]]:
    for entry in node.entries:
        if node.kind == "mapping" and not node.flow:
            yield entry.start, entry.value
        yield from _fields(entry.value)


def _json_step(text: str, root: Node) -> int:
    """Columns an inner line is indented by; 0 where all is on one line."""
    first = root.entries[0] if root.entries else None
    if first is None or "\n" not in text[root.start : first.start]:
        return 0
    return max(1, indent(text, first.start) - indent(text, root.start))


def indent(text: str, at: int) -> int:
    """How far the line of a character is indented."""
    line = text[text.rfind("\n", 0, at) + 1 : at]
    return len(line) - len(line.lstrip(" \t"))


def _most(counts: Counter[T], otherwise: T) -> T:
    return counts.most_common(1)[0][0] if counts else otherwise
