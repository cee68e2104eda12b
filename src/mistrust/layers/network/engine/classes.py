"""Pods that every policy treats alike: one class each.

Two endpoints share a class where they agree in everything a policy can ask about: the namespace as far as policies
name it or ask for its labels, their own labels reduced to the keys and values that some selector mentions, the numbers
behind the port names that some rule mentions, whether they share the node's network, and the block of every address.
Reducing an unmentioned value to OTHER keeps In, NotIn, Exists and DoesNotExist exact.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from itertools import repeat

import msgspec

from mistrust.access.ports import PROTOCOLS, SPAN, point
from mistrust.kube.endpoints import Endpoint
from mistrust.layers.network.addresses import V6, place
from mistrust.layers.network.engine.lines import Line
from mistrust.layers.network.profile import Profile
from mistrust.layers.network.statements.rules import ACCOUNT, Chosen, Entity, Selector, Statement

OTHER = "\0"
"""In place of a value that no selector mentions; no label has it."""
VOLATILE = frozenset(
    {
        "apps.kubernetes.io/pod-index",
        "batch.kubernetes.io/controller-uid",
        "batch.kubernetes.io/job-completion-index",
        "batch.kubernetes.io/job-name",
        "controller-revision-hash",
        "controller-uid",
        "job-name",
        "pod-template-hash",
        "statefulset.kubernetes.io/pod-name",
    }
)
"""Labels that controllers set, with a value for each pod or each version of it."""
Labels = tuple[tuple[str, str], ...]
Named = tuple[tuple[str, int], ...]
"""Names of ports with where they stand on the line of ports."""


class Mentions(msgspec.Struct):
    """What policies ask about."""

    pods: dict[str, set[str]]
    """Label keys, with the values asked for."""
    spaces: dict[str, set[str]]
    """The same of namespaces."""
    homes: set[str]
    """Namespaces that are some policy's own."""
    ports: set[str]
    """Names of ports."""
    server: bool = False
    """Whether somebody is the API server?"""


def mentions(statements: Iterable[Statement]) -> Mentions:
    """Everything that some statement asks of a pod."""
    found = Mentions({}, {}, set(), set())
    chosen: dict[Chosen, None] = {}
    for s in statements:
        chosen[s.subject] = None
        for rule in s.rules:
            for peer in rule.peers:
                if peer.chosen is not None:
                    chosen[peer.chosen] = None
                found.server = found.server or peer.entity is Entity.SERVER
            if rule.service.names:
                found.ports.update(name for _, name in rule.service.names)
    for c in chosen:
        _note(c.pods, found.pods)
        if c.namespace:
            found.homes.add(c.namespace)
        else:
            _note(c.namespaces, found.spaces)
    return found


def _note(selector: Selector, into: dict[str, set[str]]) -> None:
    for key, value in selector.labels:
        into.setdefault(key, set()).add(value)
    for key, _, values in selector.needs:
        into.setdefault(key, set()).update(values)


class Key(msgspec.Struct, frozen=True, gc=False):
    """What endpoints of one class agree in."""

    home: str
    """The namespace; empty where it is no policy's own."""
    spaces: Labels
    """Labels of the namespace."""
    seen: bool
    """Are those known? Otherwise only its name is."""
    labels: Labels
    named: Named
    host: bool
    """On the node's network, and therefore chosen by no selector."""
    blocks: tuple[int, ...] | None = ()
    """Blocks of its addresses, in order; None where they are not known; empty where they mean nothing."""
    apart: int = 0
    server: bool = False
    """Is its node's network that of the API server, and does somebody ask?"""


SPARE = Key("", (), True, (), (), False)
"""Of an id that no class has yet."""


