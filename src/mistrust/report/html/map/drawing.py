"""A scene as SVG: boxes in columns and lines between them, laid out here, not by the browser."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from mistrust.report.clean import clean, shorten
from mistrust.report.html.drawing import Area, along, curve, meet
from mistrust.report.html.map.flow import Flow, Tone, ports_words
from mistrust.report.html.map.scene import Box, Pair, Scene, busiest, folded, names
from mistrust.report.html.markup import NOTHING, Markup, tag
from mistrust.report.layout import Layout, Point, layout

BOXES, ARROWS = 26, 30
"""More than that is a hairball; a matrix stays readable."""
ROWS, CELLS = 90, 1_600
SIZE: Point = (176, 48)
GAP: Point = (64, 20)
MARGIN = 16
LABELS = 16
"""With more lines than that, ports are told by pointing at them."""
PORTS = 20
"""Letters of a line's label."""
RING = "a9,9 0 1 1 4,13"
"""What stands in the corner of a box whose members may talk to each other."""
WIDE = 1_600
"""Up to that a diagram shrinks to the page."""


def fitted(whole: Scene) -> Scene:
    """What can be shown of a scene: what plays the same part as one, and of what is still too much the busiest."""
    few = folded(whole, LABELS)
    return few if len(few.boxes) <= BOXES and few.arrows <= ARROWS else busiest(few, ROWS, CELLS)


def placed(shown: Scene) -> Layout | None:
    """Where the boxes of a fitted scene stand; None where a diagram would be crowded, or wider than a page."""
    if len(shown.boxes) > BOXES or shown.arrows > ARROWS:
        return None
    lines = _lines(shown)
    labels = [7.0 * len(_ports(flow)) + 40 if _told(lines, flow) else 0.0 for _, flow, _ in lines]
    first = [i for i, b in enumerate(shown.boxes) if b.kind == "internet" or b.side == "from"]
    found = layout(len(shown.boxes), [p for p, _, _ in lines], size=SIZE, gap=GAP, labels=labels, first=first)
    return found if found.width <= WIDE else None


def diagram(shown: Scene, at: Layout, title: str) -> Markup:
    """Boxes and lines, from left to right."""
    lines = _lines(shown)
    ends = _spread([p for p, _, _ in lines], at)
    taken: list[Area] = []
    strokes, words = [], []
    for (pair, flow, both), points in zip(lines, ends, strict=True):
        strokes.append(_line(shown, pair, flow, points, both=both))
        if _told(lines, flow):
            words.append(_label(_ports(flow), points, taken))
    boxes = [
        _box(b, middle, i, shown.flows.get((i, i)))
        for i, (b, middle) in enumerate(zip(shown.boxes, at.nodes, strict=True))
    ]
    width, height = at.width + 2 * MARGIN, at.height + 2 * MARGIN
    return tag(
        "svg",
        tag("title", title),
        tag("g", *strokes, *words, *boxes, transform=f"translate({MARGIN} {MARGIN})"),
        viewBox=f"0 0 {width:g} {height:g}",
        width=width,
        height=height,
        role="group",
        class_="map",
    )


def _lines(shown: Scene) -> list[tuple[Pair, Flow, bool]]:
    """A line for each flow between two boxes; there and back is one line if they look alike."""
    lines = []
    ports = shown.arrows <= LABELS
    for (a, b), flow in sorted(shown.flows.items()):
        back = shown.flows.get((b, a))
        alike = back is not None and _look(flow, ports=ports) == _look(back, ports=ports)
        if a != b and not (alike and b < a):
            lines.append(((a, b), flow, alike))
    return lines


def _told(lines: Sequence[tuple[Pair, Flow, bool]], flow: Flow) -> bool:
    """Are its ports written on the line?"""
    return len(lines) <= LABELS and bool(flow.ports)


def _look(flow: Flow, *, ports: bool) -> tuple[Tone, bool, str]:
    return flow.tone, flow.unsure > 0, str(flow.ports) if ports else ""


def _ports(flow: Flow) -> str:
    return shorten(ports_words(flow.ports), PORTS)


