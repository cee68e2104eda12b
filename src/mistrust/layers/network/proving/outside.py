"""The connections between workloads and addresses that are no pod's, as an exact set."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from functools import cached_property, reduce
from operator import or_
from typing import Self

import msgspec

from mistrust.access.ports import NO_PORT, PROTOCOLS, SPAN, Ports, point
from mistrust.access.verdict import Answer, Verdict
from mistrust.kube.meta import Ref
from mistrust.layers.network.addresses import place
from mistrust.layers.network.deciding.decide import decide
from mistrust.layers.network.deciding.party import text
from mistrust.layers.network.engine.bits import members
from mistrust.layers.network.engine.lines import Span
from mistrust.layers.network.engine.reach import Reach
from mistrust.layers.network.exposure.outside import INTERNET, common, joined
from mistrust.layers.network.grants import Connections, Origin
from mistrust.layers.network.relation import Relation, Row, combine, either, minus, relation
from mistrust.layers.network.usage import Abroad


class Outside(msgspec.Struct, frozen=True, dict=True):
    """Workload and address, either of which may open the connection; the addresses of pods are left out.

    What nobody can know for sure is in the set, as in `Connections`. A node and its own pods always reach each other:
    that is not in `relation`, and never counted.
    """

    relation: Relation
    origins: tuple[Origin, ...]
    taken: tuple[Span, ...]
    """The addresses of pods."""

    def __or__(self, other: Self, /) -> Self:
        """Everything that either allows."""
        return self._made(other, combine(self.relation, other.relation, either))

    def __sub__(self, other: Self, /) -> Self:
        """What this allows and the other does not."""
        return self._made(other, combine(self.relation, other.relation, minus))

    def _made(self, other: Self, made: Relation) -> Self:
        both = {id(o): o for o in (*self.origins, *other.origins)}
        return type(self)(made, tuple(both.values()), joined((*self.taken, *other.taken)))

    @cached_property
    def _line(self) -> tuple[tuple[int, int, int], ...]:
        """Ranges of addresses that are no pod's, in order, each with its crowd."""
        held = ((span, i) for i, c in enumerate(self.relation.crowds) for span in c.addresses)
        return tuple(sorted((low, high, i) for span, i in held for low, high in _free(span, self.taken)))

    @cached_property
    def _abroad(self) -> int:
        return reduce(or_, (1 << i for _, _, i in self._line), 0)

    def ports(self, access: Abroad) -> Ports:
        """The ports that may be opened between this workload and this address, in this direction."""
        there, here = self._crowd(place(access.address)), self.relation.places.get(access.workload)
        if there is None or here is None:
            return NO_PORT
        opener, answering = (there, here) if access.inward else (here, there)
        return reduce(or_, (p for p, crowds in self.relation.rows[answering] if crowds >> opener & 1), NO_PORT)

    def _crowd(self, at: int | None) -> int | None:
        if at is None:
            return None
        n = bisect_right(self._line, (at + 1,)) - 1
        return self._line[n][2] if n >= 0 and at < self._line[n][1] else None

    def __contains__(self, access: Abroad) -> bool:
        return point(access.protocol, access.port) in self.ports(access) or self._at_home(access)

    def _at_home(self, access: Abroad) -> bool:
        """Is it the address of a node that runs a pod of the workload?"""
        for origin in self.origins:
            node = origin.ground.at(access.address).node
            pods = (origin.reach.endpoints[i] for i in origin.pods.get(access.workload, ()))
            if node is not None and any(pod.node == node.name for pod in pods):
                return True
        return False

    def witness(self) -> Abroad | None:
        """One connection inside, with an address of the Internet if there is one; None if there is none."""
        found: Abroad | None = None
        for at in members(self._abroad):
            for workload, inward, ports in self._of(at):
                own = [free for span in self.relation.crowds[at].addresses for free in _free(span, self.taken)]
                public = common(own, INTERNET)
                first = ports.ranges[0][0]
                address = text((public or own)[0][0])
                found = Abroad(workload, inward, address, PROTOCOLS[first // SPAN], first % SPAN)
                if public:
                    return found
                break
        return found

    def _of(self, address: int) -> Iterator[tuple[Ref, bool, Ports]]:
        """Who has a connection with a crowd of addresses: the first workload of each kind."""
        crowds = self.relation.crowds
        for ports, openers in self.relation.rows[address]:
            yield from ((crowds[i].workloads[0], False, ports) for i in members(openers) if crowds[i].workloads)
        for crowd, row in zip(crowds, self.relation.rows, strict=True):
            if crowd.workloads:
                yield from ((crowd.workloads[0], True, ports) for ports, openers in row if openers >> address & 1)

    def count(self) -> int:
        """How many (workload, direction, block of addresses) there are with any port open."""
        crowds, rows = self.relation.crowds, self.relation.rows
        inward = sum(
            len(c.workloads) * (_openers(r) & self._abroad).bit_count() for c, r in zip(crowds, rows, strict=True)
        )
        sizes = {i: len(c.workloads) for i, c in enumerate(crowds) if c.workloads}
        return inward + sum(sizes.get(i, 0) for at in members(self._abroad) for i in members(_openers(rows[at])))

    def decide(self, access: Abroad) -> Verdict:
        """May this connection be opened? The evidence is the rules, asked again for one pod and the address."""
        inside, at = access in self, point(access.protocol, access.port)
        found: dict[Answer, Verdict] = {}
        for origin in self.origins:
            asked = origin.ground
            there = asked.at(access.address)
            for i in origin.pods.get(access.workload, ()):
                pod = asked.pod(origin.reach.endpoints[i])
                verdict = decide(asked, *((there, pod) if access.inward else (pod, there)), at)
                found.setdefault(verdict.answer, verdict)
        for answer in (Answer.ALLOWED, Answer.UNKNOWN) if inside else (Answer.DENIED,):
            if answer in found:
                return found[answer]
        return Verdict(Answer.UNKNOWN if inside else Answer.DENIED, "it may be denied, and may not" if inside else "no")


def _free(span: Span, taken: Sequence[Span]) -> Iterator[Span]:
    """The parts of a range that lie between others, which are in order."""
    at, end = span
    for low, high in taken[max(bisect_right(taken, (at,)) - 1, 0) :]:
        if low >= end:
            break
        if low > at:
            yield at, low
        at = max(at, high)
    if at < end:
        yield at, end


def _openers(row: Row) -> int:
    return reduce(or_, (crowds for _, crowds in row), 0)


def outside(known: Connections) -> Outside:
    """The same policies, asked about addresses."""
    ends = (e for o in known.origins for e in o.reach.endpoints if not e.host_network)
    spans = ((at, at + 1) for e in ends for a in e.addresses if (at := place(a)) is not None)
    several = (relation(o.reach, _owners(o), Reach.row_apart) for o in known.origins)
    return Outside(reduce(lambda a, b: combine(a, b, either), several), known.origins, joined(spans))


def _owners(origin: Origin) -> Sequence[Ref]:
    return [origin.snapshot.workloads[e.workload].ref for e in origin.reach.endpoints]
