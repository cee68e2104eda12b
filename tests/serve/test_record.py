"""Recorded reviews: what replay needs, and no Secret's data."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from mistrust.cli.main import run
from mistrust.kube.errors import UsageError
from mistrust.serve.record import Record
from tests.serve.policies import OWNER, REPLICAS, config_map, folder, request, review
from tests.serve.serving import serving

SECRET = {
    "apiVersion": "v1",
    "kind": "Secret",
    "metadata": {
        "name": "s",
        "namespace": "shop",
        "annotations": {"kubectl.kubernetes.io/last-applied-configuration": "hunter2", "note": "kept"},
    },
    "data": {"password": "hunter2"},
    "stringData": {"token": "hunter2"},
}


def test_what_was_asked_is_replayed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "reviews.jsonl"
    policies = folder(tmp_path / "p", owner=OWNER)
    with serving(policies, tmp_path / "ca", "--record", str(file)) as server:
        server.ready().ask(review(config_map()))
        server.ask(review(SECRET, "UPDATE"))
    assert file.stat().st_mode & 0o777 == 0o600
    assert len(file.read_text().splitlines()) == 2
    assert run(["policy", "replay", str(policies), str(folder(tmp_path / "new", p=REPLICAS)), str(file)]) == 1
    assert "2 reviews: 1 newly allowed, 1 unchanged" in capsys.readouterr().out


def test_a_secret_is_kept_without_what_it_holds(tmp_path: Path) -> None:
    Record(tmp_path / "r", print).add(request(SECRET, "UPDATE"))  # type: ignore[arg-type]
    text = (tmp_path / "r").read_text()
    assert "hunter2" not in text
    kept = json.loads(text)["request"]["oldObject"]
    assert (kept["data"], kept["metadata"]["annotations"]) == ({"password": ""}, {"note": "kept"})


def test_a_file_that_is_full_is_told_once_and_no_more_is_kept(tmp_path: Path) -> None:
    told: list[str] = []
    record = Record(tmp_path / "r", told.append, largest=1500)
    for _ in range(20):
        record.add(request(config_map()))  # type: ignore[arg-type]
    assert len(told) == 1
    assert 0 < (tmp_path / "r").stat().st_size <= 1500
    with pytest.raises(UsageError):
        Record(tmp_path / "none" / "r", print)
