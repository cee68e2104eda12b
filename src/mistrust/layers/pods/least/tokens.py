"""Service account tokens that no pod used: which workloads can do without, and why others keep theirs.

A token goes only where the log shows the whole window, its account asked for nothing, pods of the workload ran, and
nobody but the API server can have been shown the token.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Final

import msgspec

from mistrust.access.change import day, seen
from mistrust.access.record import Coverage, Tally
from mistrust.access.telling import listed
from mistrust.kube.meta import Ref
from mistrust.kube.snapshot import Snapshot
from mistrust.kube.workloads import CronJob, Job, Workload
from mistrust.layers.pods.escapes.escape import Escape
from mistrust.layers.pods.escapes.tokens import accounts, automounted
from mistrust.layers.pods.usage import Usage

DAY: Final = 86_400
NEVER: Final = "nothing in the evidence shows that it ran all the time: its token may be needed"
ASKED: Final = "flows show that it may have asked the API server, although the audit log has no request of it"
NOT_RUN: Final = "no run of it was seen: it may need its token"


class Spared(msgspec.Struct, frozen=True):
    """A workload whose token goes."""

    workload: Workload
    escape: Escape
    because: str


class Kept(msgspec.Struct, frozen=True):
    """A workload whose token stays although nothing shows that the workload used it."""

    workload: Workload
    because: str


def unused_tokens(snapshot: Snapshot, usage: Usage, days: float) -> Iterator[Spared | Kept]:
    """What becomes of every token that admission adds; nothing is said of those that were used."""
    known = accounts(snapshot)
    holders: dict[Ref, list[tuple[Workload, Escape]]] = {}
    for w in snapshot.workloads:
        for escape in automounted(w, known):
            holders.setdefault(escape.targets[0], []).append((w, escape))
    thin = insufficient(usage.coverage, days)
    sharing = Counter(_account(w) for w in snapshot.workloads if not w.source.metadata.owner_references)
    for account, several in holders.items():
        for w, escape in several:
            if thin:
                yield Kept(w, thin)
            elif usage.calls(w.ref):
                if account not in usage.asked:
                    yield Kept(w, ASKED)
            elif account in usage.asked and usage.calls(w.ref) is None:
                if len(several) > 1:
                    others = listed([str(other.ref) for other, _ in several if other.ref != w.ref])
                    told = f"{account} asked {seen(usage.asked[account])}: it, or {others}"
                    yield Kept(w, told)
            elif why := _doubt(w, usage, days, alone=sharing[account] == 1):
                yield Kept(w, why)
            else:
                yield Spared(w, escape, _because(account, usage))


def insufficient(coverage: Coverage, days: float) -> str:
    """Why the audit log as a whole shows no absence; empty where it does."""
    if not coverage.events:
        return "no audit log was read"
    if coverage.sampled or coverage.holes:
        return "the audit log has holes: what happened in them is unknown"
    if coverage.days < days:
        return f"the audit log shows {coverage.days:.1f} days, and {days:g} are wanted"
    return ""


def _doubt(w: Workload, usage: Usage, days: float, *, alone: bool) -> str:
    if not _ran(w, usage, days, alone=alone):
        return NOT_RUN if isinstance(w.source, Job | CronJob) else NEVER
    contacts = usage.contacts
    for reviewer, places in usage.reviewers.items():
        if places is None and usage.let_in is not None and _account(w) not in usage.let_in:
            continue
        if contacts is None or w.ref not in contacts.complete or places == ():
            return f"{reviewer} had tokens reviewed, and no log tells whose: flows would show whom it may have met"
        met = w.ref in contacts.nodes if places is None else any((w.ref, p) in contacts.pairs for p in places)
        if met:
            return f"it connects to where {reviewer} has tokens reviewed: it may show its token there"
    return ""


def _ran(w: Workload, usage: Usage, days: float, *, alone: bool) -> bool:
    """Did pods of it run: jobs once, all others from the beginning of the window to its end, but for a day each?"""
    start, end = int(usage.coverage.last - days * DAY), usage.coverage.last
    tallies = [usage.ran[w.ref]] if w.ref in usage.ran else []
    if alone and _account(w) in usage.ran:
        tallies.append(usage.ran[_account(w)])
    if isinstance(w.source, Job | CronJob):
        return bool(tallies)
    if any(_throughout(t, start, end) for t in tallies):
        return True
    born = [p.metadata.creation_timestamp[:10] for p in w.pods]
    return any(date and date <= day(start) for date in born)


def _account(w: Workload) -> Ref:
    return Ref("", "ServiceAccount", w.namespace, w.spec.identity)


def _throughout(tally: Tally, start: int, end: int) -> bool:
    return tally.first <= start + DAY and tally.last >= end - DAY


def _because(account: Ref, usage: Usage) -> str:
    since = f"{day(usage.coverage.first)} to {day(usage.coverage.last)}"
    if account not in usage.asked:
        return f"{account} asked the API server nothing from {since}"
    return f"other pods asked as {account}; flows show that these opened no connection to the API server, {since}"
