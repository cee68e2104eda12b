"""The pages of docs/catalog are those that the files of the catalog make."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from mistrust.catalog.docs import pages

FOLDER = Path(__file__).resolve().parents[2] / "docs" / "catalog"


@pytest.mark.parametrize("name", sorted(pages()))
def test_is_current(name: str) -> None:
    assert (FOLDER / name).read_text("utf-8") == pages()[name], "run `make docs`"


def test_every_link_leads_somewhere() -> None:
    anchors = {
        name: {h.lower() for h in re.findall(r"^#+ (\S+)$", text, re.MULTILINE)} for name, text in pages().items()
    }
    for name, text in pages().items():
        for page, anchor in re.findall(r"\]\(([a-z.]*)#([^)]+)\)", text):
            assert anchor in anchors[page or name]
