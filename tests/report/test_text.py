import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from mistrust.kube.problem import Problem
from mistrust.kube.snapshot import Gap
from mistrust.paths.path import Fixes, Paths
from mistrust.report.clean import columns
from mistrust.report.screen import Screen, screen
from mistrust.report.text import LINES, render
from tests.report.accepted import same
from tests.report.assessments import NO_PATHS, assessments, realistic

screens = st.builds(Screen, st.integers(40, 200), st.booleans(), st.booleans())
SEQUENCE = re.compile("\x1b\\[[0-9]*m")


@pytest.mark.parametrize(
    ("name", "shape"),
    [
        ("wide.txt", Screen(110)),
        ("narrow.txt", Screen(60)),
        ("ascii.txt", Screen(100, unicode=False)),
        ("colour.txt", Screen(100, colour=True)),
    ],
)
def test_the_main_screen(name, shape):
    same(name, render(realistic(200), shape))


def test_a_clean_cluster():
    clean = replace(
        realistic(3),
        findings=(),
        accepted=(),
        problems=(),
        gaps=(),
        unread={},
        failures=(),
        new=None,
        paths=NO_PATHS,
        exit_code=0,
    )
    same("clean.txt", render(clean, Screen()))


@given(assessments, screens)
def test_it_never_takes_more_than_forty_lines(assessment, shape):
    assert render(assessment, shape).count("\n") <= LINES


@given(assessments, screens)
def test_every_line_fits_except_commands_that_must_be_copied(assessment, shape):
    for line in SEQUENCE.sub("", render(assessment, shape)).split("\n"):
        assert columns(line) <= shape.width or line.startswith((f"{shape.arrow} mistrust", "exit"))


@given(assessments, screens)
def test_no_byte_of_a_name_acts_on_the_terminal(assessment, shape):
    text = SEQUENCE.sub("", render(assessment, shape)) if shape.colour else render(assessment, shape)
    assert all(line.isprintable() for line in text.split("\n"))
    assert shape.unicode or text.isascii()


@given(assessments)
def test_colour_adds_nothing_but_colour(assessment):
    assert SEQUENCE.sub("", render(assessment, Screen(colour=True))) == render(assessment, Screen())


def test_ten_thousand_findings_five_hundred_problems_three_hundred_paths():
    big = realistic(2500)
    assert len(big.findings) > 8_000
    assert len(big.paths.paths) > 300
    big = replace(
        big,
        rows=big.rows * 5,
        problems=tuple(Problem("not YAML", f"f{i}.yaml", i) for i in range(500)),
        gaps=tuple(Gap(f"Kind{i}", "forbidden") for i in range(50)),
        unread={f"Kind{i}": i for i in range(900)},
        failures=tuple(f"gate {i}" for i in range(20)),
        paths=replace(
            big.paths,
            fixes=Fixes(big.paths.fixes.changes * 10, 5, 7, False),
            unknown=tuple(f"webhook {i} may admit it" for i in range(40)),
        ),
    )
    text = render(big, Screen())
    assert text.count("\n") <= LINES
    assert "and 498 more" in text


def test_without_evidence_used_is_unknown_and_not_zero():
    line = next(line for line in render(realistic(20), Screen()).split("\n") if "permissions" in line)
    assert line.split()[:4] == ["permissions", "660", "unknown", "unknown"]


def test_no_path_found_is_not_said_without_its_condition():
    looked = replace(realistic(20), paths=Paths((), 0, 0, ("cluster-admin",), Fixes((), 0, 0, True), searched=20))
    assert "none found from 20 starting points to cluster-admin, but what was not understood" in render(
        looked, Screen(140)
    )
    nowhere = replace(looked, paths=replace(looked.paths, searched=0))
    assert "none looked for: there is nothing to start from" in render(nowhere, Screen(140))
    understood = replace(looked, problems=(), gaps=())
    assert "none found from 20 starting points to cluster-admin." in render(understood, Screen(140))


def test_what_a_stolen_pod_is_worth_is_said_beside_and_instead_of_paths_from_outside():
    some = realistic(20)
    beside = replace(some, paths=replace(some.paths, taken=1, takeable=17))
    assert "If a pod were taken: 1 of 17 further workloads reaches one of them." in render(beside, Screen(140))
    instead = replace(some, paths=replace(some.paths, supposed=True))
    assert "none from outside; with a pod taken, " in render(instead, Screen(140))


@pytest.mark.parametrize(
    ("environment", "terminal", "colour", "expected"),
    [
        ({}, True, "auto", True),
        ({}, False, "auto", False),
        ({"NO_COLOR": "1"}, True, "auto", False),
        ({"NO_COLOR": ""}, True, "auto", True),
        ({"TERM": "dumb"}, True, "auto", False),
        ({"NO_COLOR": "1"}, False, "always", True),
        ({}, True, "never", False),
    ],
)
def test_when_there_is_colour(environment, terminal, colour, expected):
    assert screen(environment, terminal=terminal, colour=colour).colour is expected


def test_a_pipe_is_a_hundred_columns_and_latin_one_gets_ascii():
    assert screen({}, terminal=False, columns=237).width == 100
    assert screen({}, terminal=True, columns=237).width == 237
    assert not screen({}, terminal=True, encoding="iso-8859-1").unicode
