"""The server as a process, over real TLS on loopback."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from tests.serve.policies import ENDLESS, OWNER, REPLICAS, WARNED, config_map, deployment, folder, request, review
from tests.serve.serving import Serving, serving, until


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    policies = folder(tmp_path_factory.mktemp("policies"), owner=OWNER, warned=WARNED, replicas=REPLICAS)
    with serving(policies, tmp_path_factory.mktemp("ca"), "--log", "all") as running:
        yield running.ready()


def test_what_every_policy_lets_in_is_allowed(server: Serving) -> None:
    response = server.ask(review(config_map(owner="ann", team="shop", cost="1")))
    assert response == {"uid": "705ab4f5-6393-11e8-b7cc-42010a800002", "allowed": True}


def test_a_denial_names_the_constraint_warns_and_is_audited(server: Serving) -> None:
    response = server.ask(review(config_map()))
    assert response["allowed"] is False
    assert response["status"] == {"code": 403, "reason": "Forbidden", "message": "[owner] the label owner is missing"}
    assert response["warnings"] == ["[team] the label team is missing"]
    assert response["auditAnnotations"] == {"findings": "[cost] the label cost is missing"}


def test_a_validating_policy_denies_in_the_words_of_the_api_server(server: Serving) -> None:
    assert server.ask(review(deployment(5)))["allowed"] is True
    status = server.ask(review(deployment(6)))["status"]
    said = "ValidatingAdmissionPolicy 'few-replicas' with binding 'few-replicas-here' denied request: "
    assert status == {"code": 403, "reason": "Forbidden", "message": f"{said}at most 5 replicas, not 6"}


def test_what_goes_is_asked_about_as_it_was(server: Serving) -> None:
    assert server.ask(review(config_map(), "DELETE"))["allowed"] is False
    assert server.ask(review(deployment(6), "DELETE"))["allowed"] is True


def test_kube_system_and_the_own_namespace_are_let_in_but_not_the_namespace_itself(server: Serving) -> None:
    assert server.ask(review(config_map(namespace="kube-system")))["allowed"] is True
    assert server.ask(review(config_map(namespace="mistrust")))["allowed"] is True
    assert server.ask(review(config_map(namespace="mistrust-2")))["allowed"] is False


def test_one_connection_serves_many_reviews(server: Serving) -> None:
    client = server.client()
    answers = [server.ask(review(deployment(n)), client)["allowed"] for n in range(3, 9)]
    assert answers == [True, True, True, False, False, False]
    client.close()


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 400),
        (b"{", 400),
        (b"[" * 100_000, 400),
        (b"[]", 400),
        (b'{"kind": "AdmissionReview"}', 400),
        (b'{"kind": "AdmissionReview", "apiVersion": "admission.k8s.io/v1"}', 400),
        (b'{"kind": "AdmissionReview", "apiVersion": "admission.k8s.io/v1", "request": {"uid": 1}}', 400),
        (b" " * (8 << 20), 413),
    ],
)
def test_what_is_no_review_is_refused(server: Serving, body: bytes, status: int) -> None:
    assert server.post(body)[0] == status
    assert server.ask(review(deployment(1)))["allowed"] is True


@pytest.mark.parametrize(
    "data", [b"", b"GET / HTTP/1.1\r\n\r\n", b"\x16\x03\x01\xff\xff" + b"\x00" * 70_000, b"\xff" * 999]
)
def test_what_is_no_tls_ends_and_hurts_nobody_else(server: Serving, data: bytes) -> None:
    with socket.create_connection(("127.0.0.1", server.port)) as stranger:
        stranger.sendall(data)
        assert server.ask(review(deployment(1)))["allowed"] is True
        stranger.shutdown(socket.SHUT_WR)
        with suppress(ConnectionError):
            while stranger.recv(4096):
                pass


def test_half_a_review_that_never_ends_hurts_nobody_else(server: Serving) -> None:
    client = server.client()
    client.putrequest("POST", "/validate")
    client.putheader("Content-Type", "application/json")
    client.putheader("Content-Length", "1000")
    client.endheaders(b'{"kind": "AdmissionReview"')
    assert server.ask(review(config_map()))["allowed"] is False
    client.close()


def test_a_deletion_that_does_not_show_what_is_deleted_is_refused(server: Serving) -> None:
    assert server.post(json.dumps(review(config_map(), "DELETE", oldObject=None)).encode())[0] == 400


def test_only_json_and_only_post(server: Serving) -> None:
    assert server.post(b"{}", content_type="application/yaml")[0] == 415
    assert server.post(b"{}", path="/mutate")[0] == 404
    client = server.client()
    client.request("GET", "/validate")
    assert client.getresponse().status == 405
    client.close()


def test_an_object_nested_very_deep_is_denied_by_the_policies_that_are_asked_about_it(server: Serving) -> None:
    deep: object = "x"
    for _ in range(400):
        deep = {"x": [deep]}
    assert server.ask(review({**config_map(), "data": deep}))["allowed"] is False


def test_health_and_metrics(server: Serving) -> None:
    before = server.metric('mistrust_admission_reviews_total{result="denied"}')
    server.ask(review(config_map()))
    assert server.metric('mistrust_admission_reviews_total{result="denied"}') == before + 1
    assert server.metric("mistrust_ready") == 1
    assert server.metric("mistrust_policies") == 4
    assert server.metric('mistrust_admission_duration_seconds_bucket{le="+Inf"}') >= before + 1
    assert server.health("/livez") == (200, "ok\n")
    assert server.health("/validate")[0] == 404


def test_the_log_tells_who_and_what_and_never_what_is_inside(server: Serving) -> None:
    server.ask(review(config_map(name="logged")))
    until(lambda: any(line.get("name") == "logged" for line in server.lines), "the review is logged")
    [line] = [line for line in server.lines if line.get("name") == "logged"]
    assert (line["user"], line["kind"], line["namespace"], line["result"]) == ("ann", "ConfigMap", "shop", "denied")
    assert {"policy": "NeedLabels owner", "rule": "", "result": "fail", "action": "deny"} in line["findings"]
    assert "hunter2" not in json.dumps(server.lines)


def test_a_policy_that_does_not_finish_denies_and_the_others_are_still_heard(tmp_path: Path) -> None:
    policies = folder(tmp_path / "p", a_owner=OWNER, endless=ENDLESS)
    with serving(policies, tmp_path / "ca", "--budget", "0.3") as server:
        server.ready()
        response = server.ask(review(config_map(owner="ann")))
        assert response["allowed"] is False
        assert "[endless] has no answer: did not finish in time" in str(response["status"])
        assert server.metric("mistrust_admission_overdue_total") == 1
        body = json.dumps(review(config_map(owner="ann"))).encode()
        assert json.loads(server.post(body, "/validate?timeout=100ms")[1])["response"]["allowed"] is False
        assert server.ask(review(deployment(1)))["allowed"] is True


def test_a_dry_run_denies_nothing_and_says_what_it_would(tmp_path: Path) -> None:
    with serving(folder(tmp_path / "p", owner=OWNER), tmp_path / "ca", "--dry-run") as server:
        response = server.ready().ask(review(config_map()))
        assert response["allowed"] is True
        assert response["warnings"] == [
            "dry run: nothing is denied",
            "would be denied: [owner] the label owner is missing",
        ]


def test_without_policies_it_is_not_ready_and_answers_no_review(tmp_path: Path) -> None:
    with serving(folder(tmp_path / "p"), tmp_path / "ca") as server:
        until(lambda: server.events("refused"), "the empty folder is refused")
        assert "no policies" in str(server.events("refused")[0]["why"])
        assert server.health("/readyz")[0] == 503
        assert server.post(json.dumps(review(config_map())).encode())[0] == 503
        folder(tmp_path / "p", owner=OWNER)
        assert server.ready().ask(review(config_map()))["allowed"] is False


def test_the_uid_is_given_back(server: Serving) -> None:
    body = {**review(deployment(1)), "request": request(deployment(1), uid="x-1")}
    assert server.ask(body)["uid"] == "x-1"
