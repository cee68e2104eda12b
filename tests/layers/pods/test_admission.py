"""Would a pod get into a namespace? Labels as upstream reads them, three answers, and what cannot be seen is said."""

from __future__ import annotations

import pytest
from tests.layers.pods.make import cluster, objects, spec

from mistrust.access.verdict import Answer, Verdict
from mistrust.kube.meta import Metadata
from mistrust.kube.snapshot import Gap, Scope, snapshot
from mistrust.kube.version import Version
from mistrust.layers.pods.admission import DEFAULTS, EXEMPTIONS, admits, admits_level
from mistrust.layers.pods.level import Level
from mistrust.layers.pods.policy import Mode, Policy, policy

PREFIX = "pod-security.kubernetes.io/"
P, B, R = Level.PRIVILEGED, Level.BASELINE, Level.RESTRICTED


def labels(**values: str) -> dict[str, str]:
    return {PREFIX + key.replace("_", "-"): value for key, value in values.items()}


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({}, Policy()),
        (labels(enforce="privileged"), Policy()),
        (labels(enforce="baseline"), Policy(Mode(B), Mode(), Mode(B))),
        (
            labels(enforce="restricted", enforce_version="v1.25"),
            Policy(Mode(R, Version(1, 25)), Mode(), Mode(R, Version(1, 25))),
        ),
        (labels(enforce="restricted", warn="baseline"), Policy(Mode(R), Mode(), Mode(B))),
        (
            labels(enforce="baseline", enforce_version="v1.22", warn_version="v1.23"),
            Policy(Mode(B, Version(1, 22)), Mode(), Mode(B, Version(1, 23))),
        ),
        (labels(audit="restricted", audit_version="latest"), Policy(Mode(), Mode(R), Mode())),
        (labels(enforce="Baseline"), Policy(Mode(R), Mode(), Mode(), (PREFIX + "enforce",))),
        (labels(enforce=""), Policy(Mode(R), Mode(), Mode(), (PREFIX + "enforce",))),
        (labels(audit="none", warn="x"), Policy(Mode(), Mode(), Mode(), (PREFIX + "audit", PREFIX + "warn"))),
        (
            labels(enforce="baseline", enforce_version="1.25"),
            Policy(Mode(B), Mode(), Mode(B), (PREFIX + "enforce-version",)),
        ),
        (
            labels(enforce="baseline", enforce_version="v1.025"),
            Policy(Mode(B), Mode(), Mode(B), (PREFIX + "enforce-version",)),
        ),
    ],
)
def test_labels_mean_what_upstream_reads_in_them(given: dict[str, str], expected: Policy) -> None:
    assert policy(given) == expected


def test_labels_count_before_the_defaults_of_the_api_server() -> None:
    default = Policy(Mode(B, Version(1, 30)), Mode(R), Mode(R))
    assert policy({}, default) == default
    assert policy(labels(enforce="privileged"), default).enforce == Mode(P, Version(1, 30))


def namespace(**values: str) -> str:
    shown = ", ".join(f"{key}: '{value}'" for key, value in labels(**values).items())
    return f"apiVersion: v1\nkind: Namespace\nmetadata: {{name: shop, labels: {{{shown}}}}}"


PRIVILEGED = spec("containers: [{name: a, securityContext: {privileged: true}}]")


def ask(*texts: str, version: Version | None = None) -> Verdict:
    return admits(cluster(*texts, version=version), "shop", Metadata(), PRIVILEGED)


def test_a_label_refuses_and_is_the_evidence() -> None:
    answer = ask(namespace(enforce="baseline"))
    assert answer.answer is Answer.DENIED
    assert answer.because == "violates PodSecurity 'baseline': privileged"
    assert [str(e) for e in answer.decided_by] == [
        f'Namespace shop metadata.labels["{PREFIX}enforce"] baseline',
    ]
    assert answer.failed == (EXEMPTIONS,)


def test_without_a_label_everything_gets_in_unless_the_server_has_a_default() -> None:
    answer = ask(namespace(warn="restricted"))
    assert answer.answer is Answer.ALLOWED
    assert answer.failed == (DEFAULTS,)
    assert "unless the API server sets a default" in answer.because


