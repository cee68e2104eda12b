"""Was the request authorized? Only what was authorized is use."""

from __future__ import annotations

from enum import Enum

RECEIVED_STAGE = "RequestReceived"


class Outcome(Enum):
    """What became of a request, as far as the right to make it goes."""

    USED = "used"
    FORBIDDEN = "forbidden"
    """Not authenticated, or not authorized: no use."""
    REFUSED = "refused"
    """Authorized, and then refused: by admission, by the check against escalation, by a second authorization."""
    UNDECIDED = "undecided"
    """It failed before the authorizer was asked, or nothing shows that it was asked."""
    RECEIVED = "received"
    """Only begun: the event of another stage tells the rest."""


def outcome(stage: str, code: int, decision: str, subresource: str) -> Outcome:
    """Decide by the authorizer's own annotation; by the code where there is none (before 1.10, or never asked).

    Whatever answer follows the decision `allow` (404, 409, 429 of an eviction, 500, 504) needed the right. The
    limits on requests in flight answer 429, and timeouts and errors 5xx, before the authorizer is asked
    (DefaultBuildHandlerChain in k8s.io/apiserver/pkg/server/config.go); clients ask again, and that event is the use.
    400 without a decision may be a wrong impersonation header, likewise before. Behind `proxy` stands another server,
    whose 401 and 403 say nothing about Kubernetes.
    """
    if decision == "forbid":
        return Outcome.FORBIDDEN
    if stage == RECEIVED_STAGE:
        return Outcome.RECEIVED
    if decision == "allow":
        return Outcome.REFUSED if code in (401, 403) and subresource != "proxy" else Outcome.USED
    if code in (401, 403):
        return Outcome.FORBIDDEN
    if code in (0, 400, 429) or code >= 500:
        return Outcome.UNDECIDED
    return Outcome.USED
