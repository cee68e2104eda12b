"""Several observers of one connection, and of one exchange in it: what they said together, once.

The observer that counted most counts. What only the source's side let through and the destination's refused is no use.
Of names that not every observer gives, the first in order is taken. What stays on the loopback of a host is no flow.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from ipaddress import IPv6Address, ip_address
from typing import Final

from mistrust.access.flow import Exchange, Flow, Peer, Security
from mistrust.access.record import Tally
from mistrust.feeds.flows.paths import CUT, cut, few
from mistrust.feeds.flows.request import REST
from mistrust.feeds.flows.sight import ENDS, UNKNOWN, Count, Key, is_full

LOOPBACK: Final = "loopback"
_Who = tuple[str, str, str, str]
NOBODY: Final[_Who] = ("", "", "", "")
_Port = tuple[_Who, str, int]
_Request = tuple[_Who, _Who, str, int, str, str]
"""Of whom, to whom, protocol, port, method and path."""
_Fact = tuple[str, Security]
"""The identity of the client, and how it was protected."""
Pods = Mapping[str, tuple[str, str]]
"""Namespace and name of a pod, by its address."""


class _Several:
    """What all observers said of one thing."""

    __slots__ = ("counts", "destination", "first", "last", "let", "name", "refused", "source")

    def __init__(self) -> None:
        self.counts: dict[tuple[str, str], int] = {}
        self.first = self.last = 0
        self.source = self.destination = self.name = ""
        self.let: set[str] = set()
        self.refused = False

    def add(self, key: Key, seen: Count) -> None:
        self._name(key[5], key[9], key[11])
        if key[2]:
            self.refused = True
        else:
            self._count(key[:2], seen.count, seen.first, seen.last)

    def merge(self, other: _Several) -> None:
        self._name(other.source, other.destination, other.name)
        for observer, count in other.counts.items():
            self._count(observer, count, other.first, other.last)

    def _name(self, source: str, destination: str, name: str) -> None:
        if source and (not self.source or source < self.source):
            self.source = source
        if destination and (not self.destination or destination < self.destination):
            self.destination = destination
        if name and (not self.name or name < self.name):
            self.name = name

    def _count(self, observer: tuple[str, str], count: int, first: int, last: int) -> None:
        self.counts[observer] = self.counts.get(observer, 0) + count
        self.first = min(self.first, first) if self.let else first
        self.last = max(self.last, last)
        self.let.add(observer[1])

    @property
    def tally(self) -> Tally:
        return Tally(max(1, *self.counts.values()), self.first, self.last)


def pods(groups: Mapping[Key, Count]) -> Pods:
    """The addresses at which exactly one pod was seen: an end that is told by such an address alone is that pod."""
    found: dict[str, tuple[str, str] | None] = {}
    for key in groups:
        for namespace, pod, workload, address in (key[3:7], key[7:11]):
            if address and (pod or workload):
                at, name = canonical(address), (namespace, pod)
                found[at] = name if pod and found.get(at, name) == name else None
    return {address: name for address, name in found.items() if name}


def flows(groups: Mapping[Key, Count], known: Pods) -> dict[Flow, Tally]:
    """The connections that were let through."""
    merged: dict[tuple[_Who, _Who, str, int], _Several] = {}
    for key, seen in groups.items():
        who = (_who(key[3:7], known), _who(key[7:11], known), key[12], key[13])
        if key[0] != UNKNOWN and LOOPBACK not in (who[0][3], who[1][3]):
            merged.setdefault(who, _Several()).add(key, seen)
    return {
        Flow(_peer(source, several.source), _peer(destination, several.destination, several.name), protocol, port): (
            several.tally
        )
        for (source, destination, protocol, port), several in merged.items()
        if several.let and not (several.refused and several.let == {"source"})
    }


def exchanges(groups: Mapping[Key, Count], known: Pods) -> tuple[dict[Exchange, Tally], int]:
    """What was seen inside of them, and at how many ports parts of the paths are left out.

    Who tells less tells of the same exchange as who tells more: only the server's side knows who the client proved to
    be. Where several such facts fit, those that were told stand for themselves.
    """
    requests: dict[_Request, dict[_Fact, _Several]] = {}
    whole = cut(groups)
    for key, seen in groups.items():
        if not is_full(key):
            continue
        identity, security, method, path = whole[key][ENDS:]
        request = (_who(key[3:7], known), _who(key[7:11], known), key[12], key[13], method, path)
        if LOOPBACK not in (request[0][3], request[1][3]):
            requests.setdefault(request, {}).setdefault((identity, security), _Several()).add(key, seen)
    refused = {request[1:] for request, facts in requests.items() if request[0] == NOBODY and not _used(facts)}
    let = {request: _told(facts) for request, facts in requests.items() if _used(facts, request[1:] in refused)}
    paths, merged = _paths(let)
    out: dict[Exchange, Tally] = {}
    for (source, destination, protocol, port, method, path), facts in let.items():
        where = (destination, protocol, port), method
        for fact, several in facts.items():
            target = _peer(destination, several.destination, several.name)
            found = Exchange(
                *(_peer(source, several.source), target, protocol, port),
                *(*fact, method, paths[where].get(path, path).replace(CUT, REST)),
            )
            out[found] = out[found] + several.tally if found in out else several.tally
    return out, merged


def _used(facts: Mapping[_Fact, _Several], refused: bool = False) -> bool:
    """Parameters: `refused`, was the same request refused to somebody whom the destination's side cannot name."""
    let = set().union(*(several.let for several in facts.values()))
    return bool(let) and not (let == {"source"} and (refused or any(several.refused for several in facts.values())))