def test_a_label_that_allows_leaves_nothing_open() -> None:
    answer = ask(namespace(enforce="privileged"))
    assert (answer.answer, answer.failed) == (Answer.ALLOWED, ())


def test_a_misspelled_level_enforces_restricted() -> None:
    assert admits_level(cluster(namespace(enforce="basline")), "shop").level is R


def test_a_namespace_that_no_file_shows_counts_as_unlabelled_and_that_is_said() -> None:
    answer = ask()
    assert answer.answer is Answer.ALLOWED
    assert answer.failed == ("no file shows namespace shop: assumed without Pod Security labels",)


def test_a_namespace_that_a_cluster_does_not_show_is_unknown() -> None:
    world = snapshot([], gaps=[Gap("Namespace", "forbidden")], scope=Scope.CLUSTER)
    assert admits(world, "shop", Metadata(), PRIVILEGED).answer is Answer.UNKNOWN


def test_of_two_copies_the_weaker_counts() -> None:
    assert admits_level(cluster(namespace(enforce="restricted"), namespace(enforce="baseline")), "shop").level is B


def test_no_label_is_enforced_before_1_23() -> None:
    assert ask(namespace(enforce="restricted"), version=Version(1, 22)).answer is Answer.ALLOWED
    assert ask(namespace(enforce="restricted"), version=Version(1, 23)).answer is Answer.DENIED


@pytest.mark.parametrize(
    ("cluster_version", "label", "allowed"),
    [
        (None, "latest", False),
        (Version(1, 33), "latest", True),
        (Version(1, 34), "latest", False),
        (Version(1, 37), "v1.33", True),
        (Version(1, 33), "v1.34", True),
    ],
)
def test_a_level_means_what_the_pinned_version_means_but_no_more_than_the_server_knows(
    cluster_version: Version | None, label: str, allowed: bool
) -> None:
    world = cluster(namespace(enforce="baseline", enforce_version=label), version=cluster_version)
    probing = spec("containers: [{name: a, livenessProbe: {httpGet: {host: 10.0.0.1}}}]")
    answer = admits(world, "shop", Metadata(), probing).answer
    assert answer is (Answer.ALLOWED if allowed else Answer.DENIED)


WEBHOOK = """
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingWebhookConfiguration
metadata: {name: guard}
webhooks:
- name: pods.guard.example
  rules: [{operations: [CREATE], apiGroups: [""], apiVersions: [v1], resources: [pods]}]
"""


@pytest.mark.parametrize(
    ("change", "asked"),
    [
        (("", ""), True),
        (("[CREATE]", "[UPDATE]"), False),
        (("[pods]", "[deployments]"), False),
        (("[pods]", '["*"]'), True),
        (('[""]', '["*"]'), True),
        (('[""]', "[apps]"), False),
        (("  rules", "  namespaceSelector: {matchLabels: {guarded: 'yes'}}\n  rules"), False),
        (
            ("  rules", "  namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: shop}}\n  rules"),
            True,
        ),
    ],
)
def test_a_webhook_that_is_asked_about_pods_is_named(change: tuple[str, str], asked: bool) -> None:
    answer = ask(namespace(enforce="privileged"), WEBHOOK.replace(*change) if change[0] else WEBHOOK)
    named = "ValidatingWebhookConfiguration guard: webhook pods.guard.example may refuse pods"
    assert answer.failed == ((named,) if asked else ())


def test_policies_that_are_not_evaluated_are_named() -> None:
    others = """
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicy
metadata: {name: a}
---
apiVersion: security.openshift.io/v1
kind: SecurityContextConstraints
metadata: {name: b}
---
apiVersion: policy/v1beta1
kind: PodSecurityPolicy
metadata: {name: c}
"""
    labelled = namespace(enforce="privileged")
    assert len(ask(labelled, others).failed) == 3
    assert len(ask(labelled, others, version=Version(1, 25)).failed) == 2
    assert objects(others)
