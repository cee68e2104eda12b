"""`--evidence`: what is used stands beside what is granted."""

from __future__ import annotations

import datetime
import hashlib
import json
import shutil
import subprocess
from pathlib import Path

import pytest

from mistrust.cli.evidence import evidence
from mistrust.cli.main import run

CLUSTER = """
apiVersion: v1
kind: ServiceAccount
metadata: {name: reader, namespace: shop}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: reader, namespace: shop}
rules:
- {apiGroups: [""], resources: [pods], verbs: [get, list]}
- {apiGroups: [""], resources: [secrets], verbs: [get]}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: reader, namespace: shop}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: reader}
subjects: [{kind: ServiceAccount, name: reader, namespace: shop}]
"""


def event(second: int, verb: str = "get") -> dict[str, object]:
    at = datetime.datetime.fromtimestamp(second, datetime.UTC).strftime("%Y-%m-%dT%H:%M:%S.000000Z")
    return {
        "kind": "Event",
        "apiVersion": "audit.k8s.io/v1",
        "level": "Metadata",
        "auditID": f"{second}",
        "stage": "ResponseComplete",
        "requestURI": "/api/v1/namespaces/shop/pods/web",
        "verb": verb,
        "user": {"username": "system:serviceaccount:shop:reader", "groups": ["system:authenticated"]},
        "objectRef": {"resource": "pods", "namespace": "shop", "name": "web", "apiVersion": "v1"},
        "responseStatus": {"code": 200},
        "requestReceivedTimestamp": at,
        "stageTimestamp": at,
        "annotations": {"authorization.k8s.io/decision": "allow"},
    }


@pytest.fixture
def cluster(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "cluster.yaml").write_text(CLUSTER)
    logs = tmp_path / "logs"
    logs.mkdir()
    days = [1_760_000_000 + 3600 * hour for hour in range(24 * 20)]
    (logs / "audit.log").write_text("\n".join(json.dumps(event(second)) for second in days) + "\n")
    (logs / "notes.txt").write_text("not evidence\n")
    return tmp_path


def report(*words: str) -> dict[str, object]:
    run(["check", "cluster.yaml", "-q", "-o", "json=out.json", *words])
    found = json.loads(Path("out.json").read_text())
    assert isinstance(found, dict)
    return found


@pytest.mark.usefixtures("cluster")
def test_without_evidence_used_is_unknown() -> None:
    found = report()
    assert found["evidence"] == "no evidence: used is unknown"
    assert found["rows"][0].get("used") is None  # type: ignore[index]


@pytest.mark.usefixtures("cluster")
def test_with_an_audit_log_used_and_excess_stand_beside_granted() -> None:
    found = report("--evidence", "logs")
    row = found["rows"][0]  # type: ignore[index]
    assert found["evidence"] == "evidence 20 days (audit)"
    assert (row["granted"], row["used"]) == (3, 1)
    assert row["excess"] == pytest.approx(2 / 3)
    assert "MT-RBAC-033" in {f["rule"] for f in found["findings"]}  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("path", "words"),
    [("missing", "no such evidence"), ("logs/notes.txt", "not evidence"), ("cluster.yaml", "not evidence")],
)
@pytest.mark.usefixtures("cluster")
def test_what_is_no_evidence_is_said(capsys: pytest.CaptureFixture[str], path: str, words: str) -> None:
    assert run(["check", "cluster.yaml", "--evidence", path]) == 2
    assert words in capsys.readouterr().err


