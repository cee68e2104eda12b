"""What a policy says of one request."""

from __future__ import annotations

from enum import StrEnum

import msgspec

from mistrust.kube.build import Plain


class Result(StrEnum):
    """What came of asking. `error` and `unknown` are never `pass`."""

    PASS = "pass"  # noqa: S105
    FAIL = "fail"
    ERROR = "error"
    SKIP = "skip"
    UNKNOWN = "unknown"


class Action(StrEnum):
    """What a failure leads to."""

    DENY = "deny"
    WARN = "warn"
    AUDIT = "audit"
    NOTHING = "nothing"


class Outcome(msgspec.Struct, frozen=True):
    """What became of one case of a test."""

    name: str
    """Test and case."""
    result: Result
    because: str = ""


class Finding(msgspec.Struct, frozen=True):
    """One answer of one policy."""

    policy: str
    """`K8sAllowedRepos repos`, `ValidatingAdmissionPolicy a`."""
    result: Result
    message: str = ""
    rule: str = ""
    """Which part of the policy, where it has several."""
    path: str = ""
    """Which field of the object, where the policy tells."""
    action: Action = Action.DENY
    details: Plain = None
