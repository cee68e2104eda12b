"""Selectors and ports of policies, whatever kind writes them. What is refused is noted in `wrong`."""

from __future__ import annotations

from collections.abc import Iterable

from mistrust.access.ports import PROTOCOLS, SPAN, Ports
from mistrust.kube.selectors import LabelSelector
from mistrust.layers.network.statements.statement import EVERY, EVERYTHING, Selector, Service

OPERATORS = {"In": True, "NotIn": True, "Exists": False, "DoesNotExist": False}
"""Does the operator take values?"""


def selector(given: LabelSelector | None, wrong: list[str]) -> Selector:
    """The selector as a key; an absent one, where it is asked for, selects everything."""
    if given is None:
        return EVERY
    for need in given.match_expressions:
        takes = OPERATORS.get(need.operator)
        if takes is None:
            wrong.append(f"the operator {need.operator!r} does not exist")
        elif takes != bool(need.values):
            wrong.append(f"{need.operator} on {need.key!r} has {'no' if takes else 'a list of'} values")
    return Selector(
        tuple(sorted(given.match_labels.items())),
        tuple(sorted((n.key, n.operator, tuple(sorted(set(n.values)))) for n in given.match_expressions)),
    )


def span(protocol: str, first: int, last: int, wrong: list[str]) -> Service:
    """Ports from `first` to `last`, both included."""
    if protocol not in PROTOCOLS or not 1 <= first <= last < SPAN:
        wrong.append(f"{protocol} {first} to {last} is no range of ports")
        return EVERYTHING
    return Service(Ports.span(protocol, first, last))


def together(parts: Iterable[Service]) -> Service:
    """All of them as one."""
    ranges: list[tuple[int, int]] = []
    names: set[tuple[str, str]] = set()
    for part in parts:
        ranges += part.ports.ranges
        names.update(part.names)
    return Service(Ports.of(ranges), tuple(sorted(names)))
