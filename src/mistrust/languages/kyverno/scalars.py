"""Scalars as Kyverno compares them: wildcards, quantities, durations, and how Go prints a value."""

from __future__ import annotations

import re
from fractions import Fraction
from typing import Final

from mistrust.kube.build import Plain
from mistrust.languages.kyverno.errors import ExceededError

_QUANTITY: Final = re.compile(r"([+-]?(?:\d+\.?\d*|\.\d+))(Ki|Mi|Gi|Ti|Pi|Ei|[numkMGTPE]|[eE][+-]?\d{1,3})?", re.ASCII)
_DURATION: Final = re.compile(r"(\d+\.?\d*|\.\d+)(ns|us|µs|μs|ms|s|m|h)", re.ASCII)
_TENS: Final = {"n": -9, "u": -6, "m": -3, "": 0, "k": 3, "M": 6, "G": 9, "T": 12, "P": 15, "E": 18}
_TWOS: Final = {"Ki": 10, "Mi": 20, "Gi": 30, "Ti": 40, "Pi": 50, "Ei": 60}
_NANOSECONDS: Final = {
    "ns": 1,
    "us": 1000,
    "µs": 1000,
    "μs": 1000,
    "ms": 10**6,
    "s": 10**9,
    "m": 60 * 10**9,
    "h": 3600 * 10**9,
}
LONGEST: Final = 256
"""Characters of a number."""
TRIES: Final = 1 << 24
"""Characters that are compared for one piece of a pattern."""


def wild(pattern: str, text: str) -> bool:
    """Does a text match a pattern in which `*` stands for any characters and `?` for one?

    >>> wild("*:latest", "nginx:latest"), wild("?", ""), wild("a*b*c", "abbc")
    (True, False, True)
    """
    first, *rest = pattern.split("*")
    if not rest:
        return len(first) == len(text) and _stands(first, text, 0)
    last, end = rest.pop(), len(text)
    if len(first) + len(last) > end or not _stands(first, text, 0) or not _stands(last, text, end - len(last)):
        return False
    at, end = len(first), end - len(last)
    for piece in rest:
        at = _found(piece, text, at, end)
        if at < 0:
            return False
        at += len(piece)
    return True


def _stands(piece: str, text: str, at: int) -> bool:
    """Is a piece without `*` there?"""
    if "?" not in piece:
        return text.startswith(piece, at)
    return len(text) - at >= len(piece) and all(
        p in ("?", c) for p, c in zip(piece, text[at : at + len(piece)], strict=True)
    )


def _found(piece: str, text: str, at: int, end: int) -> int:
    """Where a piece without `*` is first; -1 where it is not. Raises `ExceededError` where that takes too long."""
    if "?" not in piece:
        return text.find(piece, at, end)
    known = max(piece.split("?"), key=len)
    ahead, tries = piece.index(known), 0
    while (seen := text.find(known, at + ahead, end)) >= 0 and seen - ahead + len(piece) <= end:
        if _stands(piece, text, seen - ahead):
            return seen - ahead
        at, tries = seen - ahead + 1, tries + 1
        if tries * len(piece) > TRIES:
            raise ExceededError("a pattern that takes too long")
    return -1


def has_wild(text: str) -> bool:
    """Is it a pattern?"""
    return "*" in text or "?" in text


def quantity(text: str) -> Fraction | None:
    """The amount of a quantity of Kubernetes; None for none.

    >>> quantity("1.5Gi"), quantity("100m"), quantity("1 Gi")
    (Fraction(1610612736, 1), Fraction(1, 10), None)
    """
    found = _QUANTITY.fullmatch(text) if len(text) <= LONGEST else None
    if found is None:
        return None
    amount, unit = Fraction(found[1].rstrip(".") or "0"), found[2] or ""
    if unit in _TWOS:
        return amount * (1 << _TWOS[unit])
    power = _TENS[unit] if unit in _TENS else int(unit[1:])
    scale = Fraction(10 ** abs(power))
    return amount * scale if power >= 0 else amount / scale


def is_binary(text: str) -> bool:
    """Is a quantity written in powers of two?"""
    return text.endswith("i")


def quantity_text(amount: Fraction, *, binary: bool) -> str:
    """The canonical form of a quantity.

    >>> quantity_text(Fraction(3 << 29), binary=True), quantity_text(Fraction(1, 2), binary=False)
    ('1536Mi', '500m')
    """
    if binary and amount.denominator == 1 and abs(amount) >= 1024:
        for unit, power in reversed(_TWOS.items()):
            if amount % (1 << power) == 0:
                return f"{amount / (1 << power)}{unit}"
        return str(amount)
    for unit, power in reversed(_TENS.items()):
        scaled = amount / Fraction(10) ** power
        if scaled.denominator == 1 and amount:
            return f"{scaled}{unit}"
    return str(-(-amount * 10**9 // 1)) + "n" if amount else "0"


def duration(text: str) -> int | None:
    """The nanoseconds of a duration of Go; None for none.

    >>> duration("1h30m"), duration("-1.5s"), duration("1d")
    (5400000000000, -1500000000, None)
    """
    if text == "0":
        return 0
    rest = text.removeprefix("-") if text.startswith("-") else text.removeprefix("+")
    if not rest or len(rest) > LONGEST:
        return None
    total, at = Fraction(0), 0
    while at < len(rest):
        found = _DURATION.match(rest, at)
        if found is None:
            return None
        total += Fraction(found[1].rstrip(".")) * _NANOSECONDS[found[2]]
        at = found.end()
    return -int(total) if text.startswith("-") else int(total)


def duration_text(ns: int) -> str:
    """As Go prints a duration.

    >>> duration_text(5400 * 10**9), duration_text(1500000), duration_text(0)
    ('1h30m0s', '1.5ms', '0s')
    """
    sign, ns = ("-" if ns < 0 else ""), abs(ns)
    for unit, size in (("ns", 1), ("µs", 1000), ("ms", 10**6)):
        if ns and ns < size * 1000:
            return f"{sign}{_decimal(Fraction(ns, size))}{unit}"
    seconds = Fraction(ns, 10**9)
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(int(minutes), 60)
    front = f"{hours}h{minutes}m" if hours else f"{minutes}m" if minutes else ""
    return f"{sign}{front}{_decimal(seconds)}s"


def _decimal(value: Fraction) -> str:
    whole, part = divmod(value, 1)
    if not part:
        return str(whole)
    return f"{whole}." + str(int(part * 10**9)).rjust(9, "0").rstrip("0")


def number(value: float | Fraction) -> int | float:
    """A number as JSON has it: whole if it is."""
    if isinstance(value, float) and not value.is_integer():
        return value
    return int(value) if value == int(value) else float(value)


def printed(value: Plain) -> str:
    """A value as Go's `%v` prints it."""
    match value:
        case None:
            return "<nil>"
        case bool():
            return "true" if value else "false"
        case float():
            return str(int(value)) if value.is_integer() and abs(value) < 1e21 else repr(value)
        case list():
            return f"[{' '.join(map(printed, value))}]"
        case dict():
            return f"map[{' '.join(f'{k}:{printed(v)}' for k, v in sorted(value.items()))}]"
    return str(value)
