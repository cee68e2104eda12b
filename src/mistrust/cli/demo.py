"""Write a small shop cluster with honest flaws and a month of its logs, check it, tighten it, and check it again.

The logs are made up: the same month for the same seed. Nothing outside the folder is written or asked.
"""

from __future__ import annotations

import argparse
import shlex
import shutil
import sys
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from mistrust.kube.errors import InputError, UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence


class Row(msgspec.Struct):
    """A row of what `check` writes for programs."""

    granted: int
    excess: float | None = None


class PathsFound(msgspec.Struct):
    """Its attack paths."""

    pairs: int
    changes: list[msgspec.Raw]


class Found(msgspec.Struct):
    """One of its findings."""

    rule: str


class Answer(msgspec.Struct):
    """As much of it as the demo compares."""

    rows: list[Row]
    paths: PathsFound
    findings: list[Found]


EXAMPLES = """examples:
  mistrust demo                  write ./mistrust-demo and go through it
  mistrust demo --to /tmp/shop
"""

NEXT = (
    ("open {out}/report.html", ""),
    ("{me} explain --list {shop}", "every finding with its id"),
    ("{me} paths {shop} --from pod", "what any pod could reach if it were taken"),
    ("{me} can sa:shop/web create pods/exec {shop} -n shop", ""),
    ("{me} can who get secrets {out}/tightened -n shop", ""),
    ('grep -h "used:" {out}/tighter/*/*.yaml', "what each rule that stayed rests on"),
    ("{me} evidence add {out}/seen {out}/evidence", "the month in a megabyte, to be read once"),
)
HIDDEN = (
    "Two things hide in the month: a day of broken glass, and a night on which somebody had the token of the dashboard."
)
FROM_OUTSIDE = "MT-PATH-00"
"""The checks of attack paths that begin outside; those from MT-PATH-011 on begin in a pod that was taken."""
WRITTEN = (
    *("evidence", "tighter", "tightened", "by-hand.patch"),
    *("report.html", "after.html", "before.json", "tightened.json", "after.json"),
)
"""What the demo writes beside the shop."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `mistrust demo`."""
    parser.add_argument("--to", metavar="FOLDER", default="mistrust-demo", help="where to write the example")
    parser.add_argument("--here", action="store_true", help="check the example in place, write only into out/")


