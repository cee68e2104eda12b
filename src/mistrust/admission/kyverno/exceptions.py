"""PolicyExceptions: which objects which rules do not count for (kyverno/api/kyverno/v2, policies.kyverno.io)."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from mistrust.admission.celled import Celled
from mistrust.admission.kyverno.cel import compiled, named
from mistrust.admission.kyverno.conditions import Conditions, conditions
from mistrust.admission.kyverno.match import Matcher, matcher
from mistrust.admission.kyverno.request import Request, scope
from mistrust.admission.plain import items, mapping, text, texts
from mistrust.kube.build import Plain
from mistrust.kube.errors import InputError
from mistrust.languages.cel.environment import EvaluationError
from mistrust.languages.kyverno.scalars import wild

KIND = "PolicyException"


class Exempt(msgspec.Struct, frozen=True):
    """An exception, compiled."""

    name: str
    policies: tuple[tuple[str, tuple[str, ...]], ...]
    """The names of policies, each with those of its rules; none is every rule."""
    match: Matcher
    conditions: Conditions
    celled: Celled | None

    def covers(self, policy: str, rule: str, request: Request) -> bool:
        """Does it except a rule for a request? One whose conditions have no answer excepts nothing."""
        asked = any(
            wild(own, policy) and (not rules or any(wild(r, rule) for r in rules)) for own, rules in self.policies
        )
        return asked and self._about(request)

    def _about(self, request: Request) -> bool:
        if self.celled is None:
            return self.match.matches(request, unknown=False) and self.conditions.hold(scope(request))
        try:
            return self.celled.applies(named(self.celled, request, None, []))
        except EvaluationError:
            return False


def is_exception(given: Mapping[str, Plain]) -> bool:
    """Is a document an exception?"""
    return text(given, "kind") == KIND and text(given, "apiVersion").startswith(("kyverno.io/", "policies.kyverno.io/"))


def exception(given: Mapping[str, Plain]) -> Exempt:
    """Compile. Raises `InputError` for what is not understood."""
    spec, name = mapping(given, "spec"), text(given, "metadata", "name")
    if "policyRefs" in spec:
        refs = tuple((text(ref, "name"), ()) for ref in items(spec, "policyRefs"))
        asked = [(text(c, "name"), text(c, "expression")) for c in items(spec, "matchConditions")]
        _known(spec, name, "policyRefs", "matchConditions")
        return Exempt(name, refs, Matcher(), Conditions(), compiled([], [], asked))
    _known(spec, name, "exceptions", "match", "conditions", "background")
    rules = tuple((text(e, "policyName"), tuple(texts(e, "ruleNames"))) for e in items(spec, "exceptions"))
    return Exempt(name, rules, matcher(spec.get("match")), conditions(spec.get("conditions")), None)


def _known(spec: Mapping[str, Plain], name: str, *fields: str) -> None:
    other = sorted(set(spec) - set(fields))
    if other:
        raise InputError("not an exception that is understood", where=f"{KIND} {name}", got=", ".join(other))
