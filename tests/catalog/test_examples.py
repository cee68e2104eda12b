"""The examples of every step, judged by the engine that draws the attack graph: they are the tests of the step."""

from __future__ import annotations

import pytest

from mistrust.catalog.load import explain, steps
from mistrust.paths.examples import evaluate
from mistrust.paths.step import Example, Step

STEPS = [explain(step.id) for step in steps()]


def holding(step: Step, example: Example, number: int):
    return pytest.param(step, example, id=f"{step.id}-{number}")


HOLDS = [holding(s, e, i) for s in STEPS for i, e in enumerate(s.holds)]
FAILS = [pytest.param(s, e, id=f"{s.id}-{i}") for s in STEPS for i, e in enumerate(s.fails)]


@pytest.mark.parametrize(("step", "example"), HOLDS)
def test_holds(step: Step, example: Example) -> None:
    assert evaluate(step, example), example.why


@pytest.mark.parametrize(("step", "example"), FAILS)
def test_fails(step: Step, example: Example) -> None:
    assert not evaluate(step, example), example.why
