"""The options that say where the cluster comes from, the same for every command, named as kubectl names them."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mistrust.cluster.files import Source
    from mistrust.cluster.locate import Locator

KUBERNETES_HELP = "Kubernetes minor that files are meant for, such as 1.34; a live server says its own"


def add_source_arguments(parser: argparse.ArgumentParser, *, positional: bool = True) -> None:
    """Add SOURCE and the options that go with it."""
    if positional:
        parser.add_argument(
            "source",
            nargs="*",
            metavar="SOURCE",
            help="folder, file, dump, saved snapshot or - ; none: the current kubeconfig context, as kubectl",
        )
    group = parser.add_argument_group("source")
    group.add_argument("--context", metavar="NAME", help="read the live cluster of this kubeconfig context")
    group.add_argument("--kubeconfig", metavar="FILE", help="kubeconfig file, as kubectl reads it")
    group.add_argument("-n", "--namespace", metavar="NS", default="", help="namespace of objects and questions")
    group.add_argument("--kubernetes", metavar="VERSION", default="", help=KUBERNETES_HELP)
    group.add_argument(
        "--scope",
        choices=("manifests", "cluster"),
        help="what files stand for: manifests to be applied, or all there is in a cluster (found by looking)",
    )
    group.add_argument("-q", "--quiet", action="store_true", help="no progress on standard error")


def open_source(args: argparse.Namespace) -> Source:
    """The snapshot that the arguments name, with the texts needed to find lines.

    Raises `Error` for a source that cannot be read.
    """
    from mistrust.cli.progress import Progress
    from mistrust.cluster.files import Source
    from mistrust.kube.errors import UsageError
    from mistrust.kube.version import parse_version

    if args.source and (args.context or args.kubeconfig):
        given = " ".join(args.source)
        raise UsageError("two sources", got=f"{given} and a kubeconfig context", do="give files or --context, not both")
    version = parse_version(args.kubernetes) if args.kubernetes else None
    with Progress("reading", quiet=args.quiet) as progress:
        if args.source:
            from mistrust.cluster.files import read_files
            from mistrust.kube.snapshot import Scope

            return read_files(
                args.source,
                namespace=args.namespace or "default",
                version=version,
                scope=Scope(args.scope) if args.scope else None,
                progress=progress.step,
            )
        from mistrust.cluster.client import Client
        from mistrust.cluster.live import read_live

        client = Client.from_context(args.context, Path(args.kubeconfig) if args.kubeconfig else None)
        try:
            return Source(read_live(client, namespace=args.namespace, progress=progress.step))
        finally:
            client.close()


def locator(source: Source) -> Locator:
    """Finds the line of evidence in the texts of a source."""
    from mistrust.cluster.locate import Locator

    return Locator(source.texts)


def source_words(args: argparse.Namespace) -> str:
    """The source as a person would type it again."""
    import shlex

    words = list(args.source)
    for option in ("context", "kubeconfig", "namespace", "kubernetes", "scope"):
        if value := getattr(args, option):
            words += ["-n" if option == "namespace" else f"--{option}", value]
    from mistrust.cli.evidence import public

    seen = tuple(map(public, args.evidence or ()))
    for option, values in (("--evidence", seen), ("--from", args.starts), ("--to", args.targets)):
        words += [word for value in values or () for word in (option, value)]
    return shlex.join(words)


def is_terminal() -> bool:
    """Is standard output a terminal?"""
    return sys.stdout.isatty()
