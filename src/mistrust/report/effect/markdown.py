"""A change as a comment for a pull request: what matters first, the numbers by layer, details folded.

Names are code, so that none of them formats, links or mentions anything. GitHub takes 65,536 characters.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from mistrust.effect.effect import Kind
from mistrust.report.assessment import Locate
from mistrust.report.effect.comparison import Comparison
from mistrust.report.effect.text import doubt_words, objects_words
from mistrust.report.effect.told import SEVERITY, Line, Section, by_start, sections
from mistrust.report.markdown import SIGN, code, folded, prose, table
from mistrust.report.words import count, place, where

LARGEST: Final = 60_000
"""Bytes: room is left for what a template puts around it."""
CAPS: Final = (25, 10, 5, 2)
"""Lines of each list: the first with which the whole fits is taken."""
WHY: Final = 360
"""Characters of a reason."""
OPEN: Final = 5
"""Paths, and things unknown, that are shown without unfolding anything."""

PHRASES: Mapping[str, tuple[str, str, str, str]] = {
    "attack paths": ("opens", "closes", "attack path", ""),
    "exposure": ("opens", "closes", "door", " from outside"),
    "permissions": ("grants", "takes away", "permission", ""),
    "node powers": ("gives", "takes away", "node power", ""),
    "plaintext served": ("serves", "refuses", "connection", " in plaintext"),
    "mutual TLS enforced": ("enforces mutual TLS for", "gives up mutual TLS for", "connection", ""),
    "connections": ("opens", "closes", "connection", ""),
    "let in by the mesh": ("lets in", "keeps out", "connection", " in the mesh"),
}


def render(comparison: Comparison) -> bytes:
    """GitHub-flavoured Markdown, which GitLab reads as well."""
    told = sections(comparison.effect)
    data = b""
    for cap in CAPS:
        data = ("\n\n".join("\n".join(part) for part in _parts(comparison, told, cap) if part) + "\n").encode()
        if len(data) <= LARGEST:
            break
    return data


def _parts(comparison: Comparison, told: tuple[Section, ...], cap: int) -> Iterator[list[str]]:
    yield [f"### {_sign(comparison)} mistrust: {prose(headline(told))}"]
    names = f"{code(comparison.old.name, 80)} → {code(comparison.new.name, 80)}"
    yield [f"{names} · {objects_words(comparison.effect.objects)}"]
    if comparison.ruling.denied:
        yield [f"**Gate failed:** {', '.join(map(code, comparison.ruling.denied))}"]
    if guards := comparison.ruling.guards:
        rest = [f"- and {len(guards) - cap:,} more"] if len(guards) > cap else []
        yield ["**Denied by policies:**", "", *(f"- {prose(said, WHY)}" for said in guards[:cap]), *rest]
    yield _numbers(told)
    yield from _paths(told[0], comparison, cap)
    for s in told[1:]:
        if s.came or s.went:
            yield _details(s, comparison, cap)
    yield from _unknown(comparison, cap)


def headline(told: Iterable[Section]) -> str:
    """What the change does, the worst three things of it: `opens 2 attack paths, grants 14 permissions`."""
    worse = [_phrase(s, came=not s.good) for s in told if (s.lost if s.good else s.gained)]
    better = [_phrase(s, came=s.good) for s in told if (s.gained if s.good else s.lost)]
    return ", ".join((worse or better)[:3]) or "nobody's access changes"


def _phrase(section: Section, *, came: bool) -> str:
    gains, loses, one, rest = PHRASES[section.name]
    return f"{gains if came else loses} {count(section.gained if came else section.lost, one)}{rest}"


def _sign(comparison: Comparison) -> str:
    effect, ruling = comparison.effect, comparison.ruling
    if ruling.denied or ruling.guards:
        return "❌"
    if effect.kinds & {Kind.PATH, Kind.EXPOSURE, Kind.ESCALATION}:
        return "🔴"
    if effect.kinds or effect.mutual.lost:
        return "🟡"
    return "⚠️" if ruling.hidden else "✅"


def _numbers(told: Iterable[Section]) -> list[str]:
    shown = [s for s in told if s]
    if not shown:
        return []
    rows = [(f"{_mark(s)} {s.name}", _number(s, came=True), _number(s, came=False), prose(s.note)) for s in shown]
    same = [s.name for s in told if not s]
    lines = table(("", "gained", "lost", ""), ":rr:", rows)
    return [*lines, "", f"No change: {', '.join(same)}."] if same else lines


def _mark(section: Section) -> str:
    bad = section.lost if section.good else section.gained
    if not bad:
        return "🟢"
    lines = section.went if section.good else section.came
    kinds = [line.kind for line in lines] or [Kind.CONNECTION]
    return SIGN[min((SEVERITY[kind] for kind in kinds), key=list(SIGN).index)]


def _number(section: Section, *, came: bool) -> str:
    n = section.gained if came else section.lost
    return f"**{n:,}**" if n and came is not section.good else f"{n:,}"


def _paths(section: Section, comparison: Comparison, cap: int) -> Iterator[list[str]]:
    for title, lines, locate in (
        ("Attack paths opened", by_start(section.came), comparison.new.locate),
        ("Attack paths closed", by_start(section.went), comparison.old.locate),
    ):
        if not lines:
            continue
        shown = lines[: min(OPEN, cap)]
        told = [f"{i}. {_reaches(line)}  \n   {_way(line)}" for i, line in enumerate(shown, 1)]
        if len(lines) > len(shown):
            told.append(f"\nand from {count(len(lines) - len(shown), 'more start')}")
        if title.endswith("closed"):
            yield folded(title, told)
        else:
            yield [f"**{title}**", "", *told]
            hops = ["\n".join(_hops(one, locate)) for one in shown]
            yield folded("Hop by hop", "\n\n".join(hops).split("\n"))


def _reaches(line: Line) -> str:
    return f"{code(line.subject)}{f', {line.alarm},' if line.alarm else ''} {prose(line.what)}"


def _way(line: Line) -> str:
    return " → ".join(code(f, 80) for f in line.way)


def _hops(line: Line, locate: Locate) -> Iterator[str]:
    yield f"{code(line.way[0], 80)} → {code(line.way[-1], 80)}"
    yield ""
    for i, hop in enumerate(line.hops, 1):
        at = place(*where(hop.grants, locate))
        told = f"{code(str(hop.source), 80)} → {code(str(hop.target), 80)}: {prose(hop.how)}"
        yield f"{i}. {told}{f' · {code(at)}' if at else ''}"


def _details(section: Section, comparison: Comparison, cap: int) -> list[str]:
    lines: list[str] = []
    for word, some, locate in (
        ("Gained", section.came, comparison.new.locate),
        ("Lost", section.went, comparison.old.locate),
    ):
        if some:
            lines += ["", f"**{word}**", "", *(_item(line, locate) for line in some[:cap])]
            lines += [f"- and {len(some) - cap:,} more"] if len(some) > cap else []
    name = section.name[0].upper() + section.name[1:]
    return folded(f"{name}: {section.gained:,} gained, {section.lost:,} lost", lines[1:])


def _item(line: Line, locate: Locate) -> str:
    at = place(*where(line.evidence, locate))
    alarm = f"⚠️ {prose(line.alarm)}  \n  " if line.alarm else ""
    more = " · ".join(part for part in (prose(line.why, WHY), code(at)) if part)
    return f"- {code(line.subject)}: {prose(line.what)}" + (f"  \n  {alarm}{more}" if alarm or more else "")


def _unknown(comparison: Comparison, cap: int) -> Iterator[list[str]]:
    doubts = [f"- {prose(doubt_words(d), 240)}" for d in comparison.effect.doubts]
    if doubts:
        gate = "the gate denies" if comparison.deny else "is not told above"
        yield [f"**⚠️ Unknown**, and may hide what {gate}:", "", *doubts[:OPEN]]
        if more := doubts[OPEN : OPEN + cap]:
            left = len(doubts) - OPEN - len(more)
            rest = [f"- and {left:,} more"] if left > 0 else []
            yield folded(f"{len(doubts) - OPEN:,} more", [*more, *rest])
    if comparison.remarks:
        yield folded("How it was compared", [f"- {prose(r, 240)}" for r in comparison.remarks[:cap]])
