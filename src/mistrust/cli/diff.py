"""What a change grants and takes, in every layer: permissions, connections, exposure, plaintext, node powers, paths.

OLD and NEW are each a folder, a file, a dump, a saved snapshot, a git revision (git:REV or git:REV:PATH, PATH from the
root of the repository) or a cluster (live, or context:NAME). Manifests against a cluster are applied over it first, and
what only the cluster has is no change.
"""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from mistrust.admission.effects.guard import Guard
    from mistrust.cluster.files import Source
    from mistrust.effect.effect import Kind
    from mistrust.effect.state import Given
    from mistrust.kube.snapshot import Snapshot
    from mistrust.report.effect.comparison import Comparison

EXAMPLES = """examples:
  mistrust diff git:main:deploy/ deploy/
  mistrust diff git:main git:HEAD -o md=comment.md -o sarif=diff.sarif --deny new-path,new-exposure
  mistrust diff live deploy/                     what applying deploy/ would change
  mistrust diff last-week.mist today.mist -o json
  mistrust diff git:main git:HEAD --guards guards/  EffectPolicies: CEL over what the change grants
  mistrust diff old/ new/ --connections --profile np-guard -o csv

--deny takes new-path, new-exposure, new-escalation, new-power, new-plaintext, new-permission, new-connection, or any.

exit codes, with --deny or --guards:
                         0 nothing that is denied   1 something is   3 something was not read that may hide it
            without:     0 nothing changed          1 something did  3 something was not read that may hide a change
  2 usage
"""
FORMS = ("text", "md", "json", "sarif")
RENDERERS = {"md": "markdown"}
"""Where a form is not the name of its module."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `mistrust diff`."""
    from mistrust.cli.reach import PROFILES
    from mistrust.cli.source import add_source_arguments

    parser.add_argument("old", metavar="OLD", help="folder, file, dump, saved snapshot, git:REV[:PATH], live")
    parser.add_argument("new", metavar="NEW", help="the same, later")
    add_source_arguments(parser, positional=False)
    parser.add_argument("--profile", choices=PROFILES, help="how policies are read (that of the plugin that runs)")
    out = parser.add_argument_group("output")
    out.add_argument(
        "-o",
        "--output",
        action="append",
        metavar="FORM[=FILE]",
        help=f"{', '.join(FORMS)}; several in one run, at most one without a file",
    )
    out.add_argument("--limit", type=int, default=0, metavar="N", help="changes of each layer to print as text")
    out.add_argument(
        "--color", choices=("auto", "always", "never"), default="auto", help="colour (NO_COLOR is honoured)"
    )
    out.add_argument(
        "--connections",
        action="store_true",
        help="connections alone, pair by pair: -o text, json, and np-guard's txt, csv, md, dot",
    )
    gate = parser.add_argument_group("gate")
    gate.add_argument("--deny", action="append", metavar="KIND", help="what fails the change; several with commas")
    gate.add_argument("--guards", action="append", metavar="PATH", help="policies on what it grants: files, folders")
    gate.add_argument("--allow-unknown", action="store_true", help="what was not read does not fail it")
    paths = parser.add_argument_group("attack paths")
    paths.add_argument("--from", dest="starts", action="append", metavar="START", help="as for mistrust check")
    paths.add_argument("--to", dest="targets", action="append", metavar="TARGET", help="as for mistrust check")


def run(args: argparse.Namespace) -> int:
    """Compare, write every output, and answer the exit code.

    Raises `Error` for a source that cannot be read, or options that mean nothing.
    """
    if args.connections:
        from mistrust.cli.diff_connections import run_connections

        return run_connections(args)
    from mistrust.cli.check import outputs, refuse_overwriting
    from mistrust.cli.versions import both
    from mistrust.effect.gate import kinds

    wanted = outputs(args.output, FORMS)
    refuse_overwriting(wanted, [args.old, args.new])
    deny = kinds(args.deny or ())
    guards = _guards(args)
    given = _given(args)
    old, new, remarks = both(args)
    comparison = _compared(old, new, given, deny, remarks, args)
    if guards:
        comparison = _guarded(comparison, old.snapshot, new.snapshot, guards, args)
    _write(wanted, comparison, args)
    return comparison.ruling.exit_code


def _given(args: argparse.Namespace) -> Given:
    from mistrust.catalog.load import api_resources, default_rbac, steps
    from mistrust.cli.footholds import starts, targets
    from mistrust.effect.state import Given
    from mistrust.layers.network.profile import PROFILES

    outside, inside = starts(args.starts or ())
    profiles = [p for p in PROFILES if p.name == args.profile]
    return Given(default_rbac(), api_resources(), steps(), outside, inside, targets(args.targets or ()), profiles)


def _compared(
    old: Source, new: Source, given: Given, deny: tuple[Kind, ...], remarks: list[str], args: argparse.Namespace
) -> Comparison:
    from mistrust.cli.progress import Progress
    from mistrust.cli.source import locator
    from mistrust.cli.version import version
    from mistrust.effect.compare import effect
    from mistrust.effect.gate import rule
    from mistrust.report.effect.comparison import Comparison, Version, evidence_of

    with Progress("comparing", quiet=args.quiet) as progress:
        progress.step("every layer of both versions")
        found = effect(old.snapshot, new.snapshot, given)
    places = locator(old), locator(new)
    for places_of, told in zip(places, evidence_of(found), strict=True):
        places_of.prepare(told)
    return Comparison(
        Version(args.old, places[0]),
        Version(args.new, places[1]),
        found,
        deny,
        rule(found, deny, allow_unknown=args.allow_unknown),
        tuple(remarks),
        version(),
    )


def _guards(args: argparse.Namespace) -> tuple[Guard, ...]:
    """The policies of `--guards`. Raises `Error` for what is none."""
    if not args.guards:
        return ()
    from mistrust.admission.effects.guard import guards
    from mistrust.cli.policy_files import objects

    return guards(objects(args.guards))


def _guarded(
    comparison: Comparison, old: Snapshot, new: Snapshot, guards: tuple[Guard, ...], args: argparse.Namespace
) -> Comparison:
    from msgspec.structs import replace

    from mistrust.admission.effects.judging import Change, judged, labels_of
    from mistrust.admission.effects.ruling import ruled, warned
    from mistrust.effect.gate import Ruling
    from mistrust.effect.objects import differing

    change = Change(comparison.effect, differing(old.objects, new.objects), labels_of(new))
    found = judged(guards, change)
    ruling = comparison.ruling if comparison.deny else Ruling()
    return replace(
        comparison,
        ruling=ruled(ruling, found, allow_unknown=args.allow_unknown),
        remarks=(*comparison.remarks, *warned(found)),
    )


def _write(wanted: Iterable[tuple[str, str]], comparison: Comparison, args: argparse.Namespace) -> None:
    from importlib import import_module

    from mistrust.cli.check import put
    from mistrust.cli.terminal import terminal_screen
    from mistrust.report.effect import text
    from mistrust.report.screen import Screen

    for form, file in wanted:
        if form == "text":
            look = Screen() if file else terminal_screen(args.color)
            data = text.render(comparison, look, args.limit).encode("utf-8", "backslashreplace")
        else:
            data = import_module(f"mistrust.report.effect.{RENDERERS.get(form, form)}").render(comparison)
        put(data, file)
