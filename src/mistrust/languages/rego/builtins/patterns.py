"""Regular expressions (RE2's, which takes time in the length of the text) and globs (topdown/{regex,glob}.go)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Final

import re2

from mistrust.languages.rego.builtins.builtin import Builtin, Pure, pure
from mistrust.languages.rego.builtins.intersecting import globs_match
from mistrust.languages.rego.builtins.operands import failed, sized, text, texts, whole
from mistrust.languages.rego.values import Value

QUIET: Final = re2.Options()
QUIET.log_errors = False
_GROUP: Final = re.compile(r"\$(?:(\w+)|\{(\w+)\}|(\$))", re.A)


@lru_cache(maxsize=4096)
def _compiled(pattern: str) -> re2._Regexp:
    return re2.compile(pattern, QUIET)


def compiled(name: str, pattern: str) -> re2._Regexp:
    """A regular expression. Raises `BuiltinError` for none."""
    try:
        return _compiled(pattern)
    except re2.error as error:
        why = error.args[0].decode() if isinstance(error.args[0], bytes) else str(error)
        raise failed(name, f"error parsing regexp: {why}") from None


def regex_match(pattern: Value, value: Value) -> Value:
    """Does it match anywhere?"""
    found = compiled("regex.match", text("regex.match", 1, pattern))
    return found.search(text("regex.match", 2, value)) is not None


def regex_is_valid(pattern: Value) -> Value:
    """Is it a regular expression?"""
    if not isinstance(pattern, str):
        return False
    try:
        _compiled(pattern)
    except re2.error:
        return False
    return True


def regex_split(pattern: Value, value: Value) -> Value:
    """What stands between the matches."""
    found, given = compiled("regex.split", text("regex.split", 1, pattern)), text("regex.split", 2, value)
    if pattern and not given:
        return [""]
    out: list[Value] = []
    begin = end = 0
    for match in found.finditer(given):
        if match.end() == 0:
            continue
        end = match.start()
        if match.end() == match.start() == len(given):
            break
        out.append(given[begin:end])
        begin = match.end()
    return [*out, given[begin:]]


def regex_find_n(pattern: Value, value: Value, count: Value) -> Value:
    """The first matches; all where the number is negative."""
    name = "regex.find_n"
    found, limit = compiled(name, text(name, 1, pattern)), whole(name, 3, count)
    return [m[0] for m in _some(found.finditer(text(name, 2, value)), limit)]


def regex_find_all_string_submatch_n(pattern: Value, value: Value, count: Value) -> Value:
    """The first matches, each with its groups."""
    name = "regex.find_all_string_submatch_n"
    found, limit = compiled(name, text(name, 1, pattern)), whole(name, 3, count)
    return [[m[0], *(g or "" for g in m.groups())] for m in _some(found.finditer(text(name, 2, value)), limit)]


def _some(matches: Iterator[re2._Match], limit: int) -> Iterator[re2._Match]:
    for i, match in enumerate(matches):
        if 0 <= limit <= i:
            return
        yield match


def regex_replace(value: Value, pattern: Value, replacement: Value) -> Value:
    """With something in the place of each match: `$1` is the first group, `${name}` one by name."""
    name = "regex.replace"
    found, given, by = compiled(name, text(name, 2, pattern)), text(name, 1, value), text(name, 3, replacement)

    def expanded(match: re2._Match) -> str:
        def group(of: re.Match[str]) -> str:
            if of[3]:
                return "$"
            word = of[1] or of[2]
            if word.isdecimal():
                return (match[int(word)] or "") if int(word) <= found.groups else ""
            return (match[word] or "") if word in found.groupindex else ""

        return _GROUP.sub(group, by)

    out: list[str] = []
    begin, size = 0, len(given)
    for match in found.finditer(given):
        out += [given[begin : match.start()], expanded(match)]
        size = sized(name, size + len(out[-1]))
        begin = match.end()
    return "".join([*out, given[begin:]])


def regex_template_match(template: Value, value: Value, begin: Value, end: Value) -> Value:
    """Does a whole string match a template with expressions between two signs?"""
    name = "regex.template_match"
    given, low, high = text(name, 1, template), text(name, 3, begin), text(name, 4, end)
    if len(low) != 1 or len(high) != 1:
        raise failed(name, "start delimiter has to be exactly one character")
    out, depth, at = [], 0, 0
    for i, c in enumerate(given):
        if c == low and depth == 0:
            out.append(re2.escape(given[at:i]))
            depth, at = 1, i + 1
        elif c == low and low != high:
            depth += 1
        elif c == high and depth:
            depth -= 1
            if not depth:
                out.append(f"(?:{given[at:i]})")
                at = i + 1
        elif c == high:
            raise failed(name, f"unbalanced braces in {given!r}")
    if depth:
        raise failed(name, f"unbalanced braces in {given!r}")
    pattern = f"^{''.join(out)}{re2.escape(given[at:])}$"
    return compiled(name, pattern).search(text(name, 2, value)) is not None


# Globs


def glob_match(pattern: Value, delimiters: Value, value: Value) -> Value:
    """Does a whole string match a glob, whose `*` stops at the delimiters? Without any they are `.`; null is none."""
    name = "glob.match"
    if delimiters is None:
        by = ""
    else:
        several = texts(name, 2, delimiters, "array")
        if any(len(d) != 1 for d in several):
            raise failed(name, "a delimiter is one character")
        by = "".join(several) or "."
    found = compiled(name, translated(text(name, 1, pattern), by))
    return found.fullmatch(text(name, 3, value)) is not None


@lru_cache(maxsize=4096)
def translated(pattern: str, delimiters: str) -> str:
    """A glob of github.com/gobwas/glob as a regular expression. Raises `BuiltinError` for none."""
    outside = f"[^{_class(delimiters)}]" if delimiters else "(?s:.)"
    out: list[str] = []
    at = depth = 0
    while at < len(pattern):
        c = pattern[at]
        at += 1
        match c:
            case "*":
                deep = pattern.startswith("*", at)
                at += deep
                out.append("(?s:.*)" if deep else f"{outside}*")
            case "?":
                out.append(outside)
            case "[":
                end = pattern.find("]", at + 1)
                if end < 0:
                    raise failed("glob.match", "the brackets have no end")
                inner = pattern[at:end]
                negated = inner[:1] == "!"
                inner = inner[negated:]
                ranged = len(inner) == 3 and inner[1] == "-"
                said = f"{_class(inner[0])}-{_class(inner[2])}" if ranged else _class(inner)
                out.append(f"[{'^' if negated else ''}{said}]")
                at = end + 1
            case "{":
                depth += 1
                out.append("(?:")
            case "}" if depth:
                depth -= 1
                out.append(")")
            case "," if depth:
                out.append("|")
            case "\\" if at < len(pattern):
                out.append(re2.escape(pattern[at]))
                at += 1
            case _:
                out.append(re2.escape(c))
    if depth:
        raise failed("glob.match", "the braces have no end")
    return "".join(out)


def _class(characters: str) -> str:
    return "".join(f"\\{c}" if c in "\\]^-[" else c for c in characters)


def glob_quote_meta(pattern: Value) -> Value:
    """With its signs escaped."""
    return re.sub(r"([*?\\\[\]{}])", r"\\\1", text("glob.quote_meta", 1, pattern))


_PURE: Final[Mapping[str, Pure]] = {
    "regex.match": regex_match,
    "re_match": regex_match,
    "regex.is_valid": regex_is_valid,
    "regex.split": regex_split,
    "regex.find_n": regex_find_n,
    "regex.find_all_string_submatch_n": regex_find_all_string_submatch_n,
    "regex.replace": regex_replace,
    "regex.template_match": regex_template_match,
    "regex.globs_match": globs_match,
    "glob.match": glob_match,
    "glob.quote_meta": glob_quote_meta,
}
PATTERNS: Final[Mapping[str, Builtin]] = {name: pure(function) for name, function in _PURE.items()}
