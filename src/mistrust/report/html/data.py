"""The findings as compact data inside the page: every word once, a finding as a row of numbers."""

from __future__ import annotations

from collections.abc import Sequence

from mistrust.access.evidence import Evidence, show_path
from mistrust.access.finding import Finding
from mistrust.report.assessment import Accepted, Assessment, Locate, ranked
from mistrust.report.clean import clean, json_bytes, shorten
from mistrust.report.edits import patches
from mistrust.report.explain import acceptance
from mistrust.report.html.markup import LONGEST, Markup

FINDINGS = 20_000
"""More than that in one page helps nobody; the other formats have every one."""


class Words:
    """Strings by number."""

    def __init__(self) -> None:
        self.all: dict[str, int] = {}

    def number(self, text: str) -> int:
        """The number of a text, as it may be shown."""
        return self.all.setdefault(shorten(clean(text), LONGEST), len(self.all))

    def lines(self, lines: Sequence[str]) -> int:
        """The number of a text of several lines."""
        return self.all.setdefault("\n".join(shorten(clean(line), LONGEST) for line in lines), len(self.all))


def data(assessment: Assessment, locate: Locate) -> Markup:
    """The JSON that `page.js` reads; the order of a row's numbers is written in both places and nowhere else."""
    words = Words()
    accepted = assessment.accepted
    findings = ranked(assessment.findings)[:FINDINGS]
    rows = [_row(f, -1, words, locate) for f in findings]
    rows += [_row(a.finding, i, words, locate) for i, a in enumerate(accepted[:FINDINGS])]
    page = {
        "source": clean(assessment.source),
        "accept": acceptance("{id}"),
        "accepted": [_accepted(a) for a in accepted[:FINDINGS]],
        "rows": rows,
        "words": list(words.all),
    }
    return Markup(json_bytes(page).decode().replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026"))


def _row(f: Finding, accepted: int, words: Words, locate: Locate) -> list[object]:
    return [
        words.number(f.rule),
        f.id[-8:],
        words.number(f.severity),
        words.number(f.layer),
        words.number(f.title),
        words.number(f.subject),
        words.number(f.detail),
        words.number(str(f.ref)),
        f.paths,
        accepted,
        [_evidence(e, words, locate) for e in f.evidence],
        [[*_place(p.place, words, locate), words.lines(p.lines)] for p in patches(f.edits, f.evidence)],
    ]


def _evidence(e: Evidence, words: Words, locate: Locate) -> list[int]:
    return [*_place(e, words, locate), words.number(show_path(e.path)), words.number(e.value)]


def _place(e: Evidence, words: Words, locate: Locate) -> list[int]:
    file, line = locate(e)
    return [words.number(str(e.ref)), words.number(file), line]


def _accepted(a: Accepted) -> list[str]:
    return [clean(a.reason), clean(a.owner), clean(a.until)]
