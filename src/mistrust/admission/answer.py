"""Findings become the answer to an AdmissionReview (k8s.io/api/admission/v1 AdmissionResponse)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

import msgspec

from mistrust.admission.finding import Action, Finding, Result

LONGEST, LONGEST_WARNING, MOST = 4096, 256, 16
"""Characters of the message and of one warning, and warnings: the API server cuts what is longer."""
VERSION: Final = "admission.k8s.io/v1"


class Status(msgspec.Struct, frozen=True):
    """Why not."""

    code: int = 403
    reason: str = "Forbidden"
    message: str = ""

    def __post_init__(self) -> None:
        msgspec.structs.force_setattr(self, "message", shortened(self.message, LONGEST))


class Response(msgspec.Struct, frozen=True, rename="camel"):
    """The answer to one request."""

    uid: str
    allowed: bool
    status: Status | msgspec.UnsetType = msgspec.UNSET
    warnings: tuple[str, ...] | msgspec.UnsetType = msgspec.UNSET
    audit_annotations: dict[str, str] | msgspec.UnsetType = msgspec.UNSET


class Answer(msgspec.Struct, frozen=True, rename="camel"):
    """The document that carries it."""

    response: Response
    api_version: str = VERSION
    kind: str = "AdmissionReview"


def denials(findings: Iterable[Finding]) -> list[Finding]:
    """Those that keep the object out."""
    return leading(findings, Action.DENY)


def leading(findings: Iterable[Finding], action: Action) -> list[Finding]:
    """Those that lead to an action: failures, and what has no answer."""
    return [f for f in findings if f.action is action and f.result not in (Result.PASS, Result.SKIP)]


def response(uid: str, findings: Sequence[Finding], lifted: str = "") -> Response:
    """The answer. Parameters: `lifted`, why nothing is denied although it would be."""
    denied = denials(findings)
    warnings = [f"would be denied: {said(f)}" for f in denied] if lifted else []
    warnings += map(said, leading(findings, Action.WARN))
    audited = [said(f) for f in leading(findings, Action.AUDIT)]
    if lifted and denied:
        warnings.insert(0, lifted)
        audited.insert(0, lifted)
    status: Status | msgspec.UnsetType = msgspec.UNSET
    if denied and not lifted:
        status = Status(message="\n".join(dict.fromkeys(map(said, denied))))
    return Response(
        uid,
        not denied or bool(lifted),
        status,
        tuple(shortened(w, LONGEST_WARNING) for w in dict.fromkeys(warnings))[:MOST] or msgspec.UNSET,
        {"findings": shortened("\n".join(audited), LONGEST)} if audited else msgspec.UNSET,
    )


def said(finding: Finding) -> str:
    """What a person reads of a finding: a policy without an answer is named, one that has said something says it."""
    if finding.result in (Result.ERROR, Result.UNKNOWN) and finding.policy.rpartition(" ")[2] not in finding.message:
        return f"[{finding.policy.rpartition(' ')[2]}] has no answer: {finding.message}"
    return finding.message


def shortened(message: str, longest: int) -> str:
    """Not more than so many characters; what cannot be written as UTF-8 is replaced."""
    whole = message.encode(errors="replace").decode()
    return whole if len(whole) <= longest else f"{whole[: longest - 1]}…"
