import pytest
from hypothesis import given
from hypothesis import strategies as st

from mistrust.kube.errors import UsageError
from mistrust.report.assessment import change_id, path_id
from mistrust.report.explain import explain
from mistrust.report.screen import Screen
from tests.report.accepted import same
from tests.report.assessments import CATALOG, assessments, catalogs, locate, realistic

PROD = realistic(40)
SCREEN = Screen()
FINDING = next(f for f in PROD.findings if f.rule == "MT-RBAC-014" and "ci/" in f.subject)


@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        ("finding", FINDING.id),
        ("accepted", PROD.accepted[0].finding.id),
        ("path", path_id(PROD.paths.paths[0])),
        ("change", change_id(PROD.paths.fixes.changes[0])),
        ("check", "MT-POD-001"),
        ("step", "token-request"),
    ],
)
def test_each_kind_of_id_has_its_reason(name, wanted):
    same(f"explain-{name}.txt", explain(PROD, wanted, locate, CATALOG, SCREEN))


def test_case_does_not_matter():
    assert explain(PROD, FINDING.id.lower(), locate, CATALOG, SCREEN) == explain(
        PROD, FINDING.id, locate, CATALOG, SCREEN
    )


def test_an_unknown_id_names_its_neighbours():
    with pytest.raises(UsageError, match="no finding, path, change, check or step of that id") as error:
        explain(PROD, "MT-RBAC-0014", locate, CATALOG, SCREEN)
    assert "did you mean mt-rbac-014" in str(error.value).lower()


def test_a_finding_shows_the_path_that_rests_on_it():
    text = explain(PROD, FINDING.id, locate, CATALOG, Screen(160))
    if "mints a token" in text:
        assert "← this finding" in text


@given(assessments, catalogs, st.booleans(), st.data())
def test_any_id_is_explained_without_a_raw_character(assessment, catalog, unicode, data):
    ids = [f.id for f in assessment.findings] + [a.finding.id for a in assessment.accepted] + list(catalog)
    ids += [path_id(p) for p in assessment.paths.paths] + [change_id(c) for c in assessment.paths.fixes.changes]
    if not ids:
        return
    text = explain(assessment, data.draw(st.sampled_from(ids)), locate, catalog, Screen(unicode=unicode))
    assert all(line.isprintable() for line in text.split("\n"))
    assert unicode or text.isascii()
