"""Reviews as bytes, in the process: whatever is sent, nothing is let in that a policy keeps out."""

from __future__ import annotations

import io
import json
import time
from collections.abc import Awaitable
from pathlib import Path
from typing import cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mistrust.admission.policy import Policy
from mistrust.admission.review import Object
from mistrust.serve import folder as folders
from mistrust.serve.budget import Budget
from mistrust.serve.http import Head, Reply, Request
from mistrust.serve.limits import Limits
from mistrust.serve.log import Log
from mistrust.serve.metrics import BUCKETS, Board
from mistrust.serve.webhook import Namespaces, Rules, Webhook
from tests.serve.policies import ENDLESS, OWNER, REPLICAS, config_map, folder, review

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=12,
)


@pytest.fixture(scope="module")
def policies(tmp_path_factory: pytest.TempPathFactory) -> tuple[Policy, ...]:
    Budget.install()
    return folders.load(folder(tmp_path_factory.mktemp("p"), owner=OWNER, replicas=REPLICAS)).policies.policies


def webhook(policies: tuple[Policy, ...], limits: Limits | None = None, log: io.BytesIO | None = None) -> Webhook:
    made = Webhook(Board(1).of(0), Log("all", log or io.BytesIO()), exempt=["kube-system"], limits=limits)
    made.rules = Rules(policies)
    return made


def ask(asked: Webhook, body: bytes, timeout: str = "10s") -> Reply:
    head = Head("POST", "/validate", f"timeout={timeout}", len(body), "application/json")
    found = asked.answer(Request(head, body, time.monotonic()))
    assert isinstance(found, Reply)
    return found


def allowed(reply: Reply) -> bool:
    return reply.status == 200 and json.loads(reply.body)["response"]["allowed"] is True


@given(data=st.binary(max_size=200))
def test_any_bytes_are_answered_and_let_nothing_in(policies: tuple[Policy, ...], data: bytes) -> None:
    assert not allowed(ask(webhook(policies), data))


@settings(max_examples=300)
@given(more=st.dictionaries(st.text(max_size=8), JSON, max_size=3), places=st.data())
def test_whatever_else_a_review_says_its_object_is_kept_out(
    policies: tuple[Policy, ...], more: dict[str, object], places: st.DataObject
) -> None:
    """Every part that does not say what the object is, where it is, and what is done to it, may be anything."""
    whole = review({**config_map(), **{k: v for k, v in more.items() if k not in ("kind", "apiVersion", "metadata")}})
    request = cast("dict[str, object]", whole["request"])
    for name in places.draw(st.lists(st.sampled_from(["userInfo", "name", "options", "dryRun", "resource", "x"]))):
        request[name] = places.draw(JSON)
    metadata = cast("dict[str, object]", cast("dict[str, object]", request["object"])["metadata"])
    metadata["labels"] = places.draw(JSON.filter(lambda v: not isinstance(v, dict) or not v.get("owner")))
    reply = ask(webhook(policies), json.dumps(whole).encode(errors="replace"))
    assert not allowed(reply)


def test_a_review_that_is_cut_anywhere_is_refused(policies: tuple[Policy, ...]) -> None:
    whole = json.dumps(review(config_map())).encode()
    asked = webhook(policies)
    assert {ask(asked, whole[:end]).status for end in range(len(whole))} == {400}
    assert ask(asked, whole).status == 200


def test_another_version_and_an_unknown_operation_are_refused(policies: tuple[Policy, ...]) -> None:
    asked = webhook(policies)
    old = {**review(config_map(owner="a")), "apiVersion": "admission.k8s.io/v1beta1"}
    assert ask(asked, json.dumps(old).encode()).status == 400
    assert ask(asked, json.dumps(review(config_map(owner="a"), "PATCH")).encode()).status == 400


def test_time_that_has_passed_already_denies(tmp_path: Path) -> None:
    Budget.install()
    endless = folders.load(folder(tmp_path, endless=ENDLESS)).policies.policies
    body = json.dumps(review(config_map())).encode()
    assert not allowed(ask(webhook(endless, Limits(budget=0.05)), body))
    head = Head("POST", "/validate", "timeout=1s", len(body), "application/json")
    late = webhook(endless).answer(Request(head, body, time.monotonic() - 5))
    assert isinstance(late, Reply)
    assert not allowed(late)


def test_a_namespace_that_is_not_known_is_waited_for(policies: tuple[Policy, ...]) -> None:
    class Asked(Namespaces):
        def found(self, name: str) -> Awaitable[Object | None]:
            async def later() -> Object | None:
                return {"metadata": {"name": name}}

            return later()

    made = Webhook(Board(1).of(0), Log("none"), namespaces=Asked())
    made.rules = Rules(policies)
    body = json.dumps(review(config_map())).encode()
    waiting = made.answer(Request(Head("POST", "/validate", "", len(body), "application/json"), body, time.monotonic()))
    assert not isinstance(waiting, Reply)
    with pytest.raises(StopIteration) as done:
        waiting.__await__().send(None)  # type: ignore[attr-defined]
    assert not allowed(done.value.value)


def test_numbers_of_all_workers_are_told_as_one() -> None:
    board = Board(2)
    one, two = board.of(0), board.of(1)
    for numbers, seconds in ((one, 0.0004), (one, 0.001), (two, 0.3), (two, 99)):
        numbers.took(seconds)
        numbers.add('mistrust_admission_reviews_total{result="allowed"}')
    one.set("mistrust_ready", 1)
    assert not board.ready
    lines = dict(line.rsplit(" ", 1) for line in board.text().splitlines() if line[0] != "#")
    assert lines['mistrust_admission_reviews_total{result="allowed"}'] == "4"
    buckets = [lines[f'mistrust_admission_duration_seconds_bucket{{le="{le:g}"}}'] for le in BUCKETS]
    assert buckets == ["1", "2", "2", "2", "2", "2", "2", "2", "2", "3", "3", "3", "3", "3"]
    assert lines['mistrust_admission_duration_seconds_bucket{le="+Inf"}'] == "4"
    assert lines["mistrust_admission_duration_seconds_count"] == "4"
    assert lines["mistrust_ready"] == "0"
    two.set("mistrust_ready", 1)
    assert board.ready
    told = [line.split()[2] for line in board.text().splitlines() if line.startswith("# TYPE")]
    assert len(told) == len(set(told))
