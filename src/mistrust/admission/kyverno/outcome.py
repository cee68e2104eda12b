"""What the body of a rule comes to."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from mistrust.admission.finding import Result
from mistrust.admission.kyverno.request import Request, Scope
from mistrust.kube.build import Plain


class Outcome(msgspec.Struct, frozen=True):
    """An answer before it has a name."""

    result: Result
    message: str = ""
    path: str = ""
    object: dict[str, Plain] | None = None
    """What the object has become; None where it stays as it is."""
    made: tuple[dict[str, Plain], ...] = ()


Body = Callable[[Request, Scope], Outcome]
"""Raises `KyvernoError` where there is no answer."""
