"""How often each grant, edge or rule was used: for a person, for a spreadsheet, and as JSON."""

from __future__ import annotations

import csv
import datetime
import io
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

import msgspec

from mistrust.access.record import Tally
from mistrust.report.clean import clean, columns, pad

HEADS: Final = ("who", "what", "uses", "first", "last", "given by", "remarks")


class Line(msgspec.Struct, frozen=True):
    """One thing that may be used."""

    who: str
    what: str
    tally: Tally | None
    """None where nothing was seen."""
    by: str = ""
    """What gives it."""
    remarks: tuple[str, ...] = ()


def ordered(lines: Sequence[Line]) -> list[Line]:
    """What was never used first, then the most used."""
    return sorted(lines, key=lambda x: (x.tally is not None, -(x.tally.count if x.tally else 0), x.who, x.what, x.by))


def text(lines: Sequence[Line], limit: int) -> Iterator[str]:
    """A table, and a line below each row that has something more to say."""
    rows = [("uses", "last", "who", "what"), *((*_when(x), clean(x.who), clean(x.what)) for x in lines[:limit])]
    widths = [max(columns(row[i]) for row in rows) for i in range(4)]
    for row, line in zip(rows, (None, *lines[:limit]), strict=True):
        yield "  ".join((row[0].rjust(widths[0]), *(pad(row[i], widths[i]) for i in (1, 2, 3)))).rstrip()
        more = "; ".join((*((line.by,) if line.by else ()), *line.remarks)) if line is not None else ""
        if more:
            yield f"{' ' * (widths[0] + widths[1] + 4)}{clean(more)}"
    if len(lines) > limit:
        yield f"and {len(lines) - limit:,} more: --limit, or -o csv"


def table(lines: Sequence[Line]) -> bytes:
    """RFC 4180 with CRLF, as spreadsheets expect."""
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(HEADS)
    for x in lines:
        times = (str(x.tally.count), _time(x.tally.first), _time(x.tally.last)) if x.tally else ("0", "", "")
        writer.writerow([_cell(part) for part in (x.who, x.what, *times, x.by, "; ".join(x.remarks))])
    return out.getvalue().encode("utf-8", "backslashreplace")


def document(lines: Sequence[Line], head: Mapping[str, object]) -> Mapping[str, object]:
    """For programs; `head` says what the evidence is."""
    return {
        **head,
        "usage": [
            {
                "who": x.who,
                "what": x.what,
                "uses": x.tally.count if x.tally else 0,
                "first": x.tally.first if x.tally else None,
                "last": x.tally.last if x.tally else None,
                "by": x.by,
                "remarks": x.remarks,
            }
            for x in lines
        ],
    }


def _when(line: Line) -> tuple[str, str]:
    if line.tally is None:
        return "-", "unknown" if any(r.startswith("unknown") for r in line.remarks) else "never"
    return f"{line.tally.count:,}", _time(line.tally.last)[:10]


def _time(second: int) -> str:
    return datetime.datetime.fromtimestamp(second, datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _cell(part: str) -> str:
    """A spreadsheet takes these first characters for a formula (OWASP, CSV injection)."""
    part = clean(part)
    return f"'{part}" if part[:1] in ("=", "+", "-", "@") else part
