"""The store of evidence: reading through it against reading logs, and a month that stands for 100 million events.

python bench/store.py [--events N] [--days N] [--engine URL]

With an engine (an empty database of PostgreSQL or ClickHouse) also: the month copied there, and reported from there.
"""

from __future__ import annotations

import argparse
import json
import random
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import msgspec

from mistrust.access.record import Tally
from mistrust.feeds.audit.read import read_audit
from mistrust.feeds.sources import Source
from mistrust.store import adding
from mistrust.store.audit import Audit
from mistrust.store.copies import Copies
from mistrust.store.file import Extent, Unread
from mistrust.store.published import Published
from mistrust.store.rollup import Batch, Cell, Progress, Values
from mistrust.store.store import AUDIT, Store

START = 1_760_000_000 // 86_400 * 86_400
ROWS, USES, EVENTS = 100_000, 20_000, 3_333_334
"""Of one day: rows of the rollup, distinct uses to choose from, and events that it stands for."""
T = TypeVar("T")


def timed(work: Callable[[], T]) -> tuple[float, float, T]:
    """Seconds of the clock and of the processors."""
    wall, cpu = time.perf_counter(), time.process_time()
    found = work()
    return time.perf_counter() - wall, time.process_time() - cpu, found


def log(path: Path, count: int) -> None:
    """An audit log of one day, as a busy API server writes it."""
    dice = random.Random(1)
    pad = {"authorization.k8s.io/decision": "allow", "authorization.k8s.io/reason": "RBAC: allowed by " + "x" * 120}
    with path.open("w") as file:
        for i in range(count):
            at = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(START + i * 86_400 // count)) + f".{i % 1_000_000:06}Z"
            n, name = dice.randrange(50), f"app-{dice.randrange(20)}"
            event = {
                "kind": "Event", "apiVersion": "audit.k8s.io/v1", "level": "Metadata", "auditID": f"{i:032x}",
                "stage": "ResponseComplete", "requestURI": f"/api/v1/namespaces/ns{n}/pods/{name}", "verb": "get",
                "user": {"username": f"system:serviceaccount:ns{n}:sa", "uid": "6f0d8c8b-9f3b-4b44-9a3e-0a1b2c3d4e5f",
                         "groups": ["system:serviceaccounts", f"system:serviceaccounts:ns{n}", "system:authenticated"]},
                "sourceIPs": ["10.0.0.1"], "userAgent": "app/v1.2.3 (linux/amd64) kubernetes/$Format",
                "objectRef": {"resource": "pods", "namespace": f"ns{n}", "name": name, "apiVersion": "v1"},
                "responseStatus": {"metadata": {}, "code": 200}, "requestReceivedTimestamp": at, "stageTimestamp": at,
                "annotations": pad,
            }  # fmt: skip
            file.write(json.dumps(event, separators=(",", ":")) + "\n")


class Days(Audit):
    """Reads a file that names a day, as if it were the day's log: only what the store adds is measured."""

    def __init__(self) -> None:
        dice = random.Random(2)
        verbs, kinds = ("get", "list", "watch", "update", "patch"), ("pods", "configmaps", "leases", "secrets")
        self.uses: list[Values] = []
        for i in range(USES):
            n, groups = i % 300, '["system:serviceaccounts","system:authenticated"]'
            who = f"system:serviceaccount:ns{n}:sa{i % 7}"
            about = (dice.choice(kinds), f"ns{n}", f"name-{i}", "", "", "v1", None)
            self.uses.append((dice.choice(verbs), who, groups, *about, True, False, b"", "", False))

    def recognises(self, begin: bytes) -> bool:
        return begin.startswith(b"day ")

    def read(self, source: Source, unread: Unread, progress: Progress) -> Batch:
        day = int(b"".join(unread.opened(source.name)).split()[1])
        dice, begin = random.Random(day), START + day * 86_400
        cells = []
        for hour in range(24):
            at = begin + hour * 3600
            for use in dice.sample(self.uses, ROWS // 24):
                cells.append(Cell(at // 3600, use, Tally(dice.randint(1, 66), at, at + 3599)))
        notes = {
            "first": begin, "last": begin + 86_399, "events": EVENTS, "bad": 0, "others": 0, "cloud_logging": False,
            "outcomes": {}, "received": [], "answered": [], "minutes": {day + START // 86_400: b"\3" * 1440},
            "problems": [],
        }  # fmt: skip
        return Batch(cells, msgspec.json.encode(notes), EVENTS, begin, begin + 86_399)


def real(folder: Path, count: int) -> None:
    path = folder / "audit.log"
    log(path, count)
    size = path.stat().st_size / 1e6
    wall, cpu, direct = timed(lambda: read_audit([str(path)]))
    print(f"read_audit        {count:,} events, {size:.0f} MB: {wall:.2f} s, {count / cpu:,.0f} events/CPU-s")
    store = Store(folder / "store", create=True)
    wall_add, cpu_add, _ = timed(lambda: list(store.add(str(path))))
    print(f"evidence add      {wall_add:.2f} s, {count / cpu_add:,.0f} events/CPU-s: {cpu_add / cpu:.2f} x read_audit")
    wall_known, _, _ = timed(lambda: list(store.add(str(path))))
    print(f"add it again      {wall_known * 1000:.0f} ms: 1/{wall / wall_known:,.0f} of read_audit")
    wall_kept, _, kept = timed(lambda: store.record(AUDIT))
    assert kept is not None
    assert kept.uses == direct.uses
    print(f"record            {wall_kept * 1000:.0f} ms: 1/{wall / wall_kept:,.0f} of read_audit, and equal")
    store.close()
    kept_size = store.size() / 1e6
    print(f"on the disk       {kept_size:.2f} MB: 1/{size / kept_size:,.0f} of the log")


def month(folder: Path, days: int, engine: str) -> None:
    made = Days()
    adding.KINDS = (made,)  # type: ignore[misc,assignment]
    store = Store(folder / "month", create=True)
    spent = 0.0
    for day in range(days):
        file = folder / f"{day}.day"
        file.write_text(f"day {day}\n")
        _, making, _ = timed(lambda f=file: made.read(Source(str(f), True), Unread(b"", Extent(), True), print))  # type: ignore[misc]
        _, cpu, _ = timed(lambda f=file: list(store.add(str(f))))  # type: ignore[misc]
        spent += cpu - making
    rows = days * (ROWS // 24 * 24)
    size = store.size() / 1e6
    print(f"a month           {rows:,} rows that stand for {days * EVENTS:,} events: {rows / spent:,.0f} rows/CPU-s in")
    print(f"on the disk       {size:.1f} MB: {size * 1e6 / rows:.1f} bytes a row")
    for name in ("report", "report again"):
        wall, cpu, record = timed(lambda: store.record(AUDIT))
        assert record is not None
        print(f"{name:<17} {wall:.2f} s ({cpu:.2f} CPU-s) for {len(record.uses):,} uses; goal 2 s")
    wall, _, by_day = timed(lambda: store.days(AUDIT))
    print(f"day by day        {wall:.2f} s for {sum(len(day.uses) for day in by_day.values()):,} uses of {days} days")
    if engine:
        copied(store, record.uses, rows, Copies(engine))


def copied(store: Store, expected: object, rows: int, copies: Copies) -> None:
    for name in ("copied", "copied again"):
        wall, _, count = timed(lambda: store.publish(copies))
        print(f"{name:<17} {wall:.2f} s: {count} parts, {rows / wall:,.0f} rows/s, to {copies.about}")
    for name in ("report", "report again"):
        wall, cpu, record = timed(lambda: Published(copies).record(AUDIT))
        assert record is not None
        assert record.uses == expected
        print(f"{name:<17} {wall:.2f} s ({cpu:.2f} CPU-s here), and equal")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events", type=int, default=200_000)
    parser.add_argument("--days", type=int, default=30)
    parser.add_argument("--engine", metavar="URL", default="")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        real(Path(name), args.events)
        month(Path(name), args.days, args.engine)


if __name__ == "__main__":
    main()
