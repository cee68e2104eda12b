"""A function of JMESPath: what it takes, and the Python that answers."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Final

import msgspec

from mistrust.kube.build import Plain
from mistrust.languages.kyverno.errors import ExceededError, KyvernoError
from mistrust.languages.kyverno.jmespath.values import Step, bounded, kind


class Expression(msgspec.Struct, frozen=True):
    """`&expression`: handed over as it is."""

    step: Step


Argument = Plain | Expression
LARGEST: Final = 4 << 20
"""Characters of a text that a function makes."""
LETTERS: Final = {"s": "string", "n": "number", "b": "boolean", "a": "array", "o": "object", "0": "null"}


class Function(msgspec.Struct, frozen=True):
    """Something that expressions can call. The Python raises `KyvernoError` where there is no answer."""

    name: str
    takes_types: tuple[str, ...]
    """Of each argument: letters of types, `*` for any, `&` for an expression; after `+` as many as one likes."""
    answer: Callable[[list[Plain]], Plain] | Callable[[list[Argument]], Plain]

    def takes(self, count: int) -> bool:
        """May it be called with so many?"""
        least = sum(not t.endswith("?") for t in self.takes_types)
        many = any(t.startswith("+") for t in self.takes_types)
        return least <= count and (many or count <= len(self.takes_types))

    def call(self, given: Sequence[Argument]) -> Plain:
        """The answer. Raises `KyvernoError`."""
        types = self.takes_types
        for i, each in enumerate(given):
            wanted = types[min(i, len(types) - 1)].strip("+?")
            if not _fits(each, wanted):
                got = "an expression" if isinstance(each, Expression) else kind(each)
                raise KyvernoError(f"{self.name}(): argument {i + 1} is {got}")
        try:
            found = self.answer(list(given))  # type: ignore[arg-type]
        except (OverflowError, ValueError) as error:
            raise KyvernoError(f"{self.name}(): {error}") from None
        if isinstance(found, str) and len(found) > LARGEST:
            raise ExceededError(f"{self.name}(): a text that is too long")
        return bounded(found) if isinstance(found, list | dict) else found


def _fits(value: Argument, wanted: str) -> bool:
    if isinstance(value, Expression):
        return "&" in wanted
    return wanted == "*" or kind(value) in (LETTERS.get(letter) for letter in wanted)


def functions(table: Mapping[str, tuple[str, Callable[[list[Plain]], Plain]]]) -> Mapping[str, Function]:
    """Functions by name; types of arguments are separated by spaces."""
    return {name: Function(name, tuple(types.split()), answer) for name, (types, answer) in table.items()}
