"""What the parts of an expression do, as Python functions."""

from __future__ import annotations

from collections.abc import Callable

from mistrust.kube.build import Plain
from mistrust.languages.kyverno.errors import FinalError, KyvernoError
from mistrust.languages.kyverno.jmespath.function import Argument, Expression, Function
from mistrust.languages.kyverno.jmespath.values import Step, compare, equal, true


def identity(value: Plain) -> Plain:
    """`@`."""
    return value


def field(name: str) -> Step:
    """A field of an object."""

    def found(value: Plain) -> Plain:
        return value.get(name) if isinstance(value, dict) else None

    return found


def index(at: int) -> Step:
    """An element of a list."""

    def found(value: Plain) -> Plain:
        return value[at] if isinstance(value, list) and -len(value) <= at < len(value) else None

    return found


def then(first: Step, second: Step) -> Step:
    """`first | second`."""
    if first is identity:
        return second
    return lambda value: second(first(value))


def inside(first: Step, second: Step) -> Step:
    """`first.second`: nothing is asked of nothing."""
    if first is identity:
        return second

    def step(value: Plain) -> Plain:
        found = first(value)
        return None if found is None else second(found)

    return step


def _forgiven(left: Step, value: Plain) -> Plain:
    """What has no answer is nothing to a projection."""
    try:
        return left(value)
    except FinalError:
        raise
    except KyvernoError:
        return None


def project(left: Step, several_of: Callable[[Plain], list[Plain] | None], right: Step) -> Step:
    """What is done with each element; what comes to nothing is left out."""

    def step(value: Plain) -> Plain:
        several = several_of(_forgiven(left, value))
        if several is None:
            return None
        return [found for each in several if (found := right(each)) is not None]

    return step


def elements(value: Plain) -> list[Plain] | None:
    """`[*]`."""
    return value if isinstance(value, list) else None


def values(value: Plain) -> list[Plain] | None:
    """`.*`."""
    return list(value.values()) if isinstance(value, dict) else None


def flat(value: Plain) -> list[Plain] | None:
    """`[]`."""
    if not isinstance(value, list):
        return None
    return [e for each in value for e in (each if isinstance(each, list) else [each])]


def comparison(sign: str, left: Step, right: Step) -> Step:
    """`left == right`."""
    if sign == "==":
        return lambda value: equal(left(value), right(value))
    if sign == "!=":
        return lambda value: not equal(left(value), right(value))
    return lambda value: compare(sign, left(value), right(value))


def called(function: Function, arguments: list[Step | Expression]) -> Step:
    """`function(arguments)`."""

    def call(value: Plain) -> Plain:
        given: list[Argument] = [a if isinstance(a, Expression) else a(value) for a in arguments]
        return function.call(given)

    return call


def either(left: Step, right: Step) -> Step:
    """`left || right`."""

    def step(value: Plain) -> Plain:
        found = left(value)
        return found if true(found) else right(value)

    return step


def both(left: Step, right: Step) -> Step:
    """`left && right`."""

    def step(value: Plain) -> Plain:
        found = left(value)
        return right(value) if true(found) else found

    return step
