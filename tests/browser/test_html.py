"""The report in a real browser: it runs, asks nobody, filters, fades what a change cuts, works from the keyboard."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from msgspec.structs import replace

from mistrust.report.html.page import render
from tests.browser.chromium import BROWSER, Page, page
from tests.report.assessments import CATALOG, HOSTILE, locate, realistic

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not BROWSER, reason="no Chromium: apt-get install chromium, or set MISTRUST_CHROMIUM to one"),
]

PROD = realistic(60)

POOR = """(() => {
      const rgb = (c) => (c.match(/[\\d.]+/g) || []).map(Number);
      const linear = (v) => v <= .04045 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4;
      const lum = ([r, g, b]) => .2126 * linear(r / 255) + .7152 * linear(g / 255) + .0722 * linear(b / 255);
      const ground = (e) => {
        for (; e; e = e.parentElement) {
          const colour = rgb(getComputedStyle(e).backgroundColor);
          if (colour.length < 4 || colour[3]) return colour;
        }
      };
      const seen = [];
      for (const e of document.querySelectorAll('main *:not(svg *), nav *')) {
        if (![...e.childNodes].some((n) => n.nodeType === 3 && n.data.trim()) || !e.checkVisibility()) continue;
        const [a, b] = [lum(rgb(getComputedStyle(e).color)), lum(ground(e))].sort((x, y) => y - x);
        const ratio = (a + .05) / (b + .05);
        if (ratio < 4.5) seen.push(`${e.tagName}.${e.className} ${ratio.toFixed(2)}: ${e.textContent.slice(0, 30)}`);
      }
      return [...new Set(seen)];
})()"""
"""A script: which visible texts have less contrast than 4.5 to 1."""


@pytest.fixture
def browser() -> Iterator[Page]:
    with page() as tab:
        yield tab


@pytest.fixture
def report(tmp_path, browser) -> Page:
    return opened(browser, tmp_path, PROD)


def opened(browser: Page, folder, assessment, fragment: str = "") -> Page:
    file = folder / "report.html"
    file.write_bytes(render(assessment, locate, CATALOG))
    browser.open(file.as_uri() + fragment)
    return browser


def shown(browser: Page) -> list[str]:
    return browser.run("[...document.querySelectorAll('.finding')].map(f => f.dataset.id)")


def wait(browser: Page, milliseconds: int = 250) -> None:
    browser.run(f"new Promise(done => setTimeout(done, {milliseconds}))")


def test_it_opens_without_a_complaint_and_asks_nobody(report):
    assert report.run("document.documentElement.classList.contains('js')") is True
    assert len(shown(report)) == 50
    assert report.complaints() == []
    assert len(report.requests()) == 1


def test_the_filter_finds_and_its_address_reproduces_it(report, tmp_path):
    report.run("document.querySelector('button[data-severity=critical]').click()")
    assert {i[:11] for i in shown(report)} == {
        "MT-RBAC-001",
        *(f.rule for f in PROD.findings if f.severity == "critical"),
    }
    report.run(
        "s = document.querySelector('input[type=search]'); s.value = 'shop/runner'; s.dispatchEvent(new Event('input'))"
    )
    wait(report)
    found = shown(report)
    assert len(found) == 1
    address = report.run("location.hash")
    assert "severity=critical" in address
    assert shown(opened(report, tmp_path, PROD, address)) == found


def test_a_number_in_the_summary_leads_to_its_findings(report):
    report.run("document.querySelector('.numbers a[href*=identity]').click()")
    wait(report)
    assert {i.rsplit("-", 2)[0] for i in shown(report)} == {"MT-RBAC"}


def test_a_finding_opens_with_place_patch_and_how_to_accept_it(browser, tmp_path):
    finding = next(f for f in PROD.findings if f.rule == "MT-RBAC-014")
    opened(browser, tmp_path, PROD, f"#{finding.id}")
    wait(browser)
    text = browser.run("document.querySelector('.finding[open]').innerText")
    for part in (
        ":23",
        "rules[2].resources",
        '-   [2]: resources: ["secrets"]',
        f'id = "{finding.id}"',
        "Secrets hold",
    ):
        assert part in text


def test_ticking_every_change_fades_every_path(report):
    report.run("for (const box of document.querySelectorAll('input.change')) box.click()")
    total = len(PROD.paths.paths)
    assert f"{total} of {total} listed paths cut" in report.run("document.querySelector('.tally').textContent")
    assert (
        report.run("[...document.querySelectorAll('svg [data-paths]')].every(e => e.classList.contains('gone'))")
        is True
    )


def test_one_change_fades_only_what_it_cuts(report):
    report.run("document.querySelector('input.change').click()")
    cut = report.run("document.querySelectorAll('tr[data-cut].gone').length")
    assert cut == PROD.paths.fixes.changes[0].cuts < len(PROD.paths.paths)


def test_the_keyboard_reaches_search_changes_and_findings(report):
    report.press("/", 191, "/")
    assert report.run("document.activeElement.type") == "search"
    report.run("document.querySelector('input.change').focus()")
    report.press(" ", 32, " ")
    assert report.run("document.querySelector('input.change').checked") is True
    report.run("document.querySelector('.finding summary').focus()")
    report.press("Enter", 13, "\r")
    assert report.run("document.querySelector('.finding').open") is True


def test_hostile_names_stay_text(browser, tmp_path):
    findings = tuple(replace(f, subject=name, detail=name, title=name) for name in HOSTILE for f in PROD.findings[:2])
    opened(browser, tmp_path, replace(PROD, findings=findings, name=HOSTILE[0], source=HOSTILE[2]))
    browser.run("for (const f of document.querySelectorAll('.finding')) f.open = true")
    wait(browser)
    assert browser.complaints() == []
    assert len(browser.requests()) == 1
    assert browser.run("document.querySelectorAll('img, script').length") == 2
    assert browser.run("document.documentElement.scrollWidth <= innerWidth") is True


@pytest.mark.parametrize("width", [380, 800, 1600])
def test_no_width_makes_the_page_scroll_sideways(report, width):
    report.call("Emulation.setDeviceMetricsOverride", width=width, height=900, deviceScaleFactor=1, mobile=False)
    wait(report)
    assert report.run("document.documentElement.scrollWidth <= innerWidth") is True


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_has_contrast(report, scheme):
    """WCAG 2.2, 1.4.3: 4.5 to 1 for text."""
    report.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])
    assert report.run(POOR) == []
