"""What policies of Kyverno say of objects as they stand."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from mistrust.admission.finding import Finding, Result
from mistrust.admission.kyverno.answer import Policy
from mistrust.admission.kyverno.request import Exemption, Request, World
from mistrust.admission.review import Review
from mistrust.kube.errors import InputError

TOLD: Final = (Result.FAIL, Result.ERROR, Result.UNKNOWN)


def findings(policy: Policy, review: Review, world: World, exceptions: tuple[Exemption, ...] = ()) -> Iterator[Finding]:
    """What fails, and what has no answer. What a policy would change or make is no fault of the object."""
    named = f"{policy.kind} {policy.name}"
    try:
        answers = policy.verdict(Request(review, world, exceptions=exceptions)).answers
    except (InputError, RecursionError) as error:
        yield Finding(named, Result.ERROR, str(error))
        return
    for each in answers:
        if each.result in TOLD:
            yield Finding(named, each.result, each.message, each.rule, each.path, each.action)
