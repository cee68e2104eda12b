"""Sightings -> distinct flows. Memory grows with distinct sightings, not with lines."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import lru_cache
from ipaddress import IPv6Address, ip_address
from itertools import chain
from sys import intern
from typing import Final, cast

import msgspec

from mistrust.access.flow import Flow, Peer
from mistrust.access.record import Coverage, Record, Tally
from mistrust.feeds.flows.sight import Key, Remark, Sight
from mistrust.feeds.flows.silence import MINUTE, holes
from mistrust.feeds.quote import quote
from mistrust.kube.problem import Problem

QUOTED: Final = 5
"""Lines that are quoted; the rest is counted."""
EVER: Final = 1 << 62
EARLIEST, LATEST = 946_684_800, 4_102_444_800
"""2000 and 2100: a damaged time would stretch the window of the evidence."""
LOOPBACK: Final = "loopback"
_Who = tuple[str, str, str, str]


class Count(msgspec.Struct, gc=False):
    """What was counted by one key so far."""

    count: int
    first: int
    last: int


class Ledger:
    """Collects what is read, from all files.

    Parameters: `span`, in seconds: what happened in different spans of time is counted apart.
    """

    def __init__(self, span: int = EVER) -> None:
        self.groups: dict[Key, Count] = {}
        self.spans = {0: self.groups}
        """By the number of the span of time; `groups` is the one that is counted in now."""
        self._span = span
        self.minutes: set[int] = set()
        self.events = self.bad = 0
        self.sampled = False
        self.problems: list[Problem] = []
        self.first = self.last = self._at = 0
        self.nodes: set[str] = set()
        self.remarks: dict[Remark, tuple[int, str]] = {}

    def add(self, sights: Iterable[Sight | Remark], file: str, otherwise: int) -> None:
        """Count a line; `otherwise` is its time where it has none. Raises ValueError for a time that cannot be."""
        for seen in sights:
            if isinstance(seen, Remark):
                self._remark(seen, file)
                continue
            time = seen.time or otherwise
            if time != self._at:
                self._tick(time)
            if seen.node not in self.nodes:
                self.nodes.add(intern(seen.node))
            key = seen.key
            if key is None:
                continue
            known = self.groups.get(key)
            if known is None:
                # the strings of a line are its own: shared, a flow takes a fraction of the memory
                shared = tuple(intern(part) if isinstance(part, str) else part for part in key)
                self.groups[cast(Key, shared)] = Count(seen.count, time, time)
                continue
            known.count += seen.count
            if time < known.first:
                known.first = time
            elif time > known.last:
                known.last = time

    def _tick(self, time: int) -> None:
        if time and not EARLIEST <= time < LATEST:
            raise ValueError("not a time of this century")
        self._at = time
        self.groups = self.spans.setdefault(time // self._span, {})
        if time:
            self.first = min(time, self.first or time)
            self.last = max(time, self.last)
            self.minutes.add(time // MINUTE)

    def misread(self, file: str, line: int, text: bytes | None) -> None:
        """Count a line that was not understood; the first are quoted, shortened."""
        self.bad += 1
        if self.bad <= QUOTED:
            self.problems.append(Problem("a line was not understood", file, line, got=quote(text)))

    def _remark(self, remark: Remark, file: str) -> None:
        once = Remark(remark.what, 0, remark.blinds)
        count, first = self.remarks.get(once, (0, file))
        self.remarks[once] = (count + remark.count, first)

    def record(self) -> Record[Flow]:
        """What was collected, as distinct flows."""
        told = [
            Problem(remark.what, file, got=f"{count} times", blinds=remark.blinds)
            for remark, (count, file) in self.remarks.items()
        ]
        coverage = Coverage(
            first=self.first,
            last=self.last,
            events=self.events,
            bad=self.bad,
            problems=(*self.problems, *told),
            holes=tuple(holes(self.minutes)),
            sampled=self.sampled,
            nodes=tuple(sorted({node.rpartition("/")[2] for node in self.nodes} - {""})),  # Hubble: cluster/node
        )
        return Record(flows(together(self.spans.values())), coverage)


def together(spans: Iterable[Mapping[Key, Count]]) -> Mapping[Key, Count]:
    """What was counted, whenever it was."""
    first, *rest = spans
    if not rest:
        return first
    whole: dict[Key, Count] = {}
    for key, count in chain.from_iterable(span.items() for span in (first, *rest)):
        known = whole.setdefault(key, Count(0, count.first, count.last))
        known.count += count.count
        known.first, known.last = min(known.first, count.first), max(known.last, count.last)
    return whole


class _Several:
    """What all observers said of one flow."""

    __slots__ = ("counts", "destination", "first", "last", "let", "name", "refused", "source")

    def __init__(self) -> None:
        self.counts: dict[tuple[str, str], int] = {}
        self.first = self.last = 0
        self.source = self.destination = self.name = ""
        self.let: set[str] = set()
        self.refused = False


def flows(groups: Mapping[Key, Count]) -> dict[Flow, Tally]:
    """The flows that were let through.

    Several observers of one connection count it once: the one that counted most counts. What only the source's side
    let through and the destination's refused is no use. Of names that not every observer gives, any is taken. What
    stays on the loopback of a host is no flow.
    """
    merged: dict[tuple[_Who, _Who, str, int], _Several] = {}
    for key, seen in groups.items():
        point, side, refused, sn, sp, sw, sa, dn, dp, dw, da, name, protocol, port = key
        sa, da = canonical(sa), canonical(da)
        if LOOPBACK in (sa, da):
            continue
        who = ((sn, sp, "" if sp else sw, sa), (dn, dp, "" if dp else dw, da), protocol, port)
        several = merged.get(who)
        if several is None:
            several = merged[who] = _Several()
        several.source, several.destination = several.source or sw, several.destination or dw
        several.name = min(filter(None, (several.name, name)), default="")
        if refused:
            several.refused = True
            continue
        several.counts[point, side] = several.counts.get((point, side), 0) + seen.count
        several.first = min(several.first, seen.first) if several.let else seen.first
        several.last = max(several.last, seen.last)
        several.let.add(side)
    out: dict[Flow, Tally] = {}
    for (source, destination, protocol, port), several in merged.items():
        if not several.let or (several.refused and several.let == {"source"}):
            continue
        flow = Flow(
            _peer(source, several.source),
            _peer(destination, several.destination, several.name),
            protocol,
            port,
        )
        out[flow] = Tally(max(1, *several.counts.values()), several.first, several.last)
    return out


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
