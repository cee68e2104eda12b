"""Test data written elsewhere: public corpora that a checkout may or may not have beside it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

ROOT = Path(os.environ.get("MISTRUST_CORPORA", Path(__file__).resolve().parents[2] / "shared" / "corpora"))


def corpus(name: str) -> Path:
    """The folder of one corpus; the test is skipped, saying so, where it is absent."""
    folder = ROOT / name
    if not folder.exists():
        pytest.skip(f"corpus {name!r} is not here (set MISTRUST_CORPORA to the folder that holds it)")
    return folder
