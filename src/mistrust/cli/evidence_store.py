"""Keep what logs show, in hours, so that months fit in megabytes and no log is read twice.

`add` reads what is new in audit logs and flow logs into a folder, STORE, which `--evidence` then takes in place of the
logs. A log that was read is not read again, under whatever name it is now; one that grew is read from where it ended.
Logs may be removed once they are added. `show` lists what a store has.

When one machine is not enough, MISTRUST_EVIDENCE_ENGINE, or `engine` under `[evidence]` in mistrust.toml, names what
answers. `postgres://` and `clickhouse://` hold a copy of each store, which `add` keeps up to date; `--evidence` and
`show` take such a URL too, and mean all stores that share the database. `spark://` reads the parts of STORE where they
are. They need `pip install 'mistrust[scale]'`.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections import Counter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mistrust.cli.evidence import Daily, Seen
    from mistrust.kube.version import Version
    from mistrust.store.published import Published
    from mistrust.store.store import Added, Store

ENGINE = "MISTRUST_EVIDENCE_ENGINE"
EXAMPLES = """examples:
  mistrust evidence add seen/ /var/log/kubernetes/audit/ hubble/
  mistrust evidence show seen/
  mistrust check --context prod --evidence seen/
  MISTRUST_EVIDENCE_ENGINE=postgres://seen@db/seen mistrust evidence add seen/
  mistrust check --context prod --evidence postgres://seen@db/seen
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `mistrust evidence`."""
    parser.add_argument("action", choices=("add", "show"))
    parser.add_argument("store", metavar="STORE", help="a folder; `add` makes it; show: or the URL of a database")
    parser.add_argument("paths", nargs="*", metavar="PATH", help="add: audit logs, flow logs, or folders of them")
    parser.add_argument("-q", "--quiet", action="store_true", help="no progress on standard error")


def run(args: argparse.Namespace) -> int:
    """Exit code 0; 1 where `add` found no evidence in any folder."""
    from mistrust.kube.errors import UsageError

    if args.action == "add":
        if not args.paths and not _copies():
            raise UsageError("nothing to add", wanted="logs, or folders of logs")
        return _add(args.store, args.paths, quiet=args.quiet)
    if args.paths:
        raise UsageError("show takes a store, and nothing else", got=args.paths[0])
    return _show(args.store)


def kept(path: str, version: Version | None, engine: str = "") -> Seen:
    """Everything that a store shows."""
    from mistrust.cli.evidence import Seen
    from mistrust.store.store import AUDIT, FLOWS

    store = _opened(path, engine)
    seen = Seen(store.record(AUDIT, version=version), store.record(FLOWS))
    store.close()
    return seen


def kept_days(path: str, version: Version | None, engine: str = "") -> Daily:
    """The same day by day."""
    from mistrust.access.flow import Traffic, TrafficDays
    from mistrust.access.record import Days
    from mistrust.cli.evidence import Daily
    from mistrust.store.store import AUDIT, FLOWS

    store = _opened(path, engine)
    audit, flows = store.record(AUDIT, version=version), store.record(FLOWS)
    requests, found = store.days(AUDIT, version=version), store.days(FLOWS)
    store.close()
    return Daily(
        Days({day: each.uses for day, each in requests.items() if each.uses}, audit.coverage) if audit else None,
        TrafficDays(
            {day: each.uses for day, each in found.items() if each.uses},
            flows.coverage,
            {day: each.exchanges for day, each in found.items() if isinstance(each, Traffic) and each.exchanges},
        )
        if flows
        else None,
    )


def manifest(url: str) -> bytes:
    """What counts in a database, as bytes to know it by."""
    from mistrust.store.copies import Copies

    copies = Copies(url)
    found = copies.manifest()
    copies.close()
    return found


def _engine(configured: str = "") -> str:
    """The URL of the engine; empty for the embedded one. Raises `UnsupportedError` for one that is not known."""
    from mistrust.cli.config import find_config, load_config
    from mistrust.store.engine import is_database

    url = os.environ.get(ENGINE) or configured or load_config(find_config(None, [])).evidence.engine
    if url:
        is_database(url)
    return url


def _copies() -> str:
    """The URL of the database that holds copies; empty where none does."""
    from mistrust.store.engine import is_database

    engine = _engine()
    return engine if engine and is_database(engine) else ""


def _opened(path: str, configured: str = "") -> Store | Published:
    """What answers: the store itself, or what a database holds of it, or of all stores."""
    from mistrust.cli.evidence import is_database as is_url
    from mistrust.kube.errors import UsageError
    from mistrust.store.copies import Copies
    from mistrust.store.engine import is_database, redacted
    from mistrust.store.published import Published
    from mistrust.store.store import Store

    if is_url(path):
        if not is_database(path):
            raise UsageError("an engine that holds no evidence", where=redacted(path), wanted="a store, or a database")
        return Published(Copies(path))
    engine = _engine(configured)
    if not engine:
        return Store(path)
    if is_database(engine):
        return Published(Copies(engine), Store(path))
    from mistrust.store.spark import Spark

    return Store(path, read=Spark(engine).read)


def _add(folder: str, paths: list[str], *, quiet: bool) -> int:
    from mistrust.cli.progress import Progress
    from mistrust.store.store import Became, Store

    database = _copies()
    store = Store(folder, create=bool(paths))
    done: list[Added] = []
    with Progress("reading", quiet=quiet) as progress:
        for path in paths:
            for added in store.add(path, progress.step):
                done.append(added)
                if added.became not in (Became.KNOWN, Became.OTHER):
                    _say(f"{added.file}: {added.became.value}: {added.kind}, {added.events:,} events")
    count = Counter(added.became for added in done)
    told = [f"{count[became]} {became.value}" for became in Became if count[became]]
    if paths:
        _say("; ".join(told) or "no files")
    if database:
        _publish(store, database, quiet=quiet)
    store.close()
    return 0 if not paths or any(added.became is not Became.OTHER for added in done) else 1


def _publish(store: Store, database: str, *, quiet: bool) -> None:
    from mistrust.cli.progress import Progress
    from mistrust.store.copies import Copies

    with Progress("copying", quiet=quiet) as progress:
        copies = Copies(database)
        progress.step(copies.about)
        copied = store.publish(copies)
        copies.close()
    _say(f"{copies.about}: {copied} parts copied")


def _show(path: str) -> int:
    store = _opened(path)
    logs = store.sources()
    width = max((len(f"{log.events:,}") for log in logs), default=0)
    for log in logs:
        _say(f"{log.kind:<5}  {_day(log.first)} to {_day(log.last)}  {log.events:>{width},} events  {log.file}")
    _say(_whole(store))
    store.close()
    return 0


def _whole(store: Store | Published) -> str:
    from mistrust.store.store import AUDIT, FLOWS, Store

    audit, flows = store.record(AUDIT), store.record(FLOWS)
    parts = [f"{store.size() / 1e6:,.1f} MB" if isinstance(store, Store) else store.about]
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
