"""`mistrust shadow`: new evidence held against a proposed version, day by day, before it is enforced."""

from __future__ import annotations

import datetime
import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from mistrust.cli.main import run
from tests.cli.test_evidence import CLUSTER, event

START = int(datetime.datetime(2025, 10, 1, tzinfo=datetime.UTC).timestamp())
DAY = 86_400
LESS = CLUSTER.replace("verbs: [get, list]", "verbs: [get]")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "current.yaml").write_text(CLUSTER)
    (tmp_path / "proposed.yaml").write_text(LESS)
    return tmp_path


def log(*events: dict[str, object], days: int = 8, without: int = -1) -> None:
    """A `get` every hour for so many days, and what else there is."""
    hours = [START + 3600 * hour for hour in range(24 * days) if hour // 24 != without]
    lines = sorted([*(event(at) for at in hours), *events], key=lambda e: str(e["requestReceivedTimestamp"]))
    Path("audit.log").write_text("".join(json.dumps(e) + "\n" for e in lines))


def shadow(*more: str) -> int:
    return run(["shadow", "current.yaml", "proposed.yaml", "--evidence", "audit.log", "-q", *more])


def answered(capsys: pytest.CaptureFixture[str], *more: str) -> dict[str, Any]:
    shadow(*more, "-o", "json")
    found = json.loads(capsys.readouterr().out)
    assert isinstance(found, dict)
    return found


@pytest.mark.usefixtures("folder")
def test_a_week_in_which_nothing_would_have_been_denied_is_ready(capsys: pytest.CaptureFixture[str]) -> None:
    log()
    assert shadow() == 0
    assert capsys.readouterr().out.splitlines()[-1] == (
        "ready to enforce: 8 days since 2025-10-01, none of 192 uses would have been denied"
    )


@pytest.mark.usefixtures("folder")
def test_what_would_have_been_denied_is_told_with_who_what_when_and_what_to_widen(
    capsys: pytest.CaptureFixture[str],
) -> None:
    log(event(START + 2 * DAY + 5, "list"), event(START + 5 * DAY + 5, "list"))
    assert shadow() == 1
    out = capsys.readouterr().out
    assert "2025-10-03  25 uses, 1 denied\n2025-10-04  24 uses\n" in out
    assert "  ServiceAccount shop/reader list pods web in shop (2 times, 2025-10-03 to 2025-10-06)\n" in out
    assert (
        '    before: RBAC: allowed by RoleBinding "reader/shop" of Role "reader" to ServiceAccount "reader/shop"\n'
        in out
    )
    assert "    now: no rule allows it\n    widen: Role shop/reader changed\n" in out
    assert out.splitlines()[-1] == "not ready: 1 kind of use would have been denied"


@pytest.mark.usefixtures("folder")
def test_a_day_without_evidence_is_unknown_and_never_clean(capsys: pytest.CaptureFixture[str]) -> None:
    log(days=10, without=4)
    assert shadow() == 3
    out = capsys.readouterr().out
    assert "2025-10-05  unknown: nothing was seen\n" in out
    assert out.splitlines()[-1] == "not known: 2025-10-04, 2025-10-05 not seen whole"
    assert shadow("--allow-unknown") == 0


@pytest.mark.usefixtures("folder")
def test_too_few_days_are_not_enough(capsys: pytest.CaptureFixture[str]) -> None:
    log(days=3)
    assert shadow() == 3
    assert "not known yet: 3 clean days, and 7 are wanted" in capsys.readouterr().out
    assert shadow("--days", "3") == 0


@pytest.mark.usefixtures("folder")
def test_evidence_counts_from_a_day_on(capsys: pytest.CaptureFixture[str]) -> None:
    log(event(START + 5, "list"), days=9)
    assert shadow() == 1
    assert shadow("--since", "2025-10-02") == 0
    assert "8 days since 2025-10-02" in capsys.readouterr().out
    assert shadow("--since", "yesterday") == 2


@pytest.mark.usefixtures("folder")
def test_the_document_names_its_inputs_by_hash_and_has_every_day(capsys: pytest.CaptureFixture[str]) -> None:
    log(event(START + 5, "list"))
    found = answered(capsys)
    assert found["current"][0]["sha256"] == hashlib.sha256(CLUSTER.encode()).hexdigest()
    assert (found["ready"], found["clean"], found["since"]) == (False, 7, "2025-10-02")
    layer = found["layers"]["permissions"]
    assert [d["answer"] for d in layer["days"]] == ["denied", *["clean"] * 7]
    assert (layer["uses"], layer["denied"][0]["count"], layer["denied"][0]["first"]) == (193, 1, START + 5)


@pytest.mark.usefixtures("folder")
def test_a_layer_that_becomes_less_without_evidence_is_unknown(capsys: pytest.CaptureFixture[str]) -> None:
    pods = "\n---\n".join(
        f"apiVersion: v1\nkind: Pod\nmetadata: {{name: {n}, namespace: shop}}\nspec: {{containers: [{{name: c}}]}}"
        for n in ("web", "db")
    )
    policy = (
        "\n---\napiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: none, namespace: shop}\n"
        "spec: {podSelector: {}}\n"
    )
    Path("current.yaml").write_text(f"{CLUSTER}\n---\n{pods}")
    Path("proposed.yaml").write_text(f"{LESS}\n---\n{pods}{policy}")
    log()
    assert shadow() == 3
    assert "and no flows were given" in capsys.readouterr().err


@pytest.mark.usefixtures("folder")
def test_a_store_says_what_the_logs_say(capsys: pytest.CaptureFixture[str]) -> None:
    log(event(START + 2 * DAY + 5, "list"), without=5)
    logs = answered(capsys)
    run(["evidence", "add", "seen", "audit.log", "-q"])
    capsys.readouterr()
    run(["shadow", "current.yaml", "proposed.yaml", "--evidence", "seen", "-q", "-o", "json"])
    kept = json.loads(capsys.readouterr().out)
    assert {**kept, "evidence": 0} == {**logs, "evidence": 0}


def hubble(second: int, source: str, destination: str, port: int) -> str:
    at = datetime.datetime.fromtimestamp(second, datetime.UTC).isoformat().replace("+00:00", "Z")
    ends = {
        key: {"namespace": "shop", "pod_name": name, "workloads": [{"name": name, "kind": "Deployment"}]}
        for key, name in (("source", source), ("destination", destination))
        if not name[:1].isdigit()
    }
    addresses = {"source": "10.1.0.1", "destination": destination if destination[:1].isdigit() else "10.1.0.2"}
    flow = {
        "time": at,
        "verdict": "FORWARDED",
        "IP": addresses,
        "l4": {"TCP": {"source_port": 40000, "destination_port": port, "flags": {"SYN": True}}},
        **ends,
        "Type": "L3_L4",
        "node_name": "n1",
        "is_reply": False,
        "traffic_direction": "EGRESS",
        "trace_observation_point": "TO_STACK",
    }
    return json.dumps({"flow": flow, "node_name": "n1", "time": at}) + "\n"


SHOP = "\n---\n".join(
    f"apiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: {name}, namespace: shop}}\n"
    f"spec: {{template: {{metadata: {{labels: {{app: {name}}}}}, spec: {{containers: [{{name: c}}]}}}}}}"
    for name in ("web", "db")
)
EGRESS = """
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: web, namespace: shop}
spec:
  podSelector: {matchLabels: {app: web}}
  policyTypes: [Egress]
  egress: [{to: [{podSelector: {matchLabels: {app: db}}}]}]
"""


@pytest.mark.usefixtures("folder")
def test_connections_are_held_against_both_versions_those_to_the_outside_too(
    capsys: pytest.CaptureFixture[str],
) -> None:
    Path("current.yaml").write_text(SHOP)
    Path("proposed.yaml").write_text(SHOP + EGRESS)
    hours = [START + 3600 * hour for hour in range(24 * 8)]
    lines = [hubble(at, "web", "db", 5432) for at in hours] + [hubble(hours[30], "web", "198.51.100.7", 443)]
    Path("audit.log").write_text("".join(lines))
    assert shadow() == 1
    out = capsys.readouterr().out
    assert "Deployment shop/web -> 198.51.100.7 TCP 443 (1 time, on 2025-10-02)" in out
    assert "widen: NetworkPolicy shop/web is new" in out
    Path("audit.log").write_text("".join(lines[:-1]))
    assert shadow() == 0


@pytest.mark.usefixtures("folder")
def test_what_goes_and_is_not_logged_leaves_it_unknown(capsys: pytest.CaptureFixture[str]) -> None:
    log()
    Path("policy.yaml").write_text(
        "apiVersion: audit.k8s.io/v1\nkind: Policy\nrules: [{level: None, verbs: [list]}, {level: Metadata}]\n"
    )
    assert shadow("--evidence", "policy.yaml") == 3
    assert "1 of the permissions that go could be in use without the log showing it" in capsys.readouterr().err
