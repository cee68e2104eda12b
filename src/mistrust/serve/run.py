"""The processes of a server: one that serves, or one that keeps several running."""

from __future__ import annotations

import os
import signal
import time
from types import FrameType

import msgspec

from mistrust.kube.errors import UsageError
from mistrust.serve.log import Log
from mistrust.serve.metrics import BEAT, READY, Board
from mistrust.serve.worker import Settings, listener, work

SILENCE = 30.0
"""Seconds without a sign of life after which a worker is replaced."""
PAUSE = 1.0
"""Seconds between two starts of one worker."""
LOOK = 0.1


def run(settings: Settings) -> int:
    """Serve until SIGTERM or SIGINT; exit code 0. Raises `UsageError` for a port that cannot be had."""
    board = Board(settings.workers)
    held = []
    try:
        for name, port in (("port", settings.port), ("health_port", settings.health_port)):
            held.append(listener(settings.host, port))  # not listening; it keeps the number for the workers
            settings = msgspec.structs.replace(settings, **{name: held[-1].getsockname()[1]})
    except OSError as error:
        raise UsageError("the port cannot be had", where=f"{settings.host}:{port}", got=error.strerror or "") from None
    try:
        return work(settings, 0, board) if settings.workers == 1 else Keeping(settings, board).run()
    finally:
        for each in held:
            each.close()


class Keeping:
    """Starts workers, replaces those that end or fall silent, and passes the end on."""

    def __init__(self, settings: Settings, board: Board) -> None:
        self._settings, self._board = settings, board
        self._processes: dict[int, int] = {}
        """Worker by process."""
        self._ending = False
        self._log = Log(settings.log)

    def run(self) -> int:
        """Until the last worker has ended."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._end)
        due = dict.fromkeys(range(self._settings.workers), 0.0)
        while self._processes or not self._ending:
            for worker, at in tuple(due.items()):
                if not self._ending and at <= time.monotonic():
                    del due[worker]
                    self._start(worker)
            for worker in self._ended():
                due[worker] = time.monotonic() + PAUSE
            if not self._ending:
                self._replace_silent()
            time.sleep(LOOK)
        return 0

    def _start(self, worker: int) -> None:
        numbers = self._board.of(worker)
        numbers.set(READY, 0)
        numbers.set(BEAT, time.monotonic())
        process = os.fork()
        if process:
            self._processes[process] = worker
            return
        code = 4
        try:
            code = work(self._settings, worker, self._board)
        except Exception as error:  # the keeper starts another; why is all that is left to say
            self._log.event("failed", worker=worker, why=f"{type(error).__name__}: {error}")
        finally:
            os._exit(code)

    def _ended(self) -> list[int]:
        found = []
        while self._processes:
            process, status = os.waitpid(-1, os.WNOHANG)
            if not process:
                break
            worker = self._processes.pop(process)
            self._board.of(worker).set(READY, 0)
            if not self._ending:
                self._log.event("ended", worker=worker, code=os.waitstatus_to_exitcode(status))
            found.append(worker)
        return found

    def _replace_silent(self) -> None:
        now = time.monotonic()
        for process, worker in self._processes.items():
            if now - self._board.of(worker).get(BEAT) > SILENCE:
                self._log.event("silent", worker=worker)
                self._board.of(worker).set(BEAT, now)
                os.kill(process, signal.SIGKILL)

    def _end(self, number: int, frame: FrameType | None) -> None:
        del number, frame
        self._ending = True
        for process in self._processes:
            os.kill(process, signal.SIGTERM)
