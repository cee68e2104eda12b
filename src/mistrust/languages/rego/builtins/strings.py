"""Strings (topdown/strings.go, topdown/trim.go)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from mistrust.languages.rego.builtins.builtin import Builtin, Pure, pure
from mistrust.languages.rego.builtins.formatted import sprintf
from mistrust.languages.rego.builtins.operands import (
    amount,
    array,
    failed,
    obj,
    sized,
    text,
    texts,
    whole,
    wrong,
)
from mistrust.languages.rego.builtins.template import render
from mistrust.languages.rego.errors import OperandError
from mistrust.languages.rego.values import Set, Value, ordered

DIGITS: Final = "0123456789abcdefghijklmnopqrstuvwxyz"


def concat(delimiter: Value, parts: Value) -> Value:
    """The strings with the delimiter between them."""
    by, several = text("concat", 1, delimiter), texts("concat", 2, parts, "one of {set, array}")
    sized("concat", sum(map(len, several)) + len(by) * len(several))
    return by.join(several)


def contains(whole_: Value, part: Value) -> Value:
    """Is the part in it?"""
    return text("contains", 2, part) in text("contains", 1, whole_)


def startswith(whole_: Value, part: Value) -> Value:
    """Does it begin so?"""
    return text("startswith", 1, whole_).startswith(text("startswith", 2, part))


def endswith(whole_: Value, part: Value) -> Value:
    """Does it end so?"""
    return text("endswith", 1, whole_).endswith(text("endswith", 2, part))


def format_int(value: Value, base: Value) -> Value:
    """A number, its fraction cut off, to a base."""
    found, radix = int(amount("format_int", 1, value)), base
    if radix not in (2, 8, 10, 16) or isinstance(radix, bool):
        raise OperandError("format_int: operand 2 must be one of {2, 8, 10, 16}")
    digits, left = "", abs(found)
    while left or not digits:
        left, digit = divmod(left, int(radix))
        digits = DIGITS[digit] + digits
    return f"-{digits}" if found < 0 else digits


def indexof(whole_: Value, part: Value) -> Value:
    """Where the part first is; -1 where it is not."""
    haystack, needle = text("indexof", 1, whole_), text("indexof", 2, part)
    if not needle:
        raise failed("indexof", "empty search character")
    return haystack.find(needle)


def indexof_n(whole_: Value, part: Value) -> Value:
    """Everywhere the part is."""
    haystack, needle = text("indexof_n", 1, whole_), text("indexof_n", 2, part)
    if not needle:
        raise failed("indexof_n", "empty search character")
    return [i for i in range(len(haystack)) if haystack.startswith(needle, i)]


def lower(value: Value) -> Value:
    """In small letters."""
    return text("lower", 1, value).lower()


def upper(value: Value) -> Value:
    """In capitals."""
    return text("upper", 1, value).upper()


def replace(whole_: Value, old: Value, new: Value) -> Value:
    """With one part in the place of another."""
    found, gone, by = text("replace", 1, whole_), text("replace", 2, old), text("replace", 3, new)
    sized("replace", len(found) + found.count(gone) * len(by))
    return found.replace(gone, by)


def replace_n(patterns: Value, value: Value) -> Value:
    """With several parts replaced at once; of two that begin at one place the first by name counts."""
    name = "strings.replace_n"
    found, left = obj(name, 1, patterns), text(name, 2, value)
    table: list[tuple[str, str]] = []
    for old in ordered([k for k in found if not isinstance(k, int | float)]):  # type: ignore[misc]
        new = found[old]  # type: ignore[index]
        if not isinstance(old, str) or not isinstance(new, str):
            raise OperandError(f"{name}: operand 1 non-string {'key' if not isinstance(old, str) else 'value'} found")
        table.append((old, new))
    if len(table) != len(found):
        raise OperandError(f"{name}: operand 1 non-string key found")
    out: list[str] = []
    at = size = 0
    while at <= len(left):
        hit = next(((o, n) for o, n in table if left.startswith(o, at)), None)
        if hit is not None:
            out.append(hit[1])
            size = sized(name, size + len(hit[1]))
        if hit is None or not hit[0]:
            out.append(left[at : at + 1])
            at += 1
        else:
            at += len(hit[0])
    return "".join(out)


def split(value: Value, delimiter: Value) -> Value:
    """What stands between the delimiters."""
    found, by = text("split", 1, value), text("split", 2, delimiter)
    return list(found.split(by)) if by else list(found)


def substring(value: Value, offset: Value, length: Value) -> Value:
    """A part of it; to the end where the length is negative."""
    found, at, size = text("substring", 1, value), whole("substring", 2, offset), whole("substring", 3, length)
    if at < 0:
        raise failed("substring", "negative offset")
    return found[at:] if size < 0 else found[at : at + size]


def trim(value: Value, cutset: Value) -> Value:
    """Without these characters at both ends."""
    return _cut(text("trim", 1, value), text("trim", 2, cutset), 3)


def trim_left(value: Value, cutset: Value) -> Value:
    """Without them at the beginning."""
    return _cut(text("trim_left", 1, value), text("trim_left", 2, cutset), 1)


def trim_right(value: Value, cutset: Value) -> Value:
    """Without them at the end."""
    return _cut(text("trim_right", 1, value), text("trim_right", 2, cutset), 2)


def _cut(value: str, cutset: str, ends: int) -> str:
    if not cutset:
        return value
    value = value.lstrip(cutset) if ends & 1 else value
    return value.rstrip(cutset) if ends & 2 else value


def trim_prefix(value: Value, prefix: Value) -> Value:
    """Without a beginning."""
    return text("trim_prefix", 1, value).removeprefix(text("trim_prefix", 2, prefix))


def trim_suffix(value: Value, suffix: Value) -> Value:
    """Without an end."""
    return text("trim_suffix", 1, value).removesuffix(text("trim_suffix", 2, suffix))


def trim_space(value: Value) -> Value:
    """Without space around it."""
    return text("trim_space", 1, value).strip()


def any_prefix_match(search: Value, base: Value) -> Value:
    """Does any of the strings begin with any of the others?"""
    name = "strings.any_prefix_match"
    wanted = tuple(_some(name, 2, base))
    return any(s.startswith(wanted) for s in _some(name, 1, search))


def any_suffix_match(search: Value, base: Value) -> Value:
    """Does any of the strings end with any of the others?"""
    name = "strings.any_suffix_match"
    wanted = tuple(_some(name, 2, base))
    return any(s.endswith(wanted) for s in _some(name, 1, search))


def _some(name: str, at: int, value: Value) -> list[str]:
    if isinstance(value, str):
        return [value]
    if not isinstance(value, list | Set):
        raise wrong(name, at, "one of {string, set, array}", value)
    return texts(name, at, value)


def reverse(value: Value) -> Value:
    """From its end to its beginning."""
    return text("strings.reverse", 1, value)[::-1]


def count(value: Value, part: Value) -> Value:
    """How often the part is in it."""
    return text("strings.count", 1, value).count(text("strings.count", 2, part))


def render_template(template: Value, variables: Value) -> Value:
    """A text template of Go, filled in."""
    name = "strings.render_template"
    return render(text(name, 1, template), obj(name, 2, variables))


def formatted(pattern: Value, args: Value) -> Value:
    """`sprintf`."""
    return sprintf(text("sprintf", 1, pattern), array("sprintf", 2, args))


_PURE: Final[Mapping[str, Pure]] = {
    "concat": concat,
    "contains": contains,
    "startswith": startswith,
    "endswith": endswith,
    "format_int": format_int,
    "indexof": indexof,
    "indexof_n": indexof_n,
    "lower": lower,
    "upper": upper,
    "replace": replace,
    "strings.replace_n": replace_n,
    "split": split,
    "substring": substring,
    "sprintf": formatted,
    "trim": trim,
    "trim_left": trim_left,
    "trim_right": trim_right,
    "trim_prefix": trim_prefix,
    "trim_suffix": trim_suffix,
    "trim_space": trim_space,
    "strings.any_prefix_match": any_prefix_match,
    "strings.any_suffix_match": any_suffix_match,
    "strings.reverse": reverse,
    "strings.count": count,
    "strings.render_template": render_template,
}
_FREE: Final = frozenset(("startswith", "endswith"))
STRINGS: Final[Mapping[str, Builtin]] = {name: pure(function, free=name in _FREE) for name, function in _PURE.items()}
