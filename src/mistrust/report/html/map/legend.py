"""What the lines, squares and frames of the map mean."""

from __future__ import annotations

from mistrust.report.html.map.drawing import RING
from mistrust.report.html.map.flow import MEANING, ORDER, Tone
from mistrust.report.html.map.scene import Scene
from mistrust.report.html.markup import NOTHING, Markup, tag


def legend(shown: Scene, *, squares: bool) -> Markup:
    """Of one picture: what is in it, and nothing else; `squares` is a matrix."""
    tones = {t for f in shown.flows.values() for t in f.tones}
    items = [tag("li", _sample(t), MEANING[t]) for t in ORDER if t in tones]
    if any(f.unsure and f.tone is not Tone.UNKNOWN for f in shown.flows.values()):
        items.append(tag("li", _sample(Tone.PLAINTEXT, "unsure any"), "dashed: not certain"))
    if not squares and any(a == b for a, b in shown.flows):
        items.append(tag("li", _ring(), "among the members of a box"))
    if any(b.size and not b.limited for b in shown.boxes):
        frame = tag("span", "name", class_="warn") if squares else tag("span", "", class_="frame")
        items.append(tag("li", frame, "no policy limits what comes in"))
    return tag("ul", *items, class_="legend")


def _sample(tone: Tone, more: str = "") -> Markup:
    line = tag("path", d="M1,6H33", class_="line")
    core = tag("path", d="M1,6H33", class_="core") if tone is Tone.ENFORCED else NOTHING
    return tag(
        "svg",
        tag("g", line, core, class_=f"flow t-{tone} w2 {more}".strip()),
        width=34,
        height=12,
        class_="map sample",
        aria_hidden="true",
    )


def _ring() -> Markup:
    return tag(
        "svg",
        tag("path", d=f"M3,5{RING}", class_="inner"),
        width=22,
        height=20,
        class_="map sample",
        aria_hidden="true",
    )


def tips() -> Markup:
    """The heads of the arrows, for all pictures of the page."""
    tip = tag("path", d="M0,0 L8,4 L0,8 z")
    heads = [
        tag(
            "marker",
            tip,
            id=f"tip-{t}",
            class_=f"tip t-{t}",
            viewBox="0 0 8 8",
            refX="7",
            refY="4",
            markerWidth="9",
            markerHeight="9",
            markerUnits="userSpaceOnUse",
            orient="auto-start-reverse",
        )
        for t in ORDER
    ]
    return tag("svg", tag("defs", *heads), width=0, height=0, class_="sprite", aria_hidden="true")
