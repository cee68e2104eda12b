"""The README is followed literally: its commands run, and the screen that it shows is what is printed."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path

import pytest
import yaml

from mistrust.cli.main import run
from mistrust.cli.shop.month import write_month

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text()
BLOCKS = re.findall(r"^```\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)
COMMANDS = [
    line.removeprefix("$ ").partition("#")[0].strip()
    for block in BLOCKS
    for line in block.splitlines()
    if line.removeprefix("$ ").startswith("mistrust ")
]


@pytest.fixture(scope="module")
def production(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the README calls a dump and its logs: the shop, and three of its days."""
    folder = tmp_path_factory.mktemp("production")
    write_month(folder, days=3)
    (folder / "flows" / "hubble.log").rename(folder / "flows.jsonl")
    objects = [o for file in sorted((ROOT / "examples/shop").glob("*.yaml")) for o in yaml.safe_load_all(file.open())]
    (folder / "prod.json").write_text(json.dumps({"apiVersion": "v1", "kind": "List", "items": objects}))
    return folder


@pytest.fixture(autouse=True)
def _in_a_checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, production: Path) -> None:
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    for name in ("audit", "flows.jsonl", "prod.json"):
        (tmp_path / name).symlink_to(production / name)
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
