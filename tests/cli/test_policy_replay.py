"""`mistrust policy replay`: two folders of policies, asked about what was asked before."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from mistrust.cli.main import run
from tests.serve.policies import OWNER, REPLICAS, config_map, deployment, folder, review


@pytest.fixture
def reviews(tmp_path: Path) -> Path:
    file = tmp_path / "reviews.jsonl"
    asked = [review(config_map("a")), review(config_map("b", owner="x")), review(deployment(4)), review(deployment(6))]
    file.write_text("\n".join(map(json.dumps, asked)))
    return file


def replay(tmp_path: Path, reviews: Path, old: str, new: str) -> int:
    two = [str(folder(tmp_path / name, p=text)) for name, text in (("old", old), ("new", new))]
    return run(["policy", "replay", *two, str(reviews)])


def test_the_same_policies_change_nothing(tmp_path: Path, reviews: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert replay(tmp_path, reviews, OWNER, OWNER) == 0
    assert capsys.readouterr().out == "4 reviews: 4 unchanged\n"


def test_what_is_newly_denied_and_newly_allowed_is_told(
    tmp_path: Path, reviews: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert replay(tmp_path, reviews, OWNER, REPLICAS.replace("<= 5", "<= 4")) == 1
    said = "ValidatingAdmissionPolicy 'few-replicas' with binding 'few-replicas-here' denied request: "
    assert capsys.readouterr().out.splitlines() == [
        "newly allowed: CREATE ConfigMap shop/a by ann",
        "  - [owner] the label owner is missing",
        "newly denied: CREATE Deployment shop/a by ann",
        f"  + {said}at most 5 replicas, not 6",
        "4 reviews: 1 newly allowed, 1 newly denied, 2 unchanged",
    ]


def test_another_message_is_a_change(tmp_path: Path, reviews: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert replay(tmp_path, reviews, OWNER, OWNER.replace("is missing", "is wanted")) == 1
    assert "1 said otherwise" in capsys.readouterr().out


def test_what_is_no_review_is_told_and_never_unchanged(
    tmp_path: Path, reviews: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    reviews.write_text('{"kind": "AdmissionReview"}\n[]\n{\n' + json.dumps(review(config_map())))
    assert replay(tmp_path, reviews, OWNER, OWNER) == 3
    out = capsys.readouterr()
    assert out.out == "4 reviews: 3 not understood, 1 unchanged\n"
    assert "reviews.jsonl:3" in out.err
    reviews.write_text("")
    assert replay(tmp_path, reviews, OWNER, OWNER) == 3


def test_a_folder_that_is_not_understood_is_an_error(
    tmp_path: Path, reviews: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert replay(tmp_path, reviews, OWNER, "kind: X\napiVersion: kyverno.io/v1\n") == 3
    assert "not understood as a policy" in capsys.readouterr().err
    assert run(["policy", "replay", "a", "b"]) == 2
