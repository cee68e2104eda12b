"""Block style: which lines belong to an entry, and entries taken out with them."""

from __future__ import annotations

import re
from collections.abc import Collection

from mistrust.report.inplace.refusal import AwkwardError
from mistrust.report.inplace.splices import Splices
from mistrust.report.inplace.style import column
from mistrust.report.inplace.tree import Entry, Node

_COMMENT = re.compile(r"([ \t]*)(#[^\n]*)?\n")


def line_start(text: str, at: int) -> int:
    """Where the line of a character begins."""
    return text.rfind("\n", 0, at) + 1


def line_end(text: str, at: int) -> int:
    """Right after the break of the line of a character."""
    found = text.find("\n", at)
    return found + 1 if found >= 0 else len(text)


def alone(text: str, at: int) -> bool:
    """Is there nothing before it on its line?"""
    return not text[line_start(text, at) : at].strip(" \t")


def lead(text: str, entry: Entry) -> int:
    """Where the lines of an entry begin: with the comments right above it, as far to the right as it is."""
    start, place = line_start(text, entry.start), column(text, entry.start)
    while start:
        above = line_start(text, start - 1)
        comment = _COMMENT.match(text, above)
        if not comment or not comment[2] or len(comment[1]) != place:
            break
        start = above
    return start


def tail(text: str, entry: Entry) -> int:
    """Where the lines of an entry end: after the comments below it that are further to the right than it is."""
    end = at = line_end(text, entry.end)
    place = column(text, entry.start)
    while at < len(text) and (comment := _COMMENT.match(text, at)):
        at = comment.end()
        if comment[2]:
            if len(comment[1]) <= place:
                break
            end = at
    return end


def remark(text: str, at: int) -> str:
    """The comment that follows on the same line."""
    rest = text[at : line_end(text, at)].strip()
    return rest if rest.startswith("#") else ""


def remove(splices: Splices, text: str, node: Node, gone: Collection[int]) -> None:
    """Take entries out of a mapping or a list that keeps at least one.

    Raises AwkwardError where the first of them stands behind a dash and its place cannot be taken by the next.
    """
    for i in sorted(gone):
        entry = node.entries[i]
        if alone(text, entry.start):
            splices.add(lead(text, entry), tail(text, entry), "")
            continue
        if node.kind == "list" or i:
            raise AwkwardError
        following = next(e for n, e in enumerate(node.entries) if n not in gone)
        if following is node.entries[1] and lead(text, following) == line_start(text, following.start):
            splices.add(entry.start, following.start, "")
        else:  # a dash alone on its line holds what follows it, too
            dash = len(text[: entry.start].rstrip(" "))
            splices.add(dash, tail(text, entry) - 1, "")
