"""Keep what logs show, in hours, so that months fit in megabytes and no log is read twice.

`add` reads what is new in audit logs and flow logs into a folder, STORE, which `--evidence` then takes in place of the
logs. A log that was read is not read again, under whatever name it is now; one that grew is read from where it ended.
Logs may be removed once they are added. `show` lists what a store has.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Final, TypeVar

if TYPE_CHECKING:
    from mistrust.access.record import Days, Tally
    from mistrust.cli.evidence import Daily, Seen
    from mistrust.kube.version import Version
    from mistrust.store.rollup import Kind
    from mistrust.store.store import Added, Store

U = TypeVar("U")
DAY: Final = 86_400

EXAMPLES = """examples:
  mistrust evidence add seen/ /var/log/kubernetes/audit/ hubble/
  mistrust evidence show seen/
  mistrust check --context prod --evidence seen/
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `mistrust evidence`."""
    parser.add_argument("action", choices=("add", "show"))
    parser.add_argument("store", metavar="STORE", help="a folder; `add` makes it")
    parser.add_argument("paths", nargs="*", metavar="PATH", help="add: audit logs, flow logs, or folders of them")
    parser.add_argument("-q", "--quiet", action="store_true", help="no progress on standard error")


def run(args: argparse.Namespace) -> int:
    """Exit code 0; 1 where `add` found no evidence in any folder."""
    from mistrust.kube.errors import UsageError

    if args.action == "add":
        if not args.paths:
            raise UsageError("nothing to add", wanted="logs, or folders of logs")
        return _add(args.store, args.paths, quiet=args.quiet)
    if args.paths:
        raise UsageError("show takes a store, and nothing else", got=args.paths[0])
    return _show(args.store)


def kept(folder: str, version: Version | None) -> Seen:
    """Everything that a store shows."""
    from mistrust.cli.evidence import Seen
    from mistrust.store.store import AUDIT, FLOWS, Store

    store = Store(folder)
    seen = Seen(store.record(AUDIT, version=version), store.record(FLOWS))
    store.close()
    return seen


def kept_days(folder: str, version: Version | None, progress: Callable[[str], None]) -> Daily:
    """The same day by day."""
    from mistrust.cli.evidence import Daily
    from mistrust.store.store import AUDIT, FLOWS, Store

    store = Store(folder)
    daily = Daily(_days(store, AUDIT, version, progress), _days(store, FLOWS, None, progress))
    store.close()
    return daily


def _days(store: Store, kind: Kind[U], version: Version | None, progress: Callable[[str], None]) -> Days[U] | None:
    from mistrust.access.record import Days
    from mistrust.store.rollup import Window

    whole = store.record(kind, version=version)
    if whole is None:
        return None
    uses: dict[int, Mapping[U, Tally]] = {}
    for day in range(whole.coverage.first // DAY, whole.coverage.last // DAY + 1):
        progress(str(store.folder))
        found = store.record(kind, Window(day * DAY, (day + 1) * DAY), version)
        if found is not None and found.uses:
            uses[day] = found.uses
    return Days(uses, whole.coverage)


def _add(folder: str, paths: list[str], *, quiet: bool) -> int:
    from mistrust.cli.progress import Progress
    from mistrust.store.store import Became, Store

    store = Store(folder, create=True)
    done: list[Added] = []
    with Progress("reading", quiet=quiet) as progress:
        for path in paths:
            for added in store.add(path, progress.step):
                done.append(added)
                if added.became not in (Became.KNOWN, Became.OTHER):
                    _say(f"{added.file}: {added.became.value}: {added.kind}, {added.events:,} events")
    store.close()
    count = Counter(added.became for added in done)
    told = [f"{count[became]} {became.value}" for became in Became if count[became]]
    _say("; ".join(told) or "no files")
    return 0 if any(added.became is not Became.OTHER for added in done) else 1


def _show(folder: str) -> int:
    from mistrust.store.store import Store

    store = Store(folder)
    logs = store.sources()
    width = max((len(f"{log.events:,}") for log in logs), default=0)
    for log in logs:
        _say(f"{log.kind:<5}  {_day(log.first)} to {_day(log.last)}  {log.events:>{width},} events  {log.file}")
    _say(_whole(store))
    store.close()
    return 0


def _whole(store: Store) -> str:
    from mistrust.store.store import AUDIT, FLOWS

    audit, flows = store.record(AUDIT), store.record(FLOWS)
    parts = [f"{store.size() / 1e6:,.1f} MB"]
    for name, record in (("rights", audit), ("connections", flows)):
        if record is not None:
            known = record.coverage
            thin = f", {len(known.holes)} holes" if known.holes else ""
            bad = f", {known.bad:,} lines not understood" if known.bad else ""
            parts.append(f"{len(record.uses):,} {name} used in {known.days:.1f} days{thin}{bad}")
    return "; ".join(parts)


def _day(seconds: int) -> str:
    from datetime import UTC, datetime

    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M}"


def _say(text: str) -> None:
    from mistrust.report.clean import clean

    sys.stdout.write(f"{clean(text)}\n")
