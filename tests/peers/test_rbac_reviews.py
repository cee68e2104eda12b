"""What a real API server answered to thousands of reviews, recorded; every answer must be the same."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
import yaml
from tests.corpora import corpus

from mistrust.access.verdict import Answer
from mistrust.cli.main import run
from mistrust.kube.decode import from_plain
from mistrust.kube.meta import Object
from mistrust.kube.problem import Origin
from mistrust.kube.snapshot import snapshot
from mistrust.layers.identity.batch import allows_all
from mistrust.layers.identity.decide import decide
from mistrust.layers.identity.index import rbac
from mistrust.layers.identity.lookup import Lookup
from mistrust.layers.identity.reviews import Spec, request_of


class Recorded(msgspec.Struct):
    spec: Spec
    allowed: bool


class Recording(msgspec.Struct):
    """One random cluster, its objects as the server returned them, and what the server said."""

    server: str
    objects: list[dict[str, object]]
    reviews: list[Recorded]

    def lookup(self) -> Lookup:
        found = [each for i, o in enumerate(self.objects) for each in from_plain(o, Origin("recording", i))]
        return Lookup(rbac(snapshot(o for o in found if isinstance(o, Object))))


def recordings() -> Iterator[Path]:
    files = sorted(corpus("rbac-reviews").glob("reviews-*.json"))
    assert files
    yield from files


def read(path: Path) -> Recording:
    return msgspec.json.decode(path.read_bytes(), type=Recording)


def test_one_by_one() -> None:
    for path in recordings():
        recording = read(path)
        lookup = recording.lookup()
        for review in recording.reviews:
            verdict = decide(lookup, request_of(review.spec))
            assert verdict.answer is (Answer.ALLOWED if review.allowed else Answer.DENIED), (review, verdict)


def test_as_columns() -> None:
    for path in recordings():
        recording = read(path)
        answers = allows_all(recording.lookup(), [request_of(review.spec) for review in recording.reviews])
        assert answers.tolist() == [review.allowed for review in recording.reviews]


@pytest.mark.parametrize("form", ["json", "yaml"])
def test_through_the_command(form: str, tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    path = next(recordings())
    recording = msgspec.json.decode(path.read_bytes())
    asked, cluster = tmp_path / "reviews.jsonl", tmp_path / f"cluster.{form}"
    asked.write_text("".join(json.dumps(review) + "\n" for review in recording["reviews"]))
    items = recording["objects"]
    as_list = json.dumps({"apiVersion": "v1", "kind": "List", "items": items})
    cluster.write_text(as_list if form == "json" else yaml.safe_dump_all(items))

    assert run(["can", "--reviews", str(asked), str(cluster), "-q"]) == 0

    answered = [json.loads(line) for line in capfdbinary.readouterr().out.splitlines()]
    assert [a["status"]["allowed"] for a in answered] == [r["allowed"] for r in recording["reviews"]]
    assert [{k: v for k, v in a.items() if k != "status"} for a in answered] == recording["reviews"]
