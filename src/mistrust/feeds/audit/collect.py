"""Events -> uses, counted, and how much of what happened they can show.

Memory grows with the distinct uses, never with the events: of the last events a hash of the id is kept, and no more.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import cast

from mistrust.access.record import Tally
from mistrust.feeds.audit.event import UNREADABLE, Annotations, Event, ObjectRef, Status, User, decode_impersonated
from mistrust.feeds.audit.outcome import Outcome, outcome
from mistrust.feeds.audit.request_info import target
from mistrust.feeds.audit.silence import MINUTE, Minutes
from mistrust.feeds.audit.uses import Seen, uses
from mistrust.kube.version import Version
from mistrust.layers.identity.lookup import Request

REMEMBERED = 50_000
"""Uses, at least, between two copies of one event that count once: repeated batches, files that overlap. Further apart
they count twice: the same uses, seen at the same times, with too high a count."""
EARLIEST = 1_400_000_000
"""Seconds since 1970. Kubernetes is younger; an earlier time is a zero value."""
_STARTED = "ResponseStarted"
_KINDS = 10_000
_USED, _RECEIVED = Outcome.USED, Outcome.RECEIVED
_NO_STATUS = Status()
_NULL = len(b"null")
_NO_ANNOTATIONS = Annotations()

Key = tuple[str, User | None, ObjectRef | str, bool, bool, bytes, str, bool]
"""The fields of `Seen`, and whether the event is the first of two; a tuple, because that is quickest to look up."""
Cell = tuple[int, str, User | None, ObjectRef | str, bool, bool, bytes, str, bool]
"""The number of a span of time, and a key."""
EVER = 1 << 62
Kind = tuple[str, str, str, str]
"""Verb, API group, resource, subresource."""


class Collector:
    """Takes events; see the attributes for what it knows then.

    Parameters: `span`, in seconds: what happened in different spans of time is counted apart.
    """

    def __init__(self, span: int = EVER) -> None:
        self.events = 0
        self.first = 0
        self.last = 0
        self.outcomes: Counter[Outcome] = Counter()
        """Of the requests that are no use."""
        self.received: Counter[Kind] = Counter()
        """Requests of which a beginning was logged."""
        self.answered: set[Kind] = set()
        """Kinds of requests, no use, of which an answer was logged."""
        self.minutes = Minutes()
        self.cells: dict[Cell, list[int]] = {}
        """Count, first and last time."""
        self._span = span
        self._users: dict[User, User] = {}
        self._targets: dict[ObjectRef | str, ObjectRef | str] = {}
        self._recent: set[int] = set()
        self._older: set[int] = set()

    def take(self, events: Iterable[Event]) -> list[tuple[int, str]]:
        """Count events. Returns the index of each that cannot be counted, and what is wrong with it."""
        wrong: list[tuple[int, str]] = []
        cells, minutes, span, recent, older = self.cells, self.minutes, self._span, self._recent, self._older
        minute, beaten, taken, latest = 0, False, 0, self.last
        first = self.first or sys.maxsize
        for i, event in enumerate(events):
            moment = event.request_received_timestamp
            at = int(moment.timestamp()) if moment is not None and moment.tzinfo else 0
            if at < EARLIEST and not (at := _other_time(event)):
                wrong.append((i, "an event without a time"))
                continue
            ref, verb = event.object_ref, event.verb
            code = (event.response_status or _NO_STATUS).code
            decision = (event.annotations or _NO_ANNOTATIONS).decision
            usual = decision == "allow" and 200 <= code < 400
            became = _USED if usual else outcome(event.stage, code, decision, ref.subresource if ref else "")
            impersonated = bytes(event.impersonated_user) if len(event.impersonated_user) > _NULL else b""
            if became is _USED or (impersonated and became is not _RECEIVED):
                about = target(verb, ref, event.request_uri)
                metadata = event.authentication_metadata if impersonated else None
                constraint = metadata.impersonation_constraint if metadata else ""
                started = event.stage == _STARTED
                used, created = became is _USED, code == 201
                key = (at // span, verb, event.user, about, used, created, impersonated, constraint, started)
                cell = cells.get(key)
                if cell is None:
                    if why := _wrong(impersonated):
                        wrong.append((i, why))
                        continue
                    cell = cells[self._shared(key)] = [0, at, at]
                copy = hash(event.audit_id) ^ id(cell)  # a client may choose the id: it alone does not tell copies
                if copy not in recent and copy not in older:
                    recent.add(copy)
                    cell[0] += 1
                    if at < cell[1]:
                        cell[1] = at
                    elif at > cell[2]:
                        cell[2] = at
            if became is not _USED:
                self._note(became, verb, ref)
            if at // MINUTE != minute:
                minute, beaten = at // MINUTE, False
                minutes.mark(minute, False)
            if not beaten and ref is not None and ref.resource == "leases" and verb in ("update", "patch"):
                beaten = True
                minutes.mark(minute, True)
            if at > latest:
                latest = at
            if at < first:
                first = at
            taken += 1
        if len(recent) >= REMEMBERED:
            self._older, self._recent = recent, set()
        if taken:
            self.events, self.first, self.last = self.events + taken, first, latest
        return wrong

    def _shared(self, cell: Cell) -> Cell:
        """An equal key whose parts other keys have too: looking up then stays within the processor's cache."""
        span, verb, user, about, *rest = cell
        user = user and self._users.setdefault(user, user)
        about = self._targets.setdefault(about, about)
        return cast(Cell, (span, sys.intern(verb), user, about, *rest))

    def uses(self, version: Version | None) -> dict[Request, Tally]:
        """Every distinct use."""
        tallies: dict[Key, Tally] = {}
        for (_, *fields), (count, first, last) in self.cells.items():
            key, tally = cast(Key, tuple(fields)), Tally(count, first, last)
            tallies[key] = tallies[key] + tally if key in tallies else tally
        return requests(tallies, version)

    def by_span(self, version: Version | None) -> dict[int, dict[Request, Tally]]:
        """Every distinct use in each span of time, by its number."""
        spans: dict[int, dict[Key, Tally]] = {}
        for (span, *fields), (count, first, last) in self.cells.items():
            spans.setdefault(span, {})[cast(Key, tuple(fields))] = Tally(count, first, last)
        return {span: requests(tallies, version) for span, tallies in sorted(spans.items())}

    def kinds(self) -> set[Kind]:
        """The kinds of requests of which an answer was logged."""
        return self.answered | {_kind(key[1], key[3]) for key in self.cells if isinstance(key[3], ObjectRef)}

    def _note(self, became: Outcome, verb: str, ref: ObjectRef | None) -> None:
        self.outcomes[became] += 1
        if ref is None:
            return
        if became is Outcome.RECEIVED:
            if len(self.received) < _KINDS:
                self.received[_kind(verb, ref)] += 1
        elif len(self.answered) < _KINDS:
            self.answered.add(_kind(verb, ref))


def requests(tallies: Mapping[Key, Tally], version: Version | None) -> dict[Request, Tally]:
    """Every distinct use. A long request is logged when its answer starts and when it ends, and counts once."""
    whole: dict[Seen, Tally] = {}
    for key, tally in tallies.items():
        seen = Seen(*key[:-1])
        other = whole.get(seen, tally)
        whole[seen] = Tally(max(tally.count, other.count), min(tally.first, other.first), max(tally.last, other.last))
    found: dict[Request, Tally] = {}
    for seen, tally in whole.items():
        for request in uses(seen, version):
            found[request] = found[request] + tally if request in found else tally
    return found


def _other_time(event: Event) -> int:
    """A time for an event that does not say when its request came; 0 for none."""
    for moment in (event.stage_timestamp, event.timestamp):
        if moment is not None and moment.tzinfo and (seconds := int(moment.timestamp())) >= EARLIEST:
            return seconds
    return 0


def _kind(verb: str, ref: ObjectRef) -> Kind:
    return verb, ref.api_group, ref.resource, ref.subresource


def _wrong(impersonated: bytes) -> str:
    if impersonated:
        try:
            decode_impersonated(impersonated)
        except UNREADABLE as error:
            return f"impersonatedUser: {error}"
    return ""
