"""Pods that every policy treats alike: one class each.

Two endpoints share a class where they agree in everything a policy can ask about: the namespace as far as policies
name it or ask for its labels, their own labels reduced to the keys and values that some selector mentions, the numbers
behind the port names that some rule mentions, whether they share the node's network, and the block of every address.
Reducing an unmentioned value to OTHER keeps In, NotIn, Exists and DoesNotExist exact.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

import msgspec

from mistrust.access.ports import PROTOCOLS, point
from mistrust.kube.endpoints import Endpoint
from mistrust.layers.network.rules import Chosen, Peer, Selector, Statement

OTHER = "\0"
"""In place of a value that no selector mentions; no label has it."""


class Mentions(msgspec.Struct):
    """What policies ask about."""

    pods: dict[str, set[str]]
    """Label keys, with the values asked for."""
    namespaces: dict[str, set[str]]
    names: set[str]
    """Namespaces that are somebody's own."""
    ports: set[str]
    """Names of ports."""


def mentions(statements: Iterable[Statement]) -> Mentions:
    """Everything that some statement asks of a pod."""
    found = Mentions(defaultdict(set), defaultdict(set), set(), set())
    chosen: set[Chosen] = set()
    peers: set[Peer] = set()
    for s in statements:
        chosen.add(s.subject)
        for rule in s.rules:
            peers.update(rule.peers)
            found.ports.update(name for _, name in rule.service.names)
    chosen.update(p.chosen for p in peers if p.chosen is not None)
    for c in chosen:
        _note(c.pods, found.pods)
        _note(c.namespaces, found.namespaces)
        if c.namespace:
            found.names.add(c.namespace)
    return found


def _note(selector: Selector, into: dict[str, set[str]]) -> None:
    for key, value in selector.labels:
        into[key].add(value)
    for key, _, values in selector.needs:
        into[key].update(values)


Named = tuple[tuple[str, int], ...]
"""Names of ports with where they stand on the line of ports."""


class Key(msgspec.Struct, frozen=True, gc=False):
    """What endpoints of one class agree in."""

    namespace: str
    """Empty where no policy names it."""
    spaces: tuple[tuple[str, str], ...]
    labels: tuple[tuple[str, str], ...]
    named: Named
    host: bool
    """On the node's network, and therefore chosen by no selector."""
    blocks: tuple[int, ...] | None
    """Blocks of its addresses, in order; None where an address is not known; empty where addresses mean nothing."""
    apart: int = 0


def reduced(labels: Mapping[str, str], asked: Mapping[str, set[str]]) -> tuple[tuple[str, str], ...]:
    """The labels that are asked for, values nobody asks for as OTHER."""
    return tuple(sorted((k, v if v in asked[k] else OTHER) for k, v in labels.items() if k in asked))


def named(endpoint: Endpoint, names: set[str]) -> Named:
    """The ports behind the names that are asked for."""
    if not names:
        return ()
    return tuple(
        sorted(
            {
                (p.name, point(p.protocol, p.number))
                for p in endpoint.ports
                if p.name in names and p.protocol in PROTOCOLS and 1 <= p.number <= 65535
            }
        )
    )


def group(keys: Sequence[Key]) -> tuple[list[int], list[Key]]:
    """The class of every endpoint, and the key of every class, in order of appearance."""
    ids: dict[Key, int] = {}
    return [ids.setdefault(k, len(ids)) for k in keys], list(ids)
