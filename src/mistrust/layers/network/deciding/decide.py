"""One connection: may it be opened, and who says so?

Both sides must agree: the policies about the source let it out, and those about the destination let it in.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from ipaddress import ip_address

import msgspec

from mistrust.access.ports import PROTOCOLS, SPAN
from mistrust.access.verdict import Answer, Verdict
from mistrust.kube.cilium import CiliumPolicy
from mistrust.kube.core import Namespace, Node
from mistrust.kube.endpoints import Endpoint, endpoints, namespace_labels
from mistrust.kube.errors import UsageError
from mistrust.kube.network import NetworkPolicy
from mistrust.kube.snapshot import Snapshot
from mistrust.layers.network.addresses import place
from mistrust.layers.network.deciding.cilium import Cilium
from mistrust.layers.network.deciding.leg import Leg, Ruling
from mistrust.layers.network.deciding.matching import Matching
from mistrust.layers.network.deciding.party import Address, Direction, Flow, Party
from mistrust.layers.network.deciding.unseen import Unseen, unseen
from mistrust.layers.network.plugin import PLAUSIBLE, profiles
from mistrust.layers.network.profile import Profile
from mistrust.layers.network.statements.policies import ClusterWide, Policies, policies
from mistrust.layers.network.statements.rules import Policy, refusals, statements

DIRECTIONS: tuple[Direction, Direction] = ("egress", "ingress")


class Ground(msgspec.Struct, frozen=True):
    """Everything that decides about a connection."""

    namespaces: Mapping[str, Mapping[str, str]]
    """Labels by name."""
    seen: frozenset[str]
    """The namespaces whose labels are known."""
    network: Mapping[str, Sequence[NetworkPolicy]]
    """By namespace."""
    cluster: Sequence[ClusterWide]
    cilium: Sequence[CiliumPolicy] = ()
    always: bool = False
    """Does Cilium isolate pods that no policy is about?"""
    servers: frozenset[Address] = frozenset()
    """Where the API server answers, as far as some policy asks."""
    nodes: Mapping[str, Node] = {}
    holders: Mapping[Address, Party] = {}
    """Whose address it is."""
    unseen: tuple[Unseen, ...] = ()
    profiles: tuple[Profile, ...] = PLAUSIBLE

    def pod(self, endpoint: Endpoint) -> Party:
        """A pod as one side of a connection; one on the node's network has the node's addresses."""
        node = self.nodes.get(endpoint.node)
        own = endpoint.addresses or (_addresses(node) if node is not None and endpoint.host_network else ())
        return Party(endpoint, node, tuple(map(ip_address, own)))

    def at(self, address: str) -> Party:
        """Who has this address: a pod, a node, or nobody known.

        Raises `UsageError` for what is no address.
        """
        try:
            found = ip_address(address)
        except ValueError:
            raise UsageError("not an address", got=repr(address), wanted="an IPv4 or IPv6 address") from None
        return self.holders.get(found, Party(addresses=(found,)))


def ground(snapshot: Snapshot, given: Policies | None = None, ends: Sequence[Endpoint] | None = None) -> Ground:
    """What a snapshot knows; other policies than its own may be given, and its endpoints if they are at hand."""
    rules = given or policies(snapshot)
    refused = {id(p): Unseen(f"{p.ref} {_refused(p)} ({why})", p.namespace) for p in rules.every for why in _why(p)[:1]}
    network: dict[str, list[NetworkPolicy]] = {}
    for policy in rules.network:
        if id(policy) not in refused:
            network.setdefault(policy.namespace, []).append(policy)
    nodes = {n.name: n for n in snapshot.of(Node)}
    bare = Ground(
        namespaces=namespace_labels(snapshot),
        seen=frozenset(n.name for n in snapshot.of(Namespace)),
        network=network,
        cluster=[p for p in rules.cluster if id(p) not in refused],
        cilium=[p for p in rules.cilium if id(p) not in refused],
        always=rules.always,
        servers=frozenset(ip_address(a) for a in rules.servers if place(a) is not None),
        nodes=nodes,
        unseen=(*unseen(snapshot), *refused.values()),
        profiles=profiles(snapshot),
    )
    pods = [bare.pod(e) for e in (endpoints(snapshot) if ends is None else ends) if e.addresses and not e.host_network]
    machines = [Party(node=n, addresses=tuple(map(ip_address, _addresses(n)))) for n in nodes.values()]
    return msgspec.structs.replace(bare, holders={a: p for p in (*machines, *pods) for a in p.addresses})


def decide(ground: Ground, source: Party, destination: Party, at: int, profile: Profile | None = None) -> Verdict:
    """May `source` open a connection to port `at` (`access.ports.point`) of `destination`?

    Without a profile the answer is that of every plausible plugin, and unknown where they differ. The evidence names
    the rules that let it through, or the policies that isolate and let nothing through.
    """
    if profile is not None:
        return _under(ground, source, destination, at, profile)
    verdicts = [(p, _under(ground, source, destination, at, p)) for p in ground.profiles]
    answers = {v.answer for _, v in verdicts}
    if len(answers) == 1:
        return verdicts[0][1]
    told = ", ".join(f"{p.name}: {v.answer}" for p, v in verdicts)
    because = f"it depends on the network plugin ({told})"
    evidence = tuple(dict.fromkeys(e for _, v in verdicts for e in v.decided_by))
    differ = tuple(f"{p.name}: {v.answer} ({v.because})" for p, v in verdicts)
    return Verdict(Answer.UNKNOWN, because, evidence, differ)


def _under(ground: Ground, source: Party, destination: Party, at: int, profile: Profile) -> Verdict:
    mine = source.endpoint
    if mine is not None and mine is destination.endpoint:
        return Verdict(Answer.ALLOWED, "a pod always reaches itself")
    flows = list(_flows(source, destination, PROTOCOLS[at // SPAN], at % SPAN))
    verdicts = [_of_flow(ground, flow, profile) for flow in flows]
    order = (Answer.ALLOWED, Answer.UNKNOWN, Answer.DENIED)
    return min(verdicts, key=lambda v: order.index(v.answer))


def _flows(source: Party, destination: Party, protocol: str, port: int) -> Iterator[Flow]:
    """A connection uses one address of each side, of the same family."""
    pairs: list[tuple[Address | None, Address | None]] = [
        (a, b) for a in source.addresses or (None,) for b in destination.addresses or (None,)
    ]
    alike = [(a, b) for a, b in pairs if a is None or b is None or a.version == b.version]
    for a, b in alike or pairs:
        yield Flow(source, destination, protocol, port, a, b)


def _of_flow(ground: Ground, flow: Flow, profile: Profile) -> Verdict:
    legs: list[tuple[Direction, tuple[Ruling, ...]]] = []
    doubts: list[str] = []
    for direction in DIRECTIONS:
        subject, _, _ = flow.sides(direction)
        pod = subject.pod(profile)
        match = Matching(flow, direction, profile, ground.namespaces, ground.seen)
        network = ground.network.get(pod.namespace, ()) if pod is not None else ()
        own = (
            Cilium(ground.cilium, match, ground.servers, bool(ground.nodes), ground.always) if profile.cilium else None
        )
        rulings = Leg(network, ground.cluster, match, profile, flow, direction, own).rulings()
        hidden = [u.words for u in ground.unseen if profile.enforces and _touches(u, pod, subject, profile)]
        actions = {r.action for r in rulings} - {"Pass"}
        if not hidden and actions == {"Deny"}:
            evidence = tuple(e for r in rulings for e in r.evidence)
            return Verdict(Answer.DENIED, f"{direction} of {subject}: {rulings[-1].because}", evidence)
        if len(actions) > 1:
            doubts += [r.doubt for r in rulings if r.doubt]
        doubts += hidden
        legs.append((direction, rulings))
    because = "; ".join(f"{direction}: {rulings[-1].because}" for direction, rulings in legs)
    evidence = tuple(e for _, rulings in legs for r in rulings for e in r.evidence)
    if doubts:
        failed = tuple(dict.fromkeys(doubts))
        return Verdict(Answer.UNKNOWN, f"{because}, but {failed[0]}", evidence, failed)
    return Verdict(Answer.ALLOWED, because, evidence)


def _why(policy: Policy) -> tuple[str, ...]:
    """Why nobody knows what a policy does, if it does anything."""
    if isinstance(policy, CiliumPolicy):
        return refusals(policy)
    return tuple(why for statement in statements(policy) for why in statement.malformed)


def _refused(policy: Policy) -> str:
    return "is not understood" if isinstance(policy, CiliumPolicy) else "is one that the API server refuses"


def _touches(unseen: Unseen, pod: Endpoint | None, subject: Party, profile: Profile) -> bool:
    if unseen.nodes:
        return profile.cilium and pod is None and (subject.node is not None or subject.endpoint is not None)
    return pod is not None and unseen.touches(pod.namespace)


def _addresses(node: Node) -> tuple[str, ...]:
    return tuple(a.address for a in node.status.addresses if a.type in ("InternalIP", "ExternalIP"))
