"""`mistrust demo`: from a check with evidence to tight permissions, proved, each step a command to repeat."""

from __future__ import annotations

import contextlib
import json
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from mistrust.cli.main import run
from mistrust.cli.shop.overlay import by_hand, overlay
from mistrust.cluster.files import read_files

SHOP = Path(__file__).resolve().parents[2] / "examples" / "shop"


@pytest.fixture(scope="module")
def screen(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """What the demo prints, from inside the folder that it ran in."""
    with contextlib.chdir(tmp_path_factory.mktemp("demo")):
        yield demo()


def demo(*more: str) -> str:
    words = [sys.executable, "-m", "mistrust", "demo", *more]
    return subprocess.run(words, capture_output=True, text=True, check=True).stdout


def commands(screen: str) -> list[list[str]]:
    """The commands of mistrust that it shows, without the name of the program."""
    shown = [line.partition("mistrust ")[2] for line in screen.splitlines() if re.match(r"\$ .*\bmistrust ", line)]
    return [shlex.split(words) for words in shown]


def table(screen: str) -> dict[str, list[str]]:
    """The rows of the last table."""
    lines = screen.partition("changes to cut them\n")[2].splitlines()[:3]
    return {words[0]: words[1:] for line in lines if (words := re.split(r"\s{2,}", line))}


def test_the_columns_are_filled(screen: str) -> None:
    first = screen.partition("\n2. ")[0]
    assert "evidence 31 days (audit, flows)" in first
    for row in ("permissions", "connections"):
        (line,) = (words for line in first.splitlines() if (words := line.split()) and words[0] == row)
        assert "unknown" not in line
        assert 0 < int(line[2]) < int(line[1].replace(",", "")) / 5


def test_tightening_takes_most_away_and_the_proof_holds(screen: str) -> None:
    rows = table(screen)
    before, after = (int(rows[name][0].replace(",", "")) for name in ("as it was", "tightened"))
    assert after < before / 3
    for layer in ("permissions", "connections", "addresses outside", "mesh", "node powers", "pods to come"):
        assert screen.count(f"{layer}: holds.") == 2
    assert screen.count("gains 0, leaves") == 12


def test_the_paths_from_outside_are_gone_in_the_end(screen: str) -> None:
    rows = table(screen)
    assert int(rows["as it was"][2]) > 5
    assert int(rows["tightened"][3]) < int(rows["as it was"][3])
    assert rows["and two pods by hand"][2:] == ["0", "0"]


@pytest.mark.slow
def test_every_command_that_is_shown_can_be_repeated(screen: str, capsys: pytest.CaptureFixture[str]) -> None:
    shown = commands(screen)
    assert [words[0] for words in shown] == ["check", "tighten", "prove", "check", "check"]
    for words in shown:
        if words[0] == "tighten":
            words = [w.replace("/tighter", "/again") for w in words]
        assert run([*words, "-q"]) in (0, 1)
        assert capsys.readouterr().err == ""
    again, tighter = Path("mistrust-demo/again"), Path("mistrust-demo/tighter")
    assert sorted(p.name for p in again.rglob("*")) == sorted(p.name for p in tighter.rglob("*"))


def test_the_patch_by_hand_applies(screen: str, tmp_path: Path) -> None:
    if shutil.which("patch") is None:
        pytest.skip("patch is not here")
    shutil.copytree("mistrust-demo/tightened", tmp_path / "tightened")
    patch = Path("mistrust-demo/by-hand.patch").read_text()
    assert patch in screen
    for way in ("-R", "-N"):
        subprocess.run(["patch", "-s", way, "-p1"], cwd=tmp_path / "tightened", input=patch, text=True, check=True)
        same = (tmp_path / "tightened" / "ci.yaml").read_text() == Path("mistrust-demo/tightened/ci.yaml").read_text()
        assert same is (way == "-N")


def test_what_was_applied_is_what_was_proved(screen: str) -> None:
    proof = json.loads(Path("mistrust-demo/tighter/proof.json").read_text())
    assert proof["proved"] is True
    line = next(line for line in screen.splitlines() if line.startswith("permissions: holds."))
    assert screen.count(line) == 2, "tighten and prove say the same"


def test_a_second_demo_overwrites_nothing(screen: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert screen
    assert run(["demo"]) == 2
    assert "mistrust-demo: already there" in capsys.readouterr().err


@pytest.mark.slow
def test_in_place_it_writes_only_what_it_wrote_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine.txt").write_text("mine")
    before = {p: p.read_bytes() for p in SHOP.rglob("*") if p.is_file()}
    assert table(demo("--here")) == table(demo("--here"))
    assert (tmp_path / "out" / "mine.txt").read_text() == "mine"
    assert (tmp_path / "out" / "report.html").stat().st_size > 10_000
    assert {p: p.read_bytes() for p in SHOP.rglob("*") if p.is_file()} == before


def test_changes_are_put_over_manifests_and_the_rest_keeps_its_text(tmp_path: Path) -> None:
    (tmp_path / "all").mkdir()
    (tmp_path / "all" / "a.yaml").write_text(
        "# first\nkind: Role\nmetadata: {name: a, namespace: n}\n---\n"
        "# second\nkind: Role\nmetadata: {name: b, namespace: n}\n---\n"
        "# third\nkind: Role\nmetadata: {name: a, namespace: other}\n"
    )
    for part, text in (
        ("changed", "kind: Role\nmetadata: {name: a, namespace: n}\nrules: []\n"),
        ("deleted", "$patch: delete\nkind: Role\nmetadata: {name: b, namespace: n}\n"),
        ("new", "kind: RoleBinding\nmetadata: {name: a, namespace: n}\n"),
    ):
        (tmp_path / "changes" / part).mkdir(parents=True)
        (tmp_path / "changes" / part / "x.yaml").write_text(text)
    assert overlay(tmp_path / "all", tmp_path / "changes") == 2
    assert (tmp_path / "all" / "a.yaml").read_text() == (
        "\n# third\nkind: Role\nmetadata: {name: a, namespace: other}\n"
    )
    assert {p.parent.name for p in (tmp_path / "all" / "tightened").rglob("*.yaml")} == {"changed", "new"}


def test_the_changes_by_hand_still_fit_the_example(tmp_path: Path) -> None:
    copy = tmp_path / "shop"
    shutil.copytree(SHOP, copy)
    assert by_hand(copy).count("\n-") > 4
    assert read_files([str(copy)]).snapshot.problems == ()
