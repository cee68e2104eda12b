"""The text of one Python function: lines, names that are not taken, loops and functions inside it.

Every body is a chain of statements inside `for _ in ONE:`, so that `continue` is how anything fails; what has several
solutions opens a loop, in which everything that follows stands.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

DEEP = 14
"""Loops inside loops; Python allows twenty blocks."""


class Frame:
    """A Python function that is being written."""

    def __init__(self) -> None:
        self.depth = 0
        self.defined: set[str] = set()
        self.assigned: set[str] = set()


class Writer:
    """Writes one function. Parameters: `known`, variables that have a value, by their Python names."""

    def __init__(self, known: dict[str, str], indent: int = 1) -> None:
        self.lines: list[str] = []
        self.indent = indent
        self.names = dict(known)
        self.c = "c"
        self.sorted = False
        self.frames = [Frame()]
        self._open: list[list[tuple[str, int, int]]] = [[]]
        self._number = 0

    # Text

    def line(self, text: str) -> None:
        """One line of Python."""
        self.lines.append("    " * self.indent + text)

    def fresh(self, letter: str = "t") -> str:
        """A Python name that is not taken."""
        self._number += 1
        return f"{letter}{self._number}"

    def assign(self, name: str, value: str) -> None:
        """`name = value`, wherever the name belongs."""
        frame = self.frames[-1]
        if name not in frame.defined:
            outer = any(name in f.defined for f in self.frames[:-1])
            (frame.assigned if outer else frame.defined).add(name)
        self.line(f"{name} = {value}")

    def loop(self, header: str) -> None:
        """Open a loop, in a function of its own where Python would allow no further one."""
        frame = self.frames[-1]
        if frame.depth >= DEEP:
            name = self.fresh("g")
            self.line(f"def {name}():")
            self.indent += 1
            self.lines.append("")  # where `nonlocal` goes
            self.frames.append(Frame())
            self._open[-1].append((name, len(self.lines) - 1, self.indent - 1))
        self.line(header)
        self.indent += 1
        self.frames[-1].depth += 1

    @contextmanager
    def nested(self) -> Iterator[None]:
        """A body inside: what it binds is forgotten, and its loops are closed."""
        indent, names, depth = self.indent, dict(self.names), self.frames[-1].depth
        self._open.append([])
        self.loop("for _ in ONE:")
        yield
        for name, at, level in reversed(self._open.pop()):
            frame = self.frames.pop()
            if frame.assigned:
                self.lines[at] = "    " * (level + 1) + f"nonlocal {', '.join(sorted(frame.assigned))}"
            for other in frame.assigned:
                if other not in self.frames[-1].defined:
                    self.frames[-1].assigned.add(other)
            self.indent = level
            self.line(f"{name}()")
        self.indent, self.names = indent, names
        self.frames[-1].depth = depth
