"""The answer of the whole authorizer chain to one request, where objects alone can tell it.

The chain is k8s.io/kubernetes/pkg/kubeapiserver/authorizer/config.go: members of system:masters pass before any
authorizer is asked, then the first authorizer with an opinion decides.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from mistrust.access.evidence import Evidence, at
from mistrust.access.verdict import Answer, Verdict
from mistrust.kube.errors import UsageError
from mistrust.layers.identity.index import AnyBinding, Rbac, gap_words, problem_words
from mistrust.layers.identity.lookup import Lookup, Request
from mistrust.layers.identity.subjects import MASTERS, NODE, NODES

AUTHORIZERS: Final = ("Node", "RBAC")
"""What kubeadm and every managed cluster start with."""
MODES: Final = ("AlwaysAllow", "AlwaysDeny", "ABAC", "Node", "RBAC", "Webhook")


def decide(lookup: Lookup, request: Request, authorizers: Sequence[str] = AUTHORIZERS) -> Verdict:
    """May this request pass?

    `authorizers` is the API server's `--authorization-mode`, in order. What a webhook, an ABAC file or the Node
    authorizer would say cannot be seen from objects, so a "no" of RBAC beside them is unknown. The groups are taken as
    given: add `groups_of` for a subject that only has a name.
    """
    if MASTERS in request.groups:
        return Verdict(Answer.ALLOWED, f"members of {MASTERS} pass before any authorizer is asked")
    unseen: list[str] = []
    reason, evidence = "no authorizer is in use that allows it", ()  # type: str, tuple[Evidence, ...]
    for at_mode, mode in enumerate(authorizers):
        match mode:
            case "AlwaysAllow":
                return _allowed("AlwaysAllow lets every request pass", (), authorizers[:at_mode])
            case "RBAC":
                found = lookup.find(request)
                if found is not None:
                    grant, rule = found
                    return _allowed(f"RBAC: allowed by {grant}", grant.evidence(rule), authorizers[:at_mode])
                latent = lookup.latent(request)
                reason = _denial(latent)
                evidence = tuple(at(b, "roleRef", value=b.role_ref.name) for b in latent)
                unseen += _unread(lookup.rbac, request, latent)
            case "Node" if request.user.startswith(NODE) and NODES in request.groups:
                unseen.append("the Node authorizer decides by the pods bound to the node")
            case "Webhook" | "ABAC":
                unseen.append(f"the {mode} authorizer cannot be seen from objects")
            case _:
                pass
    if unseen:
        return Verdict(Answer.UNKNOWN, f"{reason}, but {unseen[0]}", evidence, tuple(unseen))
    return Verdict(Answer.DENIED, reason, evidence)


def parse_authorizers(text: str) -> tuple[str, ...]:
    """`Node,RBAC` -> ("Node", "RBAC").

    Raises `UsageError` for a mode that no API server has.
    """
    modes = tuple(part.strip() for part in text.split(",") if part.strip())
    for mode in modes:
        if mode not in MODES:
            raise UsageError("not an authorization mode", got=repr(mode), wanted=f"one of {', '.join(MODES)}")
    return modes


def _allowed(because: str, evidence: tuple[Evidence, ...], earlier: Sequence[str]) -> Verdict:
    """Of the authorizers asked before, only a webhook can say no rather than nothing."""
    if "Webhook" in earlier:
        before = "the Webhook authorizer is asked before and may deny it"
        return Verdict(Answer.UNKNOWN, f"{because}, but {before}", evidence, (before,))
    return Verdict(Answer.ALLOWED, because, evidence)


def _denial(latent: Sequence[AnyBinding]) -> str:
    """The words of the API server: the roles that it did not find, or that nothing allows it."""
    missing = [f'{b.role_ref.kind.lower()}.rbac.authorization.k8s.io "{b.role_ref.name}" not found' for b in latent]
    if not missing:
        return "no RBAC rule allows it"
    return f"RBAC: {missing[0]}" if len(missing) == 1 else f"RBAC: [{', '.join(missing)}]"


def _unread(rbac: Rbac, request: Request, latent: Sequence[AnyBinding]) -> Iterator[str]:
    """What was not seen and could hold the grant that is missing."""
    absent = {b.role_ref.kind for b in latent}
    for gap in rbac.gaps:
        matters = {"ClusterRoleBinding": True, "RoleBinding": request.scope != ""}.get(gap.kind, gap.kind in absent)
        if matters and gap.namespace in ("", request.scope):
            yield gap_words(gap)
    yield from map(problem_words, rbac.unread)
