"""Laws of the whole check, on manifests that somebody broke at random."""

from __future__ import annotations

import argparse
import copy
import json
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mistrust.cli.assess import Assessed, assess
from mistrust.cli.check import add_arguments
from mistrust.cluster.saved import load, save
from mistrust.kube.read import read
from mistrust.kube.snapshot import Snapshot, snapshot
from mistrust.kube.yaml import Plain, documents
from mistrust.report import text
from mistrust.report.screen import Screen

SHOP = Path(__file__).resolve().parents[2] / "examples" / "shop"
DOCUMENTS = [d.value for f in sorted(SHOP.glob("*.yaml")) for d in documents(f.read_bytes(), f.name)[0]]

JUNK = st.sampled_from(
    [None, True, 0, -1, 1 << 40, "", "*", "a/b", "\x1b[2J\u202e", "x" * 300, [], {}, ["*"], [None], {"a": None}, 1.5]
)


def places(value: Plain, here: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    """Every place inside a value."""
    found = [here] if here else []
    children = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, child in children:
        found += places(child, (*here, key))
    return found


@st.composite
def broken(draw: st.DrawFn) -> list[Plain]:
    """The shop with up to four places replaced by something else."""
    some = copy.deepcopy(DOCUMENTS)
    for _ in range(draw(st.integers(1, 4))):
        value = draw(st.sampled_from(some))
        path = draw(st.sampled_from(places(value)))
        inner = value
        for key in path[:-1]:
            inner = inner[key]  # type: ignore[index, call-overload]
        inner[path[-1]] = copy.deepcopy(draw(JUNK))  # type: ignore[index, call-overload]
    return some


def taken(values: list[Plain]) -> Snapshot:
    objects, problems = read(b"\n".join(json.dumps(v).encode() for v in values), "f.json")
    return snapshot(objects, problems, name="shop")


def assessed(s: Snapshot) -> Assessed:
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    return assess(s, parser.parse_args(["shop", "-q"]))


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(broken())
def test_whatever_is_broken_the_check_answers_on_one_screen(values: list[Plain]) -> None:
    found = assessed(taken(values)).assessment
    screen = text.render(found, Screen())
    assert len(screen.splitlines()) <= 40
    assert "\x1b" not in screen
    assert found.exit_code in (0, 1, 3)
    if any(p.blinds for p in found.problems):
        assert found.exit_code != 0


@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
@given(broken())
def test_a_saved_snapshot_answers_as_its_original(values: list[Plain]) -> None:
    s = taken(values)
    again = load(save(s), "s.mist")
    assert again == s
    assert assessed(again).assessment == assessed(s).assessment


@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.permutations(DOCUMENTS))
def test_the_order_of_objects_does_not_change_the_answer(values: list[Plain]) -> None:
    def bare(found: Assessed) -> tuple[object, ...]:
        a = found.assessment
        return a.rows, {f.id for f in a.findings}, a.paths.pairs, {c.title for c in a.paths.fixes.changes}, a.exit_code

    assert bare(assessed(taken(values))) == bare(assessed(taken(DOCUMENTS)))
