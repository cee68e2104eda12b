"""The other sections: the numbers, the findings by rule, what the answer does not rest on, and the catalog's pages."""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import quote

from mistrust.access.finding import Severity
from mistrust.kube.problem import Problem
from mistrust.report.assessment import Assessment, Catalog, Row
from mistrust.report.clean import clean
from mistrust.report.html.data import FINDINGS
from mistrust.report.html.markup import NOTHING, Markup, tag, text
from mistrust.report.html.prose import link, prose
from mistrust.report.words import ROW_HEADS, about, by_severity, cells, count, gap_phrase, grouped, place

PROBLEMS = 1_000


def summary(assessment: Assessment) -> Markup:
    """The numbers; each leads to its reason."""
    name, *rest = about(assessment)
    verdict = {0: "clean", 1: "a gate failed", 3: "not everything was understood"}.get(assessment.exit_code, "failed")
    kind = "good" if assessment.exit_code == 0 else "bad"
    facts = [tag("li", part) for part in rest]
    paths, findings = assessment.paths, by_severity(assessment.findings)
    blind = sum(p.blinds for p in assessment.problems) + len(assessment.gaps)
    changes = len(paths.fixes.changes)
    does = f"{count(changes, 'change')} {'cuts' if changes == 1 else 'cut'} {paths.fixes.cut:,}" if changes else ""
    worst = next(iter(findings), None)
    cards = [
        _card(
            "#paths",
            f"{paths.pairs:,}",
            "attack path" if paths.pairs == 1 else "attack paths",
            does,
            "bad" if paths.pairs else "",
        ),
        _card(
            "#findings",
            f"{len(assessment.findings):,}",
            "finding" if len(assessment.findings) == 1 else "findings",
            f"{findings[worst]:,} {worst}" if worst else "",
            "bad" if worst in (Severity.CRITICAL, Severity.HIGH) else "",
        ),
        _card(
            "#coverage",
            f"{blind:,}",
            "not understood or not seen",
            "may hide an access" if blind else "",
            "warn" if blind else "",
        ),
    ]
    if assessment.new is not None:
        cards.append(_card("#findings", f"{assessment.new:,}", "new since baseline", "", ""))
    if assessment.accepted:
        cards.append(
            _card(
                "#findings?status=accepted", f"{len(assessment.accepted):,}", "accepted", "with an owner and an end", ""
            )
        )
    gates = [tag("li", f) for f in assessment.failures]
    return tag(
        "header",
        tag("p", "mistrust", class_="brand"),
        tag("h1", name),
        tag("ul", *facts, class_="facts"),
        tag("p", tag("strong", verdict), f" · exit {assessment.exit_code}", class_=f"verdict {kind}"),
        tag("ul", *gates, class_="gates") if gates else NOTHING,
        tag("div", *cards, class_="cards"),
        _rows(assessment.rows),
        id="summary",
    )


def _card(href: str, number: str, what: str, note: str, kind: str) -> Markup:
    return tag(
        "a",
        tag("span", number, class_="big"),
        tag("span", what),
        tag("span", note, class_="hint") if note else NOTHING,
        href=href,
        class_=f"card {kind}".strip(),
    )


def _rows(rows: Sequence[Row]) -> Markup:
    if not rows:
        return NOTHING
    head = tag("tr", tag("th", ""), *(tag("th", h, scope="col") for h in ROW_HEADS), tag("th", ""))
    body = [
        tag("tr", tag("th", _reason(r, r.name), scope="row"), *_cells(r), tag("td", r.note, class_="note"))
        for r in rows
    ]
    return tag(
        "div", tag("table", tag("thead", head), tag("tbody", *body), class_="numbers"), class_="scroll", tabindex="0"
    )


def _cells(row: Row) -> list[Markup]:
    granted, used, excess, unknown = cells(row)
    why = "no evidence of use was given" if row.used is None else ""
    shades = (
        ("", ""),
        ("faint" if row.used is None else "", why),
        ("faint" if excess == "unknown" else "", why),
        ("", ""),
    )
    values = (
        _reason(row, granted),
        text(used),
        text(excess),
        tag("a", unknown, href="#coverage") if row.unknown else text(unknown),
    )
    return [tag("td", v, class_=f"n {c}".strip(), title=t or None) for v, (c, t) in zip(values, shades, strict=True)]


def _reason(row: Row, shown: str) -> Markup:
    return tag("a", shown, href=f"#findings?layer={quote(clean(row.layer))}") if row.layer else text(shown)


