"""What a proposed version would have denied, day by day: for a person, and as JSON."""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final

import msgspec

from mistrust.access.record import Tally
from mistrust.access.telling import listed
from mistrust.access.verdict import Answer
from mistrust.report.words import count

DAYS: Final = 16
"""Days that are shown one by one; of those before only how many there are."""
SHOWN: Final = 3
"""Uses that are shown of each layer."""


KIND, KINDS = "kind of use", "kinds of use"


class Use(msgspec.Struct, frozen=True):
    """Something that was used, and what the two versions say of it."""

    access: str
    tally: Tally
    before: str = ""
    now: str = ""
    widen: tuple[str, ...] = ()
    """What to look at so that it stays allowed."""


class Cell(msgspec.Struct, frozen=True):
    """One day of one layer."""

    number: int
    answer: Answer
    uses: int
    denied: int = 0
    unknown: int = 0
    unexplained: int = 0
    thin: str = ""
    """Why the evidence does not show the whole day."""


class Layered(msgspec.Struct, frozen=True):
    """One layer."""

    name: str
    cells: tuple[Cell, ...]
    denied: tuple[Use, ...] = ()
    unknown: tuple[Use, ...] = ()
    unexplained: tuple[Use, ...] = ()


class Shadowed(msgspec.Struct, frozen=True):
    """Everything that is told."""

    layers: tuple[Layered, ...]
    wanted: float
    """Days that must be clean."""
    doubts: tuple[str, ...] = ()
    """What was not seen or not understood, and may hide a use or change an answer."""

    @property
    def numbers(self) -> list[int]:
        """Every day that some layer reaches into."""
        return sorted({c.number for layer in self.layers for c in layer.cells})

    def answer(self, number: int) -> Answer:
        """A day is clean where every layer is."""
        found = [c.answer for layer in self.layers for c in layer.cells if c.number == number]
        if Answer.DENIED in found:
            return Answer.DENIED
        whole = len(found) == len(self.layers) and set(found) == {Answer.ALLOWED}
        return Answer.ALLOWED if whole else Answer.UNKNOWN

    @property
    def clean(self) -> list[int]:
        """The days on which everything was seen, and everything would have been allowed."""
        return [n for n in self.numbers if self.answer(n) is Answer.ALLOWED]

    @property
    def denied(self) -> int:
        """How many uses would have been denied."""
        return sum(len(layer.denied) for layer in self.layers)

    def verdict(self) -> tuple[Answer, str]:
        """Is the proposed version ready to be enforced? Days that are not seen whole count only at the ends."""
        clean, uses = self.clean, sum(c.uses for layer in self.layers for c in layer.cells)
        if self.denied:
            return Answer.DENIED, f"not ready: {count(self.denied, KIND, KINDS)} would have been denied"
        if unsure := sum(len(layer.unknown) for layer in self.layers):
            return Answer.UNKNOWN, f"not known: {count(unsure, KIND, KINDS)} may have been denied"
        holes = [n for n in self.numbers if clean and clean[0] < n < clean[-1] and n not in set(clean)]
        if holes:
            return Answer.UNKNOWN, f"not known: {listed(map(day, holes))} not seen whole"
        if len(clean) < self.wanted:
            return Answer.UNKNOWN, f"not known yet: {count(len(clean), 'clean day')}, and {self.wanted:g} are wanted"
        if self.doubts:
            return Answer.UNKNOWN, f"not known: {self.doubts[0]}"
        since = f"{count(len(clean), 'day')} since {day(clean[0])}" if clean else "no day"
        return Answer.ALLOWED, f"ready to enforce: {since}, none of {count(uses, 'use')} would have been denied"


def day(number: int) -> str:
    """`2026-11-23`; a use without a time has no day.

    >>> day(20_415), day(0)
    ('2025-11-23', 'undated')
    """
    if not number:
        return "undated"
    return (datetime.date(1970, 1, 1) + datetime.timedelta(days=number)).isoformat()


