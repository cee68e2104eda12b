"""The two versions that `mistrust diff` compares: folder, file, dump, snapshot, git revision or live cluster."""

from __future__ import annotations

import argparse
from pathlib import Path

from mistrust.access.telling import listed
from mistrust.cli.progress import Progress
from mistrust.cluster.files import Source, read_files
from mistrust.cluster.git import PREFIX, read_git
from mistrust.effect.effect import Objects
from mistrust.effect.laid import laid_over
from mistrust.effect.objects import differences
from mistrust.kube.errors import InputError, UsageError
from mistrust.kube.meta import Other
from mistrust.kube.snapshot import Scope, Snapshot
from mistrust.kube.version import parse_version

LIVE = "live"
CONTEXT = "context:"


def both(args: argparse.Namespace) -> tuple[Source, Source, list[str]]:
    """OLD and NEW, and what a person should know about how they are compared.

    Manifests against a cluster stand for the cluster with them applied: what only the cluster has is no change.

    Raises `UsageError` for what names no source, `InputError` for one that cannot be read.
    """
    if (args.context or args.kubeconfig) and not any(map(_is_live, (args.old, args.new))):
        raise UsageError("a context, and no live cluster to compare", do="say live in the place of OLD or NEW")
    old, new = (_read(text, args) for text in (args.old, args.new))
    empty = [text for text, s in ((args.old, old), (args.new, new)) if _has_nothing(text, s)]
    if len(empty) == 2:
        raise InputError("nothing in either version", where=args.new, do="look at the path after the revision")
    remarks = [
        f"{text} has nothing there: everything counts as {'new' if text == args.old else 'gone'}" for text in empty
    ]
    remarks += _unread(old.snapshot, new.snapshot)
    if old.snapshot.scope is new.snapshot.scope:
        return old, new, remarks
    over = "{} is applied over {}: what only the cluster has is no change"
    if old.snapshot.scope is Scope.CLUSTER:
        return old, _over(old.snapshot, new), [over.format(args.new, args.old), *remarks]
    return _over(new.snapshot, old), new, [over.format(args.old, args.new), *remarks]


def _has_nothing(text: str, source: Source) -> bool:
    """Is it a revision without a file there?"""
    return text.startswith(PREFIX) and not source.snapshot.objects and not source.texts


def _unread(old: Snapshot, new: Snapshot) -> list[str]:
    """Objects of kinds that no layer reads, and that differ."""
    found = differences(old.of(Other), new.of(Other))
    kinds = listed(sorted({**old.unread(), **new.unread()}))
    if found == Objects() or old.scope is not new.scope:
        return []
    return [f"objects of kinds that no layer reads differ, and are not compared: among {kinds}"]


def _over(cluster: Snapshot, manifests: Source) -> Source:
    return Source(laid_over(cluster, manifests.snapshot), manifests.texts)


def _is_live(text: str) -> bool:
    return text == LIVE or text.startswith(CONTEXT)


def _read(text: str, args: argparse.Namespace) -> Source:
    version = parse_version(args.kubernetes) if args.kubernetes else None
    scope = Scope(args.scope) if args.scope else None
    namespace = args.namespace or "default"
    with Progress("reading", quiet=args.quiet) as progress:
        if _is_live(text):
            return _live(text.removeprefix(CONTEXT) if text != LIVE else args.context, args, progress)
        if text.startswith(PREFIX):
            return read_git(text, namespace=namespace, version=version, scope=scope, progress=progress.step)
        return read_files([text], namespace=namespace, version=version, scope=scope, progress=progress.step)


def _live(context: str | None, args: argparse.Namespace, progress: Progress) -> Source:
    from mistrust.cluster.client import Client
    from mistrust.cluster.live import read_live

    client = Client.from_context(context, Path(args.kubeconfig) if args.kubeconfig else None)
    try:
        return Source(read_live(client, namespace=args.namespace, progress=progress.step))
    finally:
        client.close()
