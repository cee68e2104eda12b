"""Is there a text that two patterns both match? `regex.globs_match` (github.com/yashtewari/glob-intersection)."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from mistrust.languages.rego.builtins.operands import failed, text
from mistrust.languages.rego.values import Value

NAME = "regex.globs_match"
LONGEST = 1000
Ranges = tuple[tuple[str, str], ...]


class Part(msgspec.Struct, frozen=True):
    """Some characters, and how often."""

    characters: Ranges | None
    """None: any."""
    many: bool
    """`*` and `+`."""
    none: bool
    """`*`: perhaps not at all."""

    def meets(self, other: Part) -> bool:
        """Is a character in both?"""
        if self.characters is None or other.characters is None:
            return True
        return any(a <= d and c <= b for a, b in self.characters for c, d in other.characters)


def _parts(pattern: str) -> list[Part]:
    if len(pattern) > LONGEST:
        raise failed(NAME, "the pattern is too long")
    found: list[Part] = []
    at = 0
    while at < len(pattern):
        c = pattern[at]
        at += 1
        characters: Ranges | None
        if c == "\\":
            if at == len(pattern):
                raise failed(NAME, "trailing backslash")
            characters, at = ((pattern[at], pattern[at]),), at + 1
        elif c == ".":
            characters = None
        elif c == "[":
            end = pattern.find("]", at)
            if end < 0:
                raise failed(NAME, "the brackets have no end")
            characters, at = _ranges(pattern[at:end]), end + 1
        elif c in "]*+":
            raise failed(NAME, f"unexpected {c}")
        else:
            characters = ((c, c),)
        flag = pattern[at : at + 1]
        many = flag in ("*", "+") and bool(flag)
        at += many
        found.append(Part(characters, many, flag == "*"))
    return found


def _ranges(inner: str) -> Ranges:
    found: list[tuple[str, str]] = []
    at = 0
    while at < len(inner):
        if inner[at] == "\\" and at + 1 < len(inner):
            at += 1
        first = inner[at]
        if inner[at + 1 : at + 2] == "-" and at + 2 < len(inner):
            found.append((first, inner[at + 2]))
            at += 3
        else:
            found.append((first, first))
            at += 1
    return tuple(found)


def globs_match(a: Value, b: Value) -> Value:
    """Have the two a text in common that is not empty?"""
    one, other = _parts(text(NAME, 1, a)), _parts(text(NAME, 2, b))
    start = (0, 0, False)
    seen, queue = {start}, [start]
    while queue:
        i, j, moved = queue.pop()
        if moved and _ends(one, i) and _ends(other, j):
            return True
        for x, after in _steps(one, i):
            for y, beyond in _steps(other, j):
                if x.meets(y):
                    for state in ((p, q, True) for p in after for q in beyond):
                        if state not in seen:
                            seen.add(state)
                            queue.append(state)
    return False


def _steps(parts: Sequence[Part], at: int) -> list[tuple[Part, tuple[int, ...]]]:
    """The parts that may match the next character from here, and where that leads."""
    found: list[tuple[Part, tuple[int, ...]]] = []
    while at < len(parts):
        part = parts[at]
        kept = (at, at + 1) if part.many else (at + 1,)
        found.append((part, kept))
        if not part.none:
            break
        at += 1
    return found


def _ends(parts: Sequence[Part], at: int) -> bool:
    return all(part.none for part in parts[at:])
