import os
import shutil
import subprocess
from pathlib import Path

import msgspec
import pytest
from hypothesis import Phase, given, settings

from mistrust.paths.path import Path as Way
from mistrust.report import sarif
from mistrust.report.assessment import path_id
from tests.report.assessments import CATALOG, assessments, catalogs, locate, realistic


def run(assessment, catalog=CATALOG):
    return msgspec.json.decode(sarif.render(assessment, locate, catalog))["runs"][0]


def test_a_finding_is_a_result_with_its_id_rule_place_and_severity():
    assessment = realistic(40)
    results = {r["partialFingerprints"]["mistrustId/v1"]: r for r in run(assessment)["results"]}
    finding = next(f for f in assessment.findings if f.rule == "MT-RBAC-014")
    result = results[finding.id]
    assert result["ruleId"] == "MT-RBAC-014"
    assert result["level"] == "error"
    assert result["properties"]["security-severity"] == "8.0"
    place = result["locations"][0]["physicalLocation"]
    assert place["artifactLocation"]["uri"].startswith("rbac/")
    assert place["region"]["startLine"] == 23
    assert len(result["relatedLocations"]) == 1


def test_a_path_is_a_result_with_its_hops_as_a_code_flow():
    assessment = realistic(40)
    path = assessment.paths.paths[0]
    result = next(r for r in run(assessment)["results"] if r["partialFingerprints"]["mistrustId/v1"] == path_id(path))
    flow = result["codeFlows"][0]["threadFlows"][0]["locations"]
    assert [step["executionOrder"] for step in flow] == [1, 2, 3]
    assert "mints a token" in flow[1]["location"]["message"]["text"]


def test_a_rule_carries_its_help():
    rules = {r["id"]: r for r in run(realistic(200))["tool"]["driver"]["rules"]}
    assert "What to do" in rules["MT-POD-001"]["help"]["markdown"]
    assert rules["MT-POD-001"]["properties"]["security-severity"] == "9.5"
    assert rules["MT-POD-001"]["helpUri"].startswith("https://kubernetes.io/")


def test_an_accepted_finding_is_suppressed_with_its_reason():
    suppressed = [r for r in run(realistic(40))["results"] if "suppressions" in r]
    assert len(suppressed) == 3
    assert "replaced in Q1" in suppressed[0]["suppressions"][0]["justification"]


def test_results_are_cut_off_by_rank_and_the_rest_is_counted():
    assessment = realistic(40)
    many = msgspec.structs.replace(assessment, findings=assessment.findings * 300)
    one = run(many)
    assert len(one["results"]) == sarif.RESULTS
    ranks = [r["rank"] for r in one["results"]]
    assert ranks == sorted(ranks, reverse=True)
    assert any("left out" in n["message"]["text"] for n in one["invocations"][0]["toolExecutionNotifications"])


def test_a_flow_is_cut_off():
    assessment = realistic(40)
    path = assessment.paths.paths[0]
    long = Way(path.start, path.target, path.hops * 400, 1.0)
    one = run(msgspec.structs.replace(assessment, paths=msgspec.structs.replace(assessment.paths, paths=(long,))))
    assert len(one["results"][0]["codeFlows"][0]["threadFlows"][0]["locations"]) == sarif.FLOW_LOCATIONS


@pytest.mark.parametrize(
    ("file", "uri"),
    [
        ("apps/web.yaml", "apps/web.yaml"),
        ("./apps//web.yaml", "apps/web.yaml"),
        ("charts\\web app.yaml", "charts/web%20app.yaml"),
        ("a:b.yaml", "a%3Ab.yaml"),
        ("/etc/x.yaml", "file:///etc/x.yaml"),
        ("C:\\a b\\x.yaml", "file:///C:/a%20b/x.yaml"),
        ("caf\udce9.yaml", "caf%E9.yaml"),
        ("名.yaml", "%E5%90%8D.yaml"),
    ],
)
def test_uris(file, uri):
    assert sarif.uri(file) == uri


@given(assessments, catalogs)
def test_every_result_points_at_its_rule(assessment, catalog):
    one = run(assessment, catalog)
    rules = one["tool"]["driver"]["rules"]
    for result in one["results"]:
        assert rules[result["ruleIndex"]]["id"] == result["ruleId"]
        assert result["message"]["text"]


VALIDATOR = os.environ.get("MISTRUST_SARIF_MULTITOOL") or shutil.which("sarif-multitool")


def complaints(folder: Path) -> list[str]:
    """What the SARIF committee's reference validator says of the files, remarks of taste left out."""
    assert VALIDATOR
    told = subprocess.run(
        [
            VALIDATOR,
            "validate",
            str(folder / "*.sarif"),
            "--level",
            "Error;Warning",
            "--kind",
            "Fail",
            "--rule-kind",
            "Sarif;Ghas",
        ],
        capture_output=True,
        text=True,
        timeout=300,
        env={**os.environ, "DOTNET_SYSTEM_GLOBALIZATION_INVARIANT": "1"},
    )
    assert "Analysis completed" in told.stdout, told.stdout + told.stderr
    remarks = ("SARIF2005",)  # wants a home page of the tool
    lines = [line for line in told.stdout.splitlines() if ": error " in line or ": warning " in line]
    return [line for line in lines if not any(r in line for r in remarks)]


@pytest.mark.slow
@pytest.mark.skipif(
    not VALIDATOR,
    reason="no SARIF validator: npm install @microsoft/sarif-multitool, set MISTRUST_SARIF_MULTITOOL to it",
)
def test_the_reference_validator_has_no_complaint(tmp_path):
    (tmp_path / "realistic.sarif").write_bytes(sarif.render(realistic(200), locate, CATALOG))
    seen = []

    @settings(max_examples=30, database=None, phases=[Phase.generate])
    @given(assessments, catalogs)
    def write(assessment, catalog):
        seen.append(None)
        (tmp_path / f"any{len(seen)}.sarif").write_bytes(sarif.render(assessment, locate, catalog))

    write()
    assert complaints(tmp_path) == []


@pytest.mark.slow
@pytest.mark.skipif(not VALIDATOR, reason="no SARIF validator")
def test_the_reference_validator_would_complain(tmp_path):
    broken = sarif.render(realistic(5), locate, CATALOG).replace(b'"message"', b'"massage"')
    (tmp_path / "broken.sarif").write_bytes(broken)
    assert complaints(tmp_path)
