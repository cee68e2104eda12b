"""Golden files: what a person accepted once. `MISTRUST_ACCEPT=1` rewrites them; read the difference."""

from __future__ import annotations

import os
from pathlib import Path

GOLDEN = Path(__file__).parent / "golden"


def same(name: str, got: str | bytes, folder: Path = GOLDEN) -> None:
    """The output equals the accepted one."""
    data = got.encode() if isinstance(got, str) else got
    file = folder / name
    if os.environ.get("MISTRUST_ACCEPT"):
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(data)
    wanted = file.read_bytes() if file.exists() else b""
    assert wanted.decode() == data.decode(), f"{file.name} differs; MISTRUST_ACCEPT=1 accepts the new output"
