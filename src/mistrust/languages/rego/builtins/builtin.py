"""One built-in function: how many arguments, what it needs, and the Python that answers."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from inspect import signature

import msgspec

from mistrust.languages.rego.errors import BuiltinError
from mistrust.languages.rego.runtime import Context, Maybe
from mistrust.languages.rego.values import U


class Needs(StrEnum):
    """What a built-in reaches beside its arguments."""

    PURE = "pure"
    CLOCK = "clock"
    CHANCE = "chance"
    NETWORK = "net"


class Builtin(msgspec.Struct, frozen=True):
    """A function that policies can call. It raises `BuiltinError` where it cannot answer."""

    function: Callable[..., Maybe]
    arity: int
    needs: Needs = Needs.PURE
    context: bool = False
    """Does it take the context before its arguments?"""

    def called(self) -> Callable[..., Maybe]:
        """The same as a function of the context and the arguments, undefined where it cannot answer."""

        def call(c: Context, *args: Maybe) -> Maybe:
            try:
                return self.function(c, *args) if self.context else self.function(*args)
            except BuiltinError as error:
                c.failed(error)
                return U

        return call


def pure(function: Callable[..., Maybe]) -> Builtin:
    """A built-in that looks at its arguments alone."""
    return Builtin(function, len(signature(function).parameters))


def contextual(function: Callable[..., Maybe], needs: Needs = Needs.PURE) -> Builtin:
    """A built-in that looks at the evaluation as well."""
    return Builtin(function, len(signature(function).parameters) - 1, needs, context=True)
