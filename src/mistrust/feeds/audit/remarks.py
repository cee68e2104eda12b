"""What takes from the evidence without being wrong with any line of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from mistrust.access.record import Unlogged
from mistrust.feeds.audit.collect import Collector, Kind
from mistrust.feeds.audit.outcome import Outcome
from mistrust.feeds.audit.silence import DAY
from mistrust.kube.problem import Problem

READS = frozenset({"get", "list", "watch"})
SHOWN = 5
NO_READS = "no read (get, list, watch) is in the log: the audit policy leaves them out, so unused reads are unknown"
NO_GROUPS = "Cloud Logging keeps no groups of users, and not whether an update or a patch created its object"
NO_LEASES = (
    "no renewal of a lease is in the log: the audit policy leaves some requests out, so unused leases are unknown"
)
ENOUGH = 10
"""Requests of a kind, received and never answered, from which on that is the audit policy and not the log's end."""


def remarks(known: Collector, about: str, *, others: int, cloud_logging: bool) -> Iterator[Problem]:
    """Problems with the evidence as a whole; `about` is what to call it."""
    if not known.events:
        return
    hidden = _hidden(known)
    for kind in hidden[:SHOWN]:
        yield Problem(_received(kind, known), about, do="let the audit policy log the stage ResponseComplete")
    if len(hidden) > SHOWN:
        yield Problem(_more(hidden), about)
    if not _reads(known):
        yield Problem(NO_READS, about, do="log reads at level Metadata (GKE: Data Access logs; AKS: kube-audit)")
    if cloud_logging:
        yield Problem(NO_GROUPS, about)
    if _without_leases(known):
        yield Problem(NO_LEASES, about, do="give the audit policy as evidence too", blinds=False)
    if count := known.outcomes[Outcome.REFUSED]:
        what = f"{count} requests were authorized and then refused, by admission or by a further check: no use"
        yield Problem(what, about, blinds=False)
    if count := known.outcomes[Outcome.UNDECIDED]:
        what = f"{count} requests failed before it was decided whether they are allowed: no use"
        yield Problem(what, about, blinds=False)
    if others:
        yield Problem(f"{others} entries are something else than audit events", about, blinds=False)


def unlogged(known: Collector, *, cloud_logging: bool) -> Iterator[Unlogged]:
    """What the log itself shows not to be in it."""
    if not known.events:
        return
    hidden = _hidden(known)
    for i, (verb, group, resource, subresource) in enumerate(hidden):
        because = _received(hidden[i], known) if i < SHOWN else _more(hidden)
        yield Unlogged(because, verb, group, f"{resource}/{subresource}" if subresource else resource)
    if not _reads(known):
        yield from (Unlogged(NO_READS, verb) for verb in sorted(READS))
    if cloud_logging:
        yield Unlogged(NO_GROUPS, of_groups=True)
    if _without_leases(known):
        yield Unlogged(NO_LEASES, group="coordination.k8s.io", resource="leases")


def _hidden(known: Collector) -> list[Kind]:
    kinds = known.kinds()
    return sorted(kind for kind, n in known.received.items() if n >= ENOUGH and kind not in kinds)


def _received(kind: Kind, known: Collector) -> str:
    count = known.received[kind]
    return f"{count} requests to {_show(kind)} were logged when they were received, and none when it was answered"


def _more(hidden: Sequence[Kind]) -> str:
    return f"so it is with {len(hidden) - SHOWN} more kinds of requests"


def _reads(known: Collector) -> bool:
    return any(verb in READS for verb, *_ in known.kinds())


def _without_leases(known: Collector) -> bool:
    """Nodes, schedulers and controllers renew a lease every few seconds, in every cluster."""
    return known.last - known.first >= DAY and not known.minutes.beaten


def _show(kind: Kind) -> str:
    verb, group, resource, subresource = kind
    combined = f"{resource}/{subresource}" if subresource else resource
    return f"{verb} {combined}.{group}" if group else f"{verb} {combined}"
