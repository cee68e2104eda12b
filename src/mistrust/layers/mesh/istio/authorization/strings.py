"""Strings that stand for all others, as far as some patterns tell strings apart.

Patterns become one automaton, and every set of patterns that some string matches, and no other pattern does, is found
by walking it: breadth first, so that the shortest string stands for it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Final

import msgspec

from mistrust.layers.mesh.istio.authorization.patterns import Form, Pattern

LIMIT: Final = 50_000
"""So many states of the automaton are looked at before it is given up."""
ALPHABET: Final = "abcdefghijklmnopqrstuvwxyz/0123456789-._ABCDEFGHIJKLMNOPQRSTUVWXYZ~%!$&'()+,;:@=*?#[]{}|\\^`\"<>"
"""What clients may write; the friendliest first."""


class _Letters(msgspec.Struct, frozen=True):
    """Some characters, or all others."""

    some: frozenset[str]
    others: bool = False

    def __contains__(self, letter: object) -> bool:
        return (letter in self.some) is not self.others


_ANY: Final = _Letters(frozenset(), others=True)


class _Automaton:
    """Patterns side by side: states are numbers, `ends` says which pattern has matched."""

    def __init__(self, patterns: Sequence[Pattern]) -> None:
        self.steps: list[list[tuple[_Letters, int]]] = []
        self.free: list[list[int]] = []
        self.ends: dict[int, int] = {}
        self.starts = []
        for i, p in enumerate(patterns):
            start = self.state()
            self.starts.append(start)
            self.ends[_Reader(self, _regex(p), fold=p.fold).whole(start)] = i

    def state(self) -> int:
        self.steps.append([])
        self.free.append([])
        return len(self.steps) - 1

    def closed(self, states: Iterable[int]) -> frozenset[int]:
        """With all that is reached without reading anything."""
        found = set(states)
        left = list(found)
        while left:
            for n in self.free[left.pop()]:
                if n not in found:
                    found.add(n)
                    left.append(n)
        return frozenset(found)


class _Reader:
    """Reads what patterns are written in: characters, `.`, sets in brackets, groups with `|`, and `*`, `+`, `?`."""

    def __init__(self, into: _Automaton, text: str, *, fold: bool) -> None:
        self._into, self._text, self._at, self._fold = into, text, 0, fold

    def whole(self, start: int) -> int:
        end = self._either(start)
        if self._at != len(self._text):
            raise ValueError(f"{self._text!r} is no pattern of ours")
        return end

    def _either(self, start: int) -> int:
        ends = [self._sequence(start)]
        while self._peek() == "|":
            self._at += 1
            ends.append(self._sequence(start))
        if len(ends) == 1:
            return ends[0]
        join = self._into.state()
        for end in ends:
            self._into.free[end].append(join)
        return join

    def _sequence(self, start: int) -> int:
        at = start
        while self._peek() not in ("", "|", ")"):
            at = self._repeated(at)
        return at

    def _repeated(self, start: int) -> int:
        """One piece between two states of its own, so that what is repeated cannot leak."""
        into = self._into
        first = into.state()
        into.free[start].append(first)
        if self._peek() == "(":
            self._at += 1
            last = self._either(first)
            self._at += 1
        else:
            last = into.state()
            into.steps[first].append((self._letters(), last))
        end = into.state()
        into.free[last].append(end)
        again = self._peek()
        if again in ("*", "?"):
            into.free[first].append(end)
        if again in ("*", "+"):
            into.free[last].append(first)
        self._at += again in ("*", "+", "?")
        return end

    def _letters(self) -> _Letters:
        letter = self._next()
        if letter == ".":
            return _ANY
        if letter == "[":
            return self._set()
        if letter == "\\":
            letter = self._next()
        return _Letters(frozenset({letter.lower(), letter.upper()} if self._fold else {letter}))

    def _set(self) -> _Letters:
        others = self._peek() == "^"
        self._at += others
        some: list[str] = []
        while (letter := self._next()) != "]":
            if letter == "-" and some and self._peek() != "]":
                some += map(chr, range(ord(some[-1]), ord(self._next()) + 1))
            else:
                some.append(self._next() if letter == "\\" else letter)
        return _Letters(frozenset(some), others)

    def _peek(self) -> str:
        return self._text[self._at : self._at + 1]

    def _next(self) -> str:
        if self._at >= len(self._text):
            raise ValueError(f"{self._text!r} is no pattern of ours")
        self._at += 1
        return self._text[self._at - 1]


def _regex(p: Pattern) -> str:
    literal = "".join(c if c.isalnum() or c == "/" else f"\\{c}" for c in p.text)
    match p.form:
        case Form.EXACT:
            return literal
        case Form.PREFIX:
            return f"{literal}.*"
        case Form.SUFFIX:
            return f".*{literal}"
        case Form.PRESENT:
            return ".+"
        case Form.REGEX:
            return p.text


@lru_cache(maxsize=4096)
def representatives(patterns: tuple[Pattern, ...], shape: Pattern | None = None) -> tuple[str, ...] | None:
    """One string for each set of patterns that some string matches, and no string more; None for too many.

    `shape`: what every string must match.

    >>> from mistrust.layers.mesh.istio.authorization.patterns import pattern
    >>> representatives((pattern("/cart*"), pattern("/cart/7")), pattern("/*"))
    ('/', '/cart', '/cart/7')
    """
    automaton = _Automaton((*patterns, shape) if shape is not None else patterns)
    first = automaton.closed(automaton.starts)
    names = {first: ""}
    found: dict[frozenset[int], str] = {}
    left = deque([first])
    known: dict[frozenset[_Letters], tuple[str, ...]] = {}
    while left:
        states = left.popleft()
        matched = frozenset(automaton.ends[s] for s in states if s in automaton.ends)
        if shape is None or len(patterns) in matched:
            found.setdefault(matched, names[states])
        steps = [step for s in states for step in automaton.steps[s]]
        sets = frozenset(letters for letters, _ in steps)
        if sets not in known:
            known[sets] = _told_apart(sets)
        for letter in known[sets]:
            then = automaton.closed(to for letters, to in steps if letter in letters)
            if then not in names:
                if len(names) >= LIMIT:
                    return None
                names[then] = names[states] + letter
                left.append(then)
    return tuple(found.values())


def _told_apart(sets: Iterable[_Letters]) -> tuple[str, ...]:
    """One letter for each way to be in some of the sets and not in the others."""
    several = tuple(sets)
    found: dict[tuple[bool, ...], str] = {}
    for letter in dict.fromkeys((*ALPHABET, *sorted({c for s in several if len(s.some) < 3 for c in s.some}))):
        found.setdefault(tuple(letter in s for s in several), letter)
    return tuple(found.values())
