"""Evidence day by day: the same from logs and from a store, and the same uses as all at once."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from mistrust.cli.evidence import daily, evidence
from mistrust.store.store import Store
from tests.store.logs import flows, requests


@pytest.mark.parametrize("seed", range(4))
def test_a_store_has_the_days_that_the_logs_have(seed: int, tmp_path: Path) -> None:
    dice = random.Random(seed)
    logs = tmp_path / "logs"
    logs.mkdir()
    (logs / "audit.log").write_bytes(b"".join(requests(dice, 200, every=1800)))
    (logs / "flows.log").write_bytes(b"".join(flows(dice, 200)))
    store = Store(tmp_path / "store", create=True)
    list(store.add(str(logs)))
    store.close()
    read, kept = (daily([str(path)], None, lambda _: None) for path in (logs, tmp_path / "store"))
    assert read.audit is not None
    assert kept.audit is not None
    assert len(read.audit.uses) > 1
    assert dict(read.audit.uses) == dict(kept.audit.uses)
    assert read.flows is not None
    assert kept.flows is not None
    assert dict(read.flows.uses) == dict(kept.flows.uses)
    assert read.audit.coverage.holes == kept.audit.coverage.holes
    whole = evidence([str(logs)], None, lambda _: None)
    assert whole.audit is not None
    assert {use for uses in read.audit.uses.values() for use in uses} == set(whole.audit.uses)
