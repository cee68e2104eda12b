"""Lines of a picture."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from mistrust.report.layout import Point

Area = tuple[float, float, float, float]
"""Left, top, right, bottom."""


def curve(points: Sequence[Point]) -> str:
    """The `d` of a path that runs through the points, and is level at each."""
    d = f"M{points[0][0]:.0f},{points[0][1]:.0f}"
    for (x0, y0), (x1, y1) in pairwise(points):
        bend = (x1 - x0) / 2
        d += f" C{x0 + bend:.0f},{y0:.0f} {x1 - bend:.0f},{y1:.0f} {x1:.0f},{y1:.0f}"
    return d


def along(first: Point, last: Point) -> list[Point]:
    """Points of such a curve between two ends, the middle first: where a label may stand."""
    return [
        (first[0] + (last[0] - first[0]) * t, first[1] + (last[1] - first[1]) * t * t * (3 - 2 * t))
        for t in (0.5, 0.36, 0.64, 0.26, 0.74, 0.18, 0.82)
    ]


def meet(a: Area, b: Area) -> bool:
    """Do two areas overlap?"""
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]
