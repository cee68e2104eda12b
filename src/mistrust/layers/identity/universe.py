"""What there is to have access to, so that `*` can be counted: one bit for each verb on each resource or URL."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import reduce
from operator import and_, or_

from mistrust.layers.identity.boxes import Box, Bundle
from mistrust.layers.identity.resources import Resource
from mistrust.layers.identity.strings import Strings, Wide

ONE_NAMESPACE = frozenset({"get", "update", "patch", "delete"})
"""Verbs on one Namespace object: they are authorized inside it (k8s.io/apiserver/pkg/endpoints/request)."""


class Universe:
    """The resources and URLs of an API server, and the namespaces of a cluster."""

    def __init__(self, resources: Sequence[Resource], namespaces: Iterable[str], urls: Sequence[str] = ()) -> None:
        self.resources = tuple(resources)
        self.namespaces = frozenset(namespaces)
        places = [(verb, r) for r in resources for verb in r.verbs]
        self._resources = len(places)
        self.in_namespaces = _bits(_inside(verb, r) for verb, r in places)
        self._sides = (
            _Side([verb for verb, _ in places]),
            _Side([r.group for _, r in places]),
            _Side([r.resource for _, r in places]),
        )
        self._urls = (_Side(["get" for _ in urls]), _Side(list(urls)))
        self._points: list[tuple[str, ...]] = [(verb, r.group, r.resource) for verb, r in places]
        self._points += (("get", url) for url in urls)
        self._known: dict[Bundle, int] = {}

    def places(self, bundle: Bundle) -> int:
        """The verbs on resources (or, above them, on URLs) that a bundle holds for some name, as bits."""
        found = self._known.get(bundle)
        if found is None:
            found = self._known[bundle] = reduce(or_, map(self._places, bundle.boxes), 0)
        return found

    def union(self, bundles: Iterable[Bundle]) -> int:
        """The places of several bundles together."""
        return reduce(or_, map(self.places, bundles), 0)

    def place(self, point: tuple[str, ...]) -> int:
        """The bit of one access (`Access.point`), whatever its name; 0 for what does not exist."""
        sides = self._urls if len(point) == 2 else self._sides
        found = reduce(and_, (side.exactly(value) for side, value in zip(sides, point, strict=False)))
        return found << self._resources if len(point) == 2 else found

    def of_verbs(self, verbs: Iterable[str]) -> int:
        """The places of resources with one of these verbs."""
        return reduce(or_, (self._sides[0].exactly(verb) for verb in verbs), 0)

    def where(self, holds: Callable[[tuple[str, ...]], bool]) -> int:
        """The places of which something holds: of (verb, group, resource), or of (verb, URL)."""
        return _bits(map(holds, self._points))

    def verbs(self, group: str, resource: str) -> tuple[str, ...]:
        """The verbs of a resource; none for one that is not known."""
        return tuple(v for r in self.resources if (r.group, r.resource) == (group, resource) for v in r.verbs)

    def witness(self, bundle: Bundle, *, inside: bool) -> tuple[str, ...] | None:
        """A point of the bundle that exists; with `inside` only among what is in namespaces."""
        places = self.places(bundle) & (self.in_namespaces if inside else -1)
        if not places:
            return None
        first = places & -places
        box = next(box for box in bundle.boxes if self._places(box) & first)
        point = self._points[first.bit_length() - 1]
        return point if box.of_urls else (*point, box.sides[3].example(("",)))

    def _places(self, box: Box) -> int:
        if box.of_urls:
            return (self._urls[0][box.sides[0]] & self._urls[1][box.sides[1]]) << self._resources
        verbs, groups, resources, _ = box.sides
        return self._sides[0][verbs] & self._sides[1][groups] & self._sides[2][resources]


class _Side:
    """One value a place; answers which places a set of strings holds.

    The places of an exclusive-or are the exclusive-or of the places.
    """

    def __init__(self, values: list[str]) -> None:
        self._values = values
        self._exact: dict[str, int] = {}
        for i, value in enumerate(values):
            self._exact[value] = self._exact.get(value, 0) | 1 << i
        self._wide: dict[Wide, int] = {}

    def exactly(self, value: str) -> int:
        """The places of one value."""
        return self._exact.get(value, 0)

    def __getitem__(self, wanted: Strings) -> int:
        places = 0
        for wide in wanted.wide:
            if wide not in self._wide:
                self._wide[wide] = _bits(value in wide for value in self._values)
            places ^= self._wide[wide]
        for value in wanted.turned:
            places ^= self._exact.get(value, 0)
        return places


def _inside(verb: str, resource: Resource) -> bool:
    one = resource.group == "" and resource.resource.partition("/")[0] == "namespaces" and verb in ONE_NAMESPACE
    return resource.namespaced or one


def _bits(values: Iterable[bool]) -> int:
    return sum(1 << i for i, value in enumerate(values) if value)
