"""An end to evaluations that do not end by themselves, inside of the thread that evaluates.

Policies are compiled to Python, and Python looks for signals between two steps of its own: a timer's signal becomes an
exception there. A built-in that runs in C is waited for; those are linear in what they are given.
"""

from __future__ import annotations

import signal
from types import FrameType, TracebackType

from mistrust.admission.policy import OverdueError

AGAIN = 0.05
"""Seconds after which it rings again, in case that the exception was lost in a destructor."""


class Budget:
    """A block that ends by `OverdueError` after so many seconds; `end` it too. For the main thread, one at a time.

    The signal may come between any two steps, those of beginning and ending the block among them.
    """

    _current: Budget | None = None

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self.over = False
        """It ended so."""

    @classmethod
    def install(cls) -> None:
        """Once for the process, before the first block."""
        signal.signal(signal.SIGALRM, cls._ring)

    @classmethod
    def _ring(cls, number: int, frame: FrameType | None) -> None:
        del number, frame
        if cls._current is not None:
            cls._current.over = True
            raise OverdueError

    def __enter__(self) -> None:
        Budget._current = self
        signal.setitimer(signal.ITIMER_REAL, max(self._seconds, 1e-3), AGAIN)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.end()

    def end(self) -> None:
        """No more signals."""
        Budget._current = None
        signal.setitimer(signal.ITIMER_REAL, 0)
