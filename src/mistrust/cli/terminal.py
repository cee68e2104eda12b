"""The terminal that a command prints to."""

from __future__ import annotations

import os
import shutil
import sys
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from mistrust.report.screen import Screen


def terminal_screen(colour: Literal["auto", "always", "never"] = "auto") -> Screen:
    """Width, colour and characters of standard output."""
    from mistrust.report.screen import screen

    terminal = sys.stdout.isatty()
    return screen(
        os.environ,
        terminal=terminal,
        columns=shutil.get_terminal_size((0, 0)).columns if terminal else 0,
        encoding=sys.stdout.encoding or "ascii",
        colour=colour,
    )