def _told(facts: Mapping[_Fact, _Several]) -> dict[_Fact, _Several]:
    """The facts that tell most, each with what those that tell less counted."""
    let = {fact: several for fact, several in facts.items() if several.let}
    out = {fact: several for fact, several in let.items() if not any(_less(fact, other) for other in let)}
    for fact in let.keys() - out.keys():
        more = [other for other in out if _less(fact, other)]
        if len(more) == 1:
            out[more[0]].merge(let[fact])
    return out


def _less(fact: _Fact, other: _Fact) -> bool:
    return fact != other and all(ours in ("", theirs) for ours, theirs in zip(fact, other, strict=True))


def _paths(let: Mapping[_Request, object]) -> tuple[Mapping[tuple[_Port, str], Mapping[str, str]], int]:
    """What each path is, by port and method; and at how many ports parts of them are left out."""
    asked: dict[tuple[_Port, str], list[str]] = {}
    for _, destination, protocol, port, method, path in let:
        asked.setdefault(((destination, protocol, port), method), []).append(path)
    out = {where: few(paths) for where, paths in asked.items()}
    merged = {
        where[0]
        for where, paths in out.items()
        if any(path != kept or path.endswith(CUT) for path, kept in paths.items())
    }
    return out, len(merged)


def _who(end: tuple[str, str, str, str], known: Pods) -> _Who:
    namespace, pod, workload, address = end
    address = canonical(address)
    if not (namespace or pod or workload) and address in known:
        return (*known[address], "", address)
    return (namespace, pod, "" if pod else workload, address)


@lru_cache(maxsize=1 << 16)
def canonical(address: str) -> str:
    """One spelling of each address; loopback addresses are one.

    >>> canonical("fd00:0:0::0A"), canonical("::ffff:10.0.0.1"), canonical("127.0.0.6"), canonical("")
    ('fd00::a', '10.0.0.1', 'loopback', '')
    """
    if ":" in address or address.startswith("127."):
        try:
            found = ip_address(address)
        except ValueError:
            return address
        found = (found.ipv4_mapped or found) if isinstance(found, IPv6Address) else found
        return LOOPBACK if found.is_loopback else str(found)
    return address


def _peer(who: _Who, workload: str, name: str = "") -> Peer:
    namespace, pod, _, address = who
    return Peer(namespace, pod, workload, address, name)
