"""How workloads are heard: what a mesh makes of the connections of both versions, port by port."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

import msgspec

from mistrust.access.telling import listed
from mistrust.channels.crowd import Crowd, Crowds, members
from mistrust.channels.drawing import Answers, strands
from mistrust.channels.whole import Whole
from mistrust.effect.effect import Delta, Doubt, Hearing, Kind
from mistrust.kube.istio import AuthorizationPolicy, RequestAuthentication
from mistrust.kube.linkerd import (
    LinkerdAuthorizationPolicy,
    LinkerdHTTPRoute,
    MeshTLSAuthentication,
    NetworkAuthentication,
    Server,
    ServerAuthorization,
)
from mistrust.kube.meta import Object, Ref
from mistrust.kube.snapshot import Snapshot
from mistrust.layers.mesh.channel import Authz, Channel, Transport

MESH = frozenset({Kind.PLAINTEXT, Kind.CONNECTION})

RULES = (
    AuthorizationPolicy,
    RequestAuthentication,
    Server,
    ServerAuthorization,
    LinkerdAuthorizationPolicy,
    MeshTLSAuthentication,
    NetworkAuthentication,
    LinkerdHTTPRoute,
)

Spoken = Sequence[tuple[Channel, Crowd]]
"""The channels to one port of one workload, with their sources."""
Wanted = Callable[[Channel], bool]


class Heard(msgspec.Struct, frozen=True):
    """What differs between two versions."""

    authorized: Delta[Hearing]
    plaintext: Delta[Hearing]
    mutual: Delta[Hearing]
    doubts: tuple[Doubt, ...]


def heard(old: tuple[Whole, Answers], new: tuple[Whole, Answers], *, ruled: bool) -> Heard:
    """Compare every workload of either version at the ports where it is known to answer in one of them.

    `ruled` says whether what decides about single requests differs.
    """
    if old[0] is new[0]:
        return Heard(Delta(), Delta(), Delta(), ())
    refs = sorted({w.ref for whole, _ in (old, new) for w in whole.workloads})
    versions = [_Version(whole, refs) for whole, _ in (old, new)]
    found: dict[str, tuple[list[Hearing], list[Hearing]]] = {
        name: ([], []) for name in ("authorized", "plaintext", "mutual")
    }
    doubts: dict[Doubt, None] = {}
    for target, ref in enumerate(refs):
        points = sorted({*old[1].get(ref, ()), *new[1].get(ref, ())})
        told: dict[tuple[str, int, Crowd], tuple[list[int], Channel]] = {}
        for at in points or (0,):
            before, after = (v.spoken(target, at) for v in versions)
            if before == after and not ruled:
                continue
            for name, side, crowd, channel in _differences(before, after, 1 << target):
                told.setdefault((name, side, crowd), ([], channel))[0].append(at)
            doubts.update(dict.fromkeys(_doubts(ref, before, after, 1 << target, ruled=ruled)))
        for (name, side, crowd), (several, channel) in told.items():
            found[name][side].append(_hearing(ref, several if points else (), crowd, refs, channel))
    ordered = {
        name: Delta(*(tuple(sorted(s, key=lambda h: (-h.pairs, h.workload, h.points))) for s in sides))
        for name, sides in found.items()
    }
    return Heard(**ordered, doubts=tuple(doubts))


class _Version:
    """One version, its workloads numbered as in the other."""

    def __init__(self, whole: Whole, refs: Sequence[Ref]) -> None:
        numbers = {ref: i for i, ref in enumerate(refs)}
        self._own = {numbers[w.ref]: i for i, w in enumerate(whole.workloads)}
        self._bits = [1 << numbers[w.ref] for w in whole.workloads]
        self._crowds: Crowds = whole.crowds
        self._internet = 1 << len(refs)
        self._known: dict[Crowd, Crowd] = {}

    def spoken(self, target: int, at: int) -> Spoken:
        """Who opens a port (0: any) of a workload over which channel; in the order of the table."""
        if target not in self._own:
            return ()
        merged: dict[Channel, Crowd] = {}
        for strand in strands(self._crowds, self._own[target]):
            if not at or at in strand.ports:
                crowd = self._renumbered(self._crowds.of(strand.sources)) & ~(1 << target)
                merged[strand.channel] = merged.get(strand.channel, 0) | crowd
        return [(channel, crowd) for channel, crowd in merged.items() if crowd]

    def _renumbered(self, crowd: Crowd) -> Crowd:
        if crowd not in self._known:
            inside = crowd & (self._crowds.internet - 1)
            outside = self._internet if crowd & self._crowds.internet else 0
            self._known[crowd] = sum(self._bits[i] for i in members(inside)) | outside
        return self._known[crowd]


def _differences(before: Spoken, after: Spoken, own: Crowd) -> Iterator[tuple[str, int, Crowd, Channel]]:
    """What came (0) and went (1) in which respect, for whom, and a channel that says why."""
    both = _crowd(before, _open) & _crowd(after, _open)
    for name, wanted, among in (
        ("authorized", _authorized, both),
        ("plaintext", _plain, -1),
        ("mutual", _enforced, both & _crowd(before, _authorized) & _crowd(after, _authorized)),
    ):
        crowds = [_crowd(spoken, wanted) & among & ~own for spoken in (before, after)]
        for side, more, less, said in ((0, crowds[1], crowds[0], after), (1, crowds[0], crowds[1], before)):
            if came := more & ~less:
                yield name, side, came, next(c for c, crowd in said if crowd & came and wanted(c))


def _doubts(ref: Ref, before: Spoken, after: Spoken, own: Crowd, *, ruled: bool) -> Iterator[Doubt]:
    """What may be a change and is not told as one: other requests that pass, and answers that became unknown."""
    some = [_crowd(spoken, lambda c: c.authz is Authz.REQUESTS) for spoken in (before, after)]
    if ruled and some[0] & some[1] & ~own:
        yield Doubt("", f"{ref} lets some requests through, and which ones is not compared", MESH)
    unsure = _crowd(after, lambda c: c.plaintext is None) & ~_crowd(before, lambda c: c.plaintext is not False) & ~own
    if unsure:
        words = next((c.unknown for c, crowd in after if crowd & unsure and c.unknown), ())
        why = f": {listed(words, 2)}" if words else ""
        yield Doubt("new", f"{ref} may serve plaintext that it did not serve before{why}", MESH)


def _crowd(spoken: Spoken, wanted: Wanted) -> Crowd:
    found = 0
    for channel, crowd in spoken:
        if wanted(channel):
            found |= crowd
    return found


def _open(_: Channel) -> bool:
    return True


def _authorized(channel: Channel) -> bool:
    return channel.authz is not Authz.DENIED and channel.transport is not Transport.BROKEN


def _plain(channel: Channel) -> bool:
    return channel.plaintext is True


def _enforced(channel: Channel) -> bool:
    return channel.transport is Transport.MTLS_ENFORCED


def _hearing(ref: Ref, points: Iterable[int], crowd: Crowd, refs: Sequence[Ref], channel: Channel) -> Hearing:
    inside = crowd & ((1 << len(refs)) - 1)
    sources = tuple(refs[i] for i in members(inside))
    return Hearing(ref, tuple(points), sources, crowd != inside, channel.because, channel.decided_by)


def rules(snapshot: Snapshot) -> list[Object]:
    """What decides about single requests."""
    return [o for kind in RULES for o in snapshot.of(kind)]


def meshed(whole: Whole) -> bool:
    """Does a mesh carry, or may it carry, some workload?"""
    return any(m is not False for m in whole.meshed)
