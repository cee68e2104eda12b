"""Tests of ValidatingAdmissionPolicies: samples that are allowed, and samples that are denied with a message."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import msgspec

from mistrust.admission.finding import Outcome, Result
from mistrust.admission.plain import items, mapping, text, texts
from mistrust.admission.review import Object, Review, of_object
from mistrust.admission.vap.policy import Binding, BindingSpec, Policy, binding, findings, no_params, policy
from mistrust.kube.build import Plain
from mistrust.kube.errors import Error, InputError

GROUP = "mistrust.dev/"
REGISTRATION = "admissionregistration.k8s.io/"


class Sample(msgspec.Struct, frozen=True):
    """An object, and all that is said of it: nothing where it is allowed."""

    name: str
    object: Object
    messages: tuple[str, ...]


def is_suite(given: Mapping[str, Plain]) -> bool:
    """Is a document a suite?"""
    return text(given, "kind") == "PolicyTest" and text(given, "apiVersion").startswith(GROUP)


def read(given: Mapping[str, Plain]) -> Iterator[Sample]:
    """The samples of a suite. Raises `InputError` for one that is none, and for a suite without any."""
    for i, each in enumerate(items(given, "allowed")):
        yield Sample(f"allowed[{i}]", mapping(each), ())
    for i, each in enumerate(items(given, "denied")):
        messages = tuple(texts(each, "messages"))
        if not messages:
            raise InputError("a denied sample without a message", where=f"denied[{i}]", wanted="messages and object")
        yield Sample(f"denied[{i}]", mapping(each, "object"), messages)
    if not items(given, "allowed") and not items(given, "denied"):
        raise InputError("a suite without samples", wanted="allowed or denied")


def outcomes(given: Mapping[str, Plain], beside: Sequence[Object]) -> Iterator[Outcome]:
    """Run a suite. Parameters: `beside`, the documents of its file."""
    name = text(given, "metadata", "name")
    try:
        samples = list(read(given))
        policies = [policy(o) for o in beside if _is(o, "ValidatingAdmissionPolicy")]
        bindings = [binding(o) for o in beside if _is(o, "ValidatingAdmissionPolicyBinding")]
        if not policies:
            raise InputError("a suite without a policy", wanted="a ValidatingAdmissionPolicy in the same file")
    except Error as error:
        yield Outcome(name, Result.ERROR, str(error))
        return
    for each in samples:
        try:
            review = of_object(each.object)
        except Error as error:
            yield Outcome(f"{name}/{each.name}", Result.ERROR, str(error))
            continue
        found = tuple(message for asked in policies for message in said(asked, bindings, review))
        if found == each.messages:
            yield Outcome(f"{name}/{each.name}", Result.PASS)
        else:
            because = f"wanted {_told(each.messages)}, got {_told(found)}"
            yield Outcome(f"{name}/{each.name}", Result.FAIL, because)


def said(asked: Policy, bindings: Sequence[Binding], review: Review) -> Iterator[str]:
    """What a policy says through its bindings, whatever they lead to; one that has none is asked as it is.

    That something has no answer is said too, where the policy says to ignore it.
    """
    strict = msgspec.structs.replace(asked, spec=msgspec.structs.replace(asked.spec, failure_policy="Fail"))
    mine = [b for b in bindings if b.spec.policy_name == asked.name]
    for each in mine or [Binding(asked.name, BindingSpec(policy_name=asked.name))]:
        bare = msgspec.structs.replace(each.spec, validation_actions=["Audit"])
        yield from (f.message for f in findings(strict, [Binding(each.name, bare)], review, no_params))


def _is(given: Object, kind: str) -> bool:
    return text(given, "kind") == kind and text(given, "apiVersion").startswith(REGISTRATION)


def _told(messages: Sequence[str]) -> str:
    return " | ".join(messages) or "nothing"
