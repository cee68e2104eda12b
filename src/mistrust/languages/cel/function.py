"""A function of CEL: how it is called, and the Python that answers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from inspect import Parameter, signature
from typing import Unpack, cast

import msgspec

from mistrust.languages.cel.values import Value

Answer = (
    Callable[[], Value]
    | Callable[[Value], Value]
    | Callable[[Value, Value], Value]
    | Callable[[Value, Value, Value], Value]
    | Callable[[Value, Value, Value, Value], Value]
    | Callable[[Unpack[tuple[Value, ...]]], Value]
)


class Function(msgspec.Struct, frozen=True):
    """Something that expressions can call. The Python raises `CelError` where there is no answer."""

    answer: Callable[[Unpack[tuple[Value, ...]]], Value]
    least: int
    """Arguments, the target among them."""
    most: int
    member: bool
    """Is it called as `target.name(...)`?"""
    free: bool = False
    """Does it take the same time whatever its arguments are?"""
    cost: int = 0
    """Steps that a call costs beside that."""

    def takes(self, count: int) -> bool:
        """May it be called with so many?"""
        return self.least <= count <= self.most


def function(answer: Answer, *, member: bool, free: bool = False, cost: int = 0) -> Function:
    """A function; how many arguments it takes is told by its signature."""
    parameters = signature(answer).parameters.values()
    some = [p for p in parameters if p.kind is not Parameter.VAR_POSITIONAL]
    least = sum(p.default is Parameter.empty for p in some)
    most = len(some) if len(some) == len(parameters) else 255
    return Function(cast("Callable[[Unpack[tuple[Value, ...]]], Value]", answer), least, most, member, free, cost)


def members(answers: Mapping[str, Answer], *, free: bool = False, cost: int = 0) -> dict[tuple[str, bool], Function]:
    """Functions that are called on a target."""
    return {(name, True): function(answer, member=True, free=free, cost=cost) for name, answer in answers.items()}


def globals_of(answers: Mapping[str, Answer], *, free: bool = False) -> dict[tuple[str, bool], Function]:
    """Functions that are called by name."""
    return {(name, False): function(answer, member=False, free=free) for name, answer in answers.items()}


Functions = Mapping[tuple[str, bool], Function]