def run(args: argparse.Namespace) -> int:
    """Run the demo; its exit code is 0 even though the checks fail, as they should."""
    from mistrust.cli.progress import Progress
    from mistrust.cli.shop.calendar import DAYS
    from mistrust.cli.shop.month import SEED, write_month
    from mistrust.cli.shop.overlay import by_hand, overlay

    shop, out = _places(args)
    evidence, tighter, tightened = out / "evidence", out / "tighter", out / "tightened"
    seen = ["--evidence", str(evidence)]
    with Progress("making a month of logs") as progress:
        lines = write_month(evidence, progress=progress.step)
    _say(f"{shop} is a small shop on Kubernetes, with honest flaws.")
    _say(f"{evidence} has {DAYS} days of its audit, flow and access logs: {lines:,} lines, made up from seed {SEED}.")

    _say("\n1. What is granted, what of it is used, and where the rest leads")
    before = _check(shop, seen, out / "before.json", "-o", "text", "-o", f"html={out / 'report.html'}")
    _say("\n2. The permissions that are just enough for what was used")
    _step(["tighten", str(shop), *seen, "-o", str(tighter)], fine=(0, 3))
    _say("\n3. Applied: to a cluster with kubectl, here to a copy of the files")
    _say(f"$ kubectl apply -f {tighter}/changed -f {tighter}/new; kubectl delete -f {tighter}/deleted")
    _say(f"$ for f in {tighter}/fields/*; do kubectl patch -f $f --patch-file $f; done")
    shutil.copytree(shop, tightened)
    replaced = overlay(tightened, tighter)
    _say(f"{tightened}: {replaced} objects of {shop} were changed or deleted")
    _say("\n4. Proved: nothing that was used is lost, nothing is gained")
    _step(["prove", str(shop), str(tightened), *seen], fine=(0, 3))
    after = _check(tightened, seen, out / "tightened.json")
    _say(
        "\n5. What is left to change is what two pods may do to their nodes. No log tells whether they need it: you do"
    )
    patch = by_hand(tightened)
    (out / "by-hand.patch").write_text(patch, "utf-8")
    _say(f"$ patch -d {tightened} -p1 < {out / 'by-hand.patch'}\n{patch.rstrip()}")
    _say("\n6. Checked again")
    last = _check(tightened, seen, out / "after.json", "-o", "text", "-o", f"html={out / 'after.html'}")

    _say(f"\n{'':<24}{'permissions':>12}{'excess':>9}{'paths from outside':>20}{'changes to cut them':>21}")
    for name, each in (("as it was", before), ("tightened", after), ("and two pods by hand", last)):
        row, outside = each.rows[0], sum(f.rule.startswith(FROM_OUTSIDE) for f in each.findings)
        excess = "unknown" if row.excess is None else f"{row.excess:.1%}"
        changes = len(each.paths.changes) if outside else 0
        _say(f"{name:<24}{row.granted:>12,}{excess:>9}{outside:>20}{changes:>21}")
    _say("\nWhat to try next:")
    tries = [(words.format(out=out, shop=shop, me=_me()), what) for words, what in NEXT]
    width = max(len(words) for words, what in tries if what)
    for words, what in tries:
        _say(f"  {words:<{width}}   {what}".rstrip())
    _say(HIDDEN)
    return 0


def _places(args: argparse.Namespace) -> tuple[Path, Path]:
    """The shop's folder, and the one to write into.

    Raises `InputError` where the example is missing, `UsageError` where something is in the way.
    """
    shop = _shop()
    if not shop.is_dir():
        raise InputError("the example is not part of this installation", where=str(shop), do="install mistrust again")
    if args.here:
        out = Path("out")
        for old in (out / name for name in WRITTEN):
            if old.is_dir():
                shutil.rmtree(old)
            old.unlink(missing_ok=True)
        return _short(shop), out
    out = Path(args.to)
    if out.exists():
        raise UsageError("already there", where=str(out), do="remove it, or choose another with --to")
    shutil.copytree(shop, out / "shop")
    return _short(out / "shop"), _short(out)


def _check(source: Path, seen: Sequence[str], answer: Path, *more: str) -> Answer:
    """Run `check`, and read what it wrote for programs."""
    _step(["check", str(source), *seen, *more, "-o", f"json={answer}"], fine=(0, 1, 3))
    return msgspec.json.decode(answer.read_bytes(), type=Answer)


def _step(words: Sequence[str], fine: Sequence[int]) -> None:
    """Run one command under its own words.

    Raises `InputError` if it does not end as it should.
    """
    from mistrust.cli import main

    _say(f"$ {_me()} {shlex.join(words)}")
    code = main.run(list(words))
    if code not in fine:
        raise InputError("the demo stops here", got=f"mistrust {words[0]} ended with {code}")


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def _shop() -> Path:
    """The example in a wheel, or in a checkout."""
    packaged = Path(str(files("mistrust"))) / "examples" / "shop"
    checkout = Path(__file__).resolve().parents[3] / "examples" / "shop"
    return packaged if packaged.is_dir() else checkout


def _me() -> str:
    """How this program is called from here."""
    if Path(sys.argv[0]).name == "__main__.py":
        return f"{Path(sys.executable).name} -m mistrust"
    return "mistrust" if shutil.which("mistrust") else str(_short(Path(sys.argv[0]).absolute()))


def _short(path: Path) -> Path:
    try:
        return path.relative_to(Path.cwd())
    except ValueError:
        return path
