"""Write the month: three folders of logs, a file a day, as the API server and Hubble's exporter rotate them."""

from __future__ import annotations

import gzip
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final

from mistrust.cli.shop import access, audit, connection, event, flows
from mistrust.cli.shop.calendar import DAYS, Day
from mistrust.cli.shop.cluster import Cluster

SEED: Final = 4
FAST: Final = 1
"""Level of gzip; the demo waits for it."""


def write_month(folder: Path, *, seed: int = SEED, days: int = DAYS, progress: Callable[[str], object] = str) -> int:
    """Write `audit/`, `flows/` and `access/` into a folder; the same bytes for the same seed. Returns how many lines.

    All but the last day are packed: that is the file that is still written to.
    """
    cluster = Cluster(seed, days)
    count = 0
    for name in ("audit", "flows", "access"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    for number in range(days):
        day = Day(number, seed)
        progress(day.date.isoformat())
        opened = tuple(flows.opened(day, cluster))
        for name, lines in (
            ("audit/audit", event.lines(audit.asked(day, cluster), day)),
            ("flows/hubble", connection.lines(opened, day)),
            ("access/istio-proxy", access.lines(opened, day)),
        ):
            count += _write(folder / name, lines, day, last=number == days - 1)
    return count


def _write(path: Path, lines: Iterable[str], day: Day, *, last: bool) -> int:
    text = list(lines)
    data = "".join(text).encode()
    if last:
        path.with_name(f"{path.name}.log").write_bytes(data)
    else:
        rotated = path.with_name(f"{path.name}-{day.date.isoformat()}T23-59-59.999.log.gz")
        rotated.write_bytes(gzip.compress(data, FAST, mtime=0))
    return len(text)
