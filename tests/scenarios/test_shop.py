"""The example shop, from folder to report: every flaw that was put in is found, and the answer is the accepted one."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from mistrust.cli.main import run
from tests.report.accepted import same

ROOT = Path(__file__).resolve().parents[2]
GOLDEN = Path(__file__).parent / "golden"


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the example in a folder of its own, seen as `shop`."""
    shutil.copytree(ROOT / "examples" / "shop", tmp_path / "shop")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("mistrust.cli.assess.today", lambda: "2026-11-23")
    return tmp_path / "shop"


def assessment(*argv: str) -> dict[str, object]:
    """The JSON report of a check."""
    run(["check", "shop", "-o", "json=out.json", *argv])
    found: dict[str, object] = json.loads(Path("out.json").read_text())
    return found


@pytest.mark.usefixtures("shop")
def test_the_screen_is_the_accepted_one(capsysbinary: pytest.CaptureFixture[bytes]) -> None:
    assert run(["check", "shop"]) == 1
    out = capsysbinary.readouterr().out
    assert len(out.splitlines()) <= 40
    same("shop.txt", out, GOLDEN)


@pytest.mark.usefixtures("shop")
@pytest.mark.parametrize("form", ["md", "github", "csv", "json", "sarif", "junit", "html"])
def test_every_format_is_written_and_is_the_same_twice(form: str) -> None:
    assert run(["check", "shop", "-o", f"{form}=a"]) == 1
    assert run(["check", "shop", "-o", f"{form}=b"]) == 1
    assert Path("a").read_bytes() == Path("b").read_bytes() != b""


@pytest.mark.usefixtures("shop")
@pytest.mark.parametrize(
    ("rule", "subject"),
    [
        ("identity.cluster-admin", "ServiceAccount ops/backup"),
        ("identity.dangling", "payments/release-managers"),
    ],
)
def test_the_flaws_of_the_identity_layer_are_found(rule: str, subject: str) -> None:
    from mistrust.catalog.load import checks

    wanted = {c.id for c in checks() if any(f.startswith(rule) for f in c.facts)}
    found = assessment()["findings"]
    assert isinstance(found, list)
    assert any(f["rule"] in wanted and subject in json.dumps(f) for f in found)


@pytest.mark.usefixtures("shop")
def test_the_proposed_changes_cut_every_path_when_they_are_made() -> None:
    paths = assessment()["paths"]
    assert isinstance(paths, dict)
    assert paths["pairs"] > 0
    assert paths["changes"]
    assert paths["cut"] == paths["pairs"] - paths["remaining"]


@pytest.mark.usefixtures("shop")
def test_the_order_of_the_input_does_not_change_the_answer() -> None:
    files = sorted(str(p) for p in Path("shop").glob("*.yaml"))
    run(["check", *files, "-o", "json=a", "--config", "shop/mistrust.toml"])
    run(["check", *reversed(files), "-o", "json=b", "--config", "shop/mistrust.toml"])
    a, b = json.loads(Path("a").read_text()), json.loads(Path("b").read_text())
    for report in (a, b):
        for key in ("name", "source"):
            report.pop(key)
    assert a == b


@pytest.mark.usefixtures("shop")
def test_a_baseline_silences_what_was_there_and_nothing_else(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["check", "shop", "--baseline", "b.txt"]) == 2
    assert run(["check", "shop", "--baseline", "b.txt", "--update-baseline"]) == 0
    assert run(["check", "shop", "--baseline", "b.txt"]) == 0
    bad = Path("shop/new.yaml")
    bad.write_text(
        "apiVersion: v1\nkind: Pod\nmetadata: {name: bad, namespace: ci}\n"
        "spec: {hostPID: true, containers: [{name: c, image: i, securityContext: {privileged: true}}]}\n"
    )
    assert run(["check", "shop", "--baseline", "b.txt"]) == 1
    assert "new since baseline" in capsys.readouterr().out


@pytest.mark.usefixtures("shop")
def test_a_document_that_was_not_understood_is_never_a_pass(capsys: pytest.CaptureFixture[str]) -> None:
    shutil.rmtree("shop")
    Path("shop").mkdir()
    Path("shop/a.yaml").write_text("apiVersion: v1\nkind: Namespace\nmetadata: {name: a}\n---\nkind: [\n")
    assert run(["check", "shop"]) == 3
    assert "shop/a.yaml:5" in capsys.readouterr().out
    assert run(["check", "shop", "--allow-unknown"]) == 0


@pytest.mark.usefixtures("shop")
def test_a_report_never_replaces_what_it_reports_on(capsys: pytest.CaptureFixture[str]) -> None:
    before = Path("shop/ci.yaml").read_bytes()
    assert run(["check", "shop/ci.yaml", "-o", "json=shop/../shop/ci.yaml"]) == 2
    assert "the output is the source" in capsys.readouterr().err
    assert Path("shop/ci.yaml").read_bytes() == before


@pytest.mark.usefixtures("shop")
def test_every_id_that_is_listed_can_be_explained(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["explain", "--list", "shop"]) == 0
    listed = [line.split()[0] for line in capsys.readouterr().out.splitlines()]
    assert len(listed) > 10
    for name in listed[:: max(1, len(listed) // 6)]:
        assert run(["explain", name, "shop"]) == 0, name
        assert "shop/" in capsys.readouterr().out


@pytest.mark.usefixtures("shop")
def test_a_saved_snapshot_gives_the_same_answer(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["snapshot", "shop", "-f", "s.mist"]) == 0
    run(["check", "shop", "-o", "json=a", "--config", "shop/mistrust.toml"])
    run(["check", "s.mist", "-o", "json=b", "--config", "shop/mistrust.toml"])
    a, b = json.loads(Path("a").read_text()), json.loads(Path("b").read_text())
    assert a["findings"] == b["findings"]
    assert a["paths"] == b["paths"]
    assert b"not-a-real-key" not in Path("s.mist").read_bytes()
    capsys.readouterr()
