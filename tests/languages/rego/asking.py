"""Modules as text, and what a rule of them says."""

from __future__ import annotations

from mistrust.languages.rego.compile import compiled
from mistrust.languages.rego.parse import parse
from mistrust.languages.rego.runtime import STEPS, Maybe
from mistrust.languages.rego.told import told
from mistrust.languages.rego.values import U, Value


def asked(
    module: str, rule: str = "x", given: Maybe = U, data: Value = None, *, version: int = 1, steps: int = STEPS
) -> str:
    """The value of a rule of package p as Rego writes it; `undefined` where it has none."""
    query = compiled([parse(f"package p\n{module}", "p.rego", version=version)]).query(f"found = data.p.{rule}")
    answers = query.ask(given, data, steps=steps)
    return told(answers[0]["found"]) if answers else "undefined"


def body(text: str, given: Maybe = U, data: Value = None) -> str:
    """The value of x after a body."""
    return asked(f"answer := x if {{\n{text}\n}}", "answer", given, data)
