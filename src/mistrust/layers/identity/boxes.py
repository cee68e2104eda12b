"""Rules as boxes: every verb of one set on every resource of another. Unions of boxes are closed under difference."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import lru_cache

import msgspec

from mistrust.kube.rbac import PolicyRule
from mistrust.layers.identity.strings import ALL_STRINGS, Strings, exactly, listed, resources, urls


class Box(msgspec.Struct, frozen=True, gc=False, cache_hash=True):
    """The product of its sides: (verbs, groups, resources, names), or (verbs, URLs)."""

    sides: tuple[Strings, ...]

    @property
    def of_urls(self) -> bool:
        """Is it about URLs that are no resources?"""
        return len(self.sides) == 2

    def holds(self, values: tuple[str, ...]) -> bool:
        """Is this point inside? A point has as many values as the box has sides."""
        return len(values) == len(self.sides) and all(v in side for v, side in zip(values, self.sides, strict=True))

    def example(self) -> tuple[str, ...]:
        """A point inside, without a name if there is such a point."""
        return tuple(side.example(("get", "")) for side in self.sides)


class Bundle(msgspec.Struct, frozen=True, gc=False, cache_hash=True):
    """A union of boxes, which may overlap; one object for all who hold the same rules."""

    boxes: tuple[Box, ...]


Bundles = tuple[Bundle, ...]
"""The union of unions; empty bundles do not occur."""


def bundle_of(rules: Iterable[PolicyRule], *, urls: bool = True) -> Bundles:
    """What rules permit: `rules.permits`, and with `urls` also `rules.permits_url`."""
    found = (box for rule in rules for box in _boxes(rule))
    return _bundle(dict.fromkeys(box for box in found if urls or not box.of_urls))


def union(a: Bundles, b: Bundles) -> Bundles:
    """What is in either."""
    return tuple(dict.fromkeys((*a, *b))) if a and b else a or b


def minus(a: Bundles, b: Bundles) -> Bundles:
    """What is in one union and not in the other."""
    taken = dict.fromkeys(box for bundle in b for box in bundle.boxes)
    left = [box for bundle in a if bundle not in b for box in bundle.boxes if box not in taken]
    for box in taken:
        if not left:
            break
        left = [piece for each in left for piece in _without(each, box)]
    return _bundle(dict.fromkeys(left))


def _bundle(boxes: Iterable[Box]) -> Bundles:
    found = tuple(boxes)
    return (Bundle(found),) if found else ()


def _without(box: Box, taken: Box) -> Iterator[Box]:
    """What is left is cut side by side: outside in the first side, else inside there and outside in the second ..."""
    if len(box.sides) != len(taken.sides):
        yield box
        return
    common = tuple(mine & theirs for mine, theirs in zip(box.sides, taken.sides, strict=True))
    if not all(common):
        yield box
        return
    for i, (mine, inside) in enumerate(zip(box.sides, common, strict=True)):
        if outside := mine ^ inside:
            yield Box((*common[:i], outside, *box.sides[i + 1 :]))


@lru_cache(1 << 16)
def _boxes(rule: PolicyRule) -> tuple[Box, ...]:
    verbs = listed(rule.verbs)
    names = exactly(rule.resource_names) if rule.resource_names else ALL_STRINGS
    found = (
        Box((verbs, listed(rule.api_groups), resources(rule.resources), names)),
        Box((verbs, urls(rule.non_resource_urls))),
    )
    return tuple(box for box in found if all(box.sides))
