"""Suites of the Gatekeeper library, as `gator verify` runs them: every assertion holds."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import cast

import pytest
from tests.corpora import ROOT, corpus

from mistrust.admission.finding import Result
from mistrust.admission.gatekeeper.suite import is_suite, outcomes
from mistrust.kube.build import Plain
from mistrust.kube.yaml import documents


def suites() -> list[Path]:
    return sorted((ROOT / "gatekeeper").rglob("suite.yaml"))


def read(file: Path) -> Sequence[Mapping[str, Plain]]:
    found, problems = documents(file.read_bytes(), file.name)
    assert not problems
    return [cast("Mapping[str, Plain]", d.value) for d in found]


def bad(file: Path) -> Iterator[str]:
    for suite in filter(is_suite, read(file)):
        for each in outcomes(suite, lambda path: read(file.parent / path)):
            if each.result is not Result.PASS:
                yield f"{each.name}: {each.result}: {each.because}"


@pytest.mark.parametrize("file", suites(), ids=lambda file: str(file.parent.relative_to(ROOT / "gatekeeper")))
def test_every_assertion_holds(file: Path) -> None:
    assert list(bad(file)) == []


def test_the_corpus_is_here() -> None:
    corpus("gatekeeper")
    assert len(suites()) > 30
