"""The README is followed literally: its commands run, and the screen that it shows is what is printed."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from mistrust.cli.main import run

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text()
BLOCKS = re.findall(r"^```\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)
COMMANDS = [
    line.removeprefix("$ ").partition("#")[0].strip()
    for block in BLOCKS
    for line in block.splitlines()
    if line.removeprefix("$ ").startswith("mistrust ")
]


@pytest.fixture(autouse=True)
def _in_a_checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("mistrust.cli.assess.today", lambda: "2026-11-23")


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_of_the_readme_runs(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(shlex.split(command)[1:]) in (0, 1)
    assert capsys.readouterr().err == ""


def test_the_screen_of_the_readme_is_the_one_that_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    shown = next(block for block in BLOCKS if block.startswith("$ mistrust check"))
    run(["check", "examples/shop"])
    assert shown.partition("\n")[2] == capsys.readouterr().out, "paste the new screen into README.md"