def lines(shadowed: Shadowed) -> Iterator[str]:
    """For a person: a table of days, the first uses that would have been denied, and what follows."""
    numbers = shadowed.numbers
    earlier, shown = numbers[:-DAYS], numbers[-DAYS:]
    rows = [["day", *(layer.name for layer in shadowed.layers)]]
    if earlier:
        answers = [shadowed.answer(n) for n in earlier]
        words = {Answer.ALLOWED: "clean", Answer.DENIED: "denied", Answer.UNKNOWN: "unknown"}
        counts = [f"{answers.count(a):,} {word}" for a, word in words.items() if a in answers]
        yield f"{count(len(earlier), 'earlier day')}: {', '.join(counts)}"
    cells = [{c.number: c for c in layer.cells} for layer in shadowed.layers]
    rows += [[day(n), *(_cell(of.get(n)) for of in cells)] for n in shown]
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    for row in rows:
        yield "  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip()
    for layer in shadowed.layers:
        yield from _uses(f"{layer.name}: would have been denied", layer.denied)
        yield from _uses(f"{layer.name}: may have been denied", layer.unknown)
        if layer.unexplained:
            many, first = len(layer.unexplained), layer.unexplained[0]
            yield f"{layer.name}: {count(many, KIND, KINDS)} that neither version allows, such as {first.access}"
    yield shadowed.verdict()[1]


def _cell(cell: Cell | None) -> str:
    if cell is None:
        return "unknown: nothing was seen"
    parts = [count(cell.uses, "use")] if cell.uses or not cell.thin else []
    parts += [f"{cell.denied:,} denied"] if cell.denied else []
    parts += [f"{cell.unknown:,} unknown"] if cell.unknown else []
    return ", ".join(parts) if not cell.thin else ", ".join([f"unknown: {cell.thin}", *parts])


def _uses(head: str, uses: Sequence[Use]) -> Iterator[str]:
    if uses:
        yield f"{head}: {count(len(uses), KIND, KINDS)}"
    for use in uses[:SHOWN]:
        first, last = (day(t // 86_400) for t in (use.tally.first, use.tally.last))
        span = f"on {first}" if first == last else f"{first} to {last}"
        yield f"  {use.access} ({count(use.tally.count, 'time')}, {span})"
        yield from (f"    {word}: {text}" for word, text in (("before", use.before), ("now", use.now)) if text)
        yield from (f"    {each}" for each in use.widen)
    if len(uses) > SHOWN:
        yield f"  and {len(uses) - SHOWN:,} more"


def document(shadowed: Shadowed, head: Mapping[str, object]) -> Mapping[str, object]:
    """For programs: every day and every use; `head` names the inputs."""
    answer, words = shadowed.verdict()
    clean = shadowed.clean
    return {
        **head,
        "ready": answer is Answer.ALLOWED,
        "verdict": words,
        "wanted": shadowed.wanted,
        "clean": len(clean),
        "since": day(clean[0]) if clean else None,
        "layers": {layer.name: _layer(layer) for layer in shadowed.layers},
        "notSeen": list(shadowed.doubts),
    }


def _layer(layer: Layered) -> Mapping[str, object]:
    return {
        "uses": sum(c.uses for c in layer.cells),
        "days": [
            {
                "day": day(c.number),
                "answer": {Answer.ALLOWED: "clean"}.get(c.answer, c.answer.value),
                "uses": c.uses,
                "denied": c.denied,
                "unknown": c.unknown,
                "unexplained": c.unexplained,
                "thin": c.thin,
            }
            for c in layer.cells
        ],
        "denied": list(_listed(layer.denied)),
        "unknown": list(_listed(layer.unknown)),
        "unexplained": list(_listed(layer.unexplained)),
    }


def _listed(uses: Iterable[Use]) -> Iterator[Mapping[str, object]]:
    for use in uses:
        told = {"before": use.before, "now": use.now, "widen": list(use.widen)}
        yield {
            "access": use.access,
            "count": use.tally.count,
            "first": use.tally.first,
            "last": use.tally.last,
            **{key: value for key, value in told.items() if value},
        }
