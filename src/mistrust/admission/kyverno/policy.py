"""ClusterPolicy and Policy: their rules, compiled (kyverno/api/kyverno/v1, pkg/engine)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

import msgspec

from mistrust.admission.celled import Celled
from mistrust.admission.finding import Action, Result
from mistrust.admission.kyverno import autogen
from mistrust.admission.kyverno.answer import Answer, Verdict
from mistrust.admission.kyverno.cel import compiled, named
from mistrust.admission.kyverno.celbody import failed
from mistrust.admission.kyverno.conditions import Conditions, conditions
from mistrust.admission.kyverno.context import Entry, entries, with_context
from mistrust.admission.kyverno.generating import generating
from mistrust.admission.kyverno.match import Matcher, about, matcher
from mistrust.admission.kyverno.mutating import mutating
from mistrust.admission.kyverno.outcome import Body, Outcome
from mistrust.admission.kyverno.request import Request, Scope, scope
from mistrust.admission.kyverno.validating import validating
from mistrust.admission.plain import items, mapping, text
from mistrust.kube.build import Plain
from mistrust.kube.errors import InputError
from mistrust.languages.cel.environment import EvaluationError
from mistrust.languages.kyverno.errors import KyvernoError, UnknownError

KINDS: Final = ("ClusterPolicy", "Policy")
BODIES: Final = ("validate", "mutate", "generate", "verifyImages")
SPEC: Final = frozenset(
    (
        *("rules", "applyRules", "validationFailureAction", "validationFailureActionOverrides", "background"),
        *("admission", "emitWarning", "failurePolicy", "webhookConfiguration", "webhookTimeoutSeconds"),
        *("schemaValidation", "generateExisting", "generateExistingOnPolicyUpdate", "useServerSideApply"),
        *("mutateExistingOnPolicyUpdate", "failureAction", "skipBackgroundRequests"),
    )
)
KNOWN: Final = frozenset(
    (
        *("name", "match", "exclude", "context", "preconditions", "celPreconditions", "imageExtractors"),
        *("skipBackgroundRequests", "reportProperties"),
        *BODIES,
    )
)


class Rule(msgspec.Struct, frozen=True):
    """A rule, compiled."""

    name: str
    match: Matcher
    exclude: Matcher
    context: tuple[Entry, ...]
    preconditions: Conditions
    body: Body
    mutates: bool
    action: Action

    def outcome(self, policy: str, request: Request) -> Outcome | None:
        """What it says; None where it is not about the request."""
        if not about(self.match, self.exclude, request):
            return None
        if by := request.exempt(policy, self.name):
            return Outcome(Result.SKIP, f"excepted by {by}")
        try:
            known = with_context(scope(request), self.context, request)
            if not self.preconditions.hold(known):
                return Outcome(Result.SKIP, "the preconditions do not hold")
            return self.body(request, known)
        except UnknownError as error:
            return Outcome(Result.UNKNOWN, str(error))
        except KyvernoError as error:
            return Outcome(Result.ERROR, str(error))
        except RecursionError:
            return Outcome(Result.ERROR, "nested too deeply")


class ClusterPolicy(msgspec.Struct, frozen=True):
    """A policy, compiled; a Policy is one for the objects of its namespace."""

    name: str
    kind: str
    namespace: str
    rules: tuple[Rule, ...]
    only_first: bool
    conditions: Celled

    @property
    def mutates(self) -> bool:
        """Does it change objects?"""
        return any(rule.mutates for rule in self.rules)

    def verdict(self, request: Request) -> Verdict:
        """What it says of a request: rules that change the object come first."""
        if self.namespace and text(request.object, "metadata", "namespace") != self.namespace:
            return Verdict((), request.object)
        if self.conditions.conditions and (unasked := self._unasked(request)) is not None:
            return unasked
        found: list[Answer] = []
        for rule in sorted(self.rules, key=lambda r: not r.mutates):
            outcome = rule.outcome(self.name, request)
            if outcome is None:
                continue
            if outcome.object is not None:
                request = request.changed(outcome.object)
            found.append(Answer(rule.name, outcome.result, outcome.message, outcome.path, outcome.made, rule.action))
            if self.only_first and outcome.result is not Result.SKIP:
                break
        return Verdict(tuple(found), request.object)

    def _unasked(self, request: Request) -> Verdict | None:
        """What comes of conditions that do not hold, or have no answer; None where they do."""
        try:
            if self.conditions.applies(named(self.conditions, request, None, [])):
                return None
        except EvaluationError as error:
            wrong = failed(error)
            return Verdict((Answer("", wrong.result, wrong.message),), request.object)
        return Verdict((), request.object)


def policy(given: Mapping[str, Plain]) -> ClusterPolicy:
    """Compile a ClusterPolicy or a Policy. Raises `InputError` for what is not understood."""
    kind, name = text(given, "kind"), text(given, "metadata", "name")
    other = sorted(set(mapping(given, "spec")) - SPEC)
    if other:
        raise InputError("not a policy that is understood", where=f"{kind} {name}", got=", ".join(other))
    rules = mapping(given, "spec").get("rules")
    if not isinstance(rules, list) or not all(isinstance(r, dict) for r in rules):
        raise InputError("not a policy", where=f"{kind} {name}", wanted="spec.rules, a list of rules")
    asked = items(given, "spec", "webhookConfiguration", "matchConditions")
    try:
        conditions = compiled([], [], [(text(c, "name"), text(c, "expression")) for c in asked])
    except InputError as error:
        where = f"{kind} {name}, matchConditions: {error.where}"
        raise InputError(error.what, where=where, got=error.got, wanted=error.wanted) from None
    made = []
    for each in autogen.rules(given):
        where = f"{kind} {name}, rule {text(each, 'name')}"
        try:
            made.append(_rule(each, text(given, "spec", "validationFailureAction")))
        except InputError as error:
            inner = f"{where}: {error.where}" if error.where else where
            raise InputError(error.what, where=inner, got=error.got, wanted=error.wanted) from None
    space = text(given, "metadata", "namespace") if kind == "Policy" else ""
    return ClusterPolicy(name, kind, space, tuple(made), text(given, "spec", "applyRules") == "One", conditions)


def _rule(given: Mapping[str, Plain], action: str) -> Rule:
    bodies = [b for b in BODIES if given.get(b)]
    other = sorted(set(given) - KNOWN)
    if other or len(bodies) != 1:
        wanted = "one of validate, mutate, generate, verifyImages"
        raise InputError("not a rule that is understood", got=", ".join(other or bodies), wanted=wanted)
    return Rule(
        text(given, "name"),
        matcher(given.get("match")),
        matcher(given.get("exclude")),
        entries(given.get("context")),
        conditions(given.get("preconditions")),
        _MAKE[bodies[0]](given),
        bodies[0] == "mutate",
        _action(text(given, "validate", "failureAction") or action),
    )


def _action(written: str) -> Action:
    """What a failure leads to; to a report where it is not said."""
    return Action.DENY if written.lower() == "enforce" else Action.AUDIT


def _verifying(given: Mapping[str, Plain]) -> Body:
    del given

    def body(request: Request, known: Scope) -> Outcome:
        del request, known
        return Outcome(Result.UNKNOWN, "it asks a registry for the signatures of images")

    return body


_MAKE: Final[Mapping[str, Callable[[Mapping[str, Plain]], Body]]] = {
    "validate": validating,
    "mutate": lambda given: mutating(mapping(given, "mutate")),
    "generate": lambda given: generating(mapping(given, "generate")),
    "verifyImages": _verifying,
}
