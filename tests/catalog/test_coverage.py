"""Every known attack is a file, or is listed with the reason why not."""

from __future__ import annotations

import re
from pathlib import Path

import mistrust.catalog
from mistrust.catalog.load import steps, structure

ROWS = {"R": 11, "I": 7, "C": 12, "W": 17, "S": 5, "A": 11, "N": 6, "M": 8, "V": 4, "X": 4, "D": 6, "O": 4, "E": 19}

README = Path(mistrust.catalog.__file__).parent / "steps" / "README.md"


def test_every_row_is_a_step_or_is_given_up_with_a_reason() -> None:
    rows = {f"{letter}{n}" for letter, count in ROWS.items() for n in range(1, count + 1)}
    written = {entry.code for entry in (*steps(), *structure())}
    without, in_part = README.read_text("utf-8").split("Rows that a file covers in part")
    given_up = set(re.findall(r"^\| ([A-Z]\d+) \|", without, re.MULTILINE))
    assert written | given_up == rows
    assert not written & given_up
    assert set(re.findall(r"^\| ([A-Z]\d+) \|", in_part, re.MULTILINE)) <= written
    assert len(given_up) <= 22


def test_the_listed_steps_exist() -> None:
    named = set(re.findall(r"`([a-z]+(?:-[a-z]+)+)`", README.read_text("utf-8")))
    assert named <= {entry.id for entry in (*steps(), *structure())}
