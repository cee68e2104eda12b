"""Pieces of a text that are replaced."""

from __future__ import annotations

from mistrust.report.inplace.refusal import RefusedError


class Splices:
    """Replacements of characters, collected and applied at once."""

    def __init__(self) -> None:
        self._all: list[tuple[int, int, str]] = []

    def add(self, start: int, end: int, text: str) -> None:
        """`text` for what stands from `start` to `end`; of several at one place the first comes first."""
        self._all.append((start, end, text))

    def mark(self) -> int:
        """A point to come back to."""
        return len(self._all)

    def back(self, mark: int) -> None:
        """Forget what was added since."""
        del self._all[mark:]

    def applied(self, text: str) -> str:
        """The text after them.

        >>> splices = Splices()
        >>> splices.add(1, 2, "x")
        >>> splices.applied("abc")
        'axc'
        """
        parts, at = list[str](), 0
        for start, end, new in sorted(self._all, key=lambda s: s[:2]):
            if start < at:
                raise RefusedError("what would change is not apart from what stays")
            parts += text[at:start], new
            at = end
        return "".join((*parts, text[at:]))