@pytest.mark.usefixtures("cluster")
@pytest.mark.parametrize(
    ("old", "new", "code", "words"),
    [
        ("", "", 0, "permissions: holds. keeps 1 of 1 uses, removes 0, gains 0"),
        (
            ", resources: [secrets]",
            ", resources: [configmaps]",
            1,
            "gained, such as: ServiceAccount shop/reader get configmaps",
        ),
        ('- {apiGroups: [""], resources: [secrets], verbs: [get]}\n', "", 0, "keeps 1 of 1 uses, removes 1, gains 0"),
        ("verbs: [get, list]", "verbs: [list]", 1, "lost: ServiceAccount shop/reader get pods web in shop"),
    ],
    ids=["the same", "something new", "less, unused", "less, used"],
)
def test_a_change_is_proved_or_refuted(
    capsys: pytest.CaptureFixture[str], old: str, new: str, code: int, words: str
) -> None:
    Path("new.yaml").write_text(CLUSTER.replace(old, new) if old else CLUSTER)
    assert run(["prove", "cluster.yaml", "new.yaml", "--evidence", "logs/audit.log", "-q"]) == code
    assert words in capsys.readouterr().out


@pytest.mark.usefixtures("cluster")
def test_the_certificate_names_its_inputs_by_hash(capsys: pytest.CaptureFixture[str]) -> None:
    words = ["prove", "cluster.yaml", "cluster.yaml", "--evidence", "logs", "-q", "-o", "json"]
    assert run(words) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["proved"] is True
    assert found["old"][0]["sha256"] == hashlib.sha256(CLUSTER.encode()).hexdigest()
    before = found["evidence"][0]["sha256"]
    Path("logs/notes.txt").write_text("other words\n")
    run(words)
    assert json.loads(capsys.readouterr().out)["evidence"][0]["sha256"] != before


def tighten(*more: str) -> int:
    return run(["tighten", "cluster.yaml", "--evidence", "logs", "-q", *more])


@pytest.mark.usefixtures("cluster")
def test_what_is_just_enough_is_said_and_proved(capsys: pytest.CaptureFixture[str]) -> None:
    assert tighten() == 0
    out = capsys.readouterr().out
    assert "change Role shop/reader: keeps what was used" in out
    assert "permissions: holds. keeps 1 of 1 uses, removes 2, gains 0" in out


@pytest.mark.usefixtures("cluster")
def test_the_files_are_what_a_team_would_merge() -> None:
    assert tighten("-o", "tighter") == 0
    files = sorted(str(p.relative_to("tighter")) for p in Path("tighter").rglob("*") if p.is_file())
    assert files == ["changed/role-shop-reader.yaml", "kustomization.yaml", "proof.json"]
    assert Path("tighter/changed/role-shop-reader.yaml").read_text() == (
        "# Role shop/reader: keeps what was used.\n"
        "# used: system:serviceaccount:shop:reader get pods in shop (480 times, last on 2025-10-29)\n"
        "apiVersion: rbac.authorization.k8s.io/v1\n"
        "kind: Role\n"
        "metadata: {name: reader, namespace: shop}\n"
        "rules:\n"
        "- verbs: [get]\n"
        "  apiGroups: ['']\n"
        "  resources: [pods]\n"
    )
    assert json.loads(Path("tighter/proof.json").read_text())["proved"] is True


@pytest.mark.usefixtures("cluster")
def test_kustomize_takes_the_folder_as_a_component() -> None:
    if shutil.which("kubectl") is None:
        pytest.skip("kubectl is not here")
    assert tighten("-o", "tighter") == 0
    Path("kustomization.yaml").write_text("resources: [cluster.yaml]\ncomponents: [tighter]\n")
    built = subprocess.run(["kubectl", "kustomize", "."], capture_output=True, text=True, check=True).stdout
    Path("built.yaml").write_text(built)
    assert run(["prove", "cluster.yaml", "built.yaml", "--evidence", "logs", "-q"]) == 0
    assert "secrets" not in built


@pytest.mark.usefixtures("cluster")
def test_evidence_that_is_too_thin_tightens_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    assert tighten("--days", "90") == 3
    assert "evidence is too thin" in capsys.readouterr().err


@pytest.mark.usefixtures("cluster")
def test_nothing_is_overwritten(capsys: pytest.CaptureFixture[str]) -> None:
    assert tighten("-o", "logs") == 2
    assert "the folder is not empty" in capsys.readouterr().err


AUDIT_POLICY = """
apiVersion: audit.k8s.io/v1
kind: Policy
rules:
- level: None
  resources: [{group: "", resources: [secrets]}]
- level: Metadata
"""


