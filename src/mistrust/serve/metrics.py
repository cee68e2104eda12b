"""Numbers of all workers in memory that they share, told in the text format of Prometheus by any of them."""

from __future__ import annotations

import mmap
from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from typing import Final

BUCKETS: Final = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""Upper bounds of the latency, in seconds."""
RESULTS: Final = ("allowed", "denied", "exempt", "lifted", "malformed")
ACTIONS: Final = ("deny", "warn", "audit")
FOUND: Final = ("fail", "error", "unknown")
THINGS: Final = ("policies", "certificate", "break-glass")

REVIEWS: Final = {r: f'mistrust_admission_reviews_total{{result="{r}"}}' for r in RESULTS}
FINDINGS: Final = {
    (a, r): f'mistrust_admission_findings_total{{action="{a}",result="{r}"}}' for a in ACTIONS for r in FOUND
}
RELOADS: Final = {
    (t, o): f'mistrust_reloads_total{{what="{t}",outcome="{o}"}}' for t in THINGS for o in ("changed", "refused")
}
FAILING: Final = {t: f'mistrust_reload_failing{{what="{t}"}}' for t in THINGS}
DURATION, SUM = "mistrust_admission_duration_seconds", "mistrust_admission_duration_seconds_sum"
OVERDUE = "mistrust_admission_overdue_total"
READY, POLICIES, CHANGED = "mistrust_ready", "mistrust_policies", "mistrust_policies_changed_timestamp_seconds"
EXPIRES, ENTRIES, BEAT = "mistrust_certificate_expires_timestamp_seconds", "mistrust_break_glass_entries", "beat"

COUNTERS: Final = (*REVIEWS.values(), *FINDINGS.values(), *RELOADS.values(), OVERDUE, SUM)
_COUNTS: Final = tuple(f'{DURATION}_bucket{{le="{le}"}}' for le in (*(f"{b:g}" for b in BUCKETS), "+Inf"))
GAUGES: Final[tuple[tuple[str, Callable[[Sequence[float]], float]], ...]] = (
    (READY, min),
    (POLICIES, min),
    (CHANGED, min),
    *((name, max) for name in FAILING.values()),
    (EXPIRES, min),
    (ENTRIES, max),
)
"""Each with what stands for all workers: the one that is worst."""
_PLACES: Final = {n: i for i, n in enumerate((*COUNTERS, *_COUNTS, *(n for n, _ in GAUGES), BEAT))}

HELP: Final = {
    "mistrust_admission_reviews_total": "AdmissionReviews by what was answered.",
    "mistrust_admission_findings_total": "What policies found, by what it leads to.",
    DURATION: "Time from the first byte of a review to its answer.",
    OVERDUE: "Reviews whose policies had not finished in time.",
    "mistrust_reloads_total": "Policies, certificates and break-glass files that changed, or were refused.",
    "mistrust_reload_failing": "1 while the newest could not be used, and an older one is.",
    READY: "1 when every worker has policies.",
    POLICIES: "Policies that are asked.",
    CHANGED: "When the policies in use were taken.",
    EXPIRES: "When the certificate in use ends.",
    ENTRIES: "Break-glass entries in force.",
}


class Board:
    """The numbers of all workers. Made before they are started; each writes its own."""

    def __init__(self, workers: int) -> None:
        self.workers = workers
        self._all = memoryview(mmap.mmap(-1, 8 * workers * len(_PLACES))).cast("d")

    def of(self, worker: int) -> Numbers:
        """The numbers of one worker."""
        width = len(_PLACES)
        return Numbers(self._all[worker * width : (worker + 1) * width])

    @property
    def ready(self) -> bool:
        """Has every worker policies?"""
        return all(self.of(i).get(READY) for i in range(self.workers))

    def text(self) -> str:
        """All of it, as Prometheus reads it."""
        lines: list[str] = []
        told = ""
        for name, value in self._values():
            family = name.partition("{")[0]
            for suffix in ("_bucket", "_sum", "_count"):
                family = family.removesuffix(suffix) if family.startswith(DURATION) else family
            if family != told:
                kind = "histogram" if family == DURATION else "counter" if family.endswith("_total") else "gauge"
                lines += [f"# HELP {family} {HELP[family]}", f"# TYPE {family} {kind}"]
                told = family
            lines.append(f"{name} {value:.17g}")
        return "\n".join([*lines, ""])

    def _values(self) -> Iterator[tuple[str, float]]:
        several = [self.of(i) for i in range(self.workers)]
        for name in COUNTERS:
            if name != SUM:
                yield name, sum(n.get(name) for n in several)
        below = 0.0
        for name in _COUNTS:
            below += sum(n.get(name) for n in several)
            yield name, below
        yield SUM, sum(n.get(SUM) for n in several)
        yield f"{DURATION}_count", below
        for name, worst in GAUGES:
            yield name, worst([n.get(name) for n in several])


class Numbers:
    """The numbers of one worker."""

    def __init__(self, slots: memoryview[float]) -> None:
        self._slots = slots

    def get(self, name: str) -> float:
        """One of them."""
        return self._slots[_PLACES[name]]

    def set(self, name: str, value: float) -> None:
        """Write one."""
        self._slots[_PLACES[name]] = value

    def add(self, name: str, value: float = 1.0) -> None:
        """Count."""
        self._slots[_PLACES[name]] += value

    def took(self, seconds: float) -> None:
        """One review was answered."""
        self.add(_COUNTS[bisect_left(BUCKETS, seconds)])
        self.add(SUM, seconds)
