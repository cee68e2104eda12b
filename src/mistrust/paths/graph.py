"""Footholds and what leads from one to the next, as columns of integers.

Every edge says: who holds the source holds the target. A `Joint` says so of several sources at once. Subjects and
targets are never multiplied: a right leads to a capability in a namespace, and the capability to what is there.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Sequence

import msgspec

Key = tuple[str | int, ...]
"""Names a node the same way whatever order the objects came in: `("pod", 3)`, `("gain", "secrets", "kube-system")`."""


class Reason(msgspec.Struct, frozen=True, order=True, gc=False):
    """Why an edge leads on; shared by all edges of one kind."""

    name: str
    """`step` for a step of the catalog, else a word of `structure`."""
    step: int = -1
    """Index of the step."""
    hops: int = 0
    """0 for what needs no act of the attacker (a group's member has the group's rights)."""
    cost: float = 0.0
    assumes: str = ""

    @property
    def weight(self) -> int:
        """Hops before cost, in one number."""
        return self.hops * HOP + round(self.cost * MILLI)


MILLI = 1_000
HOP = 1_000 * 1_000 * MILLI
"""More than any path's costs add up to."""


class Joint(msgspec.Struct, frozen=True, gc=False):
    """All the sources together give the target."""

    sources: tuple[int, ...]
    target: int
    reason: int


class Graph(msgspec.Struct, frozen=True):
    """Nodes by index, edges by column; parallel edges are allowed."""

    keys: Sequence[Key]
    ids: dict[Key, int]
    source: array[int]
    target: array[int]
    reason: array[int]
    joints: tuple[Joint, ...]
    reasons: tuple[Reason, ...]


class Sketch:
    """A graph that is being drawn."""

    def __init__(self) -> None:
        self.keys: list[Key] = []
        self.ids: dict[Key, int] = {}
        self.source = array("i")
        self.target = array("i")
        self.reason = array("i")
        self.joints: dict[Joint, None] = {}
        self.reasons: dict[Reason, int] = {}

    def node(self, *key: str | int) -> int:
        """The index of a node, new or known."""
        index = self.ids.get(key)
        if index is None:
            index = self.ids[key] = len(self.keys)
            self.keys.append(key)
        return index

    def why(self, reason: Reason) -> int:
        """The index of a reason."""
        return self.reasons.setdefault(reason, len(self.reasons))

    def edge(self, source: int, target: int, reason: int) -> None:
        """Who holds the source holds the target."""
        if source == target:
            return
        self.source.append(source)
        self.target.append(target)
        self.reason.append(reason)

    def joint(self, sources: Iterable[int], target: int, reason: int) -> None:
        """Who holds all the sources holds the target."""
        together = tuple(sorted(set(sources)))
        if target in together:
            return
        if len(together) == 1:
            self.edge(together[0], target, reason)
        else:
            self.joints[Joint(together, target, reason)] = None

    def done(self) -> Graph:
        """The graph as a value."""
        return Graph(
            self.keys, self.ids, self.source, self.target, self.reason, tuple(self.joints), tuple(self.reasons)
        )
