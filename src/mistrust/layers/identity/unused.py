"""Bindings and rules that nothing used, where the evidence is long enough to say so."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from mistrust.access.evidence import at
from mistrust.access.fact import Edit, Fact
from mistrust.layers.identity.dark import UNRECORDED
from mistrust.layers.identity.enough import thin
from mistrust.layers.identity.expected import Expected
from mistrust.layers.identity.index import AnyBinding, Grant, summary
from mistrust.layers.identity.roles import AnyRole
from mistrust.layers.identity.usage import Usage

ENOUGH: Final = 14.0
"""Days of evidence below which nothing is called unused: weekly jobs run twice in it."""
SHOWN: Final = 3

NAMES: Final = ("identity.unused-binding", "identity.unused-rule")


def unused(usage: Usage) -> Iterator[Fact]:
    """One fact a binding, and one for the rules of a role of which some are used.

    What every server brings is left out, as is what could be used without the log showing it. With a window shorter
    than `ENOUGH` days, with holes in it, or where a part of it was not read, nothing is said: not seen is not unused.
    """
    if thin(usage.coverage, ENOUGH):
        return
    days = f"in {usage.coverage.days:.0f} days"
    expected = Expected(usage.granted.rbac)
    by_binding: dict[int, list[int]] = {}
    bindings: dict[int, AnyBinding] = {}
    for number, grant in enumerate(usage.granted.rbac.grants):
        bindings[id(grant.binding)] = grant.binding
        by_binding.setdefault(id(grant.binding), []).append(number)
    for key, numbers in by_binding.items():
        binding = bindings[key]
        held = [usage.granted.rbac.grants[n] for n in numbers]
        if (
            expected.binding(binding)
            or not any(_recorded(g) for g in held)
            or any(n in usage.by_grant for n in numbers)
            or any(usage.hides(g, rule) for g in held for rule in g.role.rules)
        ):
            continue
        edits = (Edit(binding.ref, binding.origin, "remove"),)
        told = f"nothing that it gives was used {days}"
        yield Fact("identity.unused-binding", str(binding.ref), binding.ref, told, (at(binding),), edits)
    yield from _rules(usage, expected, days)


def _recorded(grant: Grant) -> bool:
    """Has the role a rule whose use a log would show?"""
    return any(not UNRECORDED.issuperset(rule.verbs) for rule in grant.role.rules)


def _rules(usage: Usage, expected: Expected, days: str) -> Iterator[Fact]:
    used: set[tuple[int, int]] = set()
    roles: dict[int, AnyRole] = {}
    idle: dict[int, dict[int, str]] = {}
    for number, grant in enumerate(usage.granted.rbac.grants):
        for i, rule in enumerate(grant.role.rules):
            source, index = grant.role.at(i)
            roles[id(source)] = source
            if (number, i) in usage.by_rule or usage.hides(grant, rule):
                used.add((id(source), index))
            elif number not in usage.by_grant:
                continue
            elif not UNRECORDED.intersection(rule.verbs) and not expected.rule(source, rule):
                idle.setdefault(id(source), {})[index] = summary(rule)
    for key, rules in idle.items():
        left = {i: text for i, text in sorted(rules.items()) if (key, i) not in used}
        if left:
            role = roles[key]
            told = "; ".join([*left.values()][:SHOWN]) + (f" and {len(left) - SHOWN} more" if len(left) > SHOWN else "")
            yield Fact(
                "identity.unused-rule",
                str(role.ref),
                role.ref,
                f"used by nobody {days}: {told}",
                tuple(at(role, "rules", i, value=text) for i, text in left.items()),
                tuple(Edit(role.ref, role.origin, "remove", ("rules", i)) for i in sorted(left, reverse=True)),
            )
