"""When a change is refused: what it brings of the kinds that are denied, and what may hide such."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import msgspec

from mistrust.effect.effect import Doubt, Effect, Kind
from mistrust.kube.errors import UsageError

ANY: Final = "any"


class Ruling(msgspec.Struct, frozen=True):
    """What a gate makes of an effect."""

    denied: tuple[Kind, ...] = ()
    """The denied kinds that the change brings, the worst first."""
    hidden: tuple[Doubt, ...] = ()
    """What was not read and may hide a denied kind."""
    exit_code: int = 0
    """1: it fails; 3: nobody can know; 0: it passes."""
    guards: tuple[str, ...] = ()
    """What policies on the effect have against it."""


def rule(effect: Effect, deny: Iterable[Kind], *, allow_unknown: bool = False) -> Ruling:
    """Hold an effect against the kinds that are denied; where none is, any change at all counts."""
    gate = frozenset(deny)
    wanted = gate or frozenset(Kind)
    denied = tuple(kind for kind in Kind if kind in gate & effect.kinds)
    hidden = () if allow_unknown else tuple(doubt for doubt in effect.doubts if doubt.hides & wanted)
    failed = bool(denied) if gate else bool(effect)
    return Ruling(denied, hidden, 1 if failed else 3 if hidden else 0)


def kinds(given: Iterable[str]) -> tuple[Kind, ...]:
    """`["new-path,new-exposure"]` -> the two kinds; `any` is all of them.

    Raises `UsageError` for a word that is none.
    """
    found: dict[Kind, None] = {}
    for word in (w.strip() for text in given for w in text.split(",")):
        if word == ANY:
            found.update(dict.fromkeys(Kind))
        elif word in tuple(Kind):
            found[Kind(word)] = None
        else:
            raise UsageError("nothing that can be denied", got=repr(word), wanted=", ".join((*Kind, ANY)))
    return tuple(found)
