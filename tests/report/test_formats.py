"""What holds for every file format, on anything at all."""

import csv as spreadsheet
import io
import re
from xml.etree import ElementTree

import pytest
from hypothesis import given
from msgspec.structs import replace

from mistrust.report import csv, github, json, junit, markdown, sarif
from mistrust.report.html import page
from tests.report.accepted import same
from tests.report.assessments import CATALOG, assessments, catalogs, locate, realistic

FORMATS = {"json": json, "sarif": sarif, "junit": junit, "md": markdown, "github": github, "csv": csv, "html": page}


@given(assessments, catalogs)
def test_every_format_takes_anything_and_is_deterministic(assessment, catalog):
    for form in FORMATS.values():
        first = form.render(assessment, locate, catalog)
        assert first == form.render(assessment, locate, catalog)
        first.decode("utf-8")


@pytest.mark.parametrize("name", FORMATS)
@given(assessment=assessments)
def test_no_control_character_reaches_a_file(name, assessment):
    text = FORMATS[name].render(assessment, locate, CATALOG).decode()
    if name == "json":  # a program wants the names as they are
        text = text.encode("unicode_escape").decode()
    assert not re.search("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", text)


@pytest.mark.parametrize("name", FORMATS)
def test_the_order_of_the_findings_does_not_matter(name):
    assessment = realistic(30)
    turned = replace(assessment, findings=assessment.findings[::-1])
    assert FORMATS[name].render(turned, locate, CATALOG) == FORMATS[name].render(assessment, locate, CATALOG)


@pytest.mark.parametrize("name", FORMATS)
def test_no_format_reads_a_file(name, monkeypatch):
    seen = []
    FORMATS[name].render(realistic(10), lambda e: seen.append(e) or ("somewhere.yaml", 7), CATALOG)
    assert seen


def test_the_markdown_comment():
    same("comment.md", markdown.render(realistic(40), locate, CATALOG))


def test_the_annotations():
    same("annotations.txt", github.render(realistic(40), locate, CATALOG))


@given(assessments)
def test_a_comment_fits_into_a_comment(assessment):
    assert len(markdown.render(assessment, locate, CATALOG).decode()) < 65_536


CODE = r"(?ms)^(`{3,})\w+$.*?^\1$|(?<![\\`])(`+)(?!`)[^\n]*?(?<!`)\2(?!`)"
"""Fenced blocks and spans (CommonMark 4.5, 6.1)."""


@given(assessments)
def test_a_comment_mentions_and_links_nobody(assessment):
    text = markdown.render(assessment, locate, CATALOG).decode()
    outside = re.sub(CODE, "", text)
    assert "@everyone" not in outside
    assert "https://example" not in outside
    assert not re.search(r"(?<!\\)<(?!!-- -->|/?(details|summary|br)>)", outside)


@given(assessments)
def test_table_rows_have_one_cell_a_column(assessment):
    text = markdown.render(assessment, locate, CATALOG).decode()
    for table in re.findall(r"(?m)(?:^\|.*\n)+", text):
        columns = {len(re.findall(r"(?<!\\)\|", line)) for line in table.splitlines()}
        assert len(columns) == 1


@given(assessments)
def test_every_annotation_is_one_command_that_github_shows(assessment):
    lines = github.render(assessment, locate, CATALOG).decode().split("\n")[:-1]
    commands = [line for line in lines if not line.startswith("mistrust: ")]
    for line in commands:
        assert re.fullmatch(r"::(error|warning|notice) [a-z]+=[^:]*::.*", line)
    for level in ("error", "warning", "notice"):
        assert sum(line.startswith(f"::{level} ") for line in commands) <= github.SHOWN
    assert not any("##[" in line for line in lines if line.startswith("mistrust: "))


def test_a_property_of_an_annotation_is_escaped():
    assert github._command("error", "a: b, 100%", "50%\nx", "d,e.yaml", 3) == (
        "::error file=d%2Ce.yaml,line=3,title=a%3A b%2C 100%25::50%25\\nx"
    )


@given(assessments)
def test_junit_is_xml_whose_totals_are_right(assessment):
    root = ElementTree.fromstring(junit.render(assessment, locate, CATALOG))
    cases = root.findall("testsuite/testcase")
    assert int(root.get("tests")) == len(cases)
    assert int(root.get("failures")) == len(root.findall("testsuite/testcase/failure"))
    assert int(root.get("failures")) == len(assessment.findings) + len(assessment.failures)
    assert int(root.get("errors")) == sum(p.blinds for p in assessment.problems) + len(assessment.gaps)


def test_junit_names_file_and_line():
    root = ElementTree.fromstring(junit.render(realistic(40), locate, CATALOG))
    case = next(c for c in root.iter("testcase") if c.get("classname") == "MT-RBAC-014")
    assert (case.get("file"), case.get("line")) == ("rbac/edge.yaml", "23")


@given(assessments)
def test_csv_reads_back_and_holds_no_formula(assessment):
    rows = list(spreadsheet.reader(io.StringIO(csv.render(assessment, locate, CATALOG).decode(), newline="")))
    assert len(rows) == 1 + len(assessment.findings) + len(assessment.accepted)
    assert all(len(row) == len(csv.HEADS) for row in rows)
    assert not any(cell.startswith(("=", "+", "@", "-")) and cell != "-" for row in rows for cell in row)
