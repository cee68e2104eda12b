"""Text that must not be seen: tokens, passwords, private keys."""

from __future__ import annotations


class Secret:
    """Holds a text and shows it only to who asks by name; printing, formatting, pickling and encoding never do.

    >>> Secret("hunter2")
    Secret(hidden)
    """

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """The text itself."""
        return self._text

    def __bool__(self) -> bool:
        return bool(self._text)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and self._text == other._text

    def __hash__(self) -> int:
        return hash(self._text)

    def __repr__(self) -> str:
        return "Secret(hidden)" if self._text else "Secret()"

    def __reduce__(self) -> str:
        raise TypeError("a secret does not leave the process")


def printable(text: str, limit: int = 300) -> str:
    """A stranger's text on one line for a terminal: control characters dropped, at most `limit` characters."""
    line = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return line if len(line) <= limit else line[: limit - 1] + "…"
