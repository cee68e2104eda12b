"""A ValidatingAdmissionPolicy with bindings, as `kyverno test` asks it; one without is asked about everything."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

import msgspec

from mistrust.admission.finding import Result
from mistrust.admission.kyverno.answer import Answer, Verdict
from mistrust.admission.kyverno.request import Request
from mistrust.admission.plain import text
from mistrust.admission.review import Object
from mistrust.admission.vap import policy as vap
from mistrust.admission.vap.rules import matches
from mistrust.kube.build import Plain
from mistrust.languages.cel.environment import EvaluationError
from mistrust.languages.kyverno.errors import UnknownError

KIND: Final = "ValidatingAdmissionPolicy"
BINDING: Final = "ValidatingAdmissionPolicyBinding"


class BoundPolicy(msgspec.Struct, frozen=True):
    """A policy with its bindings, compiled."""

    asked: vap.Policy
    bindings: tuple[vap.Binding, ...]
    kind: str = KIND
    mutates: bool = False

    @property
    def name(self) -> str:
        """`metadata.name`."""
        return self.asked.name

    def verdict(self, request: Request) -> Verdict:
        """What it says of a request; no answers where no binding is about it."""
        review = request.review
        about = matches(self.asked.spec.match_constraints, review, every=False)
        bound = [b for b in self.bindings if matches(b.spec.match_resources, review, every=True)]
        if not about or not bound:
            return Verdict((), request.object)
        return Verdict((self._answer(request, bound),), request.object)

    def _answer(self, request: Request, bound: Sequence[vap.Binding]) -> Answer:
        def params(kind: vap.ParamKind, namespace: str, /) -> Iterable[Object]:
            return [o for o in request.world.listed(kind.kind, namespace) if isinstance(o, dict)]

        try:
            found = list(vap.findings(self.asked, bound, request.review, params))
        except UnknownError as error:
            return Answer("", Result.UNKNOWN, str(error))
        if found:
            return Answer("", found[0].result, found[0].message, found[0].rule, action=found[0].action)
        try:
            applies = self.asked.celled.applies(self.asked.celled.names(request.review, None))
        except EvaluationError:
            applies = True
        return Answer("", Result.PASS if applies else Result.SKIP)


def is_binding(given: Mapping[str, Plain]) -> bool:
    """Is a document a binding?"""
    return text(given, "kind") == BINDING


def bound(given: Mapping[str, Plain], bindings: Sequence[Mapping[str, Plain]]) -> BoundPolicy | None:
    """A policy with those of the bindings that are its own; None where none is. Raises `InputError`."""
    own = [b for b in bindings if text(b, "spec", "policyName") == text(given, "metadata", "name")]
    if text(given, "kind") != KIND or not own:
        return None
    return BoundPolicy(vap.policy(given), tuple(map(vap.binding, own)))
