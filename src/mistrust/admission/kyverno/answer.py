"""What a rule of Kyverno says of one request."""

from __future__ import annotations

from typing import Protocol

import msgspec

from mistrust.admission.finding import Action, Result
from mistrust.admission.kyverno.request import Request
from mistrust.kube.build import Plain


class Answer(msgspec.Struct, frozen=True):
    """One answer of one rule."""

    rule: str
    result: Result
    message: str = ""
    path: str = ""
    made: tuple[dict[str, Plain], ...] = ()
    """What the rule generates."""
    action: Action = Action.DENY


class Verdict(msgspec.Struct, frozen=True):
    """What a policy says, and what it makes of the object."""

    answers: tuple[Answer, ...]
    object: Plain = None


class Policy(Protocol):
    """A policy of any kind."""

    @property
    def name(self) -> str:
        """`metadata.name`."""

    @property
    def kind(self) -> str:
        """`ClusterPolicy`, `ValidatingPolicy`."""

    @property
    def mutates(self) -> bool:
        """Does it change objects? Such policies are asked first."""

    def verdict(self, request: Request) -> Verdict:
        """What it says of a request; no answers where it is not about it."""
