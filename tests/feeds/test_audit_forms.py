"""The same two requests, in every form that audit logs are kept in."""

import gzip
import io
import json
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import zstandard
from tests.corpora import corpus
from tests.feeds.audit_events import event, lines, pod, read

from mistrust.feeds import sources
from mistrust.feeds.audit.read import is_audit, read_audit

EVENTS = [pod(id="one"), pod("list", "", id="two")]
WANT = ["get pods web in shop", "list pods in shop"]
TEXTS = [json.dumps(e) for e in EVENTS]
LIST = {"kind": "EventList", "apiVersion": "audit.k8s.io/v1", "metadata": {}, "items": EVENTS}
BARE = {"kind": "EventList", "items": [{k: v for k, v in e.items() if k not in ("kind", "apiVersion")} for e in EVENTS]}
CLOUDWATCH = {"messageType": "DATA_MESSAGE", "logEvents": [{"id": "1", "timestamp": 1, "message": t} for t in TEXTS]}
AKS = {"category": "kube-audit", "operationName": "Microsoft.ContainerService/x", "properties": {"log": "", "pod": "x"}}
AKS_RECORDS = [AKS | {"properties": {"log": t + "\n", "pod": "kube-apiserver-1"}} for t in TEXTS]


def gke(method: str, resource: str, **payload: object) -> dict[str, object]:
    """A LogEntry of Cloud Logging."""
    proto = {
        "@type": "type.googleapis.com/google.cloud.audit.AuditLog",
        "serviceName": "k8s.io",
        "methodName": method,
        "resourceName": resource,
        "authenticationInfo": {"principalEmail": "alice"},
        "authorizationInfo": [{"granted": True, "permission": method, "resource": resource}],
        "status": {},
    }
    return {
        "insertId": method + resource,
        "timestamp": "2026-11-20T10:00:00.123456789Z",
        "resource": {"type": "k8s_cluster"},
        "labels": {"authorization.k8s.io/decision": "allow"},
        "protoPayload": proto | payload,
    }


GKE = [
    gke("io.k8s.core.v1.pods.get", "core/v1/namespaces/shop/pods/web"),
    gke("io.k8s.core.v1.pods.list", "core/v1/namespaces/shop/pods"),
]

FORMS: dict[str, bytes] = {
    "a line each": lines(EVENTS),
    "with CRLF": b"\r\n".join(t.encode() for t in TEXTS),
    "without a last newline": "\n".join(TEXTS).encode(),
    "one after the other": "".join(TEXTS).encode(),
    "pretty, one after the other": "\n".join(json.dumps(e, indent=4) for e in EVENTS).encode(),
    "EventList": json.dumps(LIST).encode(),
    "EventList, pretty": json.dumps(LIST, indent=2).encode(),
    "EventList whose items have no kind": json.dumps(BARE).encode(),
    "v1beta1": lines(e | {"apiVersion": "audit.k8s.io/v1beta1"} for e in EVENTS),
    "a list": json.dumps(EVENTS).encode(),
    "a list, pretty": json.dumps(EVENTS, indent=2).encode(),
    "EKS: message": lines({"@timestamp": "x", "@message": "", "message": t} for t in TEXTS),
    "EKS: subscription": json.dumps(CLOUDWATCH).encode(),
    "EKS: aws logs": json.dumps({"events": CLOUDWATCH["logEvents"], "nextToken": "f/1"}, indent=4).encode(),
    "EKS: export": b"".join(b"2026-11-20T10:00:00.000Z " + t.encode() + b"\n" for t in TEXTS),
    "GKE: a line each": lines(GKE),
    "GKE: gcloud logging read": json.dumps(GKE, indent=2).encode(),
    "GKE: on one line": json.dumps(GKE).encode(),
    "GKE: forwarded": lines({"jsonPayload": e, "logName": "x"} for e in EVENTS),
    "AKS: a line each": lines(AKS_RECORDS),
    "AKS: records": json.dumps({"records": AKS_RECORDS}).encode(),
    "AKS: Log Analytics": lines({"Category": "kube-audit", "log_s": t} for t in TEXTS),
    "a webhook's container": lines({"log": t + "\n", "stream": "stdout", "time": "x"} for t in TEXTS),
}


@pytest.mark.parametrize("packed", [bytes, gzip.compress, zstandard.compress], ids=["plain", "gzip", "zstd"])
@pytest.mark.parametrize("form", FORMS)
def test_every_form_says_the_same(tmp_path: Path, form: str, packed: Callable[[bytes], bytes]):
    log = tmp_path / "log"
    log.write_bytes(packed(FORMS[form]))
    record = read_audit([str(log)])
    assert sorted(map(str, record.uses)) == WANT
    assert {r.user for r in record.uses} == {"alice"}
    assert (record.coverage.events, record.coverage.bad) == (2, 0)
    assert is_audit(log.read_bytes()[:4096])


@pytest.mark.parametrize("size", [1, 3, 64])
@pytest.mark.parametrize("form", FORMS)
def test_how_much_is_read_at_a_time_does_not_matter(
    tmp_path: Path, form: str, size: int, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(sources, "CHUNK", size)
    log = tmp_path / "log"
    log.write_bytes(FORMS[form])
    record = read_audit([str(log)])
    assert (sorted(map(str, record.uses)), record.coverage.bad) == (WANT, 0)


def test_standard_input(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BufferedReader(io.BytesIO(gzip.compress(lines(EVENTS))))))
    assert sorted(map(str, read_audit(["-"]).uses)) == WANT


