"""`--evidence`: files that show what is used, each recognised by what it holds, and stores of evidence."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Final, NamedTuple

import msgspec

from mistrust.access.flow import Exchange, Flow, Traffic, TrafficDays
from mistrust.access.record import Coverage, Days, Record
from mistrust.feeds.audit.read import is_audit, read_audit, read_audit_days
from mistrust.feeds.flows.read import is_flows, read_flow_days, read_flows
from mistrust.kube.audit_policy import AuditPolicy
from mistrust.kube.errors import InputError, UsageError
from mistrust.kube.problem import Problem
from mistrust.kube.read import read
from mistrust.kube.snapshot import Snapshot
from mistrust.kube.version import Version
from mistrust.layers.identity.dark import Dark
from mistrust.layers.identity.lookup import Request
from mistrust.layers.identity.rarely import idle

BEGIN: Final = 1 << 16
"""Bytes of a file that tell what it is."""
CATALOGUE: Final = "catalogue.sqlite"
"""In a folder that is a store."""
_POLICY: Final = re.compile(rb"""(?:^|[\s{,])["']?kind["']?\s*:\s*["']?Policy["']?\s*(?:[,#}]|$)""", re.MULTILINE)
NONE: Final = "no evidence: used is unknown"


class Seen(msgspec.Struct, frozen=True):
    """Everything that was seen to be used; None where no file of that kind was given."""

    audit: Record[Request] | None = None
    flows: Record[Flow] | None = None
    policies: tuple[AuditPolicy, ...] = ()
    """The audit policies by which the log was written."""

    @property
    def problems(self) -> tuple[Problem, ...]:
        """What was not understood, and what takes from the evidence."""
        return tuple(p for coverage in self._coverages() for p in coverage.problems)

    @property
    def exchanges(self) -> Record[Exchange] | None:
        """What proxies saw inside of the flows."""
        flows = self.flows
        return Record(flows.exchanges, flows.coverage) if isinstance(flows, Traffic) else None

    def dark(self, snapshot: Snapshot) -> Dark:
        """What of permissions could be used without the audit log showing it."""
        assert self.audit is not None
        return _dark(snapshot, self.audit.coverage, self.audit.uses, self.policies)

    def words(self) -> str:
        """`evidence 31 days (audit, flows)`."""
        kinds = [name for name, record in (("audit", self.audit), ("flows", self.flows)) if record is not None]
        if not kinds:
            return NONE
        days = max((c.days for c in self._coverages()), default=0.0)
        span = f"{days:.0f} days" if days >= 2 else f"{days * 24:.0f} hours"
        thin = [w for c in self._coverages() for w in ("holes" if c.holes else "", "sampled" if c.sampled else "") if w]
        return f"evidence {span} ({', '.join((*kinds, *dict.fromkeys(thin)))})"

    def _coverages(self) -> Iterator[Coverage]:
        yield from (r.coverage for r in (self.audit, self.flows) if r is not None)


class Daily(msgspec.Struct, frozen=True):
    """The same day by day."""

    audit: Days[Request] | None = None
    flows: TrafficDays | None = None
    policies: tuple[AuditPolicy, ...] = ()

    @property
    def problems(self) -> tuple[Problem, ...]:
        """What was not understood, and what takes from the evidence."""
        return tuple(p for days in (self.audit, self.flows) if days is not None for p in days.coverage.problems)

    def dark(self, snapshot: Snapshot) -> Dark:
        """What of permissions could be used without the audit log showing it."""
        assert self.audit is not None
        every = (request for uses in self.audit.uses.values() for request in uses)
        return _dark(snapshot, self.audit.coverage, every, self.policies)


def _dark(snapshot: Snapshot, coverage: Coverage, requests: Iterable[Request], policies: Iterable[AuditPolicy]) -> Dark:
    every = (*policies, *snapshot.of(AuditPolicy))
    return Dark(coverage, every, idle(snapshot, {request.user for request in requests}, coverage))


def evidence(paths: Sequence[str], version: Version | None, progress: Callable[[str], None], engine: str = "") -> Seen:
    """Read every file that the paths name; folders are walked, but stores of evidence, which answer, as databases do.

    Parameters: `engine`, what the configuration says that answers for stores.

    An audit policy is evidence too: of what no log would show.

    Raises `UsageError` for a path that does not exist, for a file that is neither an audit log nor a log of flows, and
    for a store beside other evidence of the same kind, which only a store can bring together.
    """
    stores = [path for path in paths if is_database(path) or Path(path, CATALOGUE).is_file()]
    if stores:
        from mistrust.cli.evidence_store import kept

        logs = [path for path in paths if path not in stores]
        return _apart(
            *(kept(path, version, engine) for path in stores), *((evidence(logs, version, progress),) if logs else ())
        )
    found = _found(paths)
    return Seen(
        read_audit(found.audit, progress, version=version) if found.audit else None,
        read_flows(found.flows, progress) if found.flows else None,
        tuple(p for path in found.policies for p in _policies(path)),
    )


def daily(paths: Sequence[str], version: Version | None, progress: Callable[[str], None], engine: str = "") -> Daily:
    """The same day by day: read once, each day by itself. Raises the same."""
    stores = [path for path in paths if is_database(path) or Path(path, CATALOGUE).is_file()]
    named = _found([path for path in paths if path not in stores])
    found = [
        Daily(
            read_audit_days(named.audit, progress, version=version) if named.audit else None,
            read_flow_days(named.flows, progress) if named.flows else None,
        )
    ]
    if stores:
        from mistrust.cli.evidence_store import kept_days

        found += (kept_days(path, version, engine) for path in stores)
    audits = [each.audit for each in found if each.audit is not None]
    connections = [each.flows for each in found if each.flows is not None]
    if len(audits) > 1 or len(connections) > 1:
        raise _mixed()
    policies = tuple(p for path in named.policies for p in _policies(path))
    return Daily(audits[0] if audits else None, connections[0] if connections else None, policies)


class _Found(NamedTuple):
    """Files by what they hold."""

    audit: list[str]
    flows: list[str]
    policies: list[str]


def _found(paths: Sequence[str]) -> _Found:
    """Every file of evidence that the paths name."""
    found = _Found([], [], [])
    for path in paths:
        named = Path(path)
        if not named.exists():
            raise UsageError("no such evidence", where=path, wanted="an audit log, a log of flows, or a folder of them")
        files = [named] if named.is_file() else sorted(p for p in named.rglob("*") if p.is_file())
        kinds = [_kind(p) for p in files]
        if not any(kinds):
            wanted = "audit.k8s.io events, or flows of Hubble, Istio, Calico, conntrack, a VPC"
            raise UsageError("not evidence", where=path, wanted=wanted)
        of = {"audit": found.audit, "flows": found.flows, "policy": found.policies}
        for file, kind in zip(files, kinds, strict=True):
            if kind:
                of[kind].append(str(file))
    return found


def _policies(path: str) -> tuple[AuditPolicy, ...]:
    """The audit policy in a file. Raises `InputError` for one that the API server would not take."""
    objects, problems = read(Path(path).read_bytes(), path)
    if problems:
        raise InputError("not an audit policy", where=path, got=str(problems[0]))
    return tuple(o for o in objects if isinstance(o, AuditPolicy))


def is_database(path: str) -> bool:
    """Is it the URL of a database, not a file?"""
    return "://" in path


def public(path: str) -> str:
    """A path, or a URL without its password."""
    if not is_database(path):
        return path
    from mistrust.store.engine import redacted

    return redacted(path)


def _apart(*several: Seen) -> Seen:
    audit = [seen.audit for seen in several if seen.audit is not None]
    flows = [seen.flows for seen in several if seen.flows is not None]
    if len(audit) > 1 or len(flows) > 1:
        raise _mixed()
    policies = tuple(policy for seen in several for policy in seen.policies)
    return Seen(audit[0] if audit else None, flows[0] if flows else None, policies)


def _mixed() -> UsageError:
    what = "a store of evidence beside other evidence of the same kind"
    return UsageError(what, do="add all of it to one store: mistrust evidence add STORE PATH")


def _kind(path: Path) -> str:
    try:
        with path.open("rb") as file:
            begin = file.read(BEGIN)
    except OSError as error:
        raise UsageError("evidence cannot be read", where=str(path), got=error.strerror or str(error)) from None
    if b"audit.k8s.io/" in begin and b"auditID" not in begin and _POLICY.search(begin):
        return "policy"
    if is_audit(begin):
        return "audit"
    return "flows" if is_flows(begin) else ""