def findings(assessment: Assessment) -> Markup:
    """By rule as a table, one by one as a list that the page's script fills and filters."""
    rows = []
    for g in grouped(assessment.findings):
        worst = g.worst
        rule = quote(clean(g.rule))
        rows.append(
            tag(
                "tr",
                tag("td", severity(worst.severity)),
                tag("td", tag("a", g.rule, href=f"#findings?rule={rule}")),
                tag("td", worst.title),
                tag("td", f"{len(g.findings):,}", class_="n"),
                tag("td", worst.subject),
            )
        )
    heads = ("severity", "rule", "", "count", "worst")
    table = tag(
        "table",
        tag("thead", tag("tr", *(tag("th", h, scope="col", class_="n" if h == "count" else None) for h in heads))),
        tag("tbody", *rows),
    )
    more = len(assessment.findings) - FINDINGS
    left = (
        tag("p", f"The list holds the worst {FINDINGS:,}; {more:,} more are in the other formats.")
        if more > 0
        else NOTHING
    )
    return tag(
        "section",
        tag("h2", "Findings"),
        tag("div", table, class_="scroll", tabindex="0") if rows else tag("p", "None."),
        left,
        tag(
            "noscript",
            tag("p", "The list below, with evidence and patches, needs JavaScript; -o csv and -o json do not."),
        ),
        tag("div", id="filters", class_="script", role="search", aria_label="filter findings"),
        tag("p", "", id="shown", class_="script", role="status"),
        tag("div", id="list", class_="script"),
        id="findings",
    )


def severity(level: Severity) -> Markup:
    """A severity in its colour; the word says it too."""
    return tag("span", level.value, class_=f"severity {level.value}")


def coverage(assessment: Assessment) -> Markup:
    """What was not understood, not seen and not judged: unknown is never pass."""
    blind = [p for p in assessment.problems if p.blinds]
    remarks = [p for p in assessment.problems if not p.blinds]
    parts = [
        _list("Not understood: an access may hide here", [_problem(p) for p in blind]),
        _list("Not seen", [text(gap_phrase(g)) for g in assessment.gaps]),
        _list("Might open a path", [text(u) for u in assessment.paths.unknown]),
        _list(
            "Not judged: kinds that no layer reads", [text(f"{k}: {n:,}") for k, n in sorted(assessment.unread.items())]
        ),
        _list("Remarks", [_problem(p) for p in remarks]),
    ]
    nothing = tag("p", "Everything that was given was read, understood and judged.")
    return tag("section", tag("h2", "Coverage"), *(parts if any(parts) else [nothing]), id="coverage")


def _list(title: str, items: Sequence[Markup]) -> Markup:
    if not items:
        return NOTHING
    more = tag("li", f"and {len(items) - PROBLEMS:,} more") if len(items) > PROBLEMS else NOTHING
    return tag(
        "div",
        tag("h3", f"{title} ({len(items):,})"),
        tag("ul", *(tag("li", i) for i in items[:PROBLEMS]), more),
        class_="cover",
    )


def _problem(p: Problem) -> Markup:
    contrast = ", ".join(f"{word} {part}" for word, part in (("got", p.got), ("wanted", p.wanted)) if part)
    parts = [tag("span", place(p.file, p.line), class_="file"), tag("div", p.what)]
    parts += [tag("div", contrast, class_="hint")] if contrast else []
    parts += [tag("div", p.do, class_="do")] if p.do else []
    return tag("div", *parts)


def pages(assessment: Assessment, catalog: Catalog) -> Markup:
    """What the catalog says about every check and step that this report names."""
    named = {f.rule for f in (*assessment.findings, *(a.finding for a in assessment.accepted))}
    named |= {h.step for p in assessment.paths.paths for h in p.hops}
    entries = []
    for name in sorted(named & set(catalog)):
        e = catalog[name]
        level = severity(e.severity) if e.severity else tag("span", "step", class_="severity step")
        links = tag("ul", *(tag("li", link(r)) for r in e.references)) if e.references else NOTHING
        head = tag("summary", level, tag("code", name), tag("span", e.title))
        entries.append(
            tag(
                "details",
                head,
                tag("div", prose(e.prose), links, class_="prose"),
                id=f"entry-{clean(name)}",
                class_="entry",
            )
        )
    return tag("section", tag("h2", "Checks and steps"), *entries, id="checks") if entries else NOTHING
