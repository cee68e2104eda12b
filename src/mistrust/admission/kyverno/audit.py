"""What policies of Kyverno say of objects as they stand."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from mistrust.admission.finding import Finding, Result
from mistrust.admission.kyverno.answer import Policy
from mistrust.admission.kyverno.request import Exemption, Request, World
from mistrust.admission.review import Review

TOLD: Final = (Result.FAIL, Result.ERROR, Result.UNKNOWN)


def findings(policy: Policy, review: Review, world: World, exceptions: tuple[Exemption, ...] = ()) -> Iterator[Finding]:
    """What fails, and what has no answer. What a policy would change or make is no fault of the object."""
    for each in policy.verdict(Request(review, world, exceptions=exceptions)).answers:
        if each.result in TOLD:
            named = f"{policy.kind} {policy.name}"
            yield Finding(named, each.result, each.message, each.rule, each.path, each.action)
