"""Template strings: `$"{a} and {b}"`."""

from __future__ import annotations

from collections.abc import Callable

from mistrust.languages.rego.syntax import At, Const, Template, Term
from mistrust.languages.rego.tokens import Token, expression_end, unescaped


def template(token: Token, place: At, inside: Callable[[str], Term]) -> Term:
    """The term of a template. Parameters: `inside`, the term of what stands in braces.

    A backslash before a brace makes it one like other signs.
    """
    parts: list[str | Term] = []
    text, at, begin = token.text, 0, 0
    while at < len(text):
        if text[at] == "\\":
            at += 2
        elif text[at] == "{":
            parts += _plain(token, text[begin:at], place)
            end = expression_end(text, at + 1, place)
            parts.append(inside(text[at + 1 : end - 1]))
            at = begin = end
        else:
            at += 1
    parts += _plain(token, text[begin:], place)
    return Template(tuple(parts)) if parts else Const("")


def _plain(token: Token, said: str, place: At) -> list[str]:
    if token.raw:
        found = said.replace("\\{", "{").replace("\\}", "}")
    else:
        found = unescaped(said.replace("\\{", "\\u007b").replace("\\}", "\\u007d"), place)
    return [found] if found else []
