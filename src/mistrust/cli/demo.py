"""Write a small shop cluster with honest flaws in every layer, check it, and say what to try next."""

from __future__ import annotations

import argparse
import shutil
import sys
from importlib.resources import files
from pathlib import Path

from mistrust.kube.errors import InputError, UsageError

EXAMPLES = """examples:
  mistrust demo                  write ./mistrust-demo and check it
  mistrust demo --to /tmp/shop
"""

NEXT = """
What to try next:
  open {report}
  {me} explain --list {folder}           every finding with its id
  {me} paths {folder} --from pod         what any pod could reach if it were taken
  {me} can sa:shop/web create pods/exec {folder} -n shop
  {me} can who get secrets {folder} -n shop
Then take one change from the list above, edit {folder}, and run: {me} check {folder}
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `mistrust demo`."""
    parser.add_argument("--to", metavar="FOLDER", default="mistrust-demo", help="where to write the example")
    parser.add_argument("--here", action="store_true", help="check the example in place, write only out/report.html")


def run(args: argparse.Namespace) -> int:
    """Run the demo; its exit code is 0 even though the check fails, as it should."""
    from mistrust.cli import main

    shop = _shop()
    if not shop.is_dir():
        raise InputError("the example is not part of this installation", where=str(shop), do="install mistrust again")
    if args.here:
        folder, report = shop, Path("out/report.html")
    else:
        folder, report = Path(args.to), Path(args.to) / "report.html"
        if folder.exists():
            raise UsageError("already there", where=str(folder), do="remove it, or choose another with --to")
        shutil.copytree(shop, folder)
    report.parent.mkdir(parents=True, exist_ok=True)
    folder = _short(folder)
    sys.stdout.write(f"$ mistrust check {folder} -o text -o html={report}\n")
    sys.stdout.flush()
    code = main.run(["check", str(folder), "-o", "text", "-o", f"html={report}"])
    if code not in (0, 1):
        return code
    sys.stdout.write(NEXT.format(folder=folder, report=report, me=_me()))
    return 0


def _shop() -> Path:
    """The example in a wheel, or in a checkout."""
    packaged = Path(str(files("mistrust"))) / "examples" / "shop"
    checkout = Path(__file__).resolve().parents[3] / "examples" / "shop"
    return packaged if packaged.is_dir() else checkout


def _me() -> str:
    """How this program is called from here."""
    return "mistrust" if shutil.which("mistrust") else str(_short(Path(sys.argv[0]).absolute()))


def _short(path: Path) -> Path:
    try:
        return path.relative_to(Path.cwd())
    except ValueError:
        return path
