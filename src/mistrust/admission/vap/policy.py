"""A ValidatingAdmissionPolicy with its bindings: one evaluation for each binding and parameter.

k8s.io/apiserver pkg/admission/plugin/policy/validating/{dispatcher,validator}.go.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Final, Protocol

import msgspec

from mistrust.admission.celled import Celled, Validation, celled, message
from mistrust.admission.finding import Action, Finding, Result
from mistrust.admission.plain import labels, text
from mistrust.admission.review import Object, Review
from mistrust.admission.vap.rules import EXEMPT, Match, matches
from mistrust.kube.build import Plain
from mistrust.kube.errors import InputError
from mistrust.kube.selectors import LabelSelector
from mistrust.kube.selectors import matches as selected
from mistrust.languages.cel.environment import EvaluationError

ACTIONS: Final = {"Deny": Action.DENY, "Warn": Action.WARN, "Audit": Action.AUDIT}


class Variable(msgspec.Struct, frozen=True):
    """A name for an expression."""

    name: str
    expression: str


class Annotation(msgspec.Struct, frozen=True, rename="camel"):
    """What is written to the audit log."""

    key: str
    value_expression: str


class ParamKind(msgspec.Struct, frozen=True, rename="camel"):
    """Of which kind parameters are."""

    api_version: str
    kind: str


class ParamRef(msgspec.Struct, frozen=True, rename="camel"):
    """Which parameters."""

    name: str = ""
    namespace: str = ""
    selector: LabelSelector | None = None
    parameter_not_found_action: str = "Deny"


class PolicySpec(msgspec.Struct, frozen=True, rename="camel"):
    """What a policy says."""

    match_constraints: Match | None = None
    validations: list[Validation] = []
    variables: list[Variable] = []
    match_conditions: list[Variable] = []
    audit_annotations: list[Annotation] = []
    failure_policy: str = "Fail"
    param_kind: ParamKind | None = None


class BindingSpec(msgspec.Struct, frozen=True, rename="camel"):
    """What a binding says."""

    policy_name: str = ""
    param_ref: ParamRef | None = None
    match_resources: Match | None = None
    validation_actions: list[str] = []


class Params(Protocol):
    """Where parameters come from."""

    def __call__(self, kind: ParamKind, namespace: str, /) -> Iterable[Object]:
        """Every object of a kind in a namespace; of kinds without namespaces every object."""


class Policy(msgspec.Struct, frozen=True):
    """A policy, compiled."""

    name: str
    spec: PolicySpec
    celled: Celled


class Binding(msgspec.Struct, frozen=True):
    """A binding."""

    name: str
    spec: BindingSpec


def policy(given: Object) -> Policy:
    """Compile a policy. Raises `InputError` for one that the API server refuses."""
    name = text(given, "metadata", "name")
    where = f"ValidatingAdmissionPolicy {name}"
    try:
        spec = msgspec.json.decode(msgspec.json.encode(given.get("spec")), type=PolicySpec)
        made = celled(
            [(v.name, v.expression) for v in spec.variables],
            spec.validations,
            [(m.name, m.expression) for m in spec.match_conditions],
        )
    except msgspec.ValidationError as error:
        raise InputError("not a ValidatingAdmissionPolicy", where=where, got=str(error)) from None
    except InputError as error:
        raise InputError(error.what, where=f"{where}: {error.where}", got=error.got, wanted=error.wanted) from None
    return Policy(name, spec, made)


def binding(given: Object) -> Binding:
    """A binding. Raises `InputError` for none."""
    name = text(given, "metadata", "name")
    try:
        spec = msgspec.json.decode(msgspec.json.encode(given.get("spec")), type=BindingSpec)
    except msgspec.ValidationError as error:
        where = f"ValidatingAdmissionPolicyBinding {name}"
        raise InputError("not a ValidatingAdmissionPolicyBinding", where=where, got=str(error)) from None
    return Binding(name, spec)


def findings(asked: Policy, bindings: Sequence[Binding], review: Review, params: Params) -> Iterator[Finding]:
    """What a policy says through its bindings, in order."""
    if review.group_version_kind[2] in EXEMPT or not matches(asked.spec.match_constraints, review, every=False):
        return
    for each in bindings:
        if each.spec.policy_name == asked.name and matches(each.spec.match_resources, review, every=True):
            yield from _bound(asked, each, review, params)


def _bound(asked: Policy, bound: Binding, review: Review, params: Params) -> Iterator[Finding]:
    try:
        several = list(_params(asked, bound, review, params))
    except InputError as error:
        yield from _failed(asked, bound, str(error))
        return
    for each in several:
        yield from _evaluated(asked, bound, review, each)


def _params(asked: Policy, bound: Binding, review: Review, params: Params) -> Iterator[Plain]:
    """The parameters, one evaluation each. Raises `InputError` where there have to be some and are none."""
    kind, ref = asked.spec.param_kind, bound.spec.param_ref
    if kind is None or ref is None:
        yield None
        return
    space = ref.namespace or text(review.request, "namespace")
    found = [o for o in params(kind, space) if _chosen(ref, o)]
    if not found and ref.parameter_not_found_action != "Allow":
        name = f" named {ref.name}" if ref.name else ""
        raise InputError(f"no params found for policy binding with `Deny` parameterNotFoundAction{name}")
    yield from map(dict, found)


def _chosen(ref: ParamRef, given: Object) -> bool:
    if ref.name:
        return text(given, "metadata", "name") == ref.name
    return ref.selector is not None and selected(ref.selector, labels(given))


def _evaluated(asked: Policy, bound: Binding, review: Review, params: Plain) -> Iterator[Finding]:
    names = asked.celled.names(review, params)
    try:
        if not asked.celled.applies(names):
            return
    except EvaluationError as error:
        yield from _failed(asked, bound, str(error))
        return
    for i, validation in enumerate(asked.celled.validations):
        try:
            holds = validation.holds.evaluate(names) is True
        except EvaluationError as error:
            said = f"expression '{validation.validation.expression.strip()}' resulted in error: {error}"
            yield from _failed(asked, bound, said, f"validations[{i}]")
            continue
        if not holds:
            yield from _said(asked, bound, message(validation, names), f"validations[{i}]")


def _failed(asked: Policy, bound: Binding, why: str, rule: str = "") -> Iterator[Finding]:
    """What cannot be evaluated is denied, unless the policy says to ignore it."""
    if asked.spec.failure_policy != "Ignore":
        yield from _said(asked, bound, why, rule, Result.ERROR)


def _said(asked: Policy, bound: Binding, why: str, rule: str = "", result: Result = Result.FAIL) -> Iterator[Finding]:
    named = f"ValidatingAdmissionPolicy {asked.name}"
    about = f"ValidatingAdmissionPolicy '{asked.name}' with binding '{bound.name}'"
    for action in map(ACTIONS.get, bound.spec.validation_actions or ["Deny"]):
        if action is Action.DENY:
            yield Finding(named, result, f"{about} denied request: {why}", rule, action=action)
        elif action is not None:
            said = f"Validation failed for {about}: {why}" if action is Action.WARN else why
            yield Finding(named, result, said, rule, action=action)


def no_params(kind: ParamKind, namespace: str) -> Sequence[Object]:
    """Nowhere."""
    del kind, namespace
    return ()