def _spread(pairs: Sequence[Pair], placed: Layout) -> list[tuple[Point, ...]]:
    """The lines with their ends next to each other on the side of a box, not in one point."""
    sides: dict[tuple[int, float], list[tuple[float, int, int]]] = {}
    for n, (pair, points) in enumerate(zip(pairs, placed.edges, strict=True)):
        for end, beside in ((0, 1), (-1, -2)):
            sides.setdefault((pair[end], points[end][0]), []).append((points[beside][1], n, end))
    moved: Mapping[int, list[Point]] = {n: list(points) for n, points in enumerate(placed.edges)}
    for several in sides.values():
        step = min(11.0, (SIZE[1] - 14) / max(1, len(several) - 1))
        for place, (_, n, end) in enumerate(sorted(several)):
            x, y = moved[n][end]
            moved[n][end] = (x, y + (place - (len(several) - 1) / 2) * step)
    return [tuple(points) for points in moved.values()]


def told(shown: Scene, pair: Pair, *, both: bool = False) -> str:
    """What pointing at a flow says, and at a line that stands for there and back."""
    a, b = (names([shown.boxes[i]], 5) for i in pair)
    there, back = shown.flows[pair], shown.flows.get((pair[1], pair[0]))
    if not both or back is None:
        return f"{a} → {b}: {there}"
    return f"{a} ⇄ {b}: {there}" if str(there) == str(back) else f"{a} → {b}: {there}; {b} → {a}: {back}"


def _line(shown: Scene, pair: Pair, flow: Flow, points: Sequence[Point], *, both: bool) -> Markup:
    d = curve(points)
    kind = f"flow t-{flow.tone} w{flow.weight}{' both' if both else ''}{' unsure' if flow.unsure else ''}"
    tube = tag("path", d=d, class_="core") if flow.tone is Tone.ENFORCED and not flow.unsure else NOTHING
    return tag(
        "g",
        tag("title", told(shown, pair, both=both)),
        tag("path", d=d, class_="hit"),
        tag("path", d=d, class_="line"),
        tube,
        class_=kind,
        data_a=pair[0],
        data_b=pair[1],
    )


def _label(words: str, points: Sequence[Point], taken: list[Area]) -> Markup:
    half = 3.2 * len(words)
    spots = along(points[0], points[1])
    areas = [(x - half, y - 14, x + half, y + 3) for x, y in spots]
    best = next((i for i, area in enumerate(areas) if not any(meet(area, other) for other in taken)), 0)
    taken.append(areas[best])
    return tag("text", words, x=spots[best][0], y=spots[best][1] - 6, class_="ports")


def _box(box: Box, at: Point, number: int, inner: Flow | None) -> Markup:
    x, y = at[0] - SIZE[0] / 2, at[1] - SIZE[1] / 2
    note = shorten(clean(box.note), 23)
    everyone = names([box], 60)
    within = f" · among themselves: {inner}" if inner else ""
    guard = f" · incoming limited for {box.limited:,} of {box.size:,}" if box.size else ""
    parts = [
        tag("title", f"{everyone}{guard}{within}"),
        tag("rect", x=x, y=y, width=SIZE[0], height=SIZE[1], rx=10),
        tag("text", shorten(clean(box.title), 20), x=x + 13, y=at[1] - 3 if note else at[1] + 4, class_="name"),
        tag("text", note, x=x + 13, y=at[1] + 14, class_="note") if note else NOTHING,
    ]
    if inner:
        loop = f"M{x + SIZE[0] - 34:.0f},{y + 13:.0f}{RING}"
        kind = f"inner t-{inner.tone}{' unsure' if inner.unsure else ''}"
        parts.append(tag("path", d=loop, class_=kind))
    return tag(
        "a",
        *parts,
        href=box.href or None,
        tabindex=None if box.href else "0",
        class_=f"box {_kind(box)}",
        data_n=number,
    )


def _kind(box: Box) -> str:
    """The classes of a box: its kind, its side, and whether nothing limits what comes in."""
    loose = "open" if box.size and not box.limited and box.kind != "internet" else ""
    return " ".join(part for part in (box.kind, "outside" if box.side else "", loose) if part)
