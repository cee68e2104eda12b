"""`--evidence`: files that show what is used, each recognised by what it holds, and stores of evidence."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Final

import msgspec

from mistrust.access.flow import Exchange, Flow, Traffic
from mistrust.access.record import Coverage, Days, Record
from mistrust.feeds.audit.read import is_audit, read_audit, read_audit_days
from mistrust.feeds.flows.read import is_flows, read_flow_days, read_flows
from mistrust.kube.errors import UsageError
from mistrust.kube.problem import Problem
from mistrust.kube.version import Version
from mistrust.layers.identity.lookup import Request

BEGIN: Final = 1 << 16
"""Bytes of a file that tell what it is."""
CATALOGUE: Final = "catalogue.sqlite"
"""In a folder that is a store."""
NONE: Final = "no evidence: used is unknown"


class Seen(msgspec.Struct, frozen=True):
    """Everything that was seen to be used; None where no file of that kind was given."""

    audit: Record[Request] | None = None
    flows: Record[Flow] | None = None

    @property
    def problems(self) -> tuple[Problem, ...]:
        """What was not understood, and what takes from the evidence."""
        return tuple(p for coverage in self._coverages() for p in coverage.problems)

    @property
    def exchanges(self) -> Record[Exchange] | None:
        """What proxies saw inside of the flows."""
        flows = self.flows
        return Record(flows.exchanges, flows.coverage) if isinstance(flows, Traffic) else None

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
    flows: Days[Flow] | None = None

    @property
    def problems(self) -> tuple[Problem, ...]:
        """What was not understood, and what takes from the evidence."""
        return tuple(p for days in (self.audit, self.flows) if days is not None for p in days.coverage.problems)


def evidence(paths: Sequence[str], version: Version | None, progress: Callable[[str], None]) -> Seen:
    """Read every file that the paths name; folders are walked, but stores of evidence, which answer.

    Raises `UsageError` for a path that does not exist, for a file that is neither an audit log nor a log of flows, and
    for a store beside other evidence of the same kind, which only a store can bring together.
    """
    stores = [path for path in paths if Path(path, CATALOGUE).is_file()]
    if stores:
        from mistrust.cli.evidence_store import kept

        logs = [path for path in paths if path not in stores]
        return _apart(
            *(kept(path, version) for path in stores), *((evidence(logs, version, progress),) if logs else ())
        )
    audit, flows = _logs(paths)
    return Seen(
        read_audit(audit, progress, version=version) if audit else None,
        read_flows(flows, progress) if flows else None,
    )


def daily(paths: Sequence[str], version: Version | None, progress: Callable[[str], None]) -> Daily:
    """The same day by day: read once, each day by itself. Raises the same."""
    stores = [path for path in paths if Path(path, CATALOGUE).is_file()]
    audit, flows = _logs([path for path in paths if path not in stores])
    found = [
        Daily(
            read_audit_days(audit, progress, version=version) if audit else None,
            read_flow_days(flows, progress) if flows else None,
        )
    ]
    if stores:
        from mistrust.cli.evidence_store import kept_days

        found += (kept_days(path, version, progress) for path in stores)
    audits = [each.audit for each in found if each.audit is not None]
    connections = [each.flows for each in found if each.flows is not None]
    if len(audits) > 1 or len(connections) > 1:
        raise _mixed()
    return Daily(audits[0] if audits else None, connections[0] if connections else None)


def _logs(paths: Sequence[str]) -> tuple[list[str], list[str]]:
    """The audit logs and the logs of flows that the paths name."""
    audit: list[str] = []
    flows: list[str] = []
    for path in paths:
        named = Path(path)
        if not named.exists():
            raise UsageError("no such evidence", where=path, wanted="an audit log, a log of flows, or a folder of them")
        files = [named] if named.is_file() else sorted(p for p in named.rglob("*") if p.is_file())
        kinds = [_kind(p) for p in files]
        if not any(kinds):
            wanted = "audit.k8s.io events, or flows of Hubble, Istio, Calico, conntrack, a VPC"
            raise UsageError("not evidence", where=path, wanted=wanted)
        audit += [str(p) for p, kind in zip(files, kinds, strict=True) if kind == "audit"]
        flows += [str(p) for p, kind in zip(files, kinds, strict=True) if kind == "flows"]
    return audit, flows


def _apart(*several: Seen) -> Seen:
    audit = [seen.audit for seen in several if seen.audit is not None]
    flows = [seen.flows for seen in several if seen.flows is not None]
    if len(audit) > 1 or len(flows) > 1:
        raise _mixed()
    return Seen(audit[0] if audit else None, flows[0] if flows else None)


def _mixed() -> UsageError:
    what = "a store of evidence beside other evidence of the same kind"
    return UsageError(what, do="add all of it to one store: mistrust evidence add STORE PATH")


def _kind(path: Path) -> str:
    try:
        with path.open("rb") as file:
            begin = file.read(BEGIN)
    except OSError as error:
        raise UsageError("evidence cannot be read", where=str(path), got=error.strerror or str(error)) from None
    if is_audit(begin):
        return "audit"
    return "flows" if is_flows(begin) else ""
