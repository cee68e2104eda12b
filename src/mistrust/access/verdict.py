"""The answer to one question: allowed, denied or unknown, and who decided it."""

from __future__ import annotations

from enum import StrEnum

import msgspec

from mistrust.access.evidence import Evidence


class Answer(StrEnum):
    """Three answers, never two."""

    ALLOWED = "allowed"
    DENIED = "denied"
    UNKNOWN = "unknown"


class Verdict(msgspec.Struct, frozen=True):
    """An answer that carries what decided it, the answer yes included, and what could not be evaluated."""

    answer: Answer
    because: str
    """One sentence for a person, in the API server's words where it has them."""
    decided_by: tuple[Evidence, ...] = ()
    failed: tuple[str, ...] = ()
    """What could not be evaluated and might have changed the answer."""
