"""The computation behind `Reach`: classes, then selectors as sets of classes, then one row for each destination."""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from itertools import chain, pairwise

from mistrust.access.ports import EVERY_PORT, Ports
from mistrust.kube.core import Node
from mistrust.kube.endpoints import Endpoint
from mistrust.kube.selectors import LabelSelector, Requirement, matches
from mistrust.layers.network import bits, classes, solve
from mistrust.layers.network.addresses import Span, blocks, cidr, place, segments
from mistrust.layers.network.policies import Policies
from mistrust.layers.network.profile import Profile
from mistrust.layers.network.rules import Chosen, Peer, Selector, Service, Tier

Pair = tuple[int, int]
"""Who surely matches, and who may."""


class Engine:
    """One cluster, one profile."""

    def __init__(
        self,
        endpoints: Sequence[Endpoint],
        namespaces: Mapping[str, Mapping[str, str]],
        policies: Policies,
        profile: Profile,
        *,
        apart: Sequence[int],
        nodes: Sequence[Node],
        addresses: Sequence[str],
        backward: bool,
    ) -> None:
        self.profile = profile
        said = list(policies.statements(cluster_wide=profile.cluster_wide)) if profile.enforces else []
        said.sort(key=lambda s: s.order[1:], reverse=backward)
        said.sort(key=lambda s: (s.tier, s.order[0]))
        self.said = said
        self.asked = classes.mentions(said)
        self.nodes = {n.name: n for n in nodes}
        self._cut_addresses(addresses)
        keys = [
            self._key(e, namespaces.get(e.namespace, {}), apart[i] if apart else 0) for i, e in enumerate(endpoints)
        ]
        self.class_of, self.keys = classes.group(keys)
        self.size = len(self.keys) + len(self.blocks)
        self.everyone = (1 << self.size) - 1
        self.pods = (1 << len(self.keys)) - 1
        self.selectable = bits.of((c for c, k in enumerate(self.keys) if not k.host), self.size)
        self._chosen: dict[Chosen, int] = {}
        self._pairs: dict[Peer, Pair] = {}
        self._cut_ports()
        self._near = self._neighbours(endpoints)
        self._rows: dict[tuple[object, ...], dict[int, int]] = {}

    def _cut_addresses(self, extra: Sequence[str]) -> None:
        held = {p.addresses.ranges for s in self.said for r in s.rules for p in r.peers if p.addresses is not None}
        machines: set[Span] = set()
        for node in self.nodes.values():
            for a in node.status.addresses:
                if (at := place(a.address)) is not None:
                    machines.add((at, at + 1))
        apart = {span for text in extra if (span := cidr(text)) is not None} | machines
        told = [*sorted(held), *((span,) for span in sorted(apart) if (span,) not in held)]
        cut = segments(chain.from_iterable(told))
        signature = [0] * len(cut)
        starts = {a: i for i, (a, _) in enumerate(cut)}
        ends = {b: i for i, (_, b) in enumerate(cut)}
        for n, ranges in enumerate(told):
            for low, high in ranges:
                for i in range(starts[low], ends[high] + 1):
                    signature[i] |= 1 << n
        groups: dict[tuple[int, bool], list[Span]] = {}
        self._starts = [a for a, _ in cut]
        where: dict[tuple[int, bool], int] = {}
        self._block_at = []
        for told_by, span in zip(signature, cut, strict=True):
            family = (told_by, span[0] >= 1 << 40)
            groups.setdefault(family, []).append(span)
            self._block_at.append(where.setdefault(family, len(where)))
        self.blocks = blocks(groups.values())
        self._in: dict[tuple[Span, ...], set[int]] = {
            ranges: {where[f] for f in where if f[0] >> n & 1} for n, ranges in enumerate(told)
        }

    def block_at(self, at: int) -> int:
        """The block of a place on the line of addresses."""
        return self._block_at[bisect_right(self._starts, at) - 1]

    def _key(self, e: Endpoint, spaces: Mapping[str, str], apart: int) -> classes.Key:
        host = e.host_network and not self.profile.host_network_selectable
        known: tuple[int, ...] | None = ()
        if self.profile.blocks_match_nodes if host else self.profile.blocks_match_pods:
            places = [place(a) for a in e.addresses] or [None]
            known = tuple(sorted({self.block_at(p) for p in places if p is not None})) if None not in places else None
        return classes.Key(
            e.namespace if e.namespace in self.asked.names else "",
            classes.reduced(spaces, self.asked.namespaces),
            classes.reduced(e.labels, self.asked.pods),
            classes.named(e, self.asked.ports),
            host,
            known,
            apart,
        )

    def _neighbours(self, endpoints: Sequence[Endpoint]) -> list[int]:
        """For each class the classes of which some pod is, or may be, on one node with one of its pods, as host."""
        near = [0] * self.size
        hosts = self.pods & ~self.selectable
        if not hosts:
            return near
        on: dict[str, int] = defaultdict(int)
        at: list[set[str]] = [set() for _ in self.keys]
        for e, c in zip(endpoints, self.class_of, strict=True):
            on[e.node] |= 1 << c
            at[c].add(e.node)
        anywhere = on.get("", 0)
        for c, names in enumerate(at):
            others = self.selectable if self.keys[c].host else hosts
            shared = anywhere
            for name in names:
                shared |= on[name] if name else self.pods
            near[c] = shared & others
        return near

    def near(self, a: Endpoint, b: Endpoint) -> bool:
        """Is one of the two the node of the other?"""
        free = not self.profile.host_network_selectable
        return free and a.host_network != b.host_network and a.node == b.node != ""

    # ports

    def _cut_ports(self) -> None:
        edges = {edge for r in EVERY_PORT.ranges for edge in r}
        for s in self.said:
            for r in s.rules:
                edges.update(chain.from_iterable(r.service.ports.ranges))
        for k in self.keys:
            for _, at in k.named:
                edges.update((at, at + 1))
        cut = sorted(edges)
        self.pieces = [(a, b) for a, b in pairwise(cut) if a in EVERY_PORT]
        self._first = {a: i for i, (a, _) in enumerate(self.pieces)}
        self._last = {b: i for i, (_, b) in enumerate(self.pieces)}
        self.every = (1 << len(self.pieces)) - 1
        self._masks: dict[Ports, int] = {}

    def _mask(self, ports: Ports) -> int:
        if ports not in self._masks:
            mask = 0
            for low, high in ports.ranges:
                first, last = self._first[low], self._last[high]
                mask |= ((1 << (last - first + 1)) - 1) << first
            self._masks[ports] = mask
        return self._masks[ports]

    def _service(self, service: Service, destination: int) -> int:
        mask = self._mask(service.ports)
        if service.names and destination < len(self.keys):
            for protocol, name in service.names:
                for held, at in self.keys[destination].named:
                    if held == name and (not protocol or Ports.span(protocol) & Ports.of(((at, at + 1),))):
                        mask |= 1 << self._first[at]
        return mask

    def _told(self, mask: int) -> Ports:
        return Ports.of(piece for i, piece in enumerate(self.pieces) if mask >> i & 1)

    # selectors

    def chosen(self, c: Chosen) -> int:
        """The classes that a selector of pods chooses."""
        if c not in self._chosen:
            pods, spaces = _selector(c.pods), _selector(c.namespaces)
            self._chosen[c] = bits.of(
                (
                    i
                    for i, k in enumerate(self.keys)
                    if not k.host
                    and (k.namespace == c.namespace if c.namespace else matches(spaces, dict(k.spaces)))
                    and matches(pods, dict(k.labels))
                ),
                self.size,
            )
        return self._chosen[c]

    def pair(self, peer: Peer) -> Pair:
        """The classes that a peer surely matches, and those that it may match."""
        if peer not in self._pairs:
            self._pairs[peer] = self._pair(peer)
        return self._pairs[peer]

    def _pair(self, peer: Peer) -> Pair:
        if peer.everybody:
            return self.everyone, self.everyone
        if peer.chosen is not None:
            found = self.chosen(peer.chosen)
            return found, found
        count = len(self.keys)
        if peer.addresses is not None:
            inside = self._in[peer.addresses.ranges]
            surely = {count + b for b in inside}
            maybe = set(surely)
            for c, k in enumerate(self.keys):
                hit = [b in inside for b in k.blocks or ()]
                if k.blocks is None or any(hit):
                    maybe.add(c)
                    if k.blocks is not None and all(hit):
                        surely.add(c)
            return bits.of(surely, self.size), bits.of(maybe, self.size)
        if peer.machines is not None:
            return self._machines(peer.machines.labels)
        external = self.everyone & ~self.pods
        return 0, external if peer.names else self.everyone

    def _machines(self, labels: Selector) -> Pair:
        hosts = self.pods & ~self.selectable
        if not self.nodes:
            return 0, self.everyone & ~self.selectable
        inside: set[int] = set()
        for node in self.nodes.values():
            if matches(_selector(labels), node.metadata.labels):
                inside.update(
                    len(self.keys) + self.block_at(at)
                    for a in node.status.addresses
                    if (at := place(a.address)) is not None
                )
        found = bits.of(inside, self.size)
        return found, found | hosts

    # rows

    def isolated(self, cls: int) -> tuple[bool, bool]:
        """Is a class surely limited, in and out?"""
        found = [False, False]
        for s in self.said:
            if s.tier is Tier.NETWORK and not s.malformed and self.chosen(s.subject) >> cls & 1:
                found[s.egress] = True
        return found[0], found[1]

    def row(self, destination: int, *, sure: bool) -> dict[int, Ports]:
        """Sources -> ports."""
        external = destination >= len(self.keys)
        limit = self.pods if external else self.everyone
        into = self._leg(destination, sure=sure, egress=False)
        out = self._leg(destination, sure=sure, egress=True)
        row = solve.crossed(into, out, limit)
        if not sure and (near := self._near[destination]):
            row = solve.merged(
                {p: s for s, p in solve.union(((p, s) for s, p in row.items()), near, self.every).items()}
            )
        return {sources: self._told(ports) for sources, ports in row.items() if sources}

    def _leg(self, destination: int, *, sure: bool, egress: bool) -> solve.Row:
        """One direction of every connection to a destination."""
        bit = 1 << destination
        items: list[tuple[int, int]] = []
        found: list[solve.Match] = []
        must = may = 0
        for s in self.said:
            if s.egress is not egress:
                continue
            held = self.chosen(s.subject)
            subject: Pair = (0 if s.malformed else held, held)
            if s.tier is Tier.NETWORK:
                if egress:
                    must, may = must | subject[0], may | subject[1]
                else:
                    must |= self.everyone if subject[0] & bit else 0
                    may |= self.everyone if subject[1] & bit else 0
            if not egress and not held & bit:
                continue
            for rule in s.rules:
                pairs = [self.pair(p) for p in rule.peers]
                surely, maybe = (0 if s.malformed else _any(p[0] for p in pairs)), _any(p[1] for p in pairs)
                if egress:
                    surely, maybe = (subject[0] if surely & bit else 0), (subject[1] if maybe & bit else 0)
                ports = self._service(rule.service, destination)
                if s.tier is Tier.NETWORK:
                    items.append((ports, surely if sure else maybe))
                else:
                    found.append(solve.Match(s.tier, rule.action, ports, surely, maybe))
        allowed = solve.union(items, 0, self.every)
        decide = solve.certain if sure else solve.possible
        return decide(found, allowed, solve.Isolation(must, may), self.everyone)


def _any(sets: Iterable[int]) -> int:
    found = 0
    for s in sets:
        found |= s
    return found


def _selector(s: Selector) -> LabelSelector:
    return LabelSelector(dict(s.labels), tuple(Requirement(k, o, v) for k, o, v in s.needs))
