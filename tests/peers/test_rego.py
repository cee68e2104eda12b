"""OPA's conformance cases: at least 99.5 % hold, and those that do not are named here."""

from __future__ import annotations

from typing import Final

import pytest
from tests.corpora import corpus
from tests.peers.rego_cases import Case, cases, holds

KNOWN: Final = {
    "strings/sprintf: float too big": "2e308 keeps its text in Go; here it is the number",
}


@pytest.mark.parametrize("case", cases(), ids=lambda case: case.note)
def test_the_answer_is_opas(case: Case) -> None:
    assert holds(case) is not (case.note in KNOWN)


def test_the_corpus_is_here() -> None:
    corpus("rego")
    assert len(cases()) > 1000
