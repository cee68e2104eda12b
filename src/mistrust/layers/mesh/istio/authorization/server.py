"""Who may do what at one server: its AuthorizationPolicies together, asked of a request.

CUSTOM is asked first, then DENY; without an ALLOW policy everything else passes, with one only what an ALLOW rule
matches. AUDIT and dry runs decide nothing. Source: istio pilot/pkg/security/authz/builder/builder.go.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from enum import StrEnum

import msgspec

from mistrust.access.evidence import Evidence, at
from mistrust.access.verdict import Answer, Verdict
from mistrust.kube.istio import AuthorizationPolicy
from mistrust.layers.mesh.istio.authorization.attributes import Reading
from mistrust.layers.mesh.istio.authorization.principals import TrustDomains
from mistrust.layers.mesh.istio.authorization.requests import Request
from mistrust.layers.mesh.istio.authorization.rules import Dropped, Rule, read_rule
from mistrust.layers.mesh.istio.authorization.truth import Truth, every, negated, some

DRY_RUN = "istio.io/dry-run"
_TRUE = ("1", "t", "T", "true", "TRUE", "True")
"""What Go's strconv.ParseBool takes for true; anything else is enforced."""


class Provider(StrEnum):
    """How an external authorizer is asked. One that speaks HTTP is never asked about bytes over TCP."""

    HTTP = "http"
    GRPC = "grpc"


class Policy(msgspec.Struct, frozen=True, eq=False):
    """An AuthorizationPolicy as the proxy gets it, for HTTP and for TCP."""

    source: AuthorizationPolicy
    http: tuple[Rule | Dropped, ...]
    tcp: tuple[Rule | Dropped, ...]

    @property
    def action(self) -> str:
        """ALLOW, DENY, AUDIT or CUSTOM."""
        return self.source.spec.action or "ALLOW"

    @property
    def dry_run(self) -> bool:
        """Is it only tried out?"""
        return is_dry_run(self.source)

    @property
    def provider(self) -> str:
        """The external authorizer's name."""
        return self.source.spec.provider.name if self.source.spec.provider is not None else ""

    def rules(self, request: Request) -> Iterator[Rule]:
        """The rules that a request meets."""
        for rule in self.tcp if request.http is None else self.http:
            if isinstance(rule, Rule):
                yield rule

    def matches(self, request: Request) -> Truth:
        """Does any rule match?"""
        return some(rule.matches(request) for rule in self.rules(request))

    def evidence(self, index: int | None = None) -> Evidence:
        """One rule, or the rules as a whole."""
        where: tuple[str | int, ...] = ("spec.rules",) if index is None else ("spec.rules", index)
        return at(self.source, *where, value=self.action)


def is_dry_run(policy: AuthorizationPolicy) -> bool:
    """Is the policy only tried out, by its annotation?"""
    return policy.metadata.annotations.get(DRY_RUN) in _TRUE


def read_policy(source: AuthorizationPolicy, trust: TrustDomains) -> Policy:
    """A policy as the proxy gets it."""
    allow = (source.spec.action or "ALLOW") == "ALLOW"
    http, tcp = (
        tuple(
            read_rule(r, i, Reading(source.namespace, allow=allow, http=speaks_http, trust=trust))
            for i, r in enumerate(source.spec.rules)
        )
        for speaks_http in (True, False)
    )
    return Policy(source, http, tcp)


class Ruling(msgspec.Struct, frozen=True):
    """What the policies make of a request, or of every request of a client."""

    passes: Truth
    because: str
    decided_by: tuple[Evidence, ...] = ()
    unknown: tuple[str, ...] = ()
    """What is missing to be sure."""

    def verdict(self) -> Verdict:
        """The same for one request."""
        answer = {Truth.YES: Answer.ALLOWED, Truth.NO: Answer.DENIED}.get(self.passes, Answer.UNKNOWN)
        return Verdict(answer, self.because, self.decided_by, self.unknown)


