"""PolicyReports and OpenReports: one for each namespace, what fails in them, and no more than fits."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from mistrust.admission.finding import Action, Finding, Result
from mistrust.cli.main import run
from mistrust.report.clean import json_bytes
from mistrust.report.policyreport import MOST, reports
from tests.serve.policies import OWNER, WARNED, config_map, folder

NODE = {"apiVersion": "v1", "kind": "Node", "metadata": {"name": "n", "uid": "u-1"}}


def found(action: Action = Action.DENY, result: Result = Result.FAIL, message: str = "no") -> Finding:
    return Finding("K a", result, message, action=action)


def items(*about: tuple[object, list[Finding]], form: str = "openreports") -> list[dict[str, object]]:
    told = json.loads(json_bytes(reports(about, form)))  # type: ignore[arg-type]
    assert told["kind"] == "List"
    return list(told["items"])


def test_a_namespace_has_one_report_and_what_is_in_none_another() -> None:
    several = items((config_map("a"), [found()]), (NODE, [found()]), (config_map("b"), [found(), found()]))
    assert [(i["kind"], i["metadata"].get("namespace"), i["summary"]["fail"]) for i in several] == [  # type: ignore[attr-defined,index]
        ("ClusterReport", None, 1),
        ("Report", "shop", 3),
    ]
    [result] = several[0]["results"]  # type: ignore[misc]
    assert result == {
        "policy": "K a",
        "result": "fail",
        "resources": [{"apiVersion": "v1", "kind": "Node", "name": "n", "uid": "u-1"}],
        "scored": True,
        "message": "no",
        "source": "mistrust",
    }


@pytest.mark.parametrize(
    ("finding", "state", "scored"),
    [
        (found(), "fail", True),
        (found(Action.WARN), "warn", False),
        (found(Action.AUDIT), "warn", False),
        (found(result=Result.ERROR), "error", True),
        (found(Action.WARN, Result.UNKNOWN), "error", False),
    ],
)
def test_what_has_no_answer_is_an_error_and_what_is_not_enforced_is_not_scored(
    finding: Finding, state: str, scored: bool
) -> None:
    [report] = items((NODE, [finding]))
    [result] = report["results"]  # type: ignore[misc]
    assert (result["result"], result["scored"]) == (state, scored)
    assert report["summary"] == {**dict.fromkeys(("fail", "warn", "error"), 0), state: 1}


def test_what_passes_is_in_no_report() -> None:
    assert items((NODE, [found(result=Result.PASS), found(result=Result.SKIP)]), (config_map(), [])) == []


def test_a_report_is_no_larger_than_what_a_server_takes_and_its_summary_counts_all() -> None:
    [report] = items((NODE, [found(message="\u20ac" * 10_000)] * (MOST + 5)))
    assert report["summary"]["fail"] == MOST + 5  # type: ignore[index]
    assert len(report["results"]) == MOST  # type: ignore[arg-type]
    assert len(json_bytes(report)) < 3 << 19
    assert report["configuration"]["limits"]["maxResults"] == MOST  # type: ignore[index]


def test_the_older_form_has_no_source_of_its_own() -> None:
    [report] = items((config_map(), [found()]), form="policyreport")
    assert (report["apiVersion"], report["kind"]) == ("wgpolicyk8s.io/v1alpha2", "PolicyReport")
    assert not report.keys() & {"source", "configuration"}


def test_the_command_prints_reports_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    policies = folder(tmp_path / "p", owner=OWNER, warned=WARNED)
    (tmp_path / "a.json").write_text(json.dumps(config_map()))
    assert run(["policy", "check", "-d", str(policies), str(tmp_path / "a.json"), "-o", "policyreport"]) == 1
    out = capsys.readouterr()
    [report] = json.loads(out.out)["items"]
    assert report["summary"] == {"fail": 1, "warn": 2, "error": 0}
    assert "1 objects, 3 policies: 3 failures" in out.err
