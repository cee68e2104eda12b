"""The map in a real browser: it tells what one points at, finds, works from the keyboard and without script."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from msgspec.structs import replace

from mistrust.channels.atlas import Atlas
from mistrust.report.html.page import render
from tests.browser.chromium import BROWSER, Page, page
from tests.browser.test_html import POOR, wait
from tests.report.assessments import CATALOG, HOSTILE, locate, realistic
from tests.report.atlases import atlas, link, shop, spot, teams

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not BROWSER, reason="no Chromium: apt-get install chromium, or set MISTRUST_CHROMIUM to one"),
]

TOLD = "document.querySelector('#map .told').textContent"
OPENED = "for (const d of document.querySelectorAll('#map details')) d.open = true"


@pytest.fixture
def browser() -> Iterator[Page]:
    with page() as tab:
        yield tab


def opened(browser: Page, folder, some: Atlas, fragment: str = "#map") -> Page:
    file = folder / "report.html"
    file.write_bytes(render(replace(realistic(20), atlas=some), locate, CATALOG))
    browser.open(file.as_uri() + fragment)
    wait(browser)
    return browser


def pointed(browser: Page, selector: str) -> str:
    script = f"document.querySelector({selector!r}).dispatchEvent(new PointerEvent('pointerover', {{bubbles: true}}))"
    browser.run(script)
    return str(browser.run(TOLD))


def test_pointing_at_a_line_tells_ports_and_transport_and_fades_the_rest(browser, tmp_path):
    opened(browser, tmp_path, shop())
    assert "may open" in browser.run(TOLD)
    told = pointed(browser, "#map .flow.t-tls .hit")
    assert told == "the Internet → edge: TLS outside the mesh · 1 pair"
    assert browser.run("document.querySelectorAll('#map .lit').length") == 3
    browser.run("document.querySelector('#map svg.map').dispatchEvent(new PointerEvent('pointerleave'))")
    assert browser.run("document.querySelectorAll('#map .lit').length") == 0
    assert browser.complaints() == []


def test_the_keyboard_walks_through_the_boxes(browser, tmp_path):
    opened(browser, tmp_path, shop())
    browser.run("document.querySelector('#map .scroll').focus()")
    told = set()
    for _ in range(6):
        browser.press("Tab", 9)
        told.add(str(browser.run(TOLD)).split(" · ")[0].split("\n")[0])
    assert told == {"the Internet", "edge", "shop", "data", "ops", "legacy"}
    browser.press("Enter", 13, "\r")
    wait(browser)
    assert browser.run("document.querySelector('.place[open] .subject').textContent") in told


def test_a_square_of_a_matrix_tells_the_same(browser, tmp_path):
    opened(browser, tmp_path, teams(400, 60))
    told = pointed(browser, "#map svg.matrix rect.flow.t-tls")
    assert told == "the Internet → ingress: TLS outside the mesh · 1 pair"


def test_the_search_finds_a_workload_a_port_and_a_namespace(browser, tmp_path):
    opened(browser, tmp_path, shop())

    def found(words: str) -> list[str]:
        browser.run(f"seek.value = {words!r}; seek.dispatchEvent(new Event('input'))")
        wait(browser)
        return browser.run(
            "[...document.querySelectorAll('.place')].filter(p => p.checkVisibility())"
            ".map(p => p.querySelector('.subject').textContent).sort()"
        )

    assert found("cart-redis 6379") == ["shop"]
    assert found("LEGACY") == sorted(["data", "legacy", "ops", "shop"])
    assert found("nothing is like this") == []
    assert browser.run("sought.textContent") == "0 namespaces, 0 rows"
    assert len(found("")) == 5


def test_without_script_the_map_and_its_words_are_there(browser, tmp_path):
    browser.call("Emulation.setScriptExecutionDisabled", value=True)
    file = tmp_path / "report.html"
    file.write_bytes(render(replace(realistic(20), atlas=shop()), locate, CATALOG))
    browser.open(file.as_uri())
    browser.call("Emulation.setScriptExecutionDisabled", value=False)
    assert browser.run("document.querySelector('#map svg.map').checkVisibility()") is True
    assert browser.run("document.querySelector('#seek').checkVisibility()") is False
    assert browser.run("document.querySelectorAll('#map .links tbody tr').length") > 40
    assert browser.run("document.querySelector('#map .flow title').textContent") != ""


def test_hostile_names_stay_text(browser, tmp_path):
    names = [h or "empty" for h in HOSTILE]
    spots = [spot(n, m, m) for n in names[:5] for m in names]
    links = [link(a, b) for a in range(-1, len(spots)) for b in range(0, len(spots), 7) if a != b]
    opened(browser, tmp_path, atlas(spots, links))
    browser.run(OPENED)
    wait(browser)
    assert browser.complaints() == []
    assert len(browser.requests()) == 1
    assert browser.run("document.querySelectorAll('img, script').length") == 2
    assert browser.run("document.documentElement.scrollWidth <= innerWidth") is True


@pytest.mark.parametrize("width", [380, 800, 1600])
def test_no_width_makes_the_page_scroll_sideways(browser, tmp_path, width):
    opened(browser, tmp_path, shop())
    browser.run(OPENED)
    browser.call("Emulation.setDeviceMetricsOverride", width=width, height=900, deviceScaleFactor=1, mobile=False)
    wait(browser)
    assert browser.run("document.documentElement.scrollWidth <= innerWidth") is True


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_and_lines_have_contrast(browser, tmp_path, scheme):
    """WCAG 2.2, 1.4.3: 4.5 to 1 for text; 1.4.11: 3 to 1 for what a picture needs; `closed` is to recede."""
    opened(browser, tmp_path, shop())
    browser.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])
    browser.run(OPENED)
    assert browser.run(POOR) == []
    poor = browser.run("""(() => {
      const style = getComputedStyle(document.documentElement);
      const rgb = (hex) => [1, 3, 5].map((i) => parseInt(hex.slice(i, i + 2), 16) / 255);
      const linear = (v) => v <= .04045 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4;
      const lum = ([r, g, b]) => .2126 * linear(r) + .7152 * linear(g) + .0722 * linear(b);
      const of = (name) => lum(rgb(style.getPropertyValue(name).trim()));
      return ["enforced", "taken", "tls", "nodes", "plain", "unknown"].filter((name) => {
        const [a, b] = [of(`--${name}`), of("--ground")].sort((x, y) => y - x);
        return (a + .05) / (b + .05) < 3;
      });
    })()""")
    assert poor == []
