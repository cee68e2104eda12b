"""What takes from the evidence without being wrong with any line of it."""

from __future__ import annotations

from collections.abc import Iterator

from mistrust.feeds.audit.collect import Collector, Kind
from mistrust.feeds.audit.outcome import Outcome
from mistrust.kube.problem import Problem

READS = frozenset({"get", "list", "watch"})
SHOWN = 5
ENOUGH = 10
"""Requests of a kind, received and never answered, from which on that is the audit policy and not the log's end."""


def remarks(known: Collector, about: str, *, others: int, cloud_logging: bool) -> Iterator[Problem]:
    """Problems with the evidence as a whole; `about` is what to call it."""
    if not known.events:
        return
    kinds = known.kinds()
    hidden = sorted((kind, n) for kind, n in known.received.items() if n >= ENOUGH and kind not in kinds)
    for kind, count in hidden[:SHOWN]:
        what = f"{count} requests to {_show(kind)} were logged when they were received, and none when it was answered"
        yield Problem(what, about, do="let the audit policy log the stage ResponseComplete")
    if len(hidden) > SHOWN:
        yield Problem(f"so it is with {len(hidden) - SHOWN} more kinds of requests", about)
    if not any(verb in READS for verb, *_ in kinds):
        what = "no read (get, list, watch) is in the log: the audit policy leaves them out, so unused reads are unknown"
        yield Problem(what, about, do="log reads at level Metadata (GKE: Data Access logs; AKS: kube-audit)")
    if cloud_logging:
        yield Problem(
            "Cloud Logging keeps no groups of users, and not whether an update or a patch created its object", about
        )
    if count := known.outcomes[Outcome.REFUSED]:
        what = f"{count} requests were authorized and then refused, by admission or by a further check: no use"
        yield Problem(what, about, blinds=False)
    if count := known.outcomes[Outcome.UNDECIDED]:
        what = f"{count} requests failed before it was decided whether they are allowed: no use"
        yield Problem(what, about, blinds=False)
    if others:
        yield Problem(f"{others} entries are something else than audit events", about, blinds=False)


def _show(kind: Kind) -> str:
    verb, group, resource, subresource = kind
    combined = f"{resource}/{subresource}" if subresource else resource
    return f"{verb} {combined}.{group}" if group else f"{verb} {combined}"
