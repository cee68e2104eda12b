"""The map: nothing of the atlas is lost between the links, the pictures and the words beside them."""

from __future__ import annotations

import random
from collections import Counter

import msgspec
import pytest
from msgspec.structs import replace

from mistrust.access.ports import EVERY_PORT, Ports
from mistrust.channels.atlas import INTERNET, Atlas, Link
from mistrust.layers.mesh.channel import Authz, Transport
from mistrust.report import json, markdown
from mistrust.report.document import Document
from mistrust.report.html import page
from mistrust.report.html.map.drawing import ARROWS, BOXES, CELLS, ROWS, fitted, placed, told
from mistrust.report.html.map.flow import Flow, Tone, flows
from mistrust.report.html.map.places import Places
from mistrust.report.html.map.scene import Box, Scene, folded
from mistrust.report.html.map.tables import everyone, shared, ways
from tests.report.assessments import CATALOG, locate, realistic
from tests.report.atlases import SIZES, atlas, everybody, link, shop, spot, tcp, teams
from tests.report.test_html import Tree

PLAIN, ENFORCED, UNKNOWN, BROKEN = (
    Transport.PLAINTEXT,
    Transport.MTLS_ENFORCED,
    Transport.UNKNOWN,
    Transport.BROKEN,
)


def anything(seed: int) -> Atlas:
    """Up to fourteen workloads in up to five namespaces, and links of every kind between them."""
    draw = random.Random(seed)
    spaces = [f"ns-{i}" for i in range(draw.randint(1, 5))]
    apps = ("web", "api", "db")
    spots = [
        spot(draw.choice(spaces), draw.choice(apps), f"w{i}", limited=draw.random() < 0.7)
        for i in range(draw.randint(1, 14))
    ]
    some = draw.choice((0.1, 0.5, 1.0))
    links: list[Link] = []
    for a in range(-1, len(spots)):
        for b in range(len(spots)):
            if a != b and draw.random() < some:
                for port in draw.sample((80, 443, 5432), draw.randint(1, 2)):
                    transport = draw.choice((PLAIN, PLAIN, ENFORCED, UNKNOWN, BROKEN))
                    authz = draw.choice((Authz.NONE, Authz.NONE, Authz.DENIED))
                    links.append(link(a, b, tcp(port), transport, authz, unknown=draw.random() < 0.2))
    return atlas(spots, links)


def rendered(some: Atlas) -> str:
    return page.render(replace(realistic(5), atlas=some), locate, CATALOG).decode()


def tones(scene: Scene) -> Counter[Tone]:
    total: Counter[Tone] = Counter()
    for flow in scene.flows.values():
        total.update(flow.tones)
    return total


@pytest.mark.parametrize(
    ("links", "tone", "unsure"),
    [
        pytest.param([(PLAIN, Authz.NONE, False)], Tone.PLAINTEXT, 0, id="plaintext"),
        pytest.param([(ENFORCED, Authz.IDENTITY, False)], Tone.ENFORCED, 0, id="enforced"),
        pytest.param(
            [(ENFORCED, Authz.IDENTITY, False), (PLAIN, Authz.NONE, False)], Tone.PLAINTEXT, 0, id="worst-port-counts"
        ),
        pytest.param(
            [(ENFORCED, Authz.IDENTITY, False), (UNKNOWN, Authz.NONE, False)], Tone.ENFORCED, 1, id="one-port-unknown"
        ),
        pytest.param([(UNKNOWN, Authz.NONE, False)], Tone.UNKNOWN, 1, id="unknown"),
        pytest.param(
            [(BROKEN, Authz.NONE, False), (UNKNOWN, Authz.NONE, False)], Tone.UNKNOWN, 1, id="not-surely-broken"
        ),
        pytest.param([(PLAIN, Authz.DENIED, False)], Tone.CLOSED, 0, id="every-request-denied"),
        pytest.param([(BROKEN, Authz.NONE, False)], Tone.CLOSED, 0, id="broken"),
        pytest.param([(PLAIN, Authz.NONE, True)], Tone.PLAINTEXT, 1, id="plugins-differ"),
    ],
)
def test_how_a_pair_is_drawn(links, tone, unsure):
    several = [
        link(0, 1, tcp(80 + n), transport, authz, unknown=unknown)
        for n, (transport, authz, unknown) in enumerate(links)
    ]
    (flow,) = flows(several, lambda k: (k.source, k.target), lambda _: 1).values()
    assert (flow.tone, flow.unsure, flow.pairs) == (tone, unsure, 1)
    assert flow.ports == Ports.span("TCP", 80, 79 + len(links))


