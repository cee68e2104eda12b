"""`mistrust usage`: grant by grant, edge by edge and rule by rule, over the example shop."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pytest

from mistrust.cli.main import run
from mistrust.cli.shop.month import write_month

SHOP = Path(__file__).parents[2] / "examples" / "shop"


@pytest.fixture(scope="module")
def evidence(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("usage") / "evidence"
    write_month(folder, days=3)
    return folder


@pytest.fixture
def told(evidence: Path, capsys: pytest.CaptureFixture[str]):
    def ask(who: str, *more: str) -> str:
        assert run(["usage", who, str(SHOP), "--evidence", str(evidence), "-q", *more]) == 0
        return capsys.readouterr().out

    return ask


def test_what_a_subject_never_used_comes_first(told) -> None:
    lines = told("sa:shop/web").splitlines()
    assert lines[1].split() == ["uses", "last", "who", "what"]
    assert lines[2].split()[:2] == ["-", "never"]
    assert "create pods/exec in shop" in lines[2]
    assert "RoleBinding shop/debug gives Role shop/debug" in lines[3]
    assert any("get,watch configmaps named web in shop" in line and "2026-" in line for line in lines)


def test_of_a_user_only_its_own_requests_count(told) -> None:
    """Everybody uses the viewer role; of the web's own uses nobody else is told."""
    assert "used by system:serviceaccount:shop:web\n" in told("sa:shop/web")
    assert "used by bob@shop.example, carol@shop.example and" in told("Role shop/viewer")


def test_a_role_tells_what_of_it_was_used_and_where(told) -> None:
    assert "of 9 namespaces" in told("ClusterRole deploy-everywhere")


def test_a_workload_tells_its_edges_and_those_that_nobody_used(told) -> None:
    out = told("shop/cart")
    assert "Deployment shop/cart -> StatefulSet shop/orders TCP 5432" in out
    assert any(x.split()[:2] == ["-", "never"] and "ops/backup -> Deployment shop/cart" in x for x in out.splitlines())


def test_a_policy_tells_which_flows_its_rules_let_through(told) -> None:
    out = told("NetworkPolicy payments/checkout")
    assert "spec.ingress[0]" in out
    assert "Deployment shop/web -> Deployment payments/checkout TCP 8443" in out


def test_programs_and_spreadsheets_get_every_row(told) -> None:
    rows = list(csv.reader(io.StringIO(told("permissions", "-o", "csv"))))
    assert rows[0] == ["who", "what", "uses", "first", "last", "given by", "remarks"]
    found = json.loads(told("permissions", "-o", "json"))
    assert [x["what"] for x in found["usage"]] == [row[1] for row in rows[1:]]
    assert {x["uses"] for x in found["usage"] if x["last"] is None} == {0}


@pytest.mark.parametrize(
    ("who", "words"),
    [
        ("Role shop/none", "there is nobody"),
        ("NetworkPolicy shop/none", "there is nobody"),
        ("sa:none", "not a service"),
    ],
)
def test_nobody_is_said(evidence: Path, capsys: pytest.CaptureFixture[str], who: str, words: str) -> None:
    assert run(["usage", who, str(SHOP), "--evidence", str(evidence), "-q"]) == 2
    assert words in capsys.readouterr().err


def test_evidence_of_the_other_kind_is_said(evidence: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["usage", "policies", str(SHOP), "--evidence", str(evidence / "audit"), "-q"]) == 2
    assert "wanted --evidence with flows" in capsys.readouterr().err
