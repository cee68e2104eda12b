"""Suites of Kyverno's policy library, as `kyverno test` runs them: all results hold but those that are listed."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final, cast

import pytest
from tests.corpora import ROOT, corpus

from mistrust.admission.finding import Result
from mistrust.admission.kyverno.suite import is_suite, outcomes
from mistrust.kube.build import Plain
from mistrust.kube.errors import InputError
from mistrust.kube.yaml import documents

KYVERNO: Final = ROOT / "kyverno"
OTHERWISE: Final = {
    "prepend-registry/Pod/myfailedpod": "the object is not in the file that is to hold it",
    "prepend-registry/Pod/withoutinitcontainer": "the object is not in the file that is to hold it",
}
ABSENT: Final = "there is no such policy or no such resource"


def suites() -> list[Path]:
    return sorted(KYVERNO.rglob("kyverno-test.yaml"))


def read(file: Path) -> Sequence[Mapping[str, Plain]]:
    if not file.exists():
        raise InputError("no such file", where=file.name)
    found, problems = documents(file.read_bytes(), file.name)
    assert not problems
    return [cast("Mapping[str, Plain]", d.value) for d in found if isinstance(d.value, dict)]


def complete(file: Path) -> bool:
    """Are all files here that the suite names? The corpus lacks some."""
    [suite] = read(file)
    named = [*cast("list[str]", suite["policies"]), *cast("list[str]", suite["resources"])]
    return all((file.parent / name).exists() for name in named)


@pytest.mark.parametrize("file", suites(), ids=lambda file: str(file.parent.parent.relative_to(KYVERNO)))
def test_every_result_holds(file: Path) -> None:
    [suite] = read(file)
    assert is_suite(suite)
    whole = complete(file)
    for each in outcomes(suite, lambda path: read(file.parent / path), time.time_ns()):
        if each.because == ABSENT and not whole:
            continue
        wanted = Result.FAIL if each.name in OTHERWISE else Result.PASS
        assert each.result is wanted, f"{each.name}: {each.because}"


def test_the_corpus_is_here_and_most_of_it_can_be_asked() -> None:
    corpus("kyverno")
    assert len(suites()) > 300
    assert sum(map(complete, suites())) > 0.85 * len(suites())
