"""Every fact has one check and every check has its facts; each is told so that a person can act."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import mistrust
from mistrust.catalog.check import Check
from mistrust.catalog.findings import TARGETS
from mistrust.catalog.load import checks, explain, steps, structure
from mistrust.layers.identity.facts import NAMES
from mistrust.layers.identity.unused import NAMES as UNUSED

CHECKS = [explain(check.id) for check in checks()]

BY_COMPARING = {"MT-ACCEPT-001", "MT-ACCEPT-002"}
"""Found by comparing answers, not told by a layer."""

CONTROL = re.compile(r"CIS-5\.[1-7]\.\d{1,2}|NSA-[a-z-]+")


@pytest.fixture(params=CHECKS, ids=lambda check: check.id)
def check(request: pytest.FixtureRequest) -> Check:
    return request.param


def test_every_fact_has_exactly_one_check_and_every_check_a_fact_that_exists() -> None:
    spoken = [fact for check in CHECKS for fact in check.facts]
    assert sorted(spoken) == sorted(
        {*NAMES, *UNUSED, *told_by_pods(), *told_by_paths(), *told("network"), *told("mesh"), *told("channels")}
    )


def test_only_what_is_found_by_comparing_has_no_fact() -> None:
    assert {check.id for check in CHECKS if not check.facts} == BY_COMPARING


def test_ids_are_numbered_within_their_family(check: Check) -> None:
    assert re.fullmatch(r"MT-(RBAC|POD|NET|MESH|CERT|PATH|INPUT|ACCEPT)-\d{3}", check.id)


def test_is_described_for_a_person(check: Check) -> None:
    assert "**Fix.**" in check.prose
    assert max(map(len, check.prose.splitlines())) <= 118
    assert len(check.title) <= 45
    assert check.title[0].isupper() or check.title.startswith("kube-system")
    assert not check.title.endswith(".")
    assert len(check.references) >= 2
    assert all(re.fullmatch(r"https://[a-z0-9A-Z.-]+/\S+", r) for r in check.references)


def test_names_steps_and_controls_that_exist(check: Check) -> None:
    assert {*check.steps} <= {entry.id for entry in (*steps(), *structure())}
    assert all(CONTROL.fullmatch(c) for c in check.controls)


def test_titles_are_told_apart() -> None:
    assert len({check.title for check in CHECKS}) == len(CHECKS)


def told_by_pods() -> set[str]:
    return told("pods") | {"pods.no-memory-limit", "pods.no-cpu-limit"}


def told(room: str) -> set[str]:
    """A room names its facts where it finds them, so they are read off its own text."""
    source = Path(mistrust.__file__).parent
    folder = source / room if (source / room).exists() else source / "layers" / room
    text = "\n".join(file.read_text() for file in sorted(folder.rglob("*.py")))
    return set(re.findall(rf'"({room}\.[a-z-]+)"', text))


def told_by_paths() -> set[str]:
    return {f"paths.{origin}-{target}" for origin in ("outside", "inside") for target in (*TARGETS.values(), "other")}
