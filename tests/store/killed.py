"""Adds logs to a store and kills itself, as `kill -9` does, at the n-th line of the store's code; prints the number."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path
from types import FrameType

import mistrust.store.store as room
from mistrust.store.store import Store

ROOM = str(Path(room.__file__).parent)


class Killer:
    """Counts lines."""

    def __init__(self, last: int) -> None:
        self.left = last

    def __call__(self, frame: FrameType, event: str, _: object) -> Killer | None:
        if not frame.f_code.co_filename.startswith(ROOM):
            return None
        if event == "line":
            self.left -= 1
            if self.left == 0:
                os.kill(os.getpid(), signal.SIGKILL)
        return self


def main(folder: str, last: int, *paths: str) -> None:
    killer = Killer(last)
    sys.settrace(killer)
    store = Store(folder, create=True)
    for path in paths:
        for _ in store.add(path):
            pass
    sys.settrace(None)
    sys.stdout.write(f"{last - killer.left}\n")


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), *sys.argv[3:])
