"""What AuthorizationPolicies make of a connection, for the channel of a pair: which proxies ask, and what they say."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping, Sequence
from typing import Final

from msgspec.structs import replace

from mistrust.access.evidence import at
from mistrust.access.verdict import Answer, Verdict
from mistrust.kube.endpoints import Endpoint
from mistrust.kube.istio import AuthorizationPolicy, RequestAuthentication
from mistrust.kube.snapshot import Snapshot
from mistrust.layers.mesh.channel import Authz
from mistrust.layers.mesh.istio.authorization.attachment import GATEWAY_NAME, Attachments, Named, Waypoint
from mistrust.layers.mesh.istio.authorization.classes import Mentions, about_destination, ports
from mistrust.layers.mesh.istio.authorization.conditions import Question
from mistrust.layers.mesh.istio.authorization.protocols import Protocol, named, protocol
from mistrust.layers.mesh.istio.authorization.requests import ANYBODY, ANYWHERE, Anything, Http, Request
from mistrust.layers.mesh.istio.authorization.server import Authorizer, Policy, Ruling, authorizer, read_policy
from mistrust.layers.mesh.istio.authorization.settings import providers, trust_domains
from mistrust.layers.mesh.istio.authorization.summary import (
    UNCHECKED,
    Decision,
    Hop,
    Way,
    differing,
    either,
    one,
    passed,
    questions,
    summary,
)
from mistrust.layers.mesh.istio.authorization.tokens import BadToken, known
from mistrust.layers.mesh.istio.authorization.truth import Truth
from mistrust.layers.mesh.istio.authorization.unread import Unread
from mistrust.layers.mesh.istio.authorization.ztunnel import read_ztunnel_policy
from mistrust.layers.mesh.istio.config import Config
from mistrust.layers.mesh.istio.gateways import Gateways
from mistrust.layers.mesh.istio.hosts import Hosts
from mistrust.layers.mesh.istio.scopes import Scopes
from mistrust.layers.mesh.istio.waypoints import Waypoints
from mistrust.layers.mesh.member import Kind, Member

__all__ = ["Authorization", "Decision"]

UNSEEN: Final = "AuthorizationPolicies could not be seen"


class Authorization:
    """The AuthorizationPolicies over all endpoints; endpoints are named by their index."""

    def __init__(
        self,
        snapshot: Snapshot,
        endpoints: Sequence[Endpoint],
        members: Sequence[Member],
        config: Config,
        hosts: Hosts,
        scopes: Scopes,
        gateways: Gateways,
    ) -> None:
        self._endpoints, self._members, self._hosts, self._scopes = endpoints, members, hosts, scopes
        self.trust = trust_domains(config)
        self.providers = providers(config)
        self._unread = Unread(snapshot, config.root)
        every = snapshot.of(AuthorizationPolicy)
        self.proxied = {id(p): read_policy(p, self.trust) for p in every}
        self.tunnelled = {id(p): q for p in every if (q := read_ztunnel_policy(p, self.trust)) is not None}
        self.attached = Attachments([(p, p.spec) for p in every], config.root)
        self.tokens = Attachments([(p, p.spec) for p in snapshot.of(RequestAuthentication)], config.root)
        self.waypoints = Waypoints(snapshot, endpoints, hosts)
        self._gateways = gateways
        self._mentions = Mentions((*self.proxied.values(), *self.tunnelled.values()))
        self._known: dict[tuple[int, ...], Authorizer] = {}
        self._told_apart: dict[int, Mentions | None] = {}
        self._decided: dict[Hashable, Decision] = {}
        self._at: dict[int, Authorizer] = {}
        self._tokens_at: dict[int, tuple[RequestAuthentication, ...]] = {}
        self._spoken: dict[tuple[int, int], Protocol] = {}

    def source_key(self, source: int) -> Hashable:
        """All that a policy may ask about a client; of endpoints with the same key the answers are the same."""
        return self._mentions.client(self.principal(source), self._endpoints[source].addresses)

    def target_key(self, target: int) -> Hashable:
        """All that tells one server from another."""
        asking = [*self._asking(target)]
        doubts = self._unseen(target), self._unread.doubts(self._endpoints[target].namespace)
        if doubts[0] or not any(a.policies for a, _ in asking):
            return doubts
        e = self._endpoints[target]
        where = e.addresses if any(about_destination(a.policies) for a, _ in asking) else ()
        spoken = tuple(sorted({(v.target, self.spoken(target, v.target)) for v in self._hosts.vias[target]}))
        return tuple((id(a), checks) for a, checks in asking), where, spoken, self.waypoints.key(target), doubts

    def cuts(self, target: int) -> frozenset[int]:
        """The TCP ports of a server that some rule treats by themselves."""
        return frozenset(p for a, _ in self._asking(target) for p in ports(a.policies))

    def principal(self, source: int) -> str:
        """The name that an endpoint proves by mutual TLS."""
        e = self._endpoints[source]
        return f"{self.trust.names[0]}/ns/{e.namespace}/sa/{e.account}"

    def authorize(
        self, source: int, target: int, port: int, *, authenticated: bool, waypoint: bool = False
    ) -> Decision:
        """What the server's policies say about a client at a TCP port.

        `source` may be negative: whoever is no endpoint, at an address that is not known. `authenticated` False: the
        client speaks plaintext or TLS that the mesh does not vouch for, so the server knows an address and no name.
        `waypoint` True: a waypoint may stand between them, whose name the server's own proxy then sees.
        """
        if self._unseen(target):
            return Decision(Authz.UNKNOWN, "", (), (UNSEEN,))
        mentions = self._mentioned(target)
        if mentions is None:
            return self._doubted(target, UNCHECKED)
        name = self.principal(source) if authenticated and source >= 0 else None
        where: Sequence[str] = self._endpoints[source].addresses if source >= 0 and mentions.addresses else ()
        around = source < 0 or self._members[source].kind is not Kind.AMBIENT
        key = (target, port, waypoint, around, name is None, source < 0, mentions.client(name or "", where))
        if key not in self._decided:
            client = Request(port, name or self.stranger(target), ANYWHERE if source < 0 else None)
            found = self._decide(target, client, where, waypoint=waypoint, around=around)
            self._decided[key] = self._doubted(target, found)
        return self._decided[key]

    def ruling(self, source: int, target: int, request: Request, *, waypoint: bool = False) -> Ruling:
        """What the policies on every way to a server say of one request of this client; one way suffices."""
        if self._unseen(target):
            return Ruling(Truth.UNKNOWN, UNSEEN, (), (UNSEEN,))
        around = source < 0 or self._members[source].kind is not Kind.AMBIENT
        ways = self.ways(target, request, waypoint=waypoint, around=around)
        found = either([passed([one(hop) for hop in way]) for way in ways])
        doubts = self._unread.doubts(self._endpoints[target].namespace)
        return replace(found, unknown=(*found.unknown, *doubts)) if doubts else found

    def questions(self, source: int, target: int, request: Request, *, waypoint: bool = False) -> Iterator[Question]:
        """What rules that may match something of this client ask on the ways to a server."""
        around = source < 0 or self._members[source].kind is not Kind.AMBIENT
        ways = self.ways(target, request, waypoint=waypoint, around=around)
        return (q for way in ways for hop in way for q in questions(hop))

    def policies(self, target: int) -> tuple[Policy, ...]:
        """Every policy that some proxy on a way to a server asks."""
        return tuple({id(p): p for a, _ in self._asking(target) for p in a.policies}.values())

    def stranger(self, target: int) -> Anything | None:
        """Whom the mesh does not vouch for: nobody, or at a gateway that takes others' certificates anybody."""
        certified = self.kind(target) is Kind.GATEWAY and self._gateways.certified(self._endpoints[target])
        return ANYBODY if certified else None

    def decide(self, target: int, request: Request) -> Verdict:
        """What the server's own proxy answers to one request: its token is checked, then its policies are asked.

        HTTP at a port where bytes are passed on is bytes.
        """
        if self._unseen(target):
            return Verdict(Answer.UNKNOWN, UNSEEN, (), (UNSEEN,))
        if self.spoken(target, request.port) is Protocol.TCP:
            request = replace(request, http=None, remote=request.source)
        if isinstance(request.http, Http):
            rules = self.tokens_at(target)
            try:
                request = replace(request, http=replace(request.http, claims=known(rules, request.http.claims)))
            except BadToken as bad:
                return Verdict(Answer.DENIED, str(bad), tuple(at(r, "spec.jwtRules") for r in rules))
        return self.at(target).decide(request)

    def _decide(self, target: int, client: Request, where: Sequence[str], *, waypoint: bool, around: bool) -> Decision:
        """The same for a client at any of these addresses (none: not known), dialling any of the server's."""
        found = [
            summary([*self.ways(target, replace(client, source=a, destination=b), waypoint=waypoint, around=around)])
            for a in where or (client.source,)
            for b in self._endpoints[target].addresses or (None,)
        ]
        return found[0] if all(f.authz is found[0].authz for f in found) else differing(found)

    def _doubted(self, target: int, decision: Decision) -> Decision:
        """With what was not read and may change it."""
        doubts = self._unread.doubts(self._endpoints[target].namespace) if self.kind(target) is not Kind.NONE else ()
        return replace(decision, unknown=(*decision.unknown, *doubts)) if doubts else decision

    def _mentioned(self, target: int) -> Mentions | None:
        """What the policies on the ways to a server tell apart; None where there are none."""
        if target not in self._told_apart:
            asking = {id(a): a for a, _ in self._asking(target)}
            policies = [p for a in asking.values() for p in a.policies]
            self._told_apart[target] = Mentions(policies) if policies else None
        return self._told_apart[target]

    def chosen(self, target: int) -> tuple[AuthorizationPolicy, ...]:
        """The policies that hold for a server as such, whatever they do; those of waypoints before it aside."""
        e, kind = self._endpoints[target], self.kind(target)
        if kind is Kind.NONE:
            return ()
        if self.waypoints.is_one(e):
            return self.attached.at_waypoint(Waypoint(Named(e.namespace, e.labels.get(GATEWAY_NAME, "")), None))
        if kind is Kind.GATEWAY or GATEWAY_NAME in e.labels:
            return self.attached.at_gateway(e.namespace, e.labels, self._own(e))
        return self.attached.selected(e.namespace, e.labels)

    def at(self, target: int) -> Authorizer:
        """The policies that the server's own proxy asks."""
        if target not in self._at:
            ambient = self.kind(target) is Kind.AMBIENT
            self._at[target] = self._authorizer(self.chosen(target), self.tunnelled if ambient else self.proxied)
        return self._at[target]

    def at_waypoint(self, waypoint: Waypoint) -> Authorizer:
        """The policies that a waypoint asks."""
        return self._authorizer(self.attached.at_waypoint(waypoint), self.proxied)

    def tokens_at(self, target: int) -> tuple[RequestAuthentication, ...]:
        """The token checks of the server's own proxy; ztunnel has none."""
        if target not in self._tokens_at:
            e = self._endpoints[target]
            bare = self.kind(target) in (Kind.AMBIENT, Kind.NONE)
            self._tokens_at[target] = () if bare else self.tokens.at_gateway(e.namespace, e.labels, self._own(e))
        return self._tokens_at[target]

    def checks_tokens(self, target: int) -> bool:
        """Does the server's own proxy check tokens?"""
        return bool(self.tokens_at(target))

    def ways(self, target: int, client: Request, *, waypoint: bool, around: bool) -> Iterator[Way]:
        """The ways to a server; `around`: the client's proxy does not have to lead it through the pod's waypoint."""
        own = self.at(target)
        spoken = self.spoken(target, client.port)
        direct = (Hop(own, replace(client, tokens=self.checks_tokens(target)), spoken),)
        if not waypoint:
            yield direct
            return
        if around or not self.waypoints.all(target):
            yield direct
        for step in self.waypoints.before(target, client.port):
            asking = self.at_waypoint(step.waypoint)
            tokens = bool(self.tokens.at_waypoint(step.waypoint))
            last = Hop(own, replace(client, principal=self._named(step.account), source=None), spoken, own=False)
            for number in step.ports if ports(asking.policies) else step.ports[:1]:
                yield Hop(asking, replace(client, port=number, tokens=tokens), step.protocol), last

    def _unseen(self, target: int) -> bool:
        """May there be policies for it that were not seen?"""
        return self.kind(target) is not Kind.NONE and self._unread.hidden(self._endpoints[target].namespace)

    def _named(self, account: Named) -> str:
        return f"{self.trust.names[0]}/ns/{account.namespace}/sa/{account.name}"

    def _asking(self, target: int) -> Iterator[tuple[Authorizer, bool]]:
        """Every set of policies on the ways to a server, and whether tokens are checked there."""
        yield self.at(target), self.checks_tokens(target)
        for waypoint in self.waypoints.every(target):
            yield self.at_waypoint(waypoint), bool(self.tokens.at_waypoint(waypoint))

    def spoken(self, target: int, port: int) -> Protocol:
        """What the server's own proxy takes a port to speak; ztunnel sees bytes, a gateway whatever it listens for."""
        if (target, port) not in self._spoken:
            self._spoken[target, port] = self._speaks(target, port)
        return self._spoken[target, port]

    def _speaks(self, target: int, port: int) -> Protocol:
        e, kind = self._endpoints[target], self.kind(target)
        if kind is Kind.AMBIENT:
            return Protocol.TCP
        if kind is Kind.GATEWAY or GATEWAY_NAME in e.labels:
            return Protocol.SNIFFED
        held = self._scopes.of(e.namespace, e.labels)
        if held is not None and held.spec.ingress:
            said = (i.port.protocol for i in held.spec.ingress if i.port.number == port)
            return named(port, next(said, ""))
        return protocol(self._hosts.vias[target], port)

    def kind(self, target: int) -> Kind:
        """How a server takes part, or may."""
        member = self._members[target]
        return member.maybe if member.kind is Kind.UNKNOWN else member.kind

    def _own(self, e: Endpoint) -> tuple[Named, ...]:
        return tuple(Named(g.namespace, g.name) for g in self._gateways.of(e) if g.namespace == e.namespace)

    def _authorizer(self, chosen: Sequence[AuthorizationPolicy], read: Mapping[int, Policy]) -> Authorizer:
        found = [read[id(p)] for p in chosen if id(p) in read]
        key = tuple(id(p) for p in found)
        if key not in self._known:
            self._known[key] = authorizer(found, self.providers)
        return self._known[key]
