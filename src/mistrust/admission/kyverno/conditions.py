"""Conditions: `any` and `all` of a key, an operator and a value."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import msgspec

from mistrust.admission.plain import text
from mistrust.kube.build import Plain
from mistrust.kube.errors import InputError
from mistrust.languages.kyverno.operators import OPERATORS, Operator
from mistrust.languages.kyverno.variables import Filled, template

Holds = Callable[[Plain], bool]


class Condition(msgspec.Struct, frozen=True):
    """One of them, compiled."""

    key: Filled
    operator: Operator
    value: Filled

    def holds(self, scope: Plain) -> bool:
        """Does it?"""
        return self.operator(self.key(scope), self.value(scope))


class Conditions(msgspec.Struct, frozen=True):
    """Several blocks; every one has to hold."""

    blocks: tuple[tuple[tuple[Condition, ...], tuple[Condition, ...]], ...] = ()

    def hold(self, scope: Plain) -> bool:
        """All of `all`, and one of `any` if there are some."""
        for some, every in self.blocks:
            if some and not any(c.holds(scope) for c in some):
                return False
            if not all(c.holds(scope) for c in every):
                return False
        return True


def conditions(given: Plain) -> Conditions:
    """Compile `preconditions` or `deny.conditions`. Raises `InputError` for what they cannot be."""
    if given is None:
        return Conditions()
    if isinstance(given, list) and not any(isinstance(g, dict) and ("any" in g or "all" in g) for g in given):
        return Conditions((((), _several(given)),))
    blocks = given if isinstance(given, list) else [given]
    return Conditions(tuple(_block(each) for each in blocks))


def _block(given: Plain) -> tuple[tuple[Condition, ...], tuple[Condition, ...]]:
    if not isinstance(given, dict) or set(given) - {"any", "all"}:
        raise InputError("not conditions", wanted="any and all")
    return _several(given.get("any")), _several(given.get("all"))


def _several(given: Plain) -> tuple[Condition, ...]:
    if given is None:
        return ()
    if not isinstance(given, list):
        raise InputError("not conditions", wanted="a list")
    return tuple(_one(each) for each in given)


def _one(given: Plain) -> Condition:
    name = text(given, "operator") if isinstance(given, dict) else ""
    operator = OPERATORS.get(name)
    if not isinstance(given, dict) or operator is None:
        raise InputError("not an operator of a condition", got=name, wanted=", ".join(OPERATORS))
    return Condition(_lenient(given, "key"), operator, _lenient(given, "value"))


def _lenient(given: Mapping[str, Plain], name: str) -> Filled:
    return template(given.get(name), lenient=True)
