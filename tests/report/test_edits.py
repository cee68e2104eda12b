from hypothesis import given

from mistrust.access.evidence import Evidence
from mistrust.access.fact import Edit
from mistrust.kube.meta import Ref
from mistrust.kube.problem import Origin
from mistrust.report.edits import patches
from tests.report.assessments import anything

WEB = Ref("apps", "Deployment", "shop", "web")
ORIGIN = Origin("web.yaml", 0, -1, 1)


def edit(op, *path, value=""):
    return Edit(WEB, ORIGIN, op, path, value)


def lines(*edits, evidence=()):
    (patch,) = patches(edits, evidence)
    return list(patch.lines)


def test_a_field_is_set_under_its_parent_and_the_old_value_is_shown_where_it_is_known():
    path = ("spec", "containers", 0, "securityContext", "privileged")
    assert lines(edit("set", *path, value="false"), evidence=[Evidence(WEB, ORIGIN, path, "true")]) == [
        "  spec.containers[0].securityContext:",
        "-   privileged: true",
        "+   privileged: false",
    ]


def test_a_field_that_was_not_there_is_only_added():
    assert lines(edit("set", "spec", "automountServiceAccountToken", value="false")) == [
        "  spec:",
        "+   automountServiceAccountToken: false",
    ]


def test_neighbours_share_their_parent():
    assert lines(edit("set", "spec", "hostPID", value="false"), edit("remove", "spec", "hostNetwork")) == [
        "  spec:",
        "+   hostPID: false",
        "-   hostNetwork:",
    ]


def test_a_list_gets_an_entry_and_loses_one():
    assert lines(edit("add", "rules", value="{verbs: [get]}"), edit("remove", "rules", 2)) == [
        "  rules:",
        "+   - {verbs: [get]}",
        "-   [2]:",
    ]


def test_what_an_entry_held_is_shown_as_far_as_it_is_known():
    known = Evidence(WEB, ORIGIN, ("rules", 2, "resources"), '["secrets"]')
    assert lines(edit("remove", "rules", 2), evidence=[known]) == ["  rules:", '-   [2]: resources: ["secrets"]']


def test_a_whole_object_is_removed():
    assert lines(edit("remove")) == ["- the whole object"]


@given(anything)
def test_every_line_of_any_patch_has_a_sign_and_is_printable(some):
    for patch in patches(some.some(some.edit), some.some(some.evidence)):
        assert all(line[0] in "+- " and line.isprintable() for line in patch.lines)
