"""Versions (k8s.io/apiserver pkg/cel/library/semverlib.go), and the comparisons that quantities have too."""

from __future__ import annotations

import re
from typing import Final

from mistrust.languages.cel.function import Functions, globals_of, members
from mistrust.languages.cel.libraries.quantities import Quantity
from mistrust.languages.cel.values import CelError, Opaque, Type, Value, no_overload

_FORM: Final = re.compile(r"(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)(?:-([0-9A-Za-z.-]+))?(?:\+([0-9A-Za-z.-]+))?")
Parts = tuple[tuple[int, ...], bool, tuple[tuple[bool, int, str], ...]]


class Semver(Opaque):
    """A version of semver.org."""

    __slots__ = ("numbers", "parts")
    kind = Type("kubernetes.Semver")

    def __init__(self, numbers: tuple[int, int, int], parts: Parts) -> None:
        self.numbers, self.parts = numbers, parts

    def same(self, other: Opaque) -> bool:
        """Has it the same rank?"""
        return isinstance(other, Semver) and other.parts == self.parts


def _parsed(text: str) -> Semver:
    match = _FORM.fullmatch(text)
    early = (match[4] or "").split(".") if match is not None and match[4] else []
    if match is None or len(text) > 256 or any(not p or (p.isdigit() and len(p) > 1 and p[0] == "0") for p in early):
        raise CelError(f"not a version: {text!r}")
    numbers = int(match[1]), int(match[2]), int(match[3])
    ranked = tuple((not p.isdigit(), int(p) if p.isdigit() else 0, p) for p in early)
    return Semver(numbers, (numbers, not early, ranked))


def normalized(text: str) -> str:
    """Without a `v` and leading zeros, and with three numbers."""
    found = re.fullmatch(r"v?(\d+)(?:\.(\d+))?(?:\.(\d+))?(.*)", text, re.S)
    if found is None:
        return text
    return ".".join(str(int(n or 0)) for n in found.group(1, 2, 3)) + found[4]


def semver(a: Value, normalize: Value = False) -> Value:
    """A version."""
    if isinstance(a, str) and isinstance(normalize, bool):
        return _parsed(normalized(a) if normalize else a)
    raise no_overload("semver", a)


def is_semver(a: Value, normalize: Value = False) -> Value:
    """Is it a version?"""
    if not isinstance(a, str):
        raise no_overload("isSemver", a)
    try:
        semver(a, normalize)
    except CelError:
        return False
    return True


def _part(name: str, i: int, a: Value) -> Value:
    if isinstance(a, Semver):
        return a.numbers[i]
    raise no_overload(name, a)


def major(a: Value) -> Value:
    """The first number."""
    return _part("major", 0, a)


def minor(a: Value) -> Value:
    """The second."""
    return _part("minor", 1, a)


def patch(a: Value) -> Value:
    """The third."""
    return _part("patch", 2, a)


def compare_to(a: Value, b: Value) -> Value:
    """-1, 0 or 1."""
    if isinstance(a, Quantity) and isinstance(b, Quantity):
        return (a.amount > b.amount) - (a.amount < b.amount)
    if isinstance(a, Semver) and isinstance(b, Semver):
        return (a.parts > b.parts) - (a.parts < b.parts)
    raise no_overload("compareTo", a, b)


def is_less_than(a: Value, b: Value) -> Value:
    """Is it less?"""
    return compare_to(a, b) == -1


def is_greater_than(a: Value, b: Value) -> Value:
    """Is it more?"""
    return compare_to(a, b) == 1


COMPARISONS: Final[Functions] = members(
    {"compareTo": compare_to, "isLessThan": is_less_than, "isGreaterThan": is_greater_than}
)
SEMVERS: Final[Functions] = {
    **globals_of({"semver": semver, "isSemver": is_semver}),
    **members({"major": major, "minor": minor, "patch": patch}),
}
