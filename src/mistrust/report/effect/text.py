"""A change at a terminal: at most 40 lines on any input, the numbers first, then what came, then what went."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from mistrust.effect.effect import Doubt, Objects
from mistrust.report.assessment import Locate
from mistrust.report.clean import columns, pad
from mistrust.report.effect.comparison import Comparison
from mistrust.report.effect.told import Line, Section, by_start, sections
from mistrust.report.screen import Screen
from mistrust.report.words import place, where

LINES = 40
DOUBTS = 3
DENIALS, DENIED = 4, 3
"""Denials by policies, and lines of each."""
PLACE = 40
"""Columns of a file name that still leave room for a reason."""
LABEL = len("mutual TLS")
FITS = ((5, True), (4, True), (3, True), (2, True), (3, False), (2, False), (1, True), (1, False))
"""Lines of each layer, and whether with their reasons: the first that fits is taken."""


def render(comparison: Comparison, screen: Screen, limit: int = 0) -> str:
    """The change for a person; with a `limit` that many lines of each layer, however long that gets."""
    told = sections(comparison.effect)
    head, end = _head(comparison, told, screen), _end(comparison, screen)
    body: list[str] = []
    for per, reasons in ((limit, True),) if limit else FITS:
        body = list(_body(comparison, told, screen, per, reasons=reasons))
        if limit or len(head) + len(body) + len(end) + 2 <= LINES:
            break
    return "\n\n".join("\n".join(part) for part in (head, body, end) if part) + "\n"


def objects_words(objects: Objects) -> str:
    """`1 object added, 2 changed`."""
    told = [
        f"{n:,} {verb}"
        for n, verb in ((objects.added, "added"), (objects.changed, "changed"), (objects.removed, "removed"))
        if n
    ]
    if not told:
        return "no object differs"
    first, *rest = told
    n, _, verb = first.partition(" ")
    return ", ".join((f"{n} {'object' if n == '1' else 'objects'} {verb}", *rest))


def _head(comparison: Comparison, told: Sequence[Section], screen: Screen) -> list[str]:
    names = f" {screen.arrow} ".join(screen.fit(v.name, screen.width // 3) for v in (comparison.old, comparison.new))
    line = screen.fit(f"{names} {screen.dot} {objects_words(comparison.effect.objects)}", screen.width)
    return [screen.paint(line, "bold"), *_table([s for s in told if s], screen)]


def _table(shown: Sequence[Section], screen: Screen) -> list[str]:
    if not shown:
        return ["  nobody's access changes"]
    grid = [("", "gained", "lost"), *((s.name, f"{s.gained:,}", f"{s.lost:,}") for s in shown)]
    widths = [max(columns(row[i]) for row in grid) for i in range(3)]
    out = []
    for i, (name, gained, lost) in enumerate(grid):
        text = f"  {pad(name, widths[0])}   {gained:>{widths[1]}}   {lost:>{widths[2]}}"
        note = shown[i - 1].note if i else ""
        room = screen.width - columns(text) - 5
        if note and room > 12:
            text += screen.paint(f"   {screen.remark} {screen.fit(note, room)}", "yellow")
        out.append(screen.paint(text, "dim") if not i else text)
    return out


def _body(comparison: Comparison, told: Sequence[Section], screen: Screen, per: int, *, reasons: bool) -> Iterator[str]:
    for came, version in ((True, comparison.new), (False, comparison.old)):
        for s in told:
            lines = by_start(s.came if came else s.went)
            for line in lines[:per]:
                text = f"{'+' if came else '-'} {pad(s.one, LABEL)}  {line.text}"
                yield screen.paint(screen.fit(text, screen.width), "green" if came is s.good else "red")
                if reasons and (why := _why(line, version.locate)):
                    yield " " * (LABEL + 4) + screen.paint(screen.fit(why, screen.width - LABEL - 4), "dim")
            if len(lines) > per > 1:  # the table has the numbers
                yield f"  {' ' * LABEL}  and {len(lines) - per:,} more"


def _why(line: Line, locate: Locate) -> str:
    """Place and reason; a place that would leave no room comes last."""
    at = place(*where(line.evidence, locate))
    reason = "  ".join(part for part in ("" if line.way else line.alarm, line.why) if part)
    order = (at, reason) if columns(at) <= PLACE else (reason, at)
    return "  ".join(part for part in order if part)


def _end(comparison: Comparison, screen: Screen) -> list[str]:
    doubts, ruling = comparison.effect.doubts, comparison.ruling
    out = [screen.fit(f"Remark: {remark}", screen.width) for remark in comparison.remarks[:DOUBTS]]
    out += [screen.paint(screen.fit(f"Unknown: {doubt_words(d)}", screen.width), "yellow") for d in doubts[:DOUBTS]]
    out += [f"  and {len(doubts) - DOUBTS:,} more that may hide a change"] if len(doubts) > DOUBTS else []
    told = [line for said in ruling.guards[:DENIALS] for line in screen.wrap(f"Denied: {said}")[:DENIED]]
    out += [screen.paint(screen.fit(line, screen.width), "red") for line in told]
    out += [f"  and {len(ruling.guards) - DENIALS:,} more denials"] if len(ruling.guards) > DENIALS else []
    if ruling.denied:
        out.append(screen.paint(f"Gate failed: {', '.join(ruling.denied)}", "red"))
    elif ruling.exit_code == 3 and not ruling.guards:
        words = f"What is unknown may hide {'what the gate denies' if comparison.deny else 'a change'}: --allow-unknown"
        out.append(screen.paint(screen.fit(words, screen.width), "yellow"))
    return [*out, f"exit {comparison.ruling.exit_code}"]


def doubt_words(doubt: Doubt) -> str:
    """What was not read, and in which version."""
    return f"in the {doubt.version} version, {doubt.words}" if doubt.version else doubt.words
