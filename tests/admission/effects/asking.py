"""Guards in one line, and what they say of a change between two small clusters."""

from __future__ import annotations

from mistrust.admission.effects.guard import Guard, guard
from mistrust.admission.effects.judging import Change, judged, labels_of
from mistrust.admission.finding import Finding
from mistrust.catalog.load import api_resources, default_rbac, steps
from mistrust.effect.compare import effect
from mistrust.effect.objects import differing
from mistrust.effect.state import Given
from mistrust.kube.build import Plain
from mistrust.kube.snapshot import Snapshot

CATALOG = Given(default_rbac(), api_resources(), steps())


def of(expression: str, message: str = "", **spec: Plain) -> Guard:
    return guard(
        {
            "apiVersion": "mistrust.dev/v1alpha1",
            "kind": "EffectPolicy",
            "metadata": {"name": "g"},
            "spec": {"validations": [{"expression": expression, "messageExpression": message}], **spec},
        }
    )


def asked(guards: list[Guard], old: Snapshot, new: Snapshot, given: Given = CATALOG) -> list[Finding]:
    change = Change(effect(old, new, given), differing(old.objects, new.objects), labels_of(new))
    return judged(guards, change)


def said(one: Guard, old: Snapshot, new: Snapshot) -> list[tuple[str, str]]:
    """Result and message of everything that a guard finds."""
    return [(f.result.value, f.message.removeprefix("[g] ")) for f in asked([one], old, new)]