@pytest.mark.usefixtures("cluster")
@pytest.mark.parametrize("place", ["evidence", "source"])
def test_what_the_audit_policy_leaves_out_is_unknown_and_stays(capsys: pytest.CaptureFixture[str], place: str) -> None:
    if place == "evidence":
        Path("logs/policy.yaml").write_text(AUDIT_POLICY)
    else:
        Path("cluster.yaml").write_text(f"{CLUSTER}---{AUDIT_POLICY}")
    found = report("--evidence", "logs")
    row = found["rows"][0]  # type: ignore[index]
    assert (row["granted"], row["used"], row["unknown"]) == (3, 1, pytest.approx(1 / 3))
    assert row["excess"] == pytest.approx(1 / 3)
    assert "MT-RBAC-033" not in {f["rule"] for f in found["findings"]}  # type: ignore[union-attr]
    assert tighten() == 0
    out = capsys.readouterr().out
    assert "change Role shop/reader: keeps what was used, and what may be used unseen\n" in out
    assert "left alone Role shop/reader: rules[1]: the audit policy (" in out
    assert "keeps 1 of 1 uses, removes 1, gains 0" in out


@pytest.mark.usefixtures("cluster")
def test_a_file_that_is_no_audit_policy_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    Path("logs/policy.yaml").write_text(AUDIT_POLICY.replace("rules:", "rules: {}\nmore:"))
    assert run(["check", "cluster.yaml", "--evidence", "logs", "-q"]) == 3
    assert "not an audit policy" in capsys.readouterr().err


@pytest.mark.usefixtures("cluster")
def test_with_too_little_evidence_excess_is_unknown() -> None:
    lines = Path("logs/audit.log").read_text().splitlines()
    Path("logs/audit.log").write_text("\n".join(lines[:100]) + "\n")
    found = report("--evidence", "logs")
    row = found["rows"][0]  # type: ignore[index]
    assert (row["used"], row.get("excess"), row["unknown"]) == (1, None, pytest.approx(2 / 3))
    whats = [p["what"] for p in found["coverage"]["problems"]]  # type: ignore[index]
    assert "the evidence shows 4.1 days, and 14 are wanted: which permissions are unused is unknown" in whats


CRON = """
---
apiVersion: batch/v1
kind: CronJob
metadata: {name: monthly, namespace: shop}
spec:
  schedule: "0 3 %s * *"
  jobTemplate: {spec: {template: {spec: {serviceAccountName: reader, containers: [{name: c}]}}}}
"""


@pytest.mark.usefixtures("cluster")
@pytest.mark.parametrize(("day", "code", "words"), [("5", 0, "left alone"), ("15", 0, "removes 2")])
def test_what_a_job_that_did_not_run_is_given_stays(
    capsys: pytest.CaptureFixture[str], day: str, code: int, words: str
) -> None:
    """The logs are of 9 to 29 October."""
    Path("cluster.yaml").write_text(CLUSTER + CRON % day)
    assert tighten() == code
    assert words in capsys.readouterr().out


SIDECAR = (
    '[2026-11-02T10:00:00.000Z] "GET /cart/7?q=1 HTTP/1.1" 200 - via_upstream - "-" 0 135 4 4 "-" "curl" "8496" "cart" '
    '"10.0.0.2:8080" inbound|8080|| 127.0.0.6:41854 10.0.0.2:8080 10.0.0.1:37652 - default\n'
)


def test_what_proxies_saw_inside_is_seen_from_logs_and_from_a_store(cluster: Path) -> None:
    log = cluster / "istio.log"
    log.write_text(SIDECAR)
    assert run(["evidence", "add", "-q", "seen", str(log)]) == 0
    for path in (str(log), "seen"):
        seen = evidence([path], None, lambda _: None)
        assert seen.exchanges is not None
        (exchange,) = seen.exchanges.uses
        assert (exchange.security, exchange.method, exchange.path) == ("plaintext", "GET", "/cart/{*}")
    assert evidence([str(cluster / "logs")], None, lambda _: None).exchanges is None