def test_v1alpha1_keeps_the_group_and_the_time_elsewhere(tmp_path: Path):
    ref = {"resource": "deployments", "namespace": "shop", "name": "web", "apiVersion": "apps/v1"}
    old = event("get", "/apis/apps/v1/namespaces/shop/deployments/web", ref, decision=None)
    old = {k: v for k, v in old.items() if not k.endswith("Timestamp")}
    record = read(tmp_path, old | {"apiVersion": "audit.k8s.io/v1alpha1", "timestamp": "2017-09-01T10:00:00Z"})
    assert [str(r) for r in record.uses] == ["get deployments.apps web in shop"]


def test_of_two_equal_keys_the_last_counts(tmp_path: Path):
    """One parser reads evidence, so that no other one can be shown something else."""
    log = tmp_path / "log"
    log.write_text(TEXTS[0].replace('"verb": "get"', '"verb": "delete", "verb": "get"') + "\n")
    assert [str(r) for r in read_audit([str(log)]).uses] == WANT[:1]


@pytest.mark.parametrize(
    ("entry", "want"),
    [
        (gke("io.k8s.core.v1.pods.create", "core/v1/namespaces/shop/pods/web"), ["create pods in shop"]),
        (gke("io.k8s.core.v1.pods.exec.create", "core/v1/namespaces/a/pods/p/exec"), ["create pods/exec p in a"]),
        (
            gke(
                "io.k8s.authorization.rbac.v1.clusterroles.patch", "rbac.authorization.k8s.io/v1/clusterroles/x",
            ),
            ["patch clusterroles.rbac.authorization.k8s.io x"],
        ),
        (gke("io.k8s.get", "healthz"), ["get /healthz"]),
        (gke("io.k8s.core.v1.nodes.get", "core/v1/nodes/n", status={"code": 5}), ["get nodes n"]),
        (gke("io.k8s.core.v1.nodes.get", "core/v1/nodes/n", status={"code": 7}), []),
        (gke("io.k8s.core.v1.nodes.get", "core/v1/nodes/n", authorizationInfo=[{}]) | {"labels": {}}, []),
        (gke("io.k8s.core.v1.nodes.get", "core/v1/nodes/n") | {"labels": {}}, ["get nodes n"]),
    ],
)  # fmt: skip
def test_entries_of_gke(tmp_path: Path, entry: dict[str, object], want: list[str]):
    assert [str(r) for r in read(tmp_path, entry).uses] == want


def test_groups_in_gke_are_those_that_the_user_name_implies(tmp_path: Path):
    entry = gke("io.k8s.core.v1.pods.list", "core/v1/pods")
    entry["protoPayload"]["authenticationInfo"] = {"principalEmail": "system:serviceaccount:ci:runner"}
    record = read(tmp_path, entry)
    assert [r.groups for r in record.uses] == [
        ("system:authenticated", "system:serviceaccounts", "system:serviceaccounts:ci")
    ]
    assert any("keeps no groups" in p.what and p.blinds for p in record.coverage.problems)


def test_other_components_share_the_stream(tmp_path: Path):
    """CloudWatch keeps all of a control plane in one group, Azure all categories in one container."""
    others = [
        {"message": "I1120 10:00:00.1 1 scheduler.go:12] bound"},
        {"category": "guard", "properties": {"log": "x"}},
    ]
    record = read(
        tmp_path, *others, *EVENTS, gke("v1.compute.instances.insert", "x", serviceName="compute.googleapis.com")
    )
    assert (record.coverage.events, record.coverage.bad) == (2, 0)
    assert [p.what for p in record.coverage.problems] == ["3 entries are something else than audit events"]


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"apiVersion: audit.k8s.io/v1\nkind: Policy\n",
        b'{"kind": "Pod"}',
        b"\x1f\x8b\x08\x00garbage",
        gzip.compress(b"hello", mtime=0),
        b"\x28\xb5\x2f\xfdgarbage",
        b'{"flow":{"verdict":"FORWARDED"}}',
    ],
)
def test_what_is_no_audit_log_is_not_taken_for_one(text: bytes):
    assert not is_audit(text)


def test_traces_of_falco(tmp_path: Path):
    """Recorded events: none is bad, and who did what is what the file says."""
    for file in sorted((corpus("falco") / "k8saudit-tests" / "events").glob("*.json")):
        if b"auditID" not in file.read_bytes():
            continue  # written to be refused
        record = read_audit([str(file)])
        told = [json.loads(line) for line in file.read_bytes().splitlines() if line.strip()]
        told = [e for t in told for e in (t.get("items", [t]) if isinstance(t, dict) else t)]
        assert (record.coverage.events, record.coverage.bad) == (len(told), 0), file.name
        names = {e["user"]["username"] for e in told if e["responseStatus"].get("code", 0) < 400}
        assert {r.user for r in record.uses} <= {e["user"]["username"] for e in told}
        assert record.uses or not names, file.name
