"""The patch makes of the old files the new ones, for git and for patch."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from mistrust.report.inplace.patch import patch

CASES: dict[str, tuple[bytes | None, bytes | None]] = {
    "changed.yaml": (b"a: 1\nb: 2\nc: 3\n", b"a: 1\nc: 4\n"),
    "in/a folder/with spaces.yaml": (b"a: 1\n", b"a: 2\n"),
    'quoted\t"name".yaml': (b"a: 1\n", b"a: 2\n"),
    "é.yaml": ("é: 1\n".encode(), "é: 2\n".encode()),
    "returns.yaml": (b"a: 1\r\nb: 2\r\n", b"b: 2\r\n"),
    "no-end.yaml": (b"a: 1\nb: 2", b"a: 2\nb: 2"),
    "ended.yaml": (b"a: 1", b"a: 1\n"),
    "new.yaml": (None, b"a: 1\n"),
    "gone.yaml": (b"a: 1\nb: 2\n", None),
}


@pytest.mark.parametrize("tool", [["git", "apply", "-"], ["patch", "-p1", "--binary", "-s"]])
def test_it_is_taken(tool: list[str], tmp_path: Path) -> None:
    if shutil.which(tool[0]) is None:
        pytest.skip(f"{tool[0]} is not here")
    for name, (before, _) in CASES.items():
        if before is not None:
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).write_bytes(before)
    text = b"".join(line for name, (before, after) in CASES.items() for line in patch(name, before, after))
    subprocess.run(tool, input=text, cwd=tmp_path, check=True)
    for name, (_, after) in CASES.items():
        path = tmp_path / name
        assert (path.read_bytes() if path.exists() else None) == after, name


def test_nothing_is_said_where_nothing_changes() -> None:
    assert list(patch("a", b"x", b"x")) == []
