"""Documents in many hands: values, written down with any indentation, in blocks or brackets, with comments anywhere."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from hypothesis import strategies as st

from mistrust.kube.scalars import resolve

Path = tuple[str | int, ...]
NAMES = ["rules", "verbs", "spec", "from", "ports", "labels", "app.kubernetes.io/name", "kind", "x"]
WORDS = [
    *"abcdefgh",
    "get",
    "*",
    "",
    "yes",
    "0644",
    "a: b",
    "x # y",
    "it's",
    'say "hi"',
    "é",
    "- z",
    "10.0.0.0/8",
    " pad ",
]
SCALARS = st.one_of(st.sampled_from(WORDS), st.integers(0, 70_000), st.booleans(), st.none())


def mappings(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    return st.dictionaries(st.sampled_from(NAMES), inner, min_size=1, max_size=4)


def unique(items: st.SearchStrategy[Any], most: int = 4) -> st.SearchStrategy[list[Any]]:
    return st.lists(items, max_size=most, unique_by=lambda v: json.dumps(v, sort_keys=True))


def values(depth: int = 3) -> st.SearchStrategy[Any]:
    """What stands in a field."""
    if not depth:
        return SCALARS
    inner = values(depth - 1)
    return st.one_of(SCALARS, unique(SCALARS), unique(mappings(inner)), mappings(inner), st.just({}))


DOCUMENTS = mappings(values())


@dataclass
class Line:
    """A line, and the field or item that it belongs to."""

    text: str
    owner: Path
    whole: bool = True
    """It stays only where all of what it belongs to stays; else where there still is something in it."""


@dataclass
class Hand:
    draw: Callable[[st.SearchStrategy[Any]], Any]
    step: int = 2
    dash: int = 0
    comments: bool = True
    flow: bool = False
    lines: list[Line] = field(default_factory=list)
    said: int = 0

    def remark(self) -> str:
        return f" # {self._count()}" if self.comments and self.draw(st.integers(0, 5)) == 0 else ""

    def above(self, column: int, owner: Path) -> None:
        while self.comments and self.draw(st.integers(0, 4)) == 0:
            self.lines.append(Line(f"{' ' * column}# above {self._count()}", owner))

    def blank(self) -> None:
        if self.comments and self.draw(st.integers(0, 9)) == 0:
            self.lines.append(Line("", ()))

    def _count(self) -> int:
        self.said += 1
        return self.said

    def scalar(self, value: Any) -> str:
        if not isinstance(value, str):
            return json.dumps(value)
        plain = value.isalpha() and resolve(value) == value
        style = self.draw(st.sampled_from(["plain", "'", '"'])) if plain else self.draw(st.sampled_from("'\""))
        if style == "plain":
            return value
        return json.dumps(value, ensure_ascii=False) if style == '"' else "'" + value.replace("'", "''") + "'"

    def brackets(self, value: Any) -> str:
        if isinstance(value, dict):
            return "{" + ", ".join(f"{k}: {self.brackets(v)}" for k, v in value.items()) + "}"
        if isinstance(value, list):
            return "[" + ", ".join(map(self.brackets, value)) + "]"
        return self.scalar(value)

    def write(self, value: Any, column: int = 0, path: Path = (), first: str = "") -> None:
        """A mapping or a list that is not empty; its first line begins with `first` instead of spaces."""
        entries = list(value.items()) if isinstance(value, dict) else list(enumerate(value))
        for number, (name, inner) in enumerate(entries):
            start = first if first and not number else " " * column
            owner = (*path, name)
            if start.isspace() or not start:
                self.blank()
                self.above(column, owner)
            if isinstance(value, dict):
                self._value(f"{start}{name}:", inner, column, owner, dashed=bool(start.strip()))
            elif isinstance(inner, dict) and inner and not self._bracketed():
                self.write(inner, column + 2, owner, f"{start}- ")
            else:
                self.lines.append(Line(f"{start}- {self.brackets(inner)}{self.remark()}", owner))

    def _bracketed(self) -> bool:
        return self.flow and bool(self.draw(st.booleans()))

    def _value(self, head: str, inner: Any, column: int, owner: Path, *, dashed: bool) -> None:
        if not isinstance(inner, dict | list) or not inner or self._bracketed():
            self.lines.append(Line(f"{head} {self.brackets(inner)}{self.remark()}", owner[:-1] if dashed else owner))
            return
        self.lines.append(Line(head + self.remark(), owner[:-1] if dashed else owner, whole=dashed))
        offset = self.dash if isinstance(inner, list) else self.step
        self.write(inner, column + offset, owner)
        if self.comments and offset and self.draw(st.integers(0, 6)) == 0:
            self.lines.append(Line(f"{' ' * (column + offset)}# below {self._count()}", owner, whole=False))


@st.composite
def written(draw: Callable[[st.SearchStrategy[Any]], Any], value: Any) -> list[Line]:
    """A value on lines."""
    hand = Hand(
        draw,
        draw(st.sampled_from([2, 3, 4])),
        draw(st.sampled_from([0, 2, 4])),
        draw(st.booleans()),
        draw(st.booleans()),
    )
    hand.write(value)
    return hand.lines


@st.composite
def changed(draw: Callable[[st.SearchStrategy[Any]], Any], value: Any) -> Any:
    """The value with some of it gone, some of it other, some of it new."""
    if isinstance(value, dict):
        out = {k: draw(changed(v)) if draw(st.integers(0, 2)) == 0 else v for k, v in value.items() if draw(KEEP)}
        return out | draw(st.dictionaries(st.sampled_from(NAMES), values(1), max_size=1)) if draw(RARELY) else out
    if isinstance(value, list):
        items: list[Any] = []
        for item in value:
            new = draw(changed(item)) if draw(RARELY) else item
            if draw(KEEP):
                items.append(item if any(_same(new, other) for other in (*value, *items)) else new)
        come = draw(unique(SCALARS if not any(isinstance(v, dict) for v in value) else mappings(SCALARS), 2))
        for item in come if draw(RARELY) else ():
            if not any(_same(item, other) for other in (*value, *items)):
                items.insert(draw(st.integers(0, len(items))), item)
        return items
    return draw(SCALARS)


KEEP = st.integers(0, 4).map(bool)
RARELY = st.integers(0, 3).map(lambda n: n == 0)


def stays(line: Line, before: Any, after: Any) -> bool:
    """Is a line about nothing that changes? Blank lines are about nothing."""
    if not line.owner:
        return False
    for part in line.owner:
        if isinstance(before, list):
            assert isinstance(part, int)
            return isinstance(after, list) and any(_same(before[part], item) for item in after)
        if not isinstance(after, dict) or part not in after:
            return False
        before, after = before[part], after[part]
    return _same(before, after) if line.whole else type(before) is type(after) and bool(after)


def _same(a: Any, b: Any) -> bool:
    return json.dumps(a, sort_keys=True) == json.dumps(b, sort_keys=True)
