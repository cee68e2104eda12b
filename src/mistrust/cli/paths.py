"""Attack paths from chosen starts to chosen targets, hop by hop, and the smallest set of changes that cuts them."""

from __future__ import annotations

import argparse
import sys

from mistrust.cli.check import add_path_arguments
from mistrust.cli.source import add_source_arguments

EXAMPLES = """examples:
  mistrust paths manifests/                                   from the Internet to cluster-admin, nodes, Secrets
  mistrust paths manifests/ --from pod --to cluster-admin     if any pod were taken
  mistrust paths --context prod --from group:system:authenticated
  mistrust paths prod.mist --from sa:ci/runner --to secrets:payments
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `mistrust paths`."""
    add_source_arguments(parser)
    add_path_arguments(parser)
    parser.add_argument("-o", "--output", choices=("text", "json"), default="text", help="text or json")
    parser.add_argument("--limit", type=int, default=20, metavar="N", help="paths to print (20); the count is of all")
    parser.add_argument(
        "--color", choices=("auto", "always", "never"), default="auto", help="colour (NO_COLOR is honoured)"
    )
    parser.add_argument("--config", metavar="FILE", help="mistrust.toml: what no change may touch")


def run(args: argparse.Namespace) -> int:
    """Print the paths; exit code 1 if there is one, 3 if something that could open one was not seen, else 0."""
    from mistrust.cli.assess import assess
    from mistrust.cli.source import locator, open_source
    from mistrust.cli.terminal import terminal_screen

    source = open_source(args)
    assessed = assess(source.snapshot, args)
    paths = assessed.assessment.paths
    if args.output == "json":
        from mistrust.report.json import paths_json

        sys.stdout.buffer.write(paths_json(paths, locator(source)))
    else:
        from mistrust.report.listing import list_paths

        sys.stdout.write(list_paths(assessed.assessment, locator(source), terminal_screen(args.color), args.limit))
    if paths.pairs:
        return 1
    return 3 if paths.unknown or assessed.assessment.exit_code == 3 else 0
