"""`mistrust policy list`: the policies of the starter set."""

from __future__ import annotations

import argparse
import sys

from mistrust.catalog.starter import starter
from mistrust.kube.errors import UsageError


def run(args: argparse.Namespace) -> int:
    """Exit code 0."""
    if args.words:
        raise UsageError("nothing else is wanted", got=" ".join(args.words))
    wide = max(len(entry.name) for entry in starter())
    for entry in starter():
        about = f"\n    {entry.description}" if args.verbose else ""
        sys.stdout.write(f"{entry.severity:8}  {entry.name:{wide}}  {entry.title}{about}\n")
    return 0
