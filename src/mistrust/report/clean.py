"""Names come from strangers: an escape sequence, a direction mark or a line break in one must never act on a reader."""

from __future__ import annotations

from unicodedata import combining, east_asian_width

import msgspec


def clean(text: str) -> str:
    r"""The text with every character that is not a visible one written as its escape.

    Covers control characters (terminal escapes), format characters (direction marks, zero-width joiners), line
    separators, lone surrogates, private and unassigned characters, and spaces other than the plain one.

    >>> clean("web\x1b[2J\u202e")
    'web\\x1b[2J\\u202e'
    """
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else _escape(c) for c in text)


def clean_lines(text: str) -> str:
    """The same for prose, where a line break is a line break."""
    return "\n".join(clean(line.rstrip("\r").expandtabs(4)) for line in text.split("\n"))


def ascii_only(text: str) -> str:
    """For a terminal that shows nothing else: every other character as its escape."""
    return clean(text).encode("ascii", "backslashreplace").decode("ascii")


def columns(text: str) -> int:
    """How many columns of a terminal a printable text takes."""
    if text.isascii():
        return len(text)
    return sum(0 if combining(c) else 2 if east_asian_width(c) in "WF" else 1 for c in text)


def shorten(text: str, width: int, ellipsis: str = "…") -> str:
    """The text in at most `width` columns; what is left out at the end is marked."""
    if len(text) <= width and columns(text) <= width:
        return text
    room = width - len(ellipsis)
    if room <= 0:
        return ellipsis[: max(0, width)]
    kept, taken = [], 0
    for c in text:
        taken += columns(c)
        if taken > room:
            break
        kept.append(c)
    return "".join(kept).rstrip() + ellipsis


def pad(text: str, width: int) -> str:
    """Filled with spaces on the right up to `width` columns."""
    return text + " " * (width - columns(text))


def json_bytes(value: object) -> bytes:
    """A value as JSON; a lone surrogate (a file name that is not UTF-8) is written as its escape."""
    try:
        return msgspec.json.encode(value)
    except UnicodeEncodeError:
        return msgspec.json.encode(_mended(msgspec.to_builtins(value)))


def _mended(value: object) -> object:
    if isinstance(value, str):
        return value.encode("utf-8", "backslashreplace").decode("utf-8")
    if isinstance(value, dict):
        return {_mended(k): _mended(v) for k, v in value.items()}
    return [_mended(v) for v in value] if isinstance(value, (list, tuple)) else value


def _escape(c: str) -> str:
    return c.encode("unicode_escape").decode("ascii")