class Keys:
    """Makes the key of an endpoint; a `whole` one has all that a policy to come may ask for but VOLATILE labels."""

    def __init__(
        self,
        asked: Mentions,
        namespaces: Mapping[str, Mapping[str, str]],
        seen: Collection[str] | None,
        profile: Profile,
        addresses: Line,
        *,
        servers: Collection[int] = (),
        whole: bool = False,
    ) -> None:
        self.asked, self.namespaces, self.seen, self.profile, self.addresses = (
            asked,
            namespaces,
            seen,
            profile,
            addresses,
        )
        self.whole, self.servers = whole, servers
        self._spaces: dict[str, tuple[str, Labels, bool]] = {}
        self._networks: dict[str, int] = {}

    def key(self, e: Endpoint, apart: int = 0) -> Key:
        """The key of one endpoint."""
        return self.plain(e, apart, self.blocks(e))

    def plain(self, e: Endpoint, apart: int, blocks: tuple[int, ...] | None) -> Key:
        """The key of an endpoint whose blocks are known."""
        home, spaces, seen = self._space(e.namespace)
        host = e.host_network and not self.profile.host_network_selectable
        if self.whole:
            kept = [p for p in e.labels.items() if p[0] not in VOLATILE or p[0] in self.asked.pods]
            labels = tuple(sorted([*kept, (ACCOUNT, e.account)]))
        else:
            given = {**e.labels, ACCOUNT: e.account} if ACCOUNT in self.asked.pods else e.labels
            labels = _reduced(given, self.asked.pods)
        server = bool(host and self.servers) and any(place(a) in self.servers for a in e.addresses)
        return Key(home, spaces, seen, labels, self._named(e), host, blocks, apart, server)

    def over(self, addresses: Line) -> Keys:
        """The same keys over a line of addresses that is cut finer."""
        return Keys(
            self.asked,
            self.namespaces,
            self.seen,
            self.profile,
            addresses,
            servers=self.servers,
            whole=self.whole,
        )

    def foresaw(self, asked: Mentions) -> bool:
        """Do keys tell everything apart that these ask about?"""
        known = self.asked
        if asked.server and not known.server:
            return False
        if self.whole:
            return not any(k in VOLATILE and k not in known.pods for k in asked.pods)
        return (
            asked.homes <= known.homes
            and asked.ports <= known.ports
            and all(values <= known.pods.get(k, set()) and k in known.pods for k, values in asked.pods.items())
            and all(values <= known.spaces.get(k, set()) and k in known.spaces for k, values in asked.spaces.items())
        )

    def _space(self, name: str) -> tuple[str, Labels, bool]:
        found = self._spaces.get(name)
        if found is None:
            told = self.namespaces.get(name, {})
            labels = tuple(sorted(told.items())) if self.whole else _reduced(told, self.asked.spaces)
            home = name if self.whole or name in self.asked.homes else ""
            found = self._spaces[name] = home, labels, self.seen is None or name in self.seen
        return found

    def _named(self, e: Endpoint) -> Named:
        names = self.asked.ports
        known = {p for p in e.ports if p.name and (self.whole or p.name in names)} if names or self.whole else ()
        known = {p for p in known if p.protocol in PROTOCOLS and 0 < p.number < SPAN}
        return tuple(sorted((p.name, point(p.protocol, p.number)) for p in known))

    def blocks(self, e: Endpoint) -> tuple[int, ...] | None:
        """The blocks of its addresses; None where an address is not known."""
        host = e.host_network and not self.profile.host_network_selectable
        if not (self.profile.blocks_match_nodes if host else self.profile.blocks_match_pods):
            return ()
        if not e.addresses:
            return None
        if len(e.addresses) == 1:
            block = self._block(e.addresses[0])
            return None if block is None else (block,)
        blocks = {self._block(a) for a in e.addresses}
        return None if None in blocks else tuple(sorted(b for b in blocks if b is not None))

    def _block(self, address: str) -> int | None:
        """The block of an address, where possible by the first three numbers alone."""
        network = address.rpartition(".")[0]
        block = self._networks.get(network)
        if block is None and network.count(".") == 2:
            low = place(network + ".0")
            block = -1 if low is None or low >= V6 else self.addresses.alone(low, low + 256)
            self._networks[network] = block
        if block is not None and block >= 0 and address[len(network) + 1 :] in _LAST:
            return block
        at = place(address)
        return None if at is None else self.addresses.at(at)


_LAST = frozenset(map(str, range(256)))


def _reduced(labels: Mapping[str, str], asked: Mapping[str, set[str]]) -> Labels:
    """The labels that are asked for, values that nobody asks for as OTHER."""
    return tuple(sorted([(k, v if v in asked[k] else OTHER) for k, v in labels.items() if k in asked]))


def group(endpoints: Sequence[Endpoint], keys: Keys, apart: Sequence[int]) -> tuple[list[int], list[Key]]:
    """The class of every endpoint, and the key of every class; classes of one namespace stand together."""
    ids: dict[Key, int] = {}
    class_of: list[int] = []
    homes: list[str] = []
    last: dict[tuple[int, int, tuple[int, ...] | None], tuple[Endpoint, int]] = {}
    for e, own in zip(endpoints, apart or repeat(0), strict=False):
        blocks = keys.blocks(e)
        like, c = last.get((e.workload, own, blocks), (None, 0))
        if like is None or not _alike(e, like):
            c = ids.setdefault(keys.plain(e, own, blocks), len(ids))
            if c == len(homes):
                homes.append(e.namespace)
            last[e.workload, own, blocks] = e, c
        class_of.append(c)
    order = sorted(range(len(homes)), key=homes.__getitem__)
    place_of = [0] * len(order)
    for new, old in enumerate(order):
        place_of[old] = new
    found = list(ids)
    return [place_of[c] for c in class_of], [found[old] for old in order]


def _alike(a: Endpoint, b: Endpoint) -> bool:
    return (
        a.labels == b.labels
        and a.namespace == b.namespace
        and a.ports == b.ports
        and a.host_network == b.host_network
        and a.account == b.account
        and (not a.host_network or a.addresses == b.addresses)
    )
