"""What goes from one box of the map to another: links, added up."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from enum import StrEnum
from itertools import groupby
from typing import TypeVar

import msgspec

from mistrust.access.ports import EVERY_PORT, NO_PORT, Ports
from mistrust.channels.atlas import Bundle, Link
from mistrust.layers.mesh.channel import Authz, Transport
from mistrust.report.words import TRANSPORTS, count

Key = TypeVar("Key", bound=Hashable)


class Tone(StrEnum):
    """How a connection is drawn; the worst first, as far as it is known."""

    PLAINTEXT = "plaintext"
    NODES = "node-encrypted"
    TLS = "tls"
    OPPORTUNISTIC = "mtls-opportunistic"
    ENFORCED = "mtls-enforced"
    UNKNOWN = "unknown"
    CLOSED = "closed"
    """Nothing gets through: the two sides do not fit, or authorization denies every request."""


ORDER = tuple(Tone)
TONES: Mapping[Transport, Tone] = {t: Tone.CLOSED if t is Transport.BROKEN else Tone(t.value) for t in Transport}
MEANING: Mapping[Tone, str] = {
    **{TONES[t]: words for t, words in TRANSPORTS.items()},
    Tone.CLOSED: "nothing gets through",
}


class Flow(msgspec.Struct, frozen=True):
    """All links from one box to another."""

    tones: Mapping[Tone, int]
    """Pairs of workloads by their worst tone."""
    possible: int
    """Pairs that there are."""
    ports: Ports = NO_PORT
    """Every port of every link; none where nobody told."""
    unsure: int = 0
    """Pairs about which something is unknown."""

    @property
    def pairs(self) -> int:
        """Pairs of workloads with a link."""
        return sum(self.tones.values())

    @property
    def tone(self) -> Tone:
        """What it is drawn as: the worst that is known."""
        return min(self.tones, key=ORDER.index, default=Tone.UNKNOWN)

    @property
    def weight(self) -> int:
        """1 for few of the pairs, 2 for half of them or more, 3 for every pair."""
        return 3 if self.pairs >= self.possible else 2 if 2 * self.pairs >= self.possible else 1

    def __str__(self) -> str:
        of = count(self.possible, "pair")
        pairs = of if self.pairs >= self.possible else f"{self.pairs:,} of {of}"
        tones = (t for t in ORDER if t in self.tones)
        how = ", ".join(MEANING[t] if len(self.tones) == 1 else f"{self.tones[t]:,} {MEANING[t]}" for t in tones)
        unsure = f"{self.unsure:,} not certain" if self.unsure and self.tone is not Tone.UNKNOWN else ""
        return " · ".join(part for part in (ports_words(self.ports), how, pairs, unsure) if part)


def ports_words(ports: Ports) -> str:
    """Ports as a person says them; empty where nobody told."""
    return "" if not ports else "every port" if ports == EVERY_PORT else str(ports)


def tone(link: Link) -> Tone:
    """How a link is drawn."""
    return Tone.CLOSED if link.authz is Authz.DENIED else TONES[link.transport]


def flows(
    links: Iterable[Link], ends: Callable[[Link], tuple[Key, Key]], size: Callable[[Key], int]
) -> dict[tuple[Key, Key], Flow]:
    """The links between boxes: `ends` says in which boxes a link begins and ends, `size` how many workloads one holds.

    Links of one pair of workloads stand next to each other, as in an atlas.
    """
    tones: dict[tuple[Key, Key], Counter[Tone]] = {}
    ports: dict[tuple[Key, Key], set[Ports]] = {}
    unsure: Counter[tuple[Key, Key]] = Counter()
    for _, same in groupby(links, key=lambda link: (link.source, link.target)):
        pair = tuple(same)
        at = ends(pair[0])
        tones.setdefault(at, Counter())[min(map(tone, pair), key=ORDER.index)] += 1
        ports.setdefault(at, set()).update(link.ports for link in pair)
        unsure[at] += any(link.unknown or tone(link) is Tone.UNKNOWN for link in pair)
    return {
        at: Flow(found, possible(at, size), Ports.of(r for p in ports[at] for r in p.ranges), unsure[at])
        for at, found in tones.items()
    }


def bundled(bundles: Iterable[Bundle], size: Callable[[str], int]) -> dict[tuple[str, str], Flow]:
    """The same from bundles, which know no ports."""
    return {
        (at := (b.source, b.target)): Flow(
            {TONES[t]: pairs for t, pairs in b.worst.items()},
            max(possible(at, size), b.pairs),
            NO_PORT,
            b.worst.get(Transport.UNKNOWN, 0),
        )
        for b in bundles
    }


def possible(at: tuple[Key, Key], size: Callable[[Key], int]) -> int:
    """How many pairs there are between two boxes; within one, nobody is paired with itself."""
    a, b = size(at[0]), size(at[1])
    return max(1, a * (a - 1) if at[0] == at[1] else a * b)


def added(several: Sequence[Flow]) -> Flow:
    """Flows that are drawn as one."""
    if len(several) == 1:
        return several[0]
    tones: dict[Tone, int] = {}
    for flow in several:
        for t, pairs in flow.tones.items():
            tones[t] = tones.get(t, 0) + pairs
    return Flow(
        tones,
        sum(f.possible for f in several),
        Ports.of(r for f in several for r in f.ports.ranges),
        sum(f.unsure for f in several),
    )
