"""ValidatingAdmissionPolicies as policies of a webhook, which is told less than the API server knows itself."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from typing import Final

import msgspec

from mistrust.admission.finding import Action, Finding, Result
from mistrust.admission.plain import text
from mistrust.admission.policy import Attempt, Policy, Question, unknown
from mistrust.admission.review import Object
from mistrust.admission.vap.policy import ACTIONS, Binding, ParamKind, binding, findings, policy
from mistrust.admission.vap.policy import Policy as Validating
from mistrust.admission.vap.rules import Match, matches
from mistrust.kube.errors import InputError
from mistrust.kube.selectors import LabelSelector

NAME_LABEL: Final = "kubernetes.io/metadata.name"
STRICTEST: Final = (Action.DENY, Action.WARN, Action.AUDIT)


def validating(objects: Sequence[tuple[str, Object]]) -> Iterator[tuple[str, Object, Attempt]]:
    """ValidatingAdmissionPolicies, with all their bindings; parameters are among the objects."""
    bindings: list[Binding] = []
    names = {text(o, "metadata", "name") for _, o in objects if _is_validating(o, "ValidatingAdmissionPolicy")}

    def params(kind: ParamKind, namespace: str) -> Iterator[Object]:
        for _, each in objects:
            if text(each, "apiVersion") == kind.api_version and text(each, "kind") == kind.kind:
                space = text(each, "metadata", "namespace")
                if not space or space == namespace:
                    yield each

    def bound(given: Object) -> None:
        made = binding(given)
        if made.spec.policy_name not in names:
            raise InputError("a binding without its policy", where=made.name, got=made.spec.policy_name)
        bindings.append(made)

    def asked(given: Object) -> Policy | None:
        made = policy(given)
        mine = [b for b in bindings if b.spec.policy_name == made.name]
        return _validating(made, mine, params, b"namespaceObject" in msgspec.json.encode(given)) if mine else None

    for place, given in objects:
        if _is_validating(given, "ValidatingAdmissionPolicyBinding"):
            yield place, given, partial(bound, given)
    for place, given in objects:
        if _is_validating(given, "ValidatingAdmissionPolicy"):
            yield place, given, partial(asked, given)


def _is_validating(given: Object, kind: str) -> bool:
    return text(given, "kind") == kind and text(given, "apiVersion").startswith("admissionregistration.k8s.io/")


def _validating(
    made: Validating, bindings: Sequence[Binding], params: Callable[[ParamKind, str], Iterable[Object]], needs: bool
) -> Policy:
    name = f"ValidatingAdmissionPolicy {made.name}"
    actions = {ACTIONS.get(a) for b in bindings for a in b.spec.validation_actions or ["Deny"]}
    strictest = next((a for a in STRICTEST if a in actions), Action.DENY)
    unanswered = Action.AUDIT if made.spec.failure_policy == "Ignore" else strictest
    of_policy, of_bindings = made.spec.match_constraints, [b.spec.match_resources for b in bindings]
    selects = any(map(_selects, (of_policy, *of_bindings)))
    about, loose = _anywhere(of_policy), _of_any_version(of_policy)
    narrow = [(m, _of_any_version(m), m is not of_policy) for m in (of_policy, *of_bindings) if _versions(m)]
    named = [versions for m, _, _ in narrow for versions in _versions(m)]
    common = named[0].intersection(*named) if named else frozenset[str]()

    def asks(asked: Question) -> Iterable[Finding]:
        sent = asked.sent
        if asked.namespace and sent.namespace is None and (needs or selects) and matches(about, sent, every=False):
            return [Finding(name, Result.UNKNOWN, unknown(asked), action=unanswered)]
        if (
            narrow
            and sent.group_version_kind[1] not in common
            and any(
                not matches(match, sent, every=every) and matches(wide, sent, every=every)
                for match, wide, every in narrow
            )
        ):
            said = _converted(asked)
            return [Finding(name, Result.UNKNOWN, said, action=unanswered)] if matches(loose, sent, every=False) else ()
        return findings(made, bindings, sent, params)

    return Policy(name, unanswered, asks)


def _selects(match: Match | None) -> bool:
    """Does it ask for labels of Namespaces that are not known from their names?"""
    selector = match.namespace_selector if match is not None else None
    if selector is None or selector == LabelSelector():
        return False
    keys = {*selector.match_labels, *(r.key for r in selector.match_expressions)}
    return keys != {NAME_LABEL}


def _converted(asked: Question) -> str:
    version = "/".join(part for part in asked.sent.group_version_kind[:2] if part)
    return f"the object is of {version}, and the policy is about another version of its kind"


def _versions(match: Match | None) -> list[frozenset[str]]:
    """The versions that each of its rules names, and to which the API server would convert objects of others."""
    rules = match.resource_rules if match is not None and match.match_policy != "Exact" else []
    return [frozenset(rule.api_versions) for rule in rules if "*" not in rule.api_versions]


def _of_any_version(match: Match | None) -> Match | None:
    if match is None:
        return None
    rules = [msgspec.structs.replace(rule, api_versions=["*"]) for rule in match.resource_rules]
    return msgspec.structs.replace(match, resource_rules=rules)


def _anywhere(match: Match | None) -> Match | None:
    return msgspec.structs.replace(match, namespace_selector=None) if match is not None else None