@pytest.mark.parametrize(
    ("flow", "words"),
    [
        (Flow({Tone.PLAINTEXT: 1}, 1, tcp(80)), "TCP 80 · plaintext · 1 pair"),
        (Flow({Tone.PLAINTEXT: 2}, 2, EVERY_PORT), "every port · plaintext · 2 pairs"),
        (
            Flow({Tone.ENFORCED: 30, Tone.PLAINTEXT: 2}, 64),
            "2 plaintext, 30 mTLS enforced · 32 of 64 pairs",
        ),
        (Flow({Tone.ENFORCED: 3}, 3, tcp(443), 1), "TCP 443 · mTLS enforced · 3 pairs · 1 not certain"),
        (Flow({Tone.UNKNOWN: 3}, 3, tcp(443), 3), "TCP 443 · unknown · 3 pairs"),
    ],
)
def test_what_pointing_at_a_flow_says(flow, words):
    assert str(flow) == words


@pytest.mark.parametrize("seed", range(60))
def test_every_pair_is_in_the_picture_of_its_namespaces(seed):
    some = anything(seed)
    places = Places(some)
    pairs = {(k.source, k.target) for k in some.links}
    for name in places.spots:
        here = {p for p in pairs if name in (places.namespace(p[0]), places.namespace(p[1]))}
        inside, among = places.inside(name), places.among(name)
        assert sum(f.pairs for f in among.flows.values()) == len(here)
        assert sum(f.pairs for f in inside.flows.values()) == len(here)
        assert tones(fitted(inside)) == tones(inside)
        for app in places.apps(name):
            own = {i for i in places.spots[name] if some.spots[i].app == app}
            shown = places.app(name, app)
            assert sum(f.pairs for f in shown.flows.values()) == sum(bool(own & {*p}) for p in pairs)


@pytest.mark.parametrize("seed", range(60))
def test_the_overview_counts_every_pair_once(seed):
    some = anything(seed)
    whole = Places(some).whole
    assert sum(f.pairs for f in whole.flows.values()) == len({(k.source, k.target) for k in some.links})
    assert tones(fitted(whole)) == tones(whole)


@pytest.mark.parametrize("seed", range(80))
def test_boxes_are_drawn_as_one_only_if_nothing_tells_them_apart(seed):
    """The slow definition: every pair of boxes, before and after."""
    draw = random.Random(seed)
    size = draw.randint(2, 9)
    boxes = tuple(
        Box(f"b{i}", draw.choice(("app", "app", "app", "namespace")), 1, draw.choice((0, 1))) for i in range(size)
    )
    kinds = [Flow({t: 1}, 1, tcp(p)) for t in (Tone.PLAINTEXT, Tone.ENFORCED) for p in (80, 443)]
    few = draw.sample(kinds, draw.randint(1, 2))
    chance = draw.choice((0.2, 0.9, 1.0))
    links = {(a, b): draw.choice(few) for a in range(size) for b in range(size) if draw.random() < chance}
    whole = Scene(boxes, links)
    shown = folded(whole, size * size)
    part = {name: n for n, b in enumerate(shown.boxes) for name in (b.members or (b.name,))}
    assert len(part) == size
    for a in range(size):
        for b in range(size):
            before = links.get((a, b))
            after = shown.flows.get((part[f"b{a}"], part[f"b{b}"]))
            if a != b or (before and after):
                assert (before and (before.tone, before.ports)) == (after and (after.tone, after.ports))
    for n, b in enumerate(shown.boxes):
        members = [i for i in range(size) if part[f"b{i}"] == n]
        assert {boxes[i].kind for i in members} == {b.kind}


