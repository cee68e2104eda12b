"""`mistrust tighten --fix` and `--diff` on the example shop: proved on what is written, and nothing else is touched."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
from pathlib import Path

import pytest

from mistrust.cli.inplace import place
from mistrust.cli.main import run
from mistrust.cli.shop.month import write_month
from mistrust.kube.errors import InputError
from mistrust.report.inplace.edited import Edited

SHOP = Path(__file__).parents[2] / "examples" / "shop"


@pytest.fixture(scope="module")
def evidence(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("evidence")
    write_month(folder, days=16)
    return folder


@pytest.fixture(scope="module")
def fixed(evidence: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    shop = tmp_path_factory.mktemp("fixed") / "shop"
    shutil.copytree(SHOP, shop)
    (shop / "rbac.yaml").chmod(0o640)
    assert tighten(shop, evidence, "--fix") == 0
    return shop


def tighten(shop: Path, evidence: Path, *words: str) -> int:
    return run(["tighten", str(shop), "--evidence", str(evidence), "-q", *words])


def texts(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def test_the_edited_folder_is_proved_against_the_old_one(fixed: Path, evidence: Path) -> None:
    assert run(["prove", str(SHOP), str(fixed), "--evidence", str(evidence), "-q"]) == 0


def test_only_what_changes_is_touched(fixed: Path) -> None:
    before, after = texts(SHOP), texts(fixed)
    assert {name for name in after if before.get(name) != after[name]} >= {"rbac.yaml", "network.yaml", "ci.yaml"}
    for name in ("certificates.yaml", "mistrust.toml"):
        assert before[name] == after[name]
    mesh = [line for line in after["mesh.yaml"].splitlines() if not line.strip().startswith(b"# rests on: ")]
    touched = [(old, new) for old, new in zip(before["mesh.yaml"].splitlines(), mesh, strict=True) if old != new]
    assert [b"PERMISSIVE" in old or b"/pay" in old for old, _ in touched] == [True, True]
    left = iter(after["shop.yaml"].splitlines())
    assert all(line in left for line in before["shop.yaml"].splitlines())
    comments = [line for line in before["rbac.yaml"].splitlines() if line.startswith(b"#")]
    assert set(comments) <= set(after["rbac.yaml"].splitlines())
    assert stat.S_IMODE((fixed / "rbac.yaml").stat().st_mode) == 0o640
    assert not [name for name in after if name.startswith(".")]


def test_every_written_rule_says_what_it_rests_on(fixed: Path) -> None:
    text = (fixed / "networkpolicy-cart.yaml").read_text()
    assert "# rests on: Deployment shop/web -> Deployment shop/cart TCP 7070" in text


def test_once_is_enough(fixed: Path, evidence: Path, tmp_path: Path) -> None:
    again = tmp_path / "shop"
    shutil.copytree(fixed, again)
    assert tighten(again, evidence, "--fix") == 0
    assert texts(again) == texts(fixed)


def test_the_patch_makes_the_same_files_and_nothing_is_written(
    fixed: Path, evidence: Path, tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    shop = tmp_path / "shop"
    shutil.copytree(SHOP, shop)
    assert tighten(shop, evidence, "--diff") == 0
    patch = capfdbinary.readouterr().out
    assert texts(shop) == texts(SHOP)
    if shutil.which("git") is None:
        pytest.skip("git is not here")
    subprocess.run(["git", "apply", "-"], input=patch, cwd=shop, check=True)
    assert texts(shop) == texts(fixed)


def test_a_file_that_leads_elsewhere_is_left_and_its_namespaces_with_it(
    evidence: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shop = tmp_path / "shop"
    shutil.copytree(SHOP, shop)
    (shop / "ci.yaml").rename(tmp_path / "ci.yaml")
    (shop / "ci.yaml").symlink_to(tmp_path / "ci.yaml")
    assert tighten(shop, evidence, "--fix") == 3
    out = capsys.readouterr().out
    assert "not written Role ci/deployer" in out
    assert "a link out of what is edited" in out
    assert (tmp_path / "ci.yaml").read_bytes() == (SHOP / "ci.yaml").read_bytes()
    assert (shop / "network.yaml").read_bytes() != (SHOP / "network.yaml").read_bytes()
    assert run(["prove", str(SHOP), str(shop), "--evidence", str(evidence), "-q"]) == 0


def test_what_is_no_file_of_manifests_is_not_edited(
    evidence: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    saved = tmp_path / "shop.mist"
    assert run(["snapshot", str(SHOP), "-f", str(saved), "-q"]) == 0
    os.mkfifo(tmp_path / "pipe")
    for source in (saved, Path("-"), tmp_path / "pipe"):
        assert tighten(source, evidence, "--fix") == 2
        assert "nothing to edit: write the changes into a folder with -o DIR" in capsys.readouterr().err


def test_a_file_that_changes_meanwhile_is_not_overwritten(tmp_path: Path) -> None:
    one, two = tmp_path / "one.yaml", tmp_path / "two.yaml"
    one.write_text("a: 1\n")
    two.write_text("a: 1\n")
    files = place([str(tmp_path)], "default")
    two.write_text("a: 2\n")
    with pytest.raises(InputError, match="nothing was written"):
        files.write(Edited({str(one): b"a: 3\n", str(two): None}, (), ()))
    assert texts(tmp_path) == {"one.yaml": b"a: 1\n", "two.yaml": b"a: 2\n"}


def test_a_new_file_is_not_laid_over_one_that_came_meanwhile(tmp_path: Path) -> None:
    files = place([str(tmp_path)], "default")
    new = tmp_path / "new.yaml"
    new.write_text("mine\n")
    with pytest.raises(InputError):
        files.write(Edited({str(new): b"a: 3\n"}, (), ()))
    assert new.read_text() == "mine\n"
