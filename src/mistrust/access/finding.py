"""A fact that matters, under a check of the catalog, with an identity that survives edits."""

from __future__ import annotations

from enum import StrEnum
from hashlib import blake2s

import msgspec

from mistrust.access.evidence import Evidence
from mistrust.access.fact import Edit
from mistrust.kube.meta import Ref


class Severity(StrEnum):
    """How much it matters; the order is that of the names below."""

    CRITICAL = "critical"
    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"


SEVERITIES: tuple[Severity, ...] = (Severity.CRITICAL, Severity.HIGH, Severity.MEDIUM, Severity.LOW)


class Finding(msgspec.Struct, frozen=True, gc=False):
    """One thing to act on."""

    rule: str
    """The check: `MT-POD-001`."""
    subject: str
    ref: Ref
    title: str
    detail: str
    severity: Severity
    layer: str
    evidence: tuple[Evidence, ...] = ()
    edits: tuple[Edit, ...] = ()
    paths: int = 0
    """How many attack paths run through it."""

    @property
    def id(self) -> str:
        """Stable: rule, subject and object, no line numbers, so that a baseline survives edits.

        >>> Finding("MT-POD-001", "Pod a/b", Ref("", "Pod", "a", "b"), "", "", Severity.HIGH, "pods").id[:11]
        'MT-POD-001-'
        """
        return f"{self.rule}-{stable_hash(self.subject, self.ref.group, str(self.ref))}"


def stable_hash(*parts: str) -> str:
    """Eight characters that stand for these words, the same on every machine and in every run."""
    return blake2s("\x00".join(parts).encode(), digest_size=4).hexdigest()
