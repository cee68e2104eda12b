"""What guards make of a change that is compared before it is made: whether it fails, and what is said."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec.structs import replace

from mistrust.admission.finding import Action, Finding, Result
from mistrust.effect.gate import Ruling


def ruled(ruling: Ruling, findings: Sequence[Finding], *, allow_unknown: bool = False) -> Ruling:
    """A ruling with what guards deny: a failure fails the change, and what has no answer lets nobody know.

    `allow_unknown` lets pass what may only be hidden; an expression without a value has no answer all the same.
    """
    denied = [f for f in findings if f.action is Action.DENY and not (allow_unknown and f.result is Result.UNKNOWN)]
    codes = {ruling.exit_code, *(1 if f.result is Result.FAIL else 3 for f in denied)}
    code = next(c for c in (1, 3, 0) if c in codes)
    return replace(ruling, guards=tuple(dict.fromkeys(f.message for f in denied)), exit_code=code)


def warned(findings: Sequence[Finding]) -> tuple[str, ...]:
    """What guards say without denying it."""
    return tuple(dict.fromkeys(f.message for f in findings if f.action is not Action.DENY))
