"""The page: sections, style, script and data in one file under a policy that lets nothing else in."""

from __future__ import annotations

from base64 import b64encode
from hashlib import sha256
from importlib.resources import files

from mistrust.report.assessment import Assessment, Catalog, Locate
from mistrust.report.html.data import data
from mistrust.report.html.map.section import atlas_section
from mistrust.report.html.markup import NOTHING, Markup, tag
from mistrust.report.html.sections import coverage, findings, pages, summary
from mistrust.report.html.ways import ways
from mistrust.report.text import next_commands

ASSETS = files("mistrust.report.html")


def render(assessment: Assessment, locate: Locate, catalog: Catalog) -> bytes:
    """One self-contained file: it opens from a disk, asks no network, and runs only the script that it carries."""
    style = Markup((ASSETS / "page.css").read_text("utf-8"))
    script = Markup((ASSETS / "page.js").read_text("utf-8"))
    policy = (
        f"default-src 'none'; style-src '{_hash(style)}'; script-src '{_hash(script)}'; "
        "base-uri 'none'; form-action 'none'; require-trusted-types-for 'script'"
    )
    head = tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", http_equiv="Content-Security-Policy", content=policy),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("meta", name="color-scheme", content="light dark"),
        tag("meta", name="referrer", content="no-referrer"),
        tag("title", f"mistrust: {assessment.name}"),
        tag("style", style),
    )
    places = [("#summary", "Summary"), ("#paths", "Attack paths"), ("#findings", "Findings"), ("#coverage", "Coverage")]
    if assessment.atlas:
        places.insert(2, ("#map", "Map"))
    next_line = [tag("code", command) for command in next_commands(assessment)[:1]]
    body = tag(
        "body",
        tag("a", "Skip to the findings", href="#findings", class_="skip"),
        tag(
            "nav",
            *(tag("a", label, href=href) for href, label in places),
            tag("button", "Dark or light", type="button", id="theme", class_="script"),
            aria_label="sections",
        ),
        tag(
            "main",
            summary(assessment),
            ways(assessment, locate, catalog),
            atlas_section(assessment.atlas) if assessment.atlas else NOTHING,
            findings(assessment),
            coverage(assessment),
            pages(assessment, catalog),
            tag("footer", tag("p", "Next: ", *next_line), tag("p", f"mistrust {assessment.tool}".rstrip())),
        ),
        tag("script", data(assessment, locate), type="application/json", id="data"),
        tag("script", script),
    )
    return ("<!doctype html>\n" + tag("html", head, body, lang="en") + "\n").encode("utf-8", "backslashreplace")


def _hash(source: str) -> Markup:
    return Markup(f"sha256-{b64encode(sha256(source.encode()).digest()).decode()}")
