"""Objects against patterns with anchors (kyverno/pkg/engine/validate, pkg/engine/anchor)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Final

import msgspec

from mistrust.kube.build import Plain
from mistrust.languages.kyverno.patterns import holds
from mistrust.languages.kyverno.scalars import has_wild, wild

_ANCHOR: Final = re.compile(r"([+<=X^])?\((.+)\)", re.DOTALL)
CONDITION, EQUALITY, EXISTENCE, NEGATION, ADD, GLOBAL = "", "=", "^", "X", "+", "<"
SHOWN: Final = 100
"""Characters of a value in a message."""
_ORDER: Final = {GLOBAL: 0, CONDITION: 1, NEGATION: 2, EQUALITY: 3, EXISTENCE: 4}


class Anchor(msgspec.Struct, frozen=True):
    """`X(key)`."""

    kind: str
    key: str


class Mismatch(msgspec.Struct, frozen=True):
    """Why an object is not as a pattern says."""

    path: str
    message: str
    skips: bool = False
    """The pattern does not ask about such an object at all."""


def anchor(name: str) -> Anchor | None:
    """The anchor that the name of a field is; None for a plain name."""
    found = _ANCHOR.fullmatch(name) if name.endswith(")") else None
    return Anchor(found[1] or "", found[2]) if found is not None else None


def mismatch(value: Plain, pattern: Plain) -> Mismatch | None:
    """The first place where an object is not as a pattern says; None where it is."""
    return _element(value, pattern, "/")


def _element(value: Plain, pattern: Plain, path: str) -> Mismatch | None:
    if isinstance(pattern, dict):
        if not isinstance(value, dict):
            return Mismatch(path, "an object is wanted")
        return _map(value, pattern, path)
    if isinstance(pattern, list):
        if not isinstance(value, list):
            return Mismatch(path, "a list is wanted")
        return _list(value, pattern, path)
    for each in value if isinstance(value, list) else [value]:
        if not holds(each, pattern):
            return Mismatch(path, f"{_shown(each)} does not match {_shown(pattern)}")
    return None


def _shown(value: Plain) -> str:
    said = repr(value)
    return said if len(said) <= SHOWN else f"{said[:SHOWN]}…"


def _map(value: dict[str, Plain], pattern: Mapping[str, Plain], path: str) -> Mismatch | None:
    pattern = _expanded(value, pattern)
    anchors = [(a, p) for name, p in pattern.items() if (a := anchor(name)) is not None and a.kind in _ORDER]
    for each, inner in sorted(anchors, key=lambda found: _ORDER[found[0].kind]):
        wrong = _anchored(value, each, inner, path)
        if wrong is not None:
            return wrong
    plain = [name for name in sorted(pattern) if (a := anchor(name)) is None or a.kind not in _ORDER]
    for name in sorted(plain, key=lambda n: not _nested(pattern[n])):
        wrong = _field(value, name, pattern[name], path)
        if wrong is not None:
            return wrong
    return None


def _field(value: dict[str, Plain], name: str, pattern: Plain, path: str) -> Mismatch | None:
    if pattern == "*":
        return Mismatch(f"{path}{name}/", "not found") if value.get(name) is None else None
    return _element(value.get(name), pattern, f"{path}{name}/")


def _anchored(value: dict[str, Plain], found: Anchor, pattern: Plain, path: str) -> Mismatch | None:
    here, there = f"{path}{found.key}/", found.key in value
    match found.kind:
        case "X":
            return Mismatch(here, "is not allowed") if there else None
        case "":
            wrong = _element(value[found.key], pattern, here) if there else Mismatch(here, "not found")
            return None if wrong is None else Mismatch(wrong.path, f"condition: {wrong.message}", skips=True)
        case "<":
            wrong = _element(value[found.key], pattern, here) if there else None
            return None if wrong is None else Mismatch(wrong.path, f"global condition: {wrong.message}", skips=True)
        case "=":
            return _element(value[found.key], pattern, here) if there else None
    return _exists(value[found.key], pattern, here) if there else None


def _exists(value: Plain, pattern: Plain, path: str) -> Mismatch | None:
    """Every pattern has to hold for one element at least."""
    if not isinstance(value, list) or not isinstance(pattern, list):
        return Mismatch(path, "the existence anchor is for lists")
    for each in pattern:
        if all(_element(v, each, path) is not None for v in value):
            return Mismatch(path, "no element is as the pattern says")
    return None


def _list(value: list[Plain], pattern: list[Plain], path: str) -> Mismatch | None:
    if not pattern:
        return Mismatch(path, "the pattern is an empty list")
    first = pattern[0]
    if not isinstance(first, dict | list):
        return _element(value, first, path)
    if isinstance(first, dict):
        return _first(((v, first) for v in value), path)
    if len(value) < len(pattern):
        return Mismatch(path, "too few elements")
    return _first(zip(value, pattern, strict=False), path)


def _first(pairs: Iterator[tuple[Plain, Plain]], path: str) -> Mismatch | None:
    """Elements that are skipped count only where all are."""
    applied, skipped = False, None
    for i, (value, pattern) in enumerate(pairs):
        wrong = _element(value, pattern, f"{path}{i}/")
        if wrong is None:
            applied = True
        elif wrong.skips:
            skipped = skipped or wrong
        else:
            return wrong
    return None if applied else skipped


def _nested(pattern: Plain) -> bool:
    """Are there anchors in it?"""
    if isinstance(pattern, dict):
        return any(anchor(name) is not None or _nested(p) for name, p in pattern.items())
    return isinstance(pattern, list) and any(map(_nested, pattern))


def _expanded(value: dict[str, Plain], pattern: Mapping[str, Plain]) -> Mapping[str, Plain]:
    """Wildcards in the names of labels and annotations stand for what the object has."""
    for name, inner in pattern.items():
        if _bare(name) == "metadata" and isinstance(inner, dict):
            have = value.get("metadata")
            if isinstance(have, dict):
                return {**pattern, name: {k: _named(have.get(_bare(k)), k, v) for k, v in inner.items()}}
    return pattern


def _bare(name: str) -> str:
    found = anchor(name)
    return found.key if found is not None else name


def _named(have: Plain, name: str, pattern: Plain) -> Plain:
    if _bare(name) not in ("labels", "annotations") or not isinstance(have, dict) or not isinstance(pattern, dict):
        return pattern
    found: dict[str, Plain] = {}
    for key, wanted in pattern.items():
        bare = _bare(key)
        real = next((k for k in have if wild(bare, k)), bare.replace("*", "0").replace("?", "0"))
        found[key.replace(bare, real) if has_wild(bare) else key] = wanted
    return found
