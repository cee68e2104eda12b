"""One built-in function: how many arguments, what it needs, and the Python that answers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import StrEnum
from inspect import signature
from typing import Unpack, cast

import msgspec

from mistrust.languages.rego.errors import BuiltinError
from mistrust.languages.rego.runtime import Context, Function, Maybe, charge
from mistrust.languages.rego.values import U, Value


class Needs(StrEnum):
    """What a built-in reaches beside its arguments."""

    PURE = "pure"
    CLOCK = "clock"
    CHANCE = "chance"
    NETWORK = "net"


Pure = (
    Callable[[], Maybe]
    | Callable[[Value], Maybe]
    | Callable[[Value, Value], Maybe]
    | Callable[[Value, Value, Value], Maybe]
    | Callable[[Value, Value, Value, Value], Maybe]
)
Contextual = Callable[[Context], Maybe] | Callable[[Context, Value], Maybe] | Callable[[Context, Value, Value], Maybe]


class Builtin(msgspec.Struct, frozen=True):
    """A function that policies can call. It raises `BuiltinError` where it cannot answer."""

    function: Pure | Contextual
    arity: int
    needs: Needs = Needs.PURE
    context: bool = False
    """Does it take the context before its arguments?"""
    free: bool = False
    """Does it take the same time whatever its arguments are?"""

    def called(self) -> Function:
        """The same as a function of the context and the arguments, undefined where it cannot answer."""
        function = cast("Callable[[Unpack[tuple[Context | Value, ...]]], Maybe]", self.function)

        def call(c: Context, /, *args: Value) -> Maybe:
            try:
                found = function(c, *args) if self.context else function(*args)
                charge(c, found, *args)
                return found
            except BuiltinError as error:
                c.failed(error)
                return U

        return call


def pure(function: Pure, *, free: bool = False) -> Builtin:
    """A built-in that looks at its arguments alone."""
    return Builtin(function, len(signature(function).parameters), free=free)


def later(load: Callable[[], Mapping[str, Builtin]], name: str, arity: int, *, clock: bool = False) -> Builtin:
    """A built-in whose module is loaded when it is first called, since it brings a large library.

    Parameters: `clock`, whether it asks for the time, and so takes the context.
    """

    def answer(*given: Context | Value) -> Maybe:
        function = cast("Callable[[Unpack[tuple[Context | Value, ...]]], Maybe]", load()[name].function)
        return function(*given)

    return Builtin(cast("Pure", answer), arity, Needs.CLOCK if clock else Needs.PURE, context=clock)


def contextual(function: Contextual, needs: Needs = Needs.PURE) -> Builtin:
    """A built-in that looks at the evaluation as well."""
    return Builtin(function, len(signature(function).parameters) - 1, needs, context=True)
