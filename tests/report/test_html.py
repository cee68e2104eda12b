import re
from base64 import b64encode
from hashlib import sha256
from html.parser import HTMLParser

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from mistrust.paths.path import Foothold, Hop, Path
from mistrust.report.assessment import change_id, path_id
from mistrust.report.html import page
from mistrust.report.html.markup import tag
from mistrust.report.html.picture import BOXES, graph
from mistrust.report.html.prose import prose
from tests.report.assessments import CATALOG, anything, assessments, catalogs, locate, realistic

VOID = {"meta", "input", "br"}


class Tree(HTMLParser):
    """Elements and attributes as a browser's tokenizer sees them; every element must be closed."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.texts: dict[str, list[str]] = {}
        self.open: list[str] = []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, name, attributes):
        self.elements.append((name, dict(attributes)))
        if name not in VOID:
            self.open.append(name)

    def handle_endtag(self, name):
        assert self.open.pop() == name

    def handle_data(self, data):
        self.texts.setdefault(self.open[-1] if self.open else "", []).append(data)


def render(assessment, catalog=CATALOG):
    return page.render(assessment, locate, catalog).decode()


@given(assessments, catalogs)
def test_nothing_of_the_input_becomes_markup(assessment, catalog):
    tree = Tree(render(assessment, catalog))
    names = [name for name, _ in tree.elements]
    assert names.count("script") == 2
    assert "img" not in names
    for name, attributes in tree.elements:
        assert not any(a.startswith("on") or a in ("src", "style", "srcdoc", "action") for a in attributes), (
            name,
            attributes,
        )
        assert attributes.get("href", "#").startswith(("#", "https://"))
    ids = [a["id"] for _, a in tree.elements if "id" in a]
    assert {"summary", "findings", "coverage", "data"} <= set(ids)


def test_500_workloads_take_less_than_a_megabyte():
    big = realistic(500)
    crowded = replace(big, findings=big.findings * 3)
    assert len(crowded.findings) > 5_000
    assert len(render(crowded)) < 1_000_000


def test_only_its_own_script_and_style_may_run():
    text = render(realistic(5))
    tree = Tree(text)
    policy = next(a["content"] for n, a in tree.elements if a.get("http-equiv") == "Content-Security-Policy")
    script = re.findall(r"(?s)<script>(.*?)</script>", text)[0]
    style = re.findall(r"(?s)<style>(.*?)</style>", text)[0]
    for source in (script, style):
        assert f"'sha256-{b64encode(sha256(source.encode()).digest()).decode()}'" in policy
    assert policy.startswith("default-src 'none'")
    assert "unsafe" not in policy


def test_every_number_leads_somewhere():
    tree = Tree(render(realistic(40)))
    ids = {a["id"] for _, a in tree.elements if "id" in a}
    for name, attributes in tree.elements:
        if name == "a" and attributes["href"].startswith("#"):
            assert attributes["href"][1:].split("?")[0] in ids


def test_every_finding_is_in_the_data_with_place_patch_and_id():
    assessment = realistic(40)
    text = render(assessment)
    data = msgspec.json.decode(re.findall(r'(?s)<script type="application/json" id="data">(.*?)</script>', text)[0])
    words = data["words"]
    ids = {f"{words[row[0]]}-{row[1]}" for row in data["rows"]}
    assert ids == {f.id for f in assessment.findings} | {a.finding.id for a in assessment.accepted}
    first = next(row for row in data["rows"] if words[row[0]] == "MT-RBAC-014")
    _, file, line, field, _ = first[10][0]
    assert (words[file], line, words[field]) == ("rbac/edge.yaml", 23, "rules[2].resources")
    assert '-   [2]: resources: ["secrets"]' in words[first[11][0][3]]


def test_a_picture_has_its_twin_in_words():
    assessment = realistic(40)
    tree = Tree(render(assessment))
    rows = {a["id"]: a for n, a in tree.elements if n == "tr" and "id" in a}
    assert {path_id(p) for p in assessment.paths.paths} <= set(rows)
    hops = {h for p in assessment.paths.paths for h in p.hops}
    assert sum(i.startswith("hop-") for i in rows) == len(hops)
    assert change_id(assessment.paths.fixes.changes[0]) in "".join(tree.texts["code"])


def test_paths_that_play_the_same_part_share_a_box():
    drawn = graph(realistic(200).paths.paths, realistic(200).paths.fixes.changes)
    assert [len(b.members) for b in drawn.boxes if b.part == "start"] == [25, 25]
    assert len(drawn.boxes) == 8
    assert {a.changes for a in drawn.arrows if a.changes} == {(0,), (1,)}


@given(anything)
def test_every_hop_of_every_shown_path_is_in_the_picture(some):
    paths = some.some(some.path)
    drawn = graph(paths)
    box = {f: i for i, b in enumerate(drawn.boxes) for f in b.members}
    for number, path in enumerate(paths[: drawn.shown]):
        for hop in path.hops:
            arrows = [
                a for a in drawn.arrows if (a.source, a.target, a.step) == (box[hop.source], box[hop.target], hop.step)
            ]
            assert len(arrows) == 1
            assert number in arrows[0].paths


def test_a_crowd_is_drawn_as_far_as_it_can_be_read():
    target = Foothold("cluster-admin", "")
    crowd = []
    for i in range(80):
        start, middle = Foothold("pod", f"Deployment a/{i}"), Foothold("identity", f"ServiceAccount a/{i}")
        crowd.append(
            Path(start, target, (Hop("", start, middle, "holds"), Hop(f"step-{i}", middle, target, "does")), 2.0)
        )
    drawn = graph(crowd)
    assert 1 < drawn.shown < 80
    assert len(drawn.boxes) <= BOXES


@pytest.mark.parametrize(
    ("markdown", "html"),
    [
        ("Plain `code` and **bold**.", "<p>Plain <code>code</code> and <strong>bold</strong>.</p>"),
        ("# Head\n\ntext", "<h4>Head</h4><p>text</p>"),
        ("- one\n  more\n- two", "<ul><li>one more</li><li>two</li></ul>"),
        ("```yaml\na: <b>\n\nc\n```", "<pre><code>a: &lt;b&gt;\n\nc</code></pre>"),
        ("[x](javascript:alert(1))", "<p>[x](javascript:alert(1))</p>"),
        ("[x](https://a.b/c)", '<p><a href="https://a.b/c" rel="noreferrer noopener">x</a></p>'),
        ("<b>no</b>", "<p>&lt;b&gt;no&lt;/b&gt;</p>"),
    ],
)
def test_prose(markdown, html):
    assert prose(markdown) == html


@given(st.text(), st.text())
def test_a_tag_escapes_what_it_is_given(content, value):
    tree = Tree(tag("p", content, title=value))
    assert [name for name, _ in tree.elements] == ["p"]
