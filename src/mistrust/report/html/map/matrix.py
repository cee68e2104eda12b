"""A scene as a matrix: who comes is a row, where to is a column, a flow is a square."""

from __future__ import annotations

from collections.abc import Sequence

from mistrust.report.clean import clean, shorten
from mistrust.report.html.map.scene import Box, Scene, names
from mistrust.report.html.markup import Markup, tag

WIDE = 960
LARGEST, SMALLEST = 22, 10
LETTERS = 24
MARGIN = 14
SWEEPS = 8
CORNER = "from ↓ to →"
HUB = 0.3
"""Whoever meets that share of all others stands in front, and brings nobody together."""


def matrix(shown: Scene, title: str) -> Markup:
    """The picture; boxes that meet the same others stand next to each other."""
    order = _order(shown)
    rows = [i for i in order if shown.boxes[i].side != "to" and any(a == i for a, _ in shown.flows)]
    columns = [i for i in order if shown.boxes[i].side != "from" and any(b == i for _, b in shown.flows)]
    cell = max(SMALLEST, min(LARGEST, WIDE // max(1, len(rows), len(columns))))
    letter = min(12.0, cell - 0.5)
    left = MARGIN + letter * 0.6 * max(len(CORNER), *(len(_name(shown.boxes[i])) for i in rows), 0)
    top = MARGIN + letter * 0.6 * max((len(_name(shown.boxes[i])) for i in columns), default=0)
    across, down = {i: n for n, i in enumerate(columns)}, {i: n for n, i in enumerate(rows)}
    parts = [
        _lines(len(rows), len(columns), cell),
        tag("text", CORNER, x=-6, y=-6, class_="name row hint"),
    ]
    for i, n in down.items():
        parts.append(_label(shown.boxes[i], -6, (n + 0.5) * cell + letter * 0.34, "row", i))
    for i, n in across.items():
        parts.append(_label(shown.boxes[i], (n + 0.5) * cell + letter * 0.34, -6, "column", i))
    for (a, b), flow in sorted(shown.flows.items()):
        who = (
            f"among {names([shown.boxes[a]], 5)}" if a == b else " → ".join(names([shown.boxes[i]], 5) for i in (a, b))
        )
        parts.append(
            tag(
                "rect",
                tag("title", f"{who}: {flow}"),
                x=across[b] * cell + 1,
                y=down[a] * cell + 1,
                width=cell - 2,
                height=cell - 2,
                class_=f"flow t-{flow.tone}{' unsure' if flow.unsure else ''}",
                data_a=a,
                data_b=b,
            )
        )
    width, height = left + len(columns) * cell + MARGIN, top + len(rows) * cell + MARGIN
    return tag(
        "svg",
        tag("title", title),
        tag("g", *parts, transform=f"translate({left:.0f} {top:.0f})"),
        viewBox=f"0 0 {width:.0f} {height:.0f}",
        width=width,
        height=height,
        role="group",
        font_size=letter,
        class_="map matrix",
    )


def _name(box: Box) -> str:
    first = box.members[0] if box.members else box.name
    more = f" +{len(box.members) - 1:,}" if len(box.members) > 1 else ""
    return shorten(clean(first), LETTERS - len(more)) + more


def _lines(rows: int, columns: int, cell: int) -> Markup:
    d = "".join(f"M0,{n * cell}H{columns * cell}" for n in range(rows + 1))
    d += "".join(f"M{n * cell},0V{rows * cell}" for n in range(columns + 1))
    return tag("path", d=d, class_="grid")


def _label(box: Box, x: float, y: float, kind: str, number: int) -> Markup:
    turn = f"rotate(-90 {x:g} {y:g})" if kind == "column" else None
    loose = " open" if box.size and not box.limited else ""
    words = tag("text", tag("title", names([box], 60)), _name(box), x=x, y=y, transform=turn, class_=f"name {kind}")
    return tag(
        "a",
        words,
        href=box.href or None,
        tabindex=None if box.href else "0",
        class_=f"box {box.kind}{loose}",
        data_n=number,
    )


def _order(shown: Scene) -> Sequence[int]:
    """The Internet first, then the hubs; then each near those that it meets, by barycentre sweeps."""
    near: list[set[int]] = [set() for _ in shown.boxes]
    for a, b in shown.flows:
        near[a].add(b)
        near[b].add(a)
    hubs = {i for i, those in enumerate(near) if len(those) > HUB * len(near)}
    first = {i: (b.kind != "internet", i not in hubs) for i, b in enumerate(shown.boxes)}
    order = sorted(range(len(near)), key=lambda i: (first[i], -len(near[i]), i))
    for _ in range(SWEEPS):
        at = {v: n for n, v in enumerate(order)}
        closest = {v: those - hubs for v, those in enumerate(near)}
        middle = {v: sum(at[w] for w in those) / len(those) if those else at[v] for v, those in closest.items()}
        order.sort(key=lambda v: (first[v], middle[v], at[v]))
    return order