def test_there_and_back_is_one_line_that_tells_both():
    boxes = (Box("a", "app", 2), Box("b", "app", 3))
    one, other = Flow({Tone.PLAINTEXT: 6}, 6, tcp(80)), Flow({Tone.PLAINTEXT: 1}, 6, tcp(80))
    assert told(Scene(boxes, {(0, 1): one, (1, 0): one}), (0, 1), both=True) == f"a ⇄ b: {one}"
    assert told(Scene(boxes, {(0, 1): one, (1, 0): other}), (0, 1), both=True) == f"a → b: {one}; b → a: {other}"


def test_who_may_do_everything_is_one_box():
    scene = fitted(Places(everybody(60, 8, keep=True)).whole)
    (box,) = scene.boxes
    assert box.title == "8 namespaces"
    assert scene.flows[0, 0].pairs == scene.flows[0, 0].possible == 60 * 59


def test_where_the_links_are_too_many_the_namespace_is_one_box_and_it_is_said():
    some = everybody(60, 6)
    places = Places(some)
    among = fitted(places.among("team-00"))
    assert sorted(b.title for b in among.boxes) == ["5 namespaces", "5 namespaces", "team-00"]
    assert sum(f.pairs for f in among.flows.values()) == 10 * 9 + 2 * 10 * 50
    assert rendered(some).count("Its connections are too many to be told one by one") == 6


def test_where_only_links_within_namespaces_are_there_both_are_drawn():
    whole = everybody(60, 6, keep=True)
    near = [k for k in whole.links if whole.spots[k.source].namespace == whole.spots[k.target].namespace]
    some = replace(whole, links=tuple(near), omitted=60 * 59 - len(near))
    places = Places(some)
    assert sum(f.pairs for f in places.inside("team-00").flows.values()) == 10 * 9
    assert sum(f.pairs for f in places.among("team-00").flows.values()) == 10 * 9 + 2 * 10 * 50
    text = rendered(some)
    assert text.count("Connections with other namespaces are too many") == 6
    assert text.count("the apps of team-0") == text.count("among the other namespaces") == 6


@pytest.mark.parametrize("name", SIZES)
def test_no_picture_is_a_hairball(name):
    places = Places(SIZES[name]())
    scenes = [places.whole, *(places.inside(n) for n in places.order[:20])]
    for scene in map(fitted, scenes):
        at = placed(scene)
        assert len(scene.flows) <= CELLS
        assert len(scene.boxes) <= ROWS + 4
        if at:
            assert len(scene.boxes) <= BOXES
            assert scene.arrows <= ARROWS


@pytest.mark.parametrize(("name", "most"), [("shop", 150_000), ("teams-1000", 2_500_000), ("teams-5000", 4_500_000)])
def test_a_page_stays_small(name, most):
    assert len(rendered(SIZES[name]())) < most


@pytest.mark.parametrize("seed", range(60))
def test_rows_of_the_table_say_exactly_the_links(seed):
    some = anything(seed)
    told = {
        (source, target, *how, point)
        for (text, *how), targets, others in (
            (msgspec.structs.astuple(w), t, o) for w, t, o in shared(ways(some.links))
        )
        for target in targets
        for source in others
        if source != target
        for point in text.removeprefix("TCP ").split(",")
    }
    assert told == {
        (k.source, k.target, k.transport, k.authz, k.plaintext, k.unknown, str(k.ports).removeprefix("TCP "))
        for k in some.links
    }


