"""The reason behind an id: a finding, a path, a change, a check or a step of an attack.

Prints what is true, hop by hop where there is a path, the evidence with file and line, the patch that takes it away,
and how to accept it. A check or a step is explained without a source.
"""

from __future__ import annotations

import argparse
import sys

from mistrust.cli.check import add_path_arguments
from mistrust.cli.source import add_source_arguments

EXAMPLES = """examples:
  mistrust explain MT-POD-001                      what a check means
  mistrust explain token-request                   what a step of an attack does
  mistrust explain MT-POD-001-5f3c09aa manifests/  why this finding is there, and how to fix it
  mistrust explain FIX-7be1f7ab manifests/         what a proposed change takes away
  mistrust explain --list manifests/               every id of this source
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `mistrust explain`."""
    parser.add_argument("id", nargs="?", metavar="ID", help="finding, path, change, check or step")
    add_source_arguments(parser)
    add_path_arguments(parser)
    parser.add_argument("--list", action="store_true", help="list every id of the source instead")
    parser.add_argument(
        "--color", choices=("auto", "always", "never"), default="auto", help="colour (NO_COLOR is honoured)"
    )
    parser.add_argument("--config", metavar="FILE", help="mistrust.toml")


def run(args: argparse.Namespace) -> int:
    """Print the reason; exit code 0, or 2 for an id that does not exist."""
    from mistrust.cli.terminal import terminal_screen
    from mistrust.kube.errors import UsageError

    screen = terminal_screen(args.color)
    if args.list:
        if args.id is not None:
            args.source = [args.id, *args.source]
    elif args.id is None:
        raise UsageError("no id", do="mistrust explain ID SOURCE, or mistrust explain --list SOURCE")
    elif not args.source and not args.context and (told := _entry(args.id)) is not None:
        sys.stdout.write("\n".join(told).rstrip("\n") + "\n")
        return 0

    from mistrust.cli.assess import assess
    from mistrust.cli.source import locator, open_source
    from mistrust.report.explain import explain
    from mistrust.report.listing import list_ids

    source = open_source(args)
    assessed = assess(source.snapshot, args)
    if args.list:
        sys.stdout.write(list_ids(assessed.assessment, screen))
        return 0
    sys.stdout.write(explain(assessed.assessment, args.id, locator(source), assessed.catalog, screen))
    return 0


def _entry(wanted: str) -> list[str] | None:
    """A check or a step of the catalog; None for the id of something in a source."""
    from mistrust.cli.entries import entry_named
    from mistrust.cli.terminal import terminal_screen
    from mistrust.report.explain import entry

    found = entry_named(wanted)
    return entry(found[0], found[1], terminal_screen()) if found else None
