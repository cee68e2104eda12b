"""`mistrust diff --connections`: pair by pair, in the forms of np-guard."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from mistrust.cli.main import run
from tests.cli.test_reach import SHOP

CLOSED = SHOP.replace("[{podSelector: {matchLabels: {app: web}}}]", "[{podSelector: {matchLabels: {app: guest}}}]")


@pytest.fixture
def versions(tmp_path: Path) -> tuple[Path, Path]:
    old, new = tmp_path / "old.yaml", tmp_path / "new.yaml"
    old.write_text(SHOP)
    new.write_text(CLOSED)
    return old, new


def say(capsys: pytest.CaptureFixture[str], *words: object) -> tuple[int, str]:
    code = run(["diff", "--connections", *map(str, words), "-q"])
    return code, capsys.readouterr().out


def test_what_came_and_what_went_with_the_reasons(
    versions: tuple[Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    code, out = say(capsys, *versions)
    assert code == 1
    assert out == (
        "connections: 1 added, 1 removed, 0 with other ports\n"
        "+ shop/guest[Pod] => shop/db[StatefulSet] : TCP 5432\n"
        "    for one, TCP 5432\n"
        "    before: denied; ingress of StatefulSet shop/db: NetworkPolicy shop/db isolates it, "
        "and no rule allows this\n"
        "    now: allowed; egress: no policy limits egress of Pod shop/guest; "
        "ingress: NetworkPolicy shop/db (spec.ingress[0]) allows it\n"
        "- shop/web[Deployment] => shop/db[StatefulSet] : TCP 5432\n"
        "    for one, TCP 5432\n"
        "    before: allowed; egress: no policy limits egress of Deployment shop/web; "
        "ingress: NetworkPolicy shop/db (spec.ingress[0]) allows it\n"
        "    now: denied; ingress of StatefulSet shop/db: NetworkPolicy shop/db isolates it, and no rule allows this\n"
    )


def test_the_same_twice_is_no_change(versions: tuple[Path, Path], capsys: pytest.CaptureFixture[str]) -> None:
    assert say(capsys, versions[0], versions[0]) == (0, "connections: no change\n")
    assert say(capsys, versions[0], versions[0], "-o", "csv") == (0, "")


def test_in_a_form_of_np_guard(versions: tuple[Path, Path], capsys: pytest.CaptureFixture[str]) -> None:
    _, out = say(capsys, *versions, "-o", "csv")
    assert out == (
        "diff-type,source,destination,old,new,workloads-diff-info\n"
        "added,shop/guest[Pod],shop/db[StatefulSet],No Connections,TCP 5432,\n"
        "removed,shop/web[Deployment],shop/db[StatefulSet],TCP 5432,No Connections,\n"
    )
    _, out = say(capsys, *versions, "-o", "json")
    assert json.loads(out)["changes"][0] == {
        "type": "added",
        "src": "shop/guest[Pod]",
        "dst": "shop/db[StatefulSet]",
        "old": "No Connections",
        "new": "TCP 5432",
        "workloads": [],
    }


def test_a_workload_that_came(versions: tuple[Path, Path], capsys: pytest.CaptureFixture[str]) -> None:
    old, new = versions
    new.write_text(SHOP + "---\napiVersion: v1\nkind: Pod\nmetadata: {name: late, namespace: shop}\n")
    _, out = say(capsys, old, new, "-o", "txt")
    assert (
        "diff-type: added, source: shop/late[Pod], destination: shop/web[Deployment], old: No Connections, "
        "new: All Connections, workloads-diff-info: workload shop/late[Pod] added\n" in out
    )


def test_there_is_no_gate(versions: tuple[Path, Path], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["diff", "--connections", *map(str, versions), "--deny", "any", "-q"]) == 2
    assert "--deny is about every layer" in capsys.readouterr().err
