"""Flow style: entries between brackets, taken out and put in with their commas."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from itertools import groupby

from mistrust.report.inplace import lines
from mistrust.report.inplace.refusal import RefusedError
from mistrust.report.inplace.splices import Splices
from mistrust.report.inplace.tree import Node

_REST = re.compile(r"[ \t]*,?[ \t]*(#[^\n]*)?")


def remove(splices: Splices, text: str, node: Node, gone: Collection[int]) -> None:
    """Take entries out of brackets that keep at least one."""
    if text[node.start : node.start + 1] not in ("[", "{"):
        raise RefusedError("a mapping without brackets stands in a list")
    numbers = sorted(gone)
    for _, group in groupby(enumerate(numbers), lambda pair: pair[1] - pair[0]):
        run = [i for _, i in group]
        first, last = node.entries[run[0]], node.entries[run[-1]]
        if run[-1] + 1 < len(node.entries):
            following = node.entries[run[-1] + 1].start
            splices.add(*_before(text, first.start, last.end, following))
        else:
            splices.add(*_last(text, node.entries[run[0] - 1].end, first.start, last.end))


def _before(text: str, start: int, end: int, following: int) -> tuple[int, int, str]:
    """What goes with entries that another one follows."""
    if "\n" not in text[end:following]:
        return start, following, ""
    stop = _rest(text, end)
    if lines.alone(text, start):
        return _comments_above(text, start), stop + 1, ""
    return len(text[:start].rstrip(" \t")), stop, ""


def _last(text: str, kept: int, start: int, end: int) -> tuple[int, int, str]:
    """What goes with entries at the end; where the one before has a comment, its comma stays."""
    stop = _rest(text, end)
    if "#" not in text[kept:start]:
        return kept, stop if "#" in text[end:stop] else end, ""
    if lines.alone(text, start) and text[stop : stop + 1] == "\n":
        return _comments_above(text, start), stop + 1, ""
    return start, stop, ""


def _rest(text: str, end: int) -> int:
    """Behind the comma and the comment of an entry."""
    found = _REST.match(text, end)
    return found.end() if found else end


def _comments_above(text: str, at: int) -> int:
    start = lines.line_start(text, at)
    while start:
        above = lines.line_start(text, start - 1)
        if not text[above:start].lstrip(" \t").startswith("#"):
            break
        start = above
    return start


def add(splices: Splices, text: str, node: Node, last: int, written: Sequence[str]) -> None:
    """Put texts, each with the space before it, behind the entry `last`."""
    end = node.entries[last].end
    rest = _rest(text, end)
    if "#" not in text[end:rest]:
        splices.add(end, end, "".join(f",{new}" for new in written))
        return
    if "," not in text[end:rest].partition("#")[0]:
        splices.add(end, end, ",")
    splices.add(rest, rest, "".join(f"{new}," for new in written))
