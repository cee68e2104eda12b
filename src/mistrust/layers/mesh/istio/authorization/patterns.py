"""How Istio compares strings in an AuthorizationPolicy: exact, `prefix*`, `*suffix`, and `*` for what is there at all.

Sources: istio pilot/pkg/security/authz/matcher/string.go, header.go (HostMatcher).
"""

from __future__ import annotations

import re
from enum import IntEnum
from functools import lru_cache

import msgspec


class Form(IntEnum):
    """How a pattern compares."""

    EXACT = 0
    PREFIX = 1
    SUFFIX = 2
    PRESENT = 3
    """Anything but the empty string."""
    REGEX = 4


class Pattern(msgspec.Struct, frozen=True, order=True, gc=False):
    """One pattern."""

    form: Form
    text: str = ""
    fold: bool = False
    """Does upper or lower case not matter?"""
    pair: str = ""
    """Two elements of a path, `ns/shop`, without which nothing matches; it only helps to find the pattern."""

    def matches(self, value: str) -> bool:
        """Is the value one of those that the pattern stands for?"""
        text = self.text
        if self.fold:
            value, text = value.lower(), text.lower()
        match self.form:
            case Form.EXACT:
                return value == text
            case Form.PREFIX:
                return value.startswith(text)
            case Form.SUFFIX:
                return value.endswith(text)
            case Form.PRESENT:
                return value != ""
            case Form.REGEX:
                return regex(text).fullmatch(value) is not None


def pattern(value: str, *, fold: bool = False) -> Pattern:
    """Read a pattern as it is written in a policy.

    >>> pattern("*.example.com").matches("www.example.com")
    True
    >>> pattern("*").matches("")
    False
    """
    if value == "*":
        return Pattern(Form.PRESENT)
    if value.startswith("*"):
        return Pattern(Form.SUFFIX, value[1:], fold)
    if value.endswith("*"):
        return Pattern(Form.PREFIX, value[:-1], fold)
    return Pattern(Form.EXACT, value, fold)


@lru_cache(maxsize=4096)
def regex(text: str) -> re.Pattern[str]:
    """A regular expression, compiled once."""
    return re.compile(text)