@pytest.mark.parametrize(
    ("sources", "words"),
    [
        ([INTERNET], "the Internet"),
        ([1], "shop: web"),
        ([0], "edge/gateway"),
        ([1, 2, 3, 4, 7], "all of shop (4); ops: prometheus"),
        ([INTERNET, 0, 5, 6, 7, 8], "the Internet; all of data (2), ops (2); edge/gateway"),
        (range(10), "every workload"),
        (range(-1, 10), "every workload and the Internet"),
    ],
)
def test_sources_in_words(sources, words):
    assert everyone(Places(shop()), list(sources)) == words


def test_two_workloads_of_one_name_are_told_apart():
    some = atlas((spot("a", "x", "db"), spot("a", "x", "db", "StatefulSet"), spot("a", "x", "web")), ())
    assert Places(some).names == ["Deployment db", "StatefulSet db", "web"]


@pytest.mark.parametrize("name", ["shop", "teams-60", "open-60"])
def test_every_part_of_the_map_leads_somewhere_and_has_words(name):
    some = SIZES[name]()
    tree = Tree(rendered(some))
    ids = [a["id"] for _, a in tree.elements if "id" in a]
    assert len(ids) == len(set(ids))
    for element, attributes in tree.elements:
        if element == "a" and attributes.get("href", "").startswith("#"):
            assert attributes["href"][1:].split("?")[0] in ids
    places = [a for _, a in tree.elements if a.get("class") == "place"]
    assert len(places) == len({s.namespace for s in some.spots})
    figures = [a for n, a in tree.elements if n == "figure" and a.get("class") == "atlas"]
    tables = [a for n, a in tree.elements if n == "table" and a.get("class") == "links"]
    assert len(tables) >= len(figures)
    titles = " ".join(tree.texts["title"])
    for n in {s.namespace for s in some.spots}:
        assert n in titles


def test_the_first_sentence_counts_what_gets_through():
    text = rendered(shop())
    lead = text[text.index("<h2>Map</h2>") :].split("</p>")[0].rsplit(">", 1)[-1]
    pairs = {(k.source, k.target): k for k in shop().links if k.source != INTERNET}
    through = sum(k.transport is not BROKEN for k in pairs.values())
    assert through == len(pairs) - 1
    assert lead.startswith(f"{through} of 90 pairs of workloads may talk")
    assert "the Internet may open 2 workloads" in lead
    assert "nothing limits what comes into 4 workloads of 10" in lead


def test_a_report_without_an_atlas_has_no_map():
    text = page.render(realistic(5), locate, CATALOG).decode()
    assert 'id="map"' not in text
    assert '"#map"' not in text


def test_the_document_holds_every_link_and_an_old_one_still_reads():
    some = shop()
    data = json.render(replace(realistic(5), atlas=some), locate, CATALOG)
    document = msgspec.json.decode(data, type=Document)
    assert document.map is not None
    back = [
        (
            INTERNET if k.source is None else k.source,
            k.target,
            k.ports,
            k.transport,
            k.authz,
            k.plaintext,
            not k.certain,
        )
        for k in document.map.links
    ]
    assert back == [
        (k.source, k.target, str(k.ports), k.transport, k.authz, k.plaintext, k.unknown) for k in some.links
    ]
    assert sum(b.pairs for b in document.map.namespaces) == len({(k.source, k.target) for k in some.links})
    old = msgspec.json.decode(data)
    del old["map"]
    assert msgspec.convert(old, Document).map is None


def test_a_comment_names_the_worst_pairs_of_namespaces():
    text = markdown.render(replace(realistic(5), atlas=teams(60, 8)), locate, CATALOG).decode()
    table = text[text.index("Who may talk to whom") :].split("</details>")[0]
    assert "24 pairs of namespaces, the first 15" in table
    rows = [r for r in table.splitlines() if r.startswith(("| `", "| the"))]
    assert len(rows) == 15
    counts = [int(r.split("plaintext")[0].rsplit("|")[-1]) if "plaintext" in r else 0 for r in rows]
    assert counts == sorted(counts, reverse=True)
    assert counts[0] > 0
