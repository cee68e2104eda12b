"""What an evaluation may cost: elements looked at, and texts and lists made, as the API server counts them.

k8s.io/apiserver/pkg/cel/limits.go: a million for one expression; ten characters of a text count as one element
(cel-go/common/cost.go: StringTraversalCostFactor).
"""

from __future__ import annotations

from typing import Final

from mistrust.languages.cel.values import Value

STEPS: Final = 1_000_000
CHARACTERS: Final = 10
"""Of a text, that cost as much as one element."""
LARGEST: Final = STEPS * CHARACTERS
"""Characters of a text that is made at once."""


class BudgetError(Exception):
    """It costs more than it may. Nothing absorbs that."""

    def __init__(self) -> None:
        super().__init__("operation cancelled: actual cost limit exceeded")


def spend(left: list[int], steps: int) -> None:
    """Pay for steps. Raises `BudgetError` where nothing is left."""
    left[0] -= steps
    if left[0] < 0:
        raise BudgetError


def length(value: Value) -> int:
    """The steps that it takes to make a text or a list, however large what is in it is."""
    if isinstance(value, str | bytes):
        return len(value) // CHARACTERS
    return len(value) if isinstance(value, list) else 0


def pay(left: list[int], *values: Value) -> None:
    """Pay for values that are looked at or made, and all that is in them. Raises `BudgetError` where nothing is left.

    What is in a list twice counts twice, or a few bindings would make a value that takes for ever to compare.
    """
    for value in values:
        kind = type(value)
        if kind is str or kind is bytes:
            left[0] -= len(value) // CHARACTERS  # type: ignore[arg-type]
        elif isinstance(value, list):
            left[0] -= len(value)
            pay(left, *value)
        elif isinstance(value, dict):
            left[0] -= len(value)
            pay(left, *value.values())
    left[0] -= 1
    if left[0] < 0:
        raise BudgetError


def sized(size: int) -> int:
    """How many characters a text is about to have. Raises `BudgetError` for more than a text may have."""
    if size > LARGEST:
        raise BudgetError
    return size
