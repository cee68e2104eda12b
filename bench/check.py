"""Cold `mistrust check` beside Checkov on the same folders: whole processes, wall time and peak memory, in one run.

    python bench/check.py [--checkov PATH] FOLDER...

Checkov is looked for on PATH and in $CHECKOV (`pip install checkov` into an environment of its own). Without folders
the example shop is checked. Each command runs once to warm the file cache and then `--runs` times, in turn; medians are
printed.
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

SHOP = Path(__file__).resolve().parents[1] / "examples" / "shop"


def measured(command: list[str]) -> tuple[float, float]:
    """Wall seconds and peak MB of one run, asked of the operating system about that child alone."""
    start = time.perf_counter()
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as child:
        _, _, usage = os.wait4(child.pid, 0)
        child.returncode = 0
    return time.perf_counter() - start, usage.ru_maxrss / 1024


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", nargs="*", default=[str(SHOP)])
    parser.add_argument("--checkov", default=os.environ.get("CHECKOV") or shutil.which("checkov"))
    parser.add_argument("--runs", type=int, default=3)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        for i, source in enumerate(args.folders):  # Checkov reads one folder a run
            shutil.copytree(source, Path(folder) / str(i))
        return compare(folder, args.checkov, args.runs)


def compare(folder: str, checkov: str | None, turns: int) -> int:
    commands = {"mistrust": [sys.executable, "-m", "mistrust", "check", folder]}
    if checkov:
        commands["checkov"] = [checkov, "--framework", "kubernetes", "--quiet", "--compact", "-d", folder]
    else:
        print("checkov is not installed: set CHECKOV or --checkov")
    results: dict[str, list[tuple[float, float]]] = {name: [] for name in commands}
    for turn in range(turns + 1):
        for name, command in commands.items():
            found = measured(command)
            if turn:
                results[name].append(found)
    medians = {name: tuple(statistics.median(x) for x in zip(*runs, strict=True)) for name, runs in results.items()}
    for name, (wall, peak) in medians.items():
        print(f"{name:10} {wall:7.2f} s {peak:7.0f} MB")
    if "checkov" in medians:
        a, b = medians["checkov"], medians["mistrust"]
        print(f"ratio      {a[0] / b[0]:7.1f} x {a[1] / b[1]:7.1f} x")
    return 0


if __name__ == "__main__":
    sys.exit(main())
