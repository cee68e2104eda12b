"""Constraints as policies of a webhook."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from typing import Final

import msgspec

from mistrust.admission.finding import Action, Finding, Result
from mistrust.admission.gatekeeper.constraint import ACTIONS, WEBHOOK, Constraint, constraint
from mistrust.admission.gatekeeper.template import Template, template
from mistrust.admission.plain import mapping, text
from mistrust.admission.policy import Attempt, Policy, Question, unknown
from mistrust.admission.review import Object
from mistrust.kube.errors import InputError

FAILURE_POLICY: Final = "mistrust.dev/failure-policy"
"""Annotation of a constraint: `Ignore` lets pass what it cannot decide. Everything else denies it."""
UNHAD: Final = ("data.inventory", 'data["inventory', "http.send", "external_data", "time.now_ns", "net.lookup")
"""What Rego may ask for and is not there: the policy would find nothing, and so let everything pass."""


def gatekeeper(objects: Sequence[tuple[str, Object]]) -> Iterator[tuple[str, Object, Attempt]]:
    """Templates, then their constraints."""
    templates: dict[str, Template] = {}
    sources: dict[str, bytes] = {}

    def compiled_template(given: Object) -> None:
        source = msgspec.json.encode(mapping(given, "spec"))
        for word in UNHAD:
            if msgspec.json.encode(word)[1:-1] in source:
                raise InputError(f"a template that asks for {word}, which is not there", do="leave it out")
        made = template(given)
        if made.kind in templates:
            raise InputError("two templates of one kind", got=made.kind)
        templates[made.kind] = made
        sources[made.kind] = source

    def compiled_constraint(given: Object) -> Policy:
        made = constraint(given, templates)
        return _constraint(made, given, needs=b"namespaceObject" in sources[made.template.kind])

    for place, given in objects:
        if text(given, "apiVersion").startswith("templates.gatekeeper.sh/"):
            yield place, given, partial(compiled_template, given)
    for place, given in objects:
        if text(given, "apiVersion").startswith("constraints.gatekeeper.sh/"):
            yield place, given, partial(compiled_constraint, given)


def _constraint(made: Constraint, given: Object, *, needs: bool) -> Policy:
    action = made.action(WEBHOOK)
    if made.spec.enforcement_action not in (*ACTIONS, "scoped"):
        raise InputError("an enforcementAction that nobody knows", got=made.spec.enforcement_action)
    ignores = text(given, "metadata", "annotations", FAILURE_POLICY) == "Ignore"
    name = f"{made.template.kind} {made.name}"
    unanswered = Action.AUDIT if ignores else action

    def asks(asked: Question) -> Iterator[Finding]:
        if needs and asked.namespace and asked.shown.namespace is None and made.asked(asked.shown):
            yield Finding(name, Result.UNKNOWN, unknown(asked), action=unanswered)
            return
        for each in made.findings(asked.shown, {}, WEBHOOK):
            if each.result is Result.ERROR:
                yield msgspec.structs.replace(each, action=unanswered)
            else:
                yield msgspec.structs.replace(each, message=f"[{made.name}] {each.message}")

    return Policy(name, unanswered, asks)
