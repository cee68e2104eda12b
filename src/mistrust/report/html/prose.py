"""The catalog's Markdown as HTML: paragraphs, headings, lists, code, emphasis, https links; anything else is text."""

from __future__ import annotations

import re

from mistrust.report.clean import clean_lines
from mistrust.report.html.markup import Markup, joined, tag, text, whole

_INLINE = re.compile(r"`([^`]+)`|\*\*([^*]+)\*\*|\[([^\]]+)\]\((https://[^\s)]+)\)|<?(https://[^\s<>)]+)>?")


def prose(markdown: str) -> Markup:
    """A few blocks of HTML; nothing of the source is taken for HTML."""
    blocks: list[Markup] = []
    lines = iter([*clean_lines(markdown).split("\n"), ""])
    paragraph: list[str] = []
    items: list[str] = []
    for line in lines:
        bullet = re.match(r"\s*(?:[-*]|\d+\.)\s+(.*)", line)
        if items and line.startswith("  ") and not bullet and line.strip():
            items[-1] += " " + line.strip()
            continue
        if bullet or not line.strip() or line.startswith(("#", "```")):
            if paragraph:
                blocks.append(tag("p", _inline(" ".join(paragraph))))
                paragraph = []
            if items and not bullet:
                blocks.append(tag("ul", *(tag("li", _inline(item)) for item in items)))
                items = []
        if bullet:
            items.append(bullet[1])
        elif line.startswith("```"):
            code = []
            for inner in lines:
                if inner.startswith("```"):
                    break
                code.append(inner)
            blocks.append(tag("pre", tag("code", joined([whole(c) for c in code], "\n"))))
        elif line.startswith("#"):
            blocks.append(tag("h4", _inline(line.lstrip("# "))))
        elif line.strip():
            paragraph.append(line.strip())
    return joined(blocks)


def link(url: str) -> Markup:
    """An outside link, if it is one that may be followed."""
    if not url.startswith("https://"):
        return text(url)
    return tag("a", url.removeprefix("https://"), href=url, rel="noreferrer noopener")


def _inline(source: str) -> Markup:
    out, at = [], 0
    for m in _INLINE.finditer(source):
        out.append(whole(source[at : m.start()]))
        if m[1]:
            out.append(tag("code", whole(m[1])))
        elif m[2]:
            out.append(tag("strong", whole(m[2])))
        elif m[3]:
            out.append(tag("a", m[3], href=m[4], rel="noreferrer noopener"))
        else:
            out.append(link(m[5]))
        at = m.end()
    return joined([*out, whole(source[at:])])
