"""What a selector that chooses nothing today would choose, and what its writer may have meant."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from difflib import SequenceMatcher

import msgspec

from mistrust.kube.endpoints import NAMESPACE_NAME, Endpoint
from mistrust.kube.selectors import matches
from mistrust.layers.network.engine.selectors import plain
from mistrust.layers.network.statements.rules import Chosen, Selector

ALIKE = 0.8
"""From here on two words are taken for one misspelt (difflib's ratio)."""

Spaces = Mapping[str, Mapping[str, str]]


class Meant(msgspec.Struct, frozen=True):
    """A label that was asked for, and one like it that exists."""

    wanted: str
    """`app=dashbord`."""
    found: str
    """`app=dashboard`."""
    where: str
    """The object that has it."""

    def __str__(self) -> str:
        return f"{self.wanted} is nearly {self.found} of {self.where}"


def words(selector: Selector) -> str:
    """`app=x, tier in (a, b)`; empty for what selects everything.

    >>> words(Selector((("app", "x"),), (("tier", "NotIn", ("a",)),)))
    'app=x, tier not in (a)'
    """
    parts = [f"{k}={v}" for k, v in selector.labels]
    for key, operator, values in selector.needs:
        held = f"({', '.join(values)})"
        parts.append(
            {
                "In": f"{key} in {held}",
                "NotIn": f"{key} not in {held}",
                "Exists": f"any {key}",
                "DoesNotExist": f"no {key}",
            }.get(operator, key)
        )
    return ", ".join(parts)


def future(chosen: Chosen) -> str:
    """The pods that it will choose as soon as there are any: `pods with app=x in Namespace shop`."""
    pods = words(chosen.pods)
    told = f"pods with {pods}" if pods else "every pod"
    if chosen.namespace:
        return f"{told} in Namespace {chosen.namespace}"
    spaces = words(chosen.namespaces)
    return f"{told} in namespaces with {spaces}" if spaces else told


def meant(chosen: Chosen, pods: Iterable[Endpoint], spaces: Spaces) -> Meant | None:
    """A pod, or a namespace, that one misspelt label keeps a selector from choosing; the first by name."""
    found = [m for end in pods for m in _pod(chosen, end, spaces)]
    if not chosen.namespace:
        for name, labels in spaces.items():
            found += _near(chosen.namespaces, labels, f"Namespace {name}")
    return min(found, key=lambda m: (m.wanted, m.found, m.where), default=None)


def _pod(chosen: Chosen, end: Endpoint, spaces: Spaces) -> Iterator[Meant]:
    if not end.host_network and _at_home(chosen, end, spaces):
        yield from _near(chosen.pods, end.labels, str(end.source.ref))


def _at_home(chosen: Chosen, end: Endpoint, spaces: Spaces) -> bool:
    if chosen.namespace:
        return end.namespace == chosen.namespace
    return matches(plain(chosen.namespaces), spaces.get(end.namespace, {NAMESPACE_NAME: end.namespace}))


def chooses(chosen: Chosen, end: Endpoint, spaces: Spaces) -> bool:
    """Do the selectors fit this pod, whatever network it is on?"""
    return _at_home(chosen, end, spaces) and matches(plain(chosen.pods), end.labels)


def _near(selector: Selector, labels: Mapping[str, str], where: str) -> Iterator[Meant]:
    """The one label that is missing, if there is one with almost the same value or almost the same key."""
    missing = [(k, v) for k, v in selector.labels if labels.get(k) != v]
    rest = Selector(tuple(pair for pair in selector.labels if pair not in missing), selector.needs)
    if len(missing) != 1 or not matches(plain(rest), labels):
        return
    (key, value), wanted = missing[0], "=".join(missing[0])
    if key in labels:
        if alike(value, labels[key]):
            yield Meant(wanted, f"{key}={labels[key]}", where)
        return
    yield from (Meant(wanted, f"{k}={v}", where) for k, v in labels.items() if v == value and alike(key, k))


def alike(a: str, b: str) -> bool:
    """Are two words nearly the same? Words of one letter never are, nor those that differ in a number.

    >>> alike("dashbord", "dashboard"), alike("web-1", "web-2"), alike("frontend", "backend")
    (True, False, False)
    """
    if a == b or min(len(a), len(b)) < 2 or [c for c in a if c.isdigit()] != [c for c in b if c.isdigit()]:
        return False
    return SequenceMatcher(None, a.lower(), b.lower(), autojunk=False).ratio() >= ALIKE
