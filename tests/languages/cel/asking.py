"""Expressions as text, and what they are."""

from __future__ import annotations

from collections.abc import Mapping

from mistrust.languages.cel.budget import STEPS
from mistrust.languages.cel.environment import EvaluationError, environment
from mistrust.languages.cel.libraries.versions import LATEST
from mistrust.languages.cel.values import Value

NOTHING: Mapping[str, Value] = {}


def valued(text: str, names: Mapping[str, Value] = NOTHING, version: str = LATEST, steps: int = STEPS) -> Value:
    """The value of an expression."""
    return environment(version, tuple(names)).compile(text).evaluate(names, steps=steps)


def failed(text: str, names: Mapping[str, Value] = NOTHING, version: str = LATEST) -> str:
    """What is said of an expression without a value."""
    try:
        found = valued(text, names, version)
    except EvaluationError as error:
        return str(error)
    raise AssertionError(found)