class Authorizer(msgspec.Struct, frozen=True, eq=False):
    """The policies of one server, in the order in which they are asked."""

    custom: tuple[Policy, ...] = ()
    deny: tuple[Policy, ...] = ()
    allow: tuple[Policy, ...] = ()
    providers: Mapping[str, Provider] | None = None
    """The external authorizers of the mesh; None where its configuration was not seen."""

    @property
    def policies(self) -> tuple[Policy, ...]:
        """Every policy that can decide something."""
        return (*self.custom, *self.deny, *self.allow)

    def rule(self, request: Request) -> Ruling:
        """Does it pass?"""
        custom = self._custom(request)
        if custom.passes is Truth.NO:
            return custom
        deny = self._deny(request)
        if deny.passes is Truth.NO:
            return deny
        allow = self._allow(request)
        if allow.passes is Truth.NO:
            return allow
        asked = [r for r in (custom, deny, allow) if r.passes is not Truth.YES] or [allow if self.allow else deny]
        return Ruling(
            every((custom.passes, deny.passes, allow.passes)),
            "; ".join(r.because for r in asked),
            tuple(dict.fromkeys(e for r in asked for e in r.decided_by)),
            tuple(dict.fromkeys(u for r in asked for u in r.unknown)),
        )

    def decide(self, request: Request) -> Verdict:
        """The answer to one request, and the rule that decided it."""
        return self.rule(request).verdict()

    def _custom(self, request: Request) -> Ruling:
        names = sorted({p.provider for p in self.custom})
        for policy in self.custom:
            for rule in policy.rules(request):
                matched = rule.matches(request)
                if matched is Truth.NO:
                    continue
                found = self._external(policy, request, several=len(names) > 1)
                if found is None:
                    continue
                passes, because = found
                if passes is Truth.NO and matched is not Truth.YES:
                    passes = negated(matched)
                unknown = (because,) if passes is Truth.UNKNOWN else ()
                return Ruling(passes, f"{policy.source.ref}: {because}", (policy.evidence(rule.index),), unknown)
        return Ruling(Truth.YES, "no CUSTOM rule matches")

    def _external(self, policy: Policy, request: Request, *, several: bool) -> tuple[Truth, str] | None:
        """What a matching CUSTOM rule means; None if it means nothing here."""
        if policy.provider in request.assumed:
            return request.assumed[policy.provider], f"the external authorizer {policy.provider!r} is asked elsewhere"
        if policy.dry_run:
            return Truth.UNKNOWN, "what a dry run of CUSTOM does depends on Istio's version"
        if several:
            return Truth.NO, "several external authorizers at one workload: what a rule matches is denied"
        if self.providers is None:
            return Truth.UNKNOWN, f"the external authorizer {policy.provider!r} decides"
        kind = self.providers.get(policy.provider)
        if kind is None:
            return Truth.NO, f"the mesh has no external authorizer {policy.provider!r}: what a rule matches is denied"
        if kind is Provider.HTTP and request.http is None:
            return None
        return Truth.UNKNOWN, f"the external authorizer {policy.provider!r} decides"

    def _deny(self, request: Request) -> Ruling:
        return _weigh(self.deny, request, deny=True) or Ruling(
            Truth.YES, "no DENY rule matches" if self.deny else "no AuthorizationPolicy limits it"
        )

    def _allow(self, request: Request) -> Ruling:
        if not self.allow:
            return Ruling(Truth.YES, "no ALLOW policy limits it")
        return _weigh(self.allow, request, deny=False) or Ruling(
            Truth.NO,
            "an ALLOW policy selects the workload and no ALLOW rule matches",
            tuple(p.evidence() for p in self.allow),
        )


def _weigh(policies: Sequence[Policy], request: Request, *, deny: bool) -> Ruling | None:
    """The rules that decide: the first that surely matches, else all that may. None if none can."""
    maybe: list[tuple[Policy, Rule, Truth]] = []
    verb = "denies" if deny else "allows"
    for policy in policies:
        for rule in policy.rules(request):
            matched = rule.matches(request)
            if matched is Truth.YES:
                because = f"rule {rule.index} of {policy.source.ref} {verb} it"
                return Ruling(Truth.NO if deny else Truth.YES, because, (policy.evidence(rule.index),))
            if matched is not Truth.NO:
                maybe.append((policy, rule, matched))
    if not maybe:
        return None
    passes = some(m for _, _, m in maybe)
    which = f"rule {maybe[0][1].index} of {maybe[0][0].source.ref}"
    more = f" and {len(maybe) - 1} more" if len(maybe) > 1 else ""
    unknown = tuple(f"whether rule {r.index} of {p.source.ref} matches" for p, r, m in maybe if m is Truth.UNKNOWN)
    return Ruling(
        passes,
        f"{which}{more} {verb} some requests",
        tuple(p.evidence(r.index) for p, r, _ in maybe),
        unknown,
    )


def authorizer(policies: Sequence[Policy], providers: Mapping[str, Provider] | None = None) -> Authorizer:
    """Put the policies of one server together; what decides nothing (AUDIT, dry runs) falls out.

    A dry run of CUSTOM stays: versions of Istio differ in what it does.
    """
    live = [p for p in policies if not p.dry_run]
    return Authorizer(
        tuple(p for p in policies if p.action == "CUSTOM"),
        tuple(p for p in live if p.action == "DENY"),
        tuple(p for p in live if p.action == "ALLOW"),
        providers,
    )
