"""The attack paths: the changes that cut them, the picture, and the tables that say the same."""

from __future__ import annotations

from collections.abc import Sequence

from mistrust.access.evidence import Evidence, show_path
from mistrust.paths.path import Change, Hop, Path, Paths
from mistrust.report.assessment import Assessment, Catalog, Locate, change_id, on_path, path_id, rests_on
from mistrust.report.clean import clean
from mistrust.report.edits import patches
from mistrust.report.html.markup import NOTHING, Markup, joined, tag, text
from mistrust.report.html.picture import graph, picture
from mistrust.report.words import count, fixes_sentence, paths_sentence, place, route

PATHS = 500


def ways(assessment: Assessment, locate: Locate, catalog: Catalog) -> Markup:
    """The whole section; without a path it says what was looked for."""
    paths = assessment.paths
    sentence = f"{paths_sentence(assessment)} {fixes_sentence(paths.fixes, paths.pairs)}".strip()
    parts = [tag("h2", "Attack paths"), tag("p", f"{sentence[:1].upper()}{sentence[1:]}", class_="lead")]
    if paths.fixes.changes:
        parts.append(_changes(paths.fixes.changes, paths, locate))
    if paths.paths:
        shown = paths.paths[:PATHS]
        drawn = graph(shown, paths.fixes.changes)
        note = ""
        if drawn.shown < paths.pairs:
            note = f"The picture shows the first {drawn.shown:,} of {paths.pairs:,} paths. "
        note += "Read it from left to right; a box with +n stands for footholds that play the same part."
        parts.append(tag("figure", tag("div", picture(drawn), class_="scroll", tabindex="0"), tag("figcaption", note)))
        hops = _numbered(shown)
        parts += [_paths(shown, hops, paths), _hops(hops, paths.fixes.changes, locate, catalog)]
    return tag("section", *parts, id="paths")


def _changes(changes: Sequence[Change], paths: Paths, locate: Locate) -> Markup:
    items = []
    for i, c in enumerate(changes):
        note = tag("span", c.note, class_="note") if c.note else NOTHING
        label = tag(
            "label",
            tag("input", type="checkbox", class_="change", value=str(i)),
            tag("span", str(i + 1), class_="number"),
            tag("span", c.title, class_="what"),
            note,
            tag("span", f"cuts {c.cuts:,}", class_="cuts"),
        )
        diff = [
            tag("div", tag("div", f"{p.ref}  {place(*locate(p.place))}".rstrip(), class_="file"), patch(p.lines))
            for p in patches(c.edits, c.evidence)
        ]
        more = (
            tag("details", tag("summary", "The change"), *diff, tag("p", tag("code", change_id(c))))
            if diff
            else NOTHING
        )
        items.append(tag("li", label, more))
    hint = "Tick a change: the paths that use it fade. The number of paths that all changes cut together is recomputed,"
    return tag(
        "div",
        tag("ol", *items, class_="changes"),
        tag("p", f"{hint} not added up.", class_="hint script"),
        tag("p", "", class_="tally script", role="status", data_total=str(len(paths.paths[:PATHS]))),
    )


def patch(lines: Sequence[str]) -> Markup:
    """Lines of a diff."""
    kinds = {"+": "added", "-": "removed"}
    shown = [tag("span", line, class_=kinds[line[0]]) if line[0] in kinds else text(line) for line in lines]
    return tag("pre", joined(shown, "\n"), class_="patch")


def _numbered(paths: Sequence[Path]) -> dict[Hop, int]:
    return {hop: i for i, hop in enumerate(dict.fromkeys(h for p in paths for h in p.hops), 1)}


def _paths(paths: Sequence[Path], hops: dict[Hop, int], every: Paths) -> Markup:
    rows = []
    for i, p in enumerate(paths):
        way = joined([tag("span", str(f), class_="hold") for f in route(p)], " → ")
        links = joined([tag("a", str(hops[h]), href=f"#hop-{hops[h]}") for h in p.hops], " ")
        rows.append(
            tag(
                "tr",
                tag("td", tag("code", path_id(p)), class_="id"),
                tag("td", way),
                tag("td", links),
                data_paths=str(i),
                data_cut=" ".join(str(n) for n, c in enumerate(every.fixes.changes) if on_path(c, p)),
                id=path_id(p),
            )
        )
    heading = f"Every path ({len(paths):,}" + (f" of {every.pairs:,})" if every.pairs > len(paths) else ")")
    table = _table(("id", "from start to target", "hops"), rows)
    return tag("details", tag("summary", heading), table)


def _hops(hops: dict[Hop, int], changes: Sequence[Change], locate: Locate, catalog: Catalog) -> Markup:
    rows = []
    for hop, number in hops.items():
        cutting = [str(i + 1) for i, c in enumerate(changes) if rests_on(hop, c)]
        how = [text(hop.how)]
        if hop.also:
            how.append(tag("div", f"also holding {', '.join(map(str, hop.also))}", class_="hint"))
        if hop.assumes:
            how.append(tag("div", f"assumes: {hop.assumes}", class_="hint"))
        if hop.step:
            title = catalog[hop.step].title if hop.step in catalog else ""
            known = hop.step in catalog
            name = tag("a", hop.step, href=f"#entry-{clean(hop.step)}", title=title) if known else tag("code", hop.step)
            how.append(tag("div", name, class_="hint"))
        rows.append(
            tag(
                "tr",
                tag("td", str(number)),
                tag("td", str(hop.source)),
                tag("td", *how),
                tag("td", str(hop.target)),
                tag("td", *(tag("div", ground(g, locate), class_="ground") for g in hop.grants)),
                tag("td", *(tag("span", c, class_="number") for c in cutting)),
                id=f"hop-{number}",
            )
        )
    table = _table(("hop", "holding", "an attacker", "and holds", "because of", "cut by"), rows)
    return tag("details", tag("summary", f"Every hop, with what it rests on ({count(len(hops), 'hop')})"), table)


def ground(e: Evidence, locate: Locate) -> Markup:
    """Where a field is written and what it says."""
    at, field = place(*locate(e)), show_path(e.path)
    head = tag("span", at, class_="file") if at else NOTHING
    what = f"{field}: {e.value}" if field and e.value else field or e.value
    parts = [head, text(str(e.ref)), tag("code", what) if what else NOTHING]
    return joined([p for p in parts if p], " ")


def _table(heads: Sequence[str], rows: Sequence[Markup]) -> Markup:
    head = tag("thead", tag("tr", *(tag("th", h, scope="col") for h in heads)))
    return tag("div", tag("table", head, tag("tbody", *rows)), class_="scroll", tabindex="0")
