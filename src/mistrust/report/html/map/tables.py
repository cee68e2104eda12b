"""The map in words: the same facts as the pictures, and what each workload may be sent, by whom."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import msgspec

from mistrust.access.ports import Ports
from mistrust.access.telling import listed
from mistrust.channels.atlas import INTERNET, Link
from mistrust.layers.mesh.channel import Authz, Transport
from mistrust.report.html.map.flow import MEANING, ORDER, TONES, Flow, Tone, ports_words
from mistrust.report.html.map.places import THE_INTERNET, Places
from mistrust.report.html.map.scene import Scene, names
from mistrust.report.html.markup import NOTHING, Markup, joined, tag, text
from mistrust.report.words import count

ROWS = 2_000
NAMES = 120

AUTHZ: Mapping[Authz, str] = {
    Authz.DENIED: "every request is denied",
    Authz.REQUESTS: "some requests pass",
    Authz.IDENTITY: "by identity",
    Authz.ADDRESS: "by address alone",
    Authz.NONE: "nothing is checked",
    Authz.UNKNOWN: "unknown",
}


def chip(tone: Tone, words: str = "") -> Markup:
    """How a connection travels, as a word beside its line."""
    return tag("span", words or MEANING[tone], class_=f"chip t-{tone}")


def bundles(places: Places) -> Markup:
    """Every pair of namespaces."""
    rows = []
    ordered = sorted(places.bundles.items(), key=lambda item: (ORDER.index(item[1].tone), -item[1].pairs, item[0]))
    for (a, b), flow in ordered[:ROWS]:
        source = tag("a", a, href=f"#map-{places.number[a]}") if a else text(THE_INTERNET)
        target = tag("a", b, href=f"#map-{places.number[b]}") if a != b else tag("span", "itself", class_="hint")
        pairs = f"{flow.pairs:,} of {flow.possible:,}"
        rows.append(
            tag("tr", tag("td", source), tag("td", target), tag("td", pairs, class_="n"), tag("td", *_tones(flow)))
        )
    more = len(places.bundles) - len(rows)
    note = tag("p", f"and {more:,} more pairs of namespaces; -o json has all", class_="hint") if more > 0 else NOTHING
    table = _table(("from", "to", "pairs of workloads", "how it travels"), rows)
    return tag(
        "details",
        tag("summary", f"The picture in words ({count(len(places.bundles), 'pair')} of namespaces)"),
        table,
        note,
    )


def words(shown: Scene) -> Markup:
    """A picture of some boxes: a row for each flow."""
    rows = []
    for (a, b), flow in sorted(shown.flows.items(), key=lambda item: (ORDER.index(item[1].tone), item[0])):
        source, target = names([shown.boxes[a]], NAMES), names([shown.boxes[b]], NAMES)
        pairs = f"{flow.pairs:,} of {flow.possible:,}"
        rows.append(
            tag(
                "tr",
                tag("td", source),
                tag("td", "each other" if a == b else target),
                tag("td", ports_words(flow.ports)),
                tag("td", pairs, class_="n"),
                tag("td", *_tones(flow)),
            )
        )
    return _table(("from", "to", "ports", "pairs", "how it travels"), rows)


def _tones(flow: Flow) -> list[Markup]:
    parts = [
        chip(t, MEANING[t] if len(flow.tones) == 1 else f"{flow.tones[t]:,} {MEANING[t]}")
        for t in ORDER
        if t in flow.tones
    ]
    if flow.unsure and flow.tone is not Tone.UNKNOWN:
        parts.append(tag("span", f"{flow.unsure:,} not certain", class_="hint"))
    return [joined(parts, " ")]


class Way(msgspec.Struct, frozen=True):
    """How a link is protected, and on which ports."""

    ports: str
    transport: Transport
    authz: Authz
    plaintext: bool | None
    unknown: bool


def arrivals(places: Places, namespace: str) -> Markup:
    """Who may open what to the workloads of a namespace; those that are sent the same share a row."""
    sources = ways(link for link in places.links[namespace] if places.namespace(link.target) == namespace)
    rows = sorted(shared(sources), key=lambda row: (ORDER.index(TONES[row[0].transport]), row[1], row[0].ports))
    if not rows:
        return NOTHING
    return _table(
        ("to", "ports", "from", "how it travels", "authorization", "in plaintext"),
        [_row(places, namespace, *row) for row in rows],
    )


def ways(links: Iterable[Link]) -> dict[tuple[Way, int], set[int]]:
    """The sources by way and target; ports that are protected alike are one set."""
    ports: dict[tuple[int, int, Transport, Authz, bool | None, bool], list[Ports]] = {}
    for k in links:
        ports.setdefault((k.source, k.target, k.transport, k.authz, k.plaintext, k.unknown), []).append(k.ports)
    found: dict[tuple[Way, int], set[int]] = {}
    for (source, target, transport, authz, plaintext, unknown), several in ports.items():
        every = ports_words(Ports.of(r for p in several for r in p.ranges))
        way = Way(every, transport, authz, plaintext, unknown)
        found.setdefault((way, target), set()).add(source)
    return found


def shared(sources: Mapping[tuple[Way, int], Iterable[int]]) -> list[tuple[Way, tuple[int, ...], tuple[int, ...]]]:
    """Ways, targets, sources. Targets with the same sources share a row; so do those that may all be reached by each
    other and by the same others: then a target is among its own sources, and that means the rest of them."""
    mutual: dict[tuple[Way, frozenset[int]], list[int]] = {}
    for (way, target), found in sources.items():
        mutual.setdefault((way, frozenset((*found, target))), []).append(target)
    alone: dict[tuple[Way, frozenset[int]], list[int]] = {}
    rows = []
    for (way, everybody), targets in mutual.items():
        if len(targets) > 1:
            rows.append((way, tuple(sorted(targets)), tuple(sorted(everybody))))
        else:
            alone.setdefault((way, frozenset(sources[way, targets[0]])), []).append(targets[0])
    rows += [(way, tuple(sorted(targets)), tuple(sorted(found))) for (way, found), targets in alone.items()]
    return rows


def _row(places: Places, namespace: str, way: Way, targets: Sequence[int], sources: Sequence[int]) -> Markup:
    every = len(targets) == len(places.spots[namespace]) > 1
    to = listed([places.names[i] for i in targets], NAMES)
    lead = tag("span", f"every workload ({len(targets):,}): ", class_="hint") if every else NOTHING
    unsure = tag("div", "the network part is not certain", class_="hint") if way.unknown else NOTHING
    plain = {True: "would be served", False: "refused", None: "unknown"}[way.plaintext]
    tone = Tone.CLOSED if way.authz is Authz.DENIED else TONES[way.transport]
    shown = chip(
        tone, "broken: the two sides do not fit" if way.transport is Transport.BROKEN else MEANING[TONES[way.transport]]
    )
    return tag(
        "tr",
        tag("td", lead, text(to)),
        tag("td", way.ports),
        tag("td", everyone(places, sources)),
        tag("td", shown, unsure),
        tag("td", AUTHZ[way.authz]),
        tag("td", plain),
    )


def everyone(places: Places, sources: Sequence[int]) -> str:
    """`the Internet; all of ops (4); shop: web, cart`."""
    by: dict[str, list[int]] = {}
    for i in sources:
        by.setdefault(places.namespace(i), []).append(i)
    whole = [name for name, several in by.items() if name and len(several) == places.size(name)]
    if len(whole) == len(places.spots) > 1:
        return "every workload" + (f" and {THE_INTERNET}" if INTERNET in sources else "")
    parts = [THE_INTERNET] if "" in by else []
    full = [
        f"{name} ({len(by[name]):,})" if len(by[name]) > 1 else f"{name}/{places.names[by[name][0]]}" for name in whole
    ]
    parts += (
        [f"all of {listed([w for w, n in zip(full, whole, strict=True) if len(by[n]) > 1], 40)}"]
        if any(len(by[n]) > 1 for n in whole)
        else []
    )
    parts += [w for w, n in zip(full, whole, strict=True) if len(by[n]) == 1]
    parts += [
        f"{name}: {listed([places.names[i] for i in several], 40)}"
        for name, several in by.items()
        if name and name not in whole
    ]
    return "; ".join(parts)


def _table(heads: Sequence[str], rows: Sequence[Markup]) -> Markup:
    head = tag("thead", tag("tr", *(tag("th", h, scope="col") for h in heads)))
    return tag("div", tag("table", head, tag("tbody", *rows), class_="links"), class_="scroll", tabindex="0")
