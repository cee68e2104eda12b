"""The starter set: every policy denies what its samples say, with its own words, and nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from mistrust.admission.celled import Validation, celled
from mistrust.admission.finding import Result
from mistrust.admission.plain import mapping, text, texts
from mistrust.admission.review import Object, Review, of_object
from mistrust.admission.vap.policy import Binding, BindingSpec, binding, findings, no_params, policy
from mistrust.admission.vap.rules import matches
from mistrust.admission.vap.suite import Sample, is_suite, outcomes, read
from mistrust.catalog import starter as module
from mistrust.catalog.starter import Entry, starter
from mistrust.languages.cel.environment import EvaluationError

FOLDER = Path(module.__file__).with_name("baseline")
every = pytest.mark.parametrize("entry", starter(), ids=lambda entry: entry.name)


def documents(entry: Entry) -> list[Object]:
    return list(yaml.safe_load_all((FOLDER / f"{entry.name}.yaml").read_text()))


def samples(entry: Entry) -> list[Sample]:
    """The tests of a policy."""
    [suite] = [d for d in documents(entry) if is_suite(d)]
    return list(read(suite))


@every
def test_its_samples_are_allowed_and_denied_as_they_say(entry: Entry) -> None:
    [suite] = [d for d in documents(entry) if is_suite(d)]
    assert [o for o in outcomes(suite, documents(entry)) if o.result is not Result.PASS] == []


@every
def test_it_has_a_sample_that_is_allowed_and_two_that_are_denied(entry: Entry) -> None:
    denied = [s for s in samples(entry) if s.messages]
    assert len(denied) >= 2
    assert len(denied) < len(samples(entry))
    assert len({s.messages for s in denied} | {str(s.object) for s in denied}) > 2


@every
def test_a_denied_sample_is_denied_by_what_the_policy_finds_and_not_by_an_error(entry: Entry) -> None:
    asked, bound = policy(entry.policy), binding(entry.binding)
    for sample in samples(entry):
        found = list(findings(asked, [bound], of_object(sample.object), no_params))
        assert [f.result for f in found] == [Result.FAIL] * len(sample.messages)
        assert not any("failed expression" in f.message for f in found)


@every
def test_an_allowed_sample_is_one_that_it_looks_at(entry: Entry) -> None:
    asked = policy(entry.policy)
    about = asked.spec.match_constraints
    looked_at = [s for s in samples(entry) if not s.messages and matches(about, of_object(s.object), every=False)]
    assert any(asked.celled.applies(asked.celled.names(of_object(s.object), None)) for s in looked_at)


@every
def test_kubernetes_1_30_knows_every_function_that_it_calls(entry: Entry) -> None:
    spec = policy(entry.policy).spec
    variables, conditions = (
        [(v.name, v.expression) for v in several] for several in (spec.variables, spec.match_conditions)
    )
    oldest = celled(variables, spec.validations, conditions, "1.30")
    for sample in samples(entry):
        review = of_object(sample.object)
        if matches(spec.match_constraints, review, every=False):
            found = tuple(oldest.failed(review, None))  # raises where a function is not known
            assert found == sample.messages or not sample.messages


def test_a_function_of_a_later_version_is_noticed() -> None:
    later = celled([], [Validation("isSemver(object.a)")], (), "1.30")
    with pytest.raises(EvaluationError):
        list(later.failed(of_object({"apiVersion": "v1", "kind": "A", "a": "1.2.3"}), None))


@every
def test_it_leaves_kube_system_alone_by_its_binding(entry: Entry) -> None:
    asked, bound = policy(entry.policy), binding(entry.binding)
    unbound = Binding("a", BindingSpec(policy_name=entry.name))
    for sample in samples(entry):
        if sample.messages and text(sample.object, "metadata", "namespace"):
            inside = {**sample.object, "metadata": {**mapping(sample.object, "metadata"), "namespace": "kube-system"}}
            assert not list(findings(asked, [bound], of_object(inside), no_params))
            assert list(findings(asked, [unbound], of_object(inside), no_params))


@every
def test_it_asks_no_update_that_changes_nothing_of_it(entry: Entry) -> None:
    """Labels, finalizers and status of an object that was there before the policy still change."""
    asked, bound = policy(entry.policy), binding(entry.binding)
    for sample in samples(entry):
        review = of_object(sample.object)
        update = Review({**review.request, "operation": "UPDATE", "oldObject": dict(sample.object)})
        assert not list(findings(asked, [bound], update, no_params))


@every
def test_it_says_what_it_denies_and_is_bound_to_deny(entry: Entry) -> None:
    assert entry.title
    assert entry.description.endswith(".")
    assert texts(entry.binding, "spec", "validationActions") == ["Deny"]
    assert text(entry.binding, "spec", "policyName") == entry.name


def test_there_are_about_forty() -> None:
    assert 40 <= len(starter()) <= 60
    assert [e.name for e in starter()] == sorted(e.name for e in starter())


PODS = [e for e in starter() if "Asked of pods" in e.description]


@pytest.mark.parametrize("entry", PODS, ids=lambda e: e.name)
@pytest.mark.parametrize(
    "kind", ["Deployment", "DaemonSet", "StatefulSet", "ReplicaSet", "ReplicationController", "Job"]
)
def test_what_a_pod_may_not_its_template_may_not(entry: Entry, kind: str) -> None:
    """A denied pod, in the template of a workload, is denied with the same words."""
    asked, bound = policy(entry.policy), binding(entry.binding)
    group = {"Job": "batch/v1", "ReplicationController": "v1"}.get(kind, "apps/v1")
    for sample in samples(entry):
        if text(sample.object, "kind") != "Pod":
            continue
        template = {k: v for k, v in sample.object.items() if k in ("metadata", "spec")}
        metadata = {"name": "a", "namespace": "shop"}
        inside = {"apiVersion": group, "kind": kind, "metadata": metadata, "spec": {"template": template}}
        schedule = {"schedule": "0 3 * * *", "jobTemplate": {"spec": {"template": template}}}
        cron = {"apiVersion": "batch/v1", "kind": "CronJob", "metadata": metadata, "spec": schedule}
        for each in (inside, cron):
            found = list(findings(asked, [bound], of_object(each), no_params))
            assert [f.message.partition("request: ")[2] for f in found] == list(sample.messages)
