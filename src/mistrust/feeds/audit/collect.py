"""Events -> uses, counted, and how much of what happened they can show.

Memory grows with the distinct uses, never with the events: of the last events a hash of the id is kept, and no more.
"""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime

import msgspec

from mistrust.access.record import Tally
from mistrust.feeds.audit.event import Annotations, Event, ObjectRef, Status, decode_impersonated
from mistrust.feeds.audit.outcome import Outcome, outcome
from mistrust.feeds.audit.request_info import target
from mistrust.feeds.audit.silence import Minutes
from mistrust.feeds.audit.uses import Seen, uses
from mistrust.kube.version import Version
from mistrust.layers.identity.lookup import Request

REMEMBERED = 500_000
"""Uses, at least, between two events of one request (its stages, or files that overlap) that count once. Further apart
they count twice: the same uses, seen at the same times, with too high a count."""
EARLIEST = 1_400_000_000
"""Seconds since 1970. Kubernetes is younger; an earlier time is a zero value."""
_KINDS = 10_000
_TIMES = 100_000
_NO_STATUS = Status()
_NO_ANNOTATIONS = Annotations()
_NO_METADATA = ""

Kind = tuple[str, str, str, str]
"""Verb, API group, resource, subresource."""


class Collector:
    """Takes events one by one; see the attributes for what it knows then."""

    def __init__(self) -> None:
        self.events = 0
        self.first = 0
        self.last = 0
        self.outcomes: Counter[Outcome] = Counter()
        self.received: Counter[Kind] = Counter()
        """Requests of which a beginning was logged."""
        self.answered: set[Kind] = set()
        """Kinds of requests of which an answer was logged."""
        self.minutes = Minutes()
        self._cells: dict[Seen, list[int]] = {}
        self._starts: dict[str, int] = {}
        self._recent: set[int] = set()
        self._older: set[int] = set()

    def add(self, event: Event) -> str:
        """Count an event. Returns what is wrong with it, where it cannot be counted; empty otherwise."""
        at = self._seconds(event.request_received_timestamp) or self._seconds(event.stage_timestamp or event.timestamp)
        if not at:
            return "an event without a time"
        ref, verb = event.object_ref, event.verb
        code = (event.response_status or _NO_STATUS).code
        decision = (event.annotations or _NO_ANNOTATIONS).decision
        became = outcome(event.stage, code, decision, ref.subresource if ref else "")
        impersonated = bytes(event.impersonated_user)
        used = became is Outcome.USED
        if used or (impersonated and became is not Outcome.RECEIVED):
            metadata = event.authentication_metadata
            constraint = metadata.impersonation_constraint if metadata else ""
            seen = Seen(
                verb, event.user, target(verb, ref, event.request_uri), used, code == 201, impersonated, constraint
            )
            cell = self._cells.get(seen)
            if cell is None:
                if wrong := _wrong(seen):
                    return wrong
                self._cells[seen] = [1, at, at]
                cell = self._cells[seen]
                self._first_of(event.audit_id, cell)
            elif self._first_of(event.audit_id, cell):
                cell[0] += 1
                if at < cell[1]:
                    cell[1] = at
                if at > cell[2]:
                    cell[2] = at
        if not used:
            self._note(became, verb, ref)
        self.events += 1
        if at > self.last:
            self.last = at
        if at < self.first or not self.first:
            self.first = at
        self.outcomes[became] += 1
        self.minutes.mark(at, ref is not None and ref.resource == "leases" and verb in ("update", "patch"))
        return ""

    def uses(self, version: Version | None) -> dict[Request, Tally]:
        """Every distinct use."""
        found: dict[Request, Tally] = {}
        for seen, (count, first, last) in self._cells.items():
            tally = Tally(count, first, last)
            for request in uses(seen, version):
                found[request] = found[request] + tally if request in found else tally
        return found

    def kinds(self) -> set[Kind]:
        """The kinds of requests of which an answer was logged."""
        return self.answered | {_kind(s.verb, s.target) for s in self._cells if isinstance(s.target, ObjectRef)}

    def _first_of(self, audit_id: str, cell: list[int]) -> bool:
        """Is this the first event that tells of this use? A client may choose the id: it alone does not say so."""
        key = hash((audit_id, id(cell)))
        if key in self._recent or key in self._older:
            return False
        self._recent.add(key)
        if len(self._recent) >= REMEMBERED:
            self._older, self._recent = self._recent, set()
        return True

    def _note(self, became: Outcome, verb: str, ref: ObjectRef | None) -> None:
        if ref is None:
            return
        if became is Outcome.RECEIVED:
            if len(self.received) < _KINDS:
                self.received[_kind(verb, ref)] += 1
        elif len(self.answered) < _KINDS:
            self.answered.add(_kind(verb, ref))

    def _seconds(self, text: str | None) -> int:
        """RFC 3339 -> seconds since 1970; 0 for what is no time, or no possible one."""
        if not text:
            return 0
        start = self._starts.get(text[:16])
        try:
            if start is not None and text.endswith("Z"):
                return start + int(text[17:19])
            moment = datetime.fromisoformat(text)
        except ValueError:
            return 0
        seconds = int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp())
        if seconds < EARLIEST:
            return 0
        if text.endswith("Z"):
            if len(self._starts) >= _TIMES:
                self._starts.clear()
            self._starts[text[:16]] = seconds - moment.second
        return seconds


def _kind(verb: str, ref: ObjectRef | str) -> Kind:
    return (verb, ref.api_group, ref.resource, ref.subresource) if isinstance(ref, ObjectRef) else (verb, "", ref, "")


def _wrong(seen: Seen) -> str:
    if seen.impersonated:
        try:
            decode_impersonated(seen.impersonated)
        except msgspec.DecodeError as error:
            return f"impersonatedUser: {error}"
    return ""
