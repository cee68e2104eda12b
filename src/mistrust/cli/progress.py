"""One line of progress on standard error, for people only."""

from __future__ import annotations

import sys
import time
from types import TracebackType
from typing import Self

AFTER = 0.4
"""Seconds before the line appears: short work stays silent."""
EVERY = 0.1


class Progress:
    """Shows what is being worked on, if standard error is a terminal and the work is long; leaves nothing behind."""

    def __init__(self, what: str, *, quiet: bool = False) -> None:
        self._what = what
        self._shown = False
        self._active = not quiet and sys.stderr.isatty()
        self._next = time.monotonic() + AFTER
        self._count = 0

    def step(self, name: str) -> None:
        """Say that work on `name` begins."""
        self._count += 1
        if not self._active or time.monotonic() < self._next:
            return
        self._next = time.monotonic() + EVERY
        self._shown = True
        printable = "".join(c if c.isprintable() else "?" for c in name)[-60:]
        sys.stderr.write(f"\r\x1b[2K{self._what} {self._count}: {printable}")
        sys.stderr.flush()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if self._shown:
            sys.stderr.write("\r\x1b[2K")
            sys.stderr.flush()
