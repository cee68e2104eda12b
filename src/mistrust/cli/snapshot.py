"""Save what was read, without secrets, to analyse it again offline.

The file holds only what some layer reads: Secret data, environment values, commands and the annotation that copies
whole objects are never in it. Every other command takes the file as its SOURCE.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from mistrust.cli.source import add_source_arguments, open_source

EXAMPLES = """examples:
  mistrust snapshot --context prod -f prod.mist
  mistrust check prod.mist
  kubectl get pods,roles,rolebindings -A -o json | mistrust snapshot - -f prod.mist
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `mistrust snapshot`."""
    add_source_arguments(parser)
    parser.add_argument("-f", "--file", required=True, metavar="FILE", help="where to write it; - for standard output")


def run(args: argparse.Namespace) -> int:
    """Write the snapshot; exit code 0."""
    from mistrust.cluster.saved import save
    from mistrust.report.clean import clean

    snapshot = open_source(args).snapshot
    data = save(snapshot)
    if args.file == "-":
        sys.stdout.buffer.write(data)
        return 0
    path = Path(args.file)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
    told = f"{len(snapshot.objects)} objects, {len(snapshot.problems)} problems, {len(snapshot.gaps)} gaps"
    sys.stderr.write(f"{clean(str(path))}: {told}, {len(data):,} bytes\n")
    return 0
