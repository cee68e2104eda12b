"""Attack paths as one picture: footholds that play the same part share a box; hops are labelled, changes numbered."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from mistrust.access.telling import listed
from mistrust.paths.path import Change, Foothold, Path
from mistrust.report.assessment import rests_on
from mistrust.report.clean import clean, shorten
from mistrust.report.html.drawing import Area, along, curve, meet
from mistrust.report.html.markup import NOTHING, Markup, joined, tag, text
from mistrust.report.layout import Point, layout
from mistrust.report.words import count

BOXES = 32
"""More than that nobody can read; the table has every path."""
SIZE: Point = (172, 46)
GAP: Point = (54, 20)
MARGIN = 14
STEP = 20
"""Letters of a step's name."""
LARGE = 1500
"""Wider than that a picture is drawn a little smaller and scrolls; up to that it shrinks to the page."""


class Box(msgspec.Struct, frozen=True):
    """Footholds of one kind that are entered by the same hops and left by the same hops."""

    members: tuple[Foothold, ...]
    part: str
    """`start`, `target` or empty."""


class Arrow(msgspec.Struct, frozen=True):
    """All hops of one step from one box to another."""

    source: int
    target: int
    step: str
    how: str
    paths: tuple[int, ...]
    changes: tuple[int, ...]


class Graph(msgspec.Struct, frozen=True):
    """What is drawn; `shown` is how many of the paths, from the first, are in it."""

    boxes: tuple[Box, ...]
    arrows: tuple[Arrow, ...]
    shown: int


