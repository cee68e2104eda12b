"""Which lists of networks an address is inside, for many addresses."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Mapping
from ipaddress import ip_address, ip_network

from mistrust.access.match import Match, any_of
from mistrust.kube.network import IPBlock
from mistrust.layers.mesh.linkerd.authorization import Networks

Span = tuple[int, int, int]
"""Family, first address and the one after the last."""


class Grid:
    """Answers for every list of networks at once; addresses between the same edges share the answer."""

    def __init__(self, lists: Iterable[Networks]) -> None:
        self._lists = sorted(set(lists), key=str)
        self._spans = {n: [_block(b) for b in n] for n in self._lists}
        self._edges = sorted(
            {
                (family, edge)
                for blocks in self._spans.values()
                for block in blocks
                if block is not None
                for family, low, high in (block[0], *block[1])
                for edge in (low, high)
            }
        )
        self._known: dict[int, Mapping[Networks, Match]] = {}
        self._same: dict[tuple[Match, ...], Mapping[Networks, Match]] = {}

    def of(self, address: str) -> Mapping[Networks, Match]:
        """For each list: is the address inside?"""
        try:
            parsed = ip_address(address)
        except ValueError:
            return self.unknown(f"{address!r} is no address")
        here = (parsed.version, int(parsed))
        cell = bisect_right(self._edges, here)
        if cell not in self._known:
            self._known[cell] = self._one(_inside(self._spans[n], here) for n in self._lists)
        return self._known[cell]

    def of_any(self, addresses: Iterable[str]) -> Mapping[Networks, Match]:
        """The same for a client that uses one of several addresses."""
        each = [self.of(a) for a in addresses]
        return each[0] if len(each) == 1 else self._one(any_of(e[n] for e in each) for n in self._lists)

    def unknown(self, why: str, surely: Networks = ()) -> Mapping[Networks, Match]:
        """The same for an address that is not known, except that it is inside `surely`."""
        return self._one(True if n == surely or _everything(n) else why for n in self._lists)

    def _one(self, answers: Iterable[Match]) -> Mapping[Networks, Match]:
        """The answers, list by list: one and the same mapping wherever they are the same."""
        key = tuple(answers)
        return self._same.setdefault(key, dict(zip(self._lists, key, strict=True)))


def _block(block: IPBlock) -> tuple[Span, list[Span]] | None:
    try:
        return _span(block.cidr), [_span(e) for e in block.excluded]
    except ValueError:
        return None


def _span(cidr: str) -> Span:
    network = ip_network(cidr, strict=False)
    return network.version, int(network.network_address), int(network.broadcast_address) + 1


def _inside(spans: list[tuple[Span, list[Span]] | None], here: tuple[int, int]) -> Match:
    return any_of(_within(s, here) if s else "one of the networks is no block of addresses" for s in spans)


def _within(block: tuple[Span, list[Span]], here: tuple[int, int]) -> bool:
    whole, holes = block
    return _covers(whole, here) and not any(_covers(h, here) for h in holes)


def _covers(span: Span, here: tuple[int, int]) -> bool:
    return span[0] == here[0] and span[1] <= here[1] < span[2]


def _everything(networks: Networks) -> bool:
    whole = {b.cidr for b in networks if not b.excluded}
    return "0.0.0.0/0" in whole
