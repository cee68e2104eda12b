"""Who may have had no occasion to use what it is given: the accounts of jobs that did not run while logs were kept."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping

from mistrust.access.record import Coverage
from mistrust.kube.core import ServiceAccount
from mistrust.kube.schedule import runs_between
from mistrust.kube.snapshot import Snapshot
from mistrust.kube.workloads import CronJob, Job, Workload
from mistrust.layers.identity.subjects import Principal, account, groups_of


def idle(snapshot: Snapshot, users: Collection[str], coverage: Coverage) -> Mapping[Principal, str]:
    """Each with the reason; what is given to a group of theirs they may be the ones to use.

    `users` are the names of all who were seen.
    """
    schedules: dict[object, CronJob] = {}
    for o in snapshot.of(CronJob):
        schedules.setdefault(o.ref, o)
    accounts = {(a.namespace, a.name): a for a in snapshot.of(ServiceAccount)}
    found: dict[Principal, str] = {}
    for workload in snapshot.workloads:
        if not _has_token(workload, accounts):
            continue
        own = account(workload.namespace, workload.spec.identity)
        for why in _reasons(workload, schedules.get(workload.ref), own.name in users, coverage):
            for principal in (own, *(Principal("Group", name) for name in groups_of(own))):
                found.setdefault(principal, f"{workload.ref} {why}: what it uses is unknown")
    return found


def _has_token(workload: Workload, accounts: Mapping[tuple[str, str], ServiceAccount]) -> bool:
    own = workload.spec.automount_service_account_token
    held = accounts.get((workload.namespace, workload.spec.identity))
    return own if own is not None else held is None or held.automount_service_account_token is not False


def _reasons(workload: Workload, job: CronJob | None, seen: bool, coverage: Coverage) -> Iterator[str]:
    if job is not None:
        if job.spec.suspend:
            yield "is suspended"
            return
        runs = runs_between(job.spec.schedule, coverage.first, coverage.last)
        if runs is None:
            yield f"runs when `{job.spec.schedule}` says, which was not understood"
        elif not runs:
            yield f"runs when `{job.spec.schedule}` says, which was never in these {coverage.days:.0f} days"
    elif workload.ref.kind == Job.KIND and not seen:
        yield "did not run"
