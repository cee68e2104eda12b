"""Work on many files, by as many processes as there are processors, where that is worth their start."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Final, TypeVar

from mistrust.feeds.sources import STDIN, Source
from mistrust.kube.errors import InputError

WORTH: Final = 32 << 20
"""Bytes of files; with fewer the processes would take longer to start than to read."""
MOST: Final = 8
"""Processes: each holds what it has read."""
B = TypeVar("B")


def processes(sources: Sequence[Source]) -> int:
    """How many to use; 1 for few files, small ones, and standard input."""
    if len(sources) < 2 or any(source.name == STDIN for source in sources):
        return 1
    size = sum(Path(source.name).stat().st_size for source in sources if Path(source.name).is_file())
    if size < WORTH:
        return 1
    mine = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(len(sources), mine, MOST)


def spread(work: Callable[[Source], B], sources: Sequence[Source], many: int) -> Iterator[B]:
    """What `work` makes of each source, in order. It and its results must be picklable.

    Raises what `work` raises, and `InputError` where the system ends a process.
    """
    from concurrent.futures import ProcessPoolExecutor
    from concurrent.futures.process import BrokenProcessPool
    from multiprocessing import get_context

    try:
        end = (signal.SIGINT, signal.SIG_DFL)  # an interrupt ends them at once, and is told once
        with ProcessPoolExecutor(many, get_context("spawn"), initializer=signal.signal, initargs=end) as pool:
            yield from pool.map(work, sources)
    except BrokenProcessPool:
        do = "give fewer files at a time, or add them to a store one by one: mistrust evidence add"
        raise InputError("a process that reads was killed", got="too little memory, perhaps", do=do) from None