def graph(paths: Sequence[Path], changes: Sequence[Change] = ()) -> Graph:
    """The union of the first paths, as many as can be read."""
    shown = len(paths)
    while True:
        drawn = _graph(paths[:shown], changes)
        if len(drawn.boxes) <= BOXES or shown <= 1:
            return drawn
        shown = max(1, shown * 2 // 3)


def _graph(paths: Sequence[Path], changes: Sequence[Change]) -> Graph:
    starts, targets = {p.start for p in paths}, {p.target for p in paths}
    hops: dict[tuple[Foothold, Foothold, str], tuple[str, dict[int, None], frozenset[int]]] = {}
    for number, path in enumerate(paths):
        for hop in path.hops:
            cutting = frozenset(i for i, c in enumerate(changes) if rests_on(hop, c))
            for source, step in ((hop.source, hop.step), *((f, "also") for f in hop.also)):
                how, on, cut = hops.setdefault((source, hop.target, step), (hop.how, {}, frozenset()))
                on[number] = None
                hops[source, hop.target, step] = (how, on, cut | cutting)
    footholds = list(dict.fromkeys([*(p.start for p in paths), *(f for a, b, _ in hops for f in (a, b))]))
    part = {f: "start" if f in starts or f.kind == "internet" else "target" if f in targets else "" for f in footholds}
    role = _roles(footholds, part, {key: value[2] for key, value in hops.items()})
    members: dict[int, list[Foothold]] = {}
    for f in footholds:
        members.setdefault(role[f], []).append(f)
    index = {r: i for i, r in enumerate(members)}
    merged: dict[tuple[int, int, str], tuple[str, dict[int, None], frozenset[int]]] = {}
    for (a, b, step), (how, on, cut) in hops.items():
        key = (index[role[a]], index[role[b]], step)
        before = merged.get(key, (how, {}, frozenset()))
        merged[key] = (before[0], {**before[1], **on}, before[2] | cut)
    return Graph(
        tuple(Box(tuple(fs), part[fs[0]]) for fs in members.values()),
        tuple(Arrow(a, b, s, how, tuple(on), tuple(sorted(cut))) for (a, b, s), (how, on, cut) in merged.items()),
        len(paths),
    )


def _roles(
    footholds: Sequence[Foothold],
    part: Mapping[Foothold, str],
    hops: Mapping[tuple[Foothold, Foothold, str], frozenset[int]],
) -> dict[Foothold, int]:
    """The parts that footholds play: the coarsest division, found by refining.

    Two play the same part if they have hops of the same steps, cut by the same changes, from and to the same parts.
    """
    role: dict[Foothold, int] = {}
    found: dict[object, int] = {}
    for f in footholds:
        role[f] = found.setdefault((f.kind, _kind(f), part[f]), len(found))
    while True:
        sides: dict[Foothold, set[tuple[str, int, str, frozenset[int]]]] = {f: set() for f in footholds}
        for (a, b, step), cut in hops.items():
            sides[a].add(("out", role[b], step, cut))
            sides[b].add(("in", role[a], step, cut))
        parts: dict[object, int] = {}
        finer = {f: parts.setdefault((role[f], frozenset(sides[f])), len(parts)) for f in footholds}
        if len(parts) == len(found):
            return role
        role, found = finer, parts


def _kind(foothold: Foothold) -> str:
    return foothold.name.split(" ")[0] if " " in foothold.name else ""


def picture(drawn: Graph) -> Markup:
    """The graph as SVG; `data-paths` and `data-changes` tell the page what fades when a change is made."""
    edges = [(a.source, a.target) for a in drawn.arrows]
    starts = [i for i, b in enumerate(drawn.boxes) if b.part == "start"]
    labels = [7.0 * min(len(a.step), STEP) + 44 if a.step else 60.0 if a.changes else 0.0 for a in drawn.arrows]
    placed = layout(len(drawn.boxes), edges, size=SIZE, gap=GAP, labels=labels, first=starts)
    on = [
        tuple(sorted({p for a in drawn.arrows if i in (a.source, a.target) for p in a.paths}))
        for i in range(len(drawn.boxes))
    ]
    drawable = [(arrow, points) for arrow, points in zip(drawn.arrows, placed.edges, strict=True) if points]
    taken: list[Area] = []
    arrows = [_curve(arrow, points) for arrow, points in drawable]
    names = [_label(arrow, points, edges, taken) for arrow, points in drawable]
    boxes = [_box(box, at, paths) for box, at, paths in zip(drawn.boxes, placed.nodes, on, strict=True)]
    width, height = placed.width + 2 * MARGIN, placed.height + 2 * MARGIN
    scale = 1 if width <= LARGE else 0.85
    size = f"{count(drawn.shown, 'attack path')} through {count(len(drawn.boxes), 'box', 'boxes')}"
    head = tag(
        "marker",
        tag("path", d="M0,0 L8,4 L0,8 z", class_="tip"),
        id="tip",
        viewBox="0 0 8 8",
        refX="7",
        refY="4",
        markerWidth="8",
        markerHeight="8",
        orient="auto",
    )
    return tag(
        "svg",
        tag("title", f"{size}; the tables below say the same"),
        tag("defs", head),
        tag("g", *arrows, *names, *boxes, transform=f"translate({MARGIN} {MARGIN})"),
        viewBox=f"0 0 {width:g} {height:g}",
        width=width * scale,
        height=height * scale,
        role="img",
        class_="picture large" if scale < 1 else "picture",
    )


def _numbers(numbers: Sequence[int]) -> str:
    return " ".join(map(str, numbers))


def _curve(arrow: Arrow, points: Sequence[Point]) -> Markup:
    kind = "hop" if arrow.step else "hop itself"
    return tag(
        "path",
        tag("title", arrow.how),
        d=curve(points),
        class_=kind,
        marker_end="url(#tip)",
        data_paths=_numbers(arrow.paths),
        data_changes=_numbers(arrow.changes),
    )


def _label(arrow: Arrow, points: Sequence[Point], edges: Sequence[tuple[int, int]], taken: list[Area]) -> Markup:
    """Along the end where fewer edges meet, where no other label stands yet."""
    if not arrow.step and not arrow.changes:
        return NOTHING
    entering = sum(1 for _, b in edges if b == arrow.target)
    leaving = sum(1 for a, _ in edges if a == arrow.source)
    first, last = (points[0], points[1]) if entering >= leaving else (points[-2], points[-1])
    words = shorten(clean(arrow.step), STEP)
    half, below = max(3.2 * len(words), 9.0 * len(arrow.changes)), 20 if arrow.changes else 0
    spots = along(first, last)
    areas = [(x - half, y - 14, x + half, y + below) for x, y in spots]
    best = next((i for i, area in enumerate(areas) if not any(meet(area, other) for other in taken)), 0)
    taken.append(areas[best])
    x, y = spots[best]
    badges = []
    for i, change in enumerate(arrow.changes):
        at = x + 17 * (i - (len(arrow.changes) - 1) / 2)
        number = tag("text", str(change + 1), x=at, y=y + 15.5, text_anchor="middle")
        badges.append(tag("g", tag("circle", r=8, cx=at, cy=y + 12), number, class_="badge"))
    label = tag("text", words, x=x, y=y - 5, text_anchor="middle") if words else NOTHING
    return tag("g", tag("title", arrow.how), label, *badges, class_="label", data_paths=_numbers(arrow.paths))


def _box(box: Box, at: Point, paths: Sequence[int]) -> Markup:
    first = box.members[0]
    kind = _kind(first) or first.kind
    name = first.name.removeprefix(kind).strip() or ("" if kind == first.kind else first.kind)
    more = len(box.members) - 1
    line = shorten(clean(name), 23 - (len(f" +{more:,}") if more else 0))
    x, y = at[0] - SIZE[0] / 2, at[1] - SIZE[1] / 2
    everyone = listed(map(str, box.members), 30)
    lines = [tag("text", shorten(clean(kind), 24), x=x + 12, y=at[1] - 5 if line or more else at[1] + 4, class_="kind")]
    if line or more:
        extra = tag("tspan", f" +{more:,}", class_="more") if more else NOTHING
        lines.append(tag("text", joined([text(line), extra]), x=x + 12, y=at[1] + 13, class_="name"))
    return tag(
        "g",
        tag("title", everyone),
        tag("rect", x=x, y=y, width=SIZE[0], height=SIZE[1], rx=9),
        *lines,
        class_=f"box {box.part} {clean(first.kind) if first.kind.isalpha() else ''}".strip(),
        data_paths=_numbers(paths),
    )
