"""RequestAuthentication: which tokens a server's proxy takes, and what policies then know of them.

It refuses a request whose token no rule takes; a request without a token passes, and is nobody's. Source: istio
pilot/pkg/security/authn/policy_applier.go (convertToEnvoyJwtConfig), Envoy's jwt_authn filter.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from mistrust.kube.istio import JWTRule, RequestAuthentication
from mistrust.layers.mesh.istio.authorization.requests import Claim

Claims = Mapping[str, Claim]

LISTS = ("scope", "permission")
"""Claims that are words with spaces between: policies see a list (normalize_payload_in_metadata)."""


class BadToken(Exception):  # noqa: N818 - the client's, not ours
    """A token that no rule takes: the proxy answers 401 and asks no policy."""


def known(rules: Iterable[RequestAuthentication], claims: Claims | None) -> Claims | None:
    """What policies know of a token whose signature is good; None where they know nothing.

    Without any rule a token is not looked at. Raises BadToken for one that is, and that no rule takes.
    """
    every = [r for policy in rules for r in policy.spec.jwt_rules]
    if claims is None or not every:
        return None
    if not any(_takes(r, claims) for r in every):
        raise BadToken(f"no RequestAuthentication takes a token of issuer {claims.get('iss', '')!r} for this audience")
    return {k: _split(v) if k in LISTS else v for k, v in claims.items()}


def _takes(rule: JWTRule, claims: Claims) -> bool:
    if claims.get("iss") != rule.issuer:
        return False
    said = claims.get("aud")
    audiences = said if isinstance(said, tuple) else (said,)
    wanted = {_bare(a) for a in rule.audiences}
    return not wanted or any(isinstance(a, str) and _bare(a) in wanted for a in audiences)


def _bare(audience: str) -> str:
    """Audiences are compared without their scheme and their last slash."""
    for scheme in ("https://", "http://"):
        audience = audience.removeprefix(scheme)
    return audience.removesuffix("/")


def _split(value: Claim) -> Claim:
    return tuple(value.split(" ")) if isinstance(value, str) else value
