"""Markup that is safe by construction: text is escaped unless it was made here."""

from __future__ import annotations

from html import escape

from mistrust.report.clean import clean, shorten

LONGEST = 400
"""Columns of one name; nobody reads more, and a hostile one must not fill the page."""


class Markup(str):
    """HTML that is finished: tags made by `tag`, or text that was escaped."""

    __slots__ = ()


VOID = frozenset(("meta", "input", "br"))

NOTHING = Markup("")


def text(raw: str) -> Markup:
    """Text as content: visible, not too long, escaped."""
    return raw if isinstance(raw, Markup) else Markup(escape(shorten(clean(raw), LONGEST)))


def whole(raw: str) -> Markup:
    """Text of our own catalog, escaped and not cut."""
    return Markup(escape(clean(raw)))


def tag(name: str, /, *children: str, **attributes: str | float | bool | None) -> Markup:
    """An element. `class_` is `class`, `data_x` is `data-x`; False and None leave an attribute out."""
    shown = ""
    for key, value in attributes.items():
        if value is None or value is False:
            continue
        key = key.rstrip("_").replace("_", "-")
        if value is True:
            shown += f" {key}"
        elif isinstance(value, str):
            shown += f' {key}="{value if isinstance(value, Markup) else escape(clean(value))}"'
        else:
            shown += f' {key}="{round(value, 1):g}"'
    inner = "".join(text(child) for child in children)
    return Markup(f"<{name}{shown}>" if name in VOID and not inner else f"<{name}{shown}>{inner}</{name}>")


def joined(parts: list[Markup], between: str = "") -> Markup:
    """Several pieces of markup, one after the other."""
    return Markup(escape(between).join(parts))
