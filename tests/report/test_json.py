from pathlib import Path

import jsonschema
import msgspec
from hypothesis import given

from mistrust.report import json
from mistrust.report.document import Document
from tests.report.accepted import same
from tests.report.assessments import CATALOG, assessments, locate, realistic

DOCS = Path(__file__).resolve().parents[2] / "docs" / "schema"


def test_the_published_schema_is_the_current_one():
    same("assessment.schema.json", json.schema(), DOCS)


@given(assessments)
def test_every_document_obeys_the_schema(assessment):
    document = msgspec.json.decode(json.render(assessment, locate, CATALOG))
    jsonschema.Draft202012Validator(msgspec.json.decode(json.schema())).validate(document)


def test_a_document_reads_back_as_what_was_written():
    assessment = realistic(40)
    document = msgspec.json.decode(json.render(assessment, locate, CATALOG), type=Document)
    assert document == json.document(assessment, locate)
    assert {f.id for f in document.findings} == {f.id for f in assessment.findings}
    assert document.findings[0].severity == "critical"
    assert document.rows[0].used is None


def test_the_order_of_the_input_does_not_matter():
    assessment = realistic(40)
    turned = msgspec.structs.replace(assessment, findings=assessment.findings[::-1])
    assert json.render(turned, locate, CATALOG) == json.render(assessment, locate, CATALOG)


def test_a_path_names_the_changes_that_cut_it():
    document = json.document(realistic(40), locate)
    ids = {c.id for c in document.paths.changes}
    assert all(set(p.changes) <= ids and p.changes for p in document.paths.paths)
