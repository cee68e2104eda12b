"""Versions as semver.org orders them."""

from __future__ import annotations

import re
from typing import Final

_FORM: Final = re.compile(
    r"(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)(?:-([0-9A-Za-z.-]+))?(?:\+[0-9A-Za-z.-]+)?", re.ASCII
)
Version = tuple[tuple[int, ...], bool, tuple[tuple[bool, int, str], ...]]


def version(text: str) -> Version | None:
    """Something that orders as versions do; None for no version.

    >>> version("1.2.3-rc.1") < version("1.2.3") < version("1.10.0")
    True
    """
    found = _FORM.fullmatch(text) if len(text) <= 256 else None
    if found is None:
        return None
    early = found[4].split(".") if found[4] else []
    ranked = tuple((not e.isdecimal(), int(e) if e.isdecimal() else 0, e) for e in early)
    return (int(found[1]), int(found[2]), int(found[3])), not early, ranked


def in_range(text: str, wanted: str) -> bool | None:
    """Is a version in a range such as `>=1.2.3 <2.0.0 || 3.x.x`? None where one is not understood."""
    given = version(text)
    if given is None:
        return None
    alternatives = [_all(given, each.split()) for each in wanted.split("||")]
    return None if None in alternatives else any(alternatives)


def _all(given: Version, several: list[str]) -> bool | None:
    found = [_one(given, each) for each in several]
    return None if None in found or not found else all(found)


def _one(given: Version, condition: str) -> bool | None:
    sign = condition[: len(condition) - len(condition.lstrip("<>=!"))]
    rest = condition[len(sign) :]
    if rest.endswith((".x", ".*")):
        parts = [p for p in rest.split(".") if p not in ("x", "*")]
        if not all(p.isdecimal() for p in parts):
            return None
        same = list(given[0][: len(parts)]) == [int(p) for p in parts]
        return {"": same, "=": same, "==": same, "!": not same, "!=": not same}.get(sign)
    other = version(rest)
    if other is None:
        return None
    return {
        "": given == other,
        "=": given == other,
        "==": given == other,
        "!": given != other,
        "!=": given != other,
        ">": given > other,
        ">=": given >= other,
        "<": given < other,
        "<=": given <= other,
    }.get(sign)
