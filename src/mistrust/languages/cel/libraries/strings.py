"""Strings: version 2 of cel-go's extension (cel-go/ext/strings.go; k8s.io/apiserver uses that version)."""

from __future__ import annotations

import re
from typing import Final

from mistrust.languages.cel.budget import sized
from mistrust.languages.cel.function import Functions, globals_of, members
from mistrust.languages.cel.libraries.formatting import formatted
from mistrust.languages.cel.standard import text
from mistrust.languages.cel.values import (
    CelError,
    Type,
    Value,
    no_overload,
)

_SPACE: Final = (
    " \t\n\v\f\r\x85\xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007"
    "\u2008\u2009\u200a\u2028\u2029\u202f\u205f\u3000"
)
UNSET: Final = Type("unset")
"""An argument that was not given."""
_QUOTED: Final = {
    "\a": "\\a",
    "\b": "\\b",
    "\f": "\\f",
    "\n": "\\n",
    "\r": "\\r",
    "\t": "\\t",
    "\v": "\\v",
    "\\": "\\\\",
    '"': '\\"',
}


def whole(name: str, value: Value) -> int:
    """An integer. Raises `CelError` for something else."""
    if type(value) is int:
        return value
    raise no_overload(name, value)


def char_at(a: Value, i: Value) -> Value:
    """The character at a place; nothing at the end."""
    found, at = text("charAt", a), whole("charAt", i)
    if not 0 <= at <= len(found):
        raise CelError(f"index out of range: {at}")
    return found[at : at + 1]


def index_of(a: Value, b: Value, start: Value = 0) -> Value:
    """Where the part first is, or an element of a list; -1 where it is not."""
    found, part, at = text("indexOf", a), text("indexOf", b), whole("indexOf", start)
    if not part:
        return at if not found or 0 <= at <= len(found) else -1
    if not 0 <= at < max(len(found), 1):
        raise CelError(f"index out of range: {at}")
    return found.find(part, at)


def last_index_of(a: Value, b: Value, last: Value = UNSET) -> Value:
    """Where the part last is, at most at a place."""
    found, part = text("lastIndexOf", a), text("lastIndexOf", b)
    if last is UNSET:
        return found.rfind(part)
    at = whole("lastIndexOf", last)
    if not part:
        return at
    if not 0 <= at < max(len(found), 1):
        raise CelError(f"index out of range: {at}")
    return found.rfind(part, 0, at + len(part))


def join(a: Value, separator: Value = "") -> Value:
    """The strings of a list, one after another."""
    by = text("join", separator)
    if not isinstance(a, list):
        raise no_overload("join", a)
    parts = [text("join", each) for each in a]
    sized(sum(map(len, parts)) + len(by) * len(parts))
    return by.join(parts)


def lower_ascii(a: Value) -> Value:
    """With small letters, as far as ASCII goes."""
    return re.sub("[A-Z]+", lambda m: m[0].lower(), text("lowerAscii", a))


def upper_ascii(a: Value) -> Value:
    """With capitals, as far as ASCII goes."""
    return re.sub("[a-z]+", lambda m: m[0].upper(), text("upperAscii", a))


def replace(a: Value, old: Value, new: Value, count: Value = -1) -> Value:
    """With one part in the place of another."""
    found, gone, by = text("replace", a), text("replace", old), text("replace", new)
    sized(len(found) + found.count(gone) * len(by))
    return found.replace(gone, by, whole("replace", count))


def split(a: Value, separator: Value, count: Value = -1) -> Value:
    """What stands between separators; at most so many parts."""
    found, by, limit = text("split", a), text("split", separator), whole("split", count)
    if limit == 0:
        return []
    if not by:
        characters = list(found)
        return (
            [*characters] if limit < 0 or limit >= len(characters) else [*characters[: limit - 1], found[limit - 1 :]]
        )
    return list(found.split(by, limit - 1 if limit > 0 else -1))


def substring(a: Value, start: Value, end: Value = UNSET) -> Value:
    """A part of it."""
    found, low = text("substring", a), whole("substring", start)
    high = len(found) if end is UNSET else whole("substring", end)
    if not (0 <= low <= len(found) and 0 <= high <= len(found)):
        raise CelError(f"index out of range: {low if not 0 <= low <= len(found) else high}")
    if low > high:
        raise CelError(f"invalid substring range. start: {low}, end: {high}")
    return found[low:high]


def trim(a: Value) -> Value:
    """Without space around it."""
    return text("trim", a).strip(_SPACE)


def reverse(a: Value) -> Value:
    """From its end to its beginning; lists too."""
    if isinstance(a, list):
        return a[::-1]
    return text("reverse", a)[::-1]


def quote(a: Value) -> Value:
    """In quotes, with escapes."""
    return f'"{"".join(_QUOTED.get(c, c) for c in text("strings.quote", a))}"'


STRINGS: Final[Functions] = {
    **globals_of({"strings.quote": quote}),
    **members(
        {
            "charAt": char_at,
            "indexOf": index_of,
            "lastIndexOf": last_index_of,
            "join": join,
            "lowerAscii": lower_ascii,
            "upperAscii": upper_ascii,
            "replace": replace,
            "split": split,
            "substring": substring,
            "trim": trim,
            "reverse": reverse,
            "format": formatted,
        }
    ),
}
