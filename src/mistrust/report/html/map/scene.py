"""What one picture of the map shows: boxes and the flows between them, those that play the same part as one box."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence

import msgspec

from mistrust.access.telling import listed
from mistrust.report.html.map.flow import Flow, Tone, added
from mistrust.report.words import count

Pair = tuple[int, int]
Style = tuple[Tone, bool, str]
"""Flows of one style look alike: tone, certain or not, ports where they matter."""


class Box(msgspec.Struct, frozen=True):
    """A namespace, an app, a workload, or the Internet."""

    name: str
    kind: str
    """`namespace`, `app`, `workload` or `internet`: boxes of one kind and side may be drawn as one."""
    size: int
    """Workloads in it."""
    limited: int = 0
    """Those of them whose incoming connections a policy limits."""
    side: str = ""
    """`from` or `to` for what stands outside of the picture's subject."""
    href: str = ""
    about: str = ""
    """The second line of one that is not several."""
    members: tuple[str, ...] = ()
    """The names of several, drawn as one."""

    @property
    def title(self) -> str:
        """What stands in it."""
        return count(len(self.members), self.kind) if self.members else self.name

    @property
    def note(self) -> str:
        """The second line."""
        if self.members:
            return listed(self.members, 4)
        return self.about or (count(self.size, "workload") if self.size else "")


class Scene(msgspec.Struct, frozen=True):
    """What is drawn; a flow from a box to itself is what its members may open to each other."""

    boxes: tuple[Box, ...]
    flows: Mapping[Pair, Flow]

    @property
    def arrows(self) -> int:
        """Lines that would be drawn: there and back is one."""
        return len({(min(p), max(p)) for p in self.flows if p[0] != p[1]})


def scene(boxes: Mapping[Hashable, Box], flows: Mapping[tuple[Hashable, Hashable], Flow]) -> Scene:
    """Boxes by key, and the flows between the keys."""
    index = {key: i for i, key in enumerate(boxes)}
    return Scene(tuple(boxes.values()), {(index[a], index[b]): flow for (a, b), flow in flows.items()})


def folded(whole: Scene, lines: int) -> Scene:
    """Boxes with the same flows as one. Ports are told apart where they are written: on no more than so many lines."""
    fine = _fold(whole, lambda flow: (flow.tone, flow.unsure > 0, str(flow.ports)))
    return fine if fine.arrows <= lines else _fold(fine, lambda flow: (flow.tone, flow.unsure > 0, ""))


def _fold(whole: Scene, style: Callable[[Flow], Style]) -> Scene:
    while True:
        parts = _twins(whole, {pair: style(flow) for pair, flow in whole.flows.items()})
        if len(parts) == len(whole.boxes):
            return whole
        whole = joined(whole, parts)


def _twins(whole: Scene, styles: Mapping[Pair, Style]) -> list[list[int]]:
    """Boxes that no flow tells apart: with equal flows to and from all others, and all of them linked among
    themselves in one style, or none."""
    out: list[set[tuple[int, Style]]] = [set() for _ in whole.boxes]
    back: list[set[tuple[int, Style]]] = [set() for _ in whole.boxes]
    for (a, b), style in styles.items():
        if a != b:
            out[a].add((b, style))
            back[b].add((a, style))
    kinds = [(b.kind, b.side, b.limited == 0, b.limited >= b.size) for b in whole.boxes]
    inner = [styles.get((i, i)) for i in range(len(whole.boxes))]
    found: dict[Hashable, list[int]] = {}
    for i, kind in enumerate(kinds):
        found.setdefault((kind, inner[i], frozenset(out[i]), frozenset(back[i])), []).append(i)
    best = list(found.values())
    for style in dict.fromkeys(styles.values()):
        linked: dict[Hashable, list[int]] = {}
        for i, kind in enumerate(kinds):
            loose = inner[i] not in (None, style)
            own = (i, style)
            key = (kind, frozenset(out[i] | {own}), frozenset(back[i] | {own}))
            linked.setdefault(i if loose else key, []).append(i)
        if len(linked) < len(best):
            best = list(linked.values())
    return best


def joined(whole: Scene, parts: Sequence[Sequence[int]]) -> Scene:
    """The boxes of each part as one."""
    part = {i: n for n, several in enumerate(parts) for i in several}
    flows: dict[Pair, list[Flow]] = {}
    for (a, b), flow in whole.flows.items():
        flows.setdefault((part[a], part[b]), []).append(flow)
    boxes = tuple(_one([whole.boxes[i] for i in several]) for several in parts)
    return Scene(boxes, {pair: added(several) for pair, several in flows.items()})


def _one(several: Sequence[Box]) -> Box:
    first = several[0]
    if len(several) == 1:
        return first
    names = tuple(sorted(n for b in several for n in (b.members or (b.name,))))
    return Box(
        names[0],
        first.kind,
        sum(b.size for b in several),
        sum(b.limited for b in several),
        first.side,
        members=names,
    )


def busiest(whole: Scene, boxes: int, cells: int) -> Scene:
    """No more boxes than that and no more flows: those with the fewest flows of each kind are drawn as one."""
    degree = [0] * len(whole.boxes)
    for a, b in whole.flows:
        degree[a] += 1
        degree[b] += 1
    keep = boxes
    while True:
        order = sorted(range(len(whole.boxes)), key=lambda i: (-degree[i], i))
        rest: dict[Hashable, list[int]] = {}
        for i in order[keep:]:
            rest.setdefault((whole.boxes[i].kind, whole.boxes[i].side), []).append(i)
        fewer = joined(whole, [*([i] for i in sorted(order[:keep])), *rest.values()]) if rest else whole
        if len(fewer.flows) <= cells or keep <= 8:
            return fewer
        keep = keep * 3 // 4


def names(boxes: Iterable[Box], most: int = 40) -> str:
    """Everybody in some boxes."""
    return listed([n for b in boxes for n in (b.members or (b.name,))], most)
