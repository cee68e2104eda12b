"""Constraints: a template with parameters, for some objects, at some points (frameworks/constraint, pkg/target)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

import msgspec

from mistrust.admission.finding import Action, Finding, Result
from mistrust.admission.gatekeeper.match import Match, matches
from mistrust.admission.gatekeeper.template import Template
from mistrust.admission.plain import mapping, text
from mistrust.admission.review import Review
from mistrust.kube.build import Plain
from mistrust.kube.errors import InputError
from mistrust.languages.cel.environment import EvaluationError as CelFailure
from mistrust.languages.rego.errors import EvaluationError as RegoFailure

WEBHOOK, AUDIT, GATOR = "validation.gatekeeper.sh", "audit.gatekeeper.sh", "gator.gatekeeper.sh"
ACTIONS: Final = {"deny": Action.DENY, "warn": Action.WARN, "dryrun": Action.AUDIT}


class Point(msgspec.Struct, frozen=True):
    """Where something is enforced."""

    name: str


class Scoped(msgspec.Struct, frozen=True, rename="camel"):
    """An action at some points."""

    action: str
    enforcement_points: list[Point] = []


class Spec(msgspec.Struct, frozen=True, rename="camel"):
    """What a constraint says."""

    match: Match = Match()
    parameters: msgspec.Raw = msgspec.Raw(b"{}")
    enforcement_action: str = "deny"
    scoped_enforcement_actions: list[Scoped] = []


class Constraint(msgspec.Struct, frozen=True):
    """A constraint, ready to be asked."""

    name: str
    template: Template
    match: Match
    parameters: Plain
    spec: Spec

    def action(self, point: str) -> Action:
        """What a violation leads to at a point."""
        if self.spec.enforcement_action != "scoped":
            return ACTIONS.get(self.spec.enforcement_action, Action.NOTHING)
        for each in self.spec.scoped_enforcement_actions:
            if any(p.name in (point, "*") for p in each.enforcement_points):
                return ACTIONS.get(each.action, Action.NOTHING)
        return Action.NOTHING

    def asked(self, review: Review) -> bool:
        """Is it about this request? Either what is or what was decides.

        Raises `InputError` where it asks about a Namespace that is not known.
        """
        if self.match.source == "Generated":
            return False
        told = {matches(self.match, o, review.namespace) for o in (review.object, review.old) if o is not None}
        return True in told

    def findings(self, review: Review, inventory: Plain, point: str = WEBHOOK) -> Iterator[Finding]:
        """What it finds. What cannot be found out is an error, never a pass."""
        policy, action = f"{self.template.kind} {self.name}", self.action(point)
        if action is Action.NOTHING:
            return
        try:
            if not self.asked(review):
                return
            for violation in self.template.decide(review, self.parameters, inventory):
                yield Finding(policy, Result.FAIL, violation.message, action=action, details=violation.details)
        except (InputError, CelFailure, RegoFailure) as error:
            yield Finding(policy, Result.ERROR, str(error), action=action)


def constraint(given: Mapping[str, Plain], templates: Mapping[str, Template]) -> Constraint:
    """A constraint of one of the templates. Raises `InputError` for none."""
    kind, name = text(given, "kind"), text(given, "metadata", "name")
    where = f"{kind} {name}"
    if kind not in templates:
        raise InputError("a constraint without its template", where=where, wanted=f"ConstraintTemplate {kind.lower()}")
    try:
        spec = msgspec.json.decode(msgspec.json.encode(dict(mapping(given, "spec"))), type=Spec)
        parameters: Plain = msgspec.json.decode(spec.parameters)
    except msgspec.ValidationError as error:
        raise InputError("not a constraint", where=where, got=str(error)) from None
    return Constraint(name, templates[kind], spec.match, parameters, spec)


def inventory(objects: list[Mapping[str, Plain]]) -> dict[str, Plain]:
    """`data.inventory`: objects by namespace, version, kind and name."""
    found: dict[str, Plain] = {}
    for each in objects:
        metadata = mapping(each, "metadata")
        space = text(metadata, "namespace")
        place: dict[str, Plain] = found
        for key in (
            *(("namespace", space) if space else ("cluster",)),
            text(each, "apiVersion"),
            text(each, "kind"),
        ):
            inner = place.setdefault(key, {})
            assert isinstance(inner, dict)
            place = inner
        place[text(metadata, "name")] = dict(each)
    return found
