"""Rules for pod controllers, made of those for pods."""

from __future__ import annotations

import pytest
from tests.admission.kyverno.policies import read, rule

from mistrust.admission.kyverno.autogen import CRON_TEMPLATE, TEMPLATE, moved, rules
from mistrust.kube.build import Plain


def names(given: dict[str, Plain]) -> list[Plain]:
    return [r.get("name") for r in rules(given)]


DENY = "validate: {deny: {}}"


def test_a_rule_about_pods_stands_for_two_more() -> None:
    assert names(rule(DENY)) == ["r", "autogen-r", "autogen-cronjob-r"]


@pytest.mark.parametrize(
    "match",
    [
        "{any: [{resources: {kinds: [Deployment]}}]}",
        "{any: [{resources: {kinds: [Pod, Service]}}]}",
        "{any: [{resources: {kinds: [Pod], names: [a]}}]}",
        "{any: [{resources: {kinds: [Pod], selector: {matchLabels: {a: b}}}}]}",
        "{any: [{resources: {kinds: [Pod], annotations: {a: b}}}]}",
    ],
)
def test_what_a_controller_does_not_share_with_its_pods_is_asked_of_pods_alone(match: str) -> None:
    assert names(rule(DENY, match)) == ["r"]


def test_rules_that_generate_or_patch_by_place_are_for_pods_alone() -> None:
    assert names(rule("generate: {kind: A, apiVersion: v1, name: a, data: {}}")) == ["r"]
    assert names(rule("mutate: {patchesJson6902: '[]'}")) == ["r"]


def test_an_annotation_chooses_the_controllers() -> None:
    given = rule(DENY)
    for written, wanted in (
        ("none", ["r"]),
        ("Deployment", ["r", "autogen-r"]),
        ("CronJob", ["r", "autogen-cronjob-r"]),
    ):
        given["metadata"] = {"name": "p", "annotations": {"pod-policies.kyverno.io/autogen-controllers": written}}
        assert names(given) == wanted


def test_patterns_are_put_where_the_pod_is() -> None:
    [_, template, cron] = rules(rule("validate: {pattern: {spec: {hostPID: false}}}"))
    assert template["validate"] == {"pattern": read("{spec: {template: {spec: {hostPID: false}}}}")}
    assert cron["validate"] == {"pattern": read("{spec: {jobTemplate: {spec: {template: {spec: {hostPID: false}}}}}}")}


@pytest.mark.parametrize(
    ("source", "wanted"),
    [
        ("request.object.spec.containers", "request.object.spec.template.spec.containers"),
        ("object.metadata.labels", "object.spec.template.metadata.labels"),
        ("object.metadata.namespace", "object.metadata.namespace"),
        ("oldObject.spec.x + object.spec.x", "oldObject.spec.template.spec.x + object.spec.template.spec.x"),
        ("object.kind", "object.kind"),
    ],
)
def test_an_expression_about_a_pod_is_about_its_template(source: str, wanted: str) -> None:
    assert moved(source, TEMPLATE) == wanted
    assert moved(source, CRON_TEMPLATE) == wanted.replace("spec.template", "spec.jobTemplate.spec.template")
