"""What is granted, what of it is excess, the attack paths, and the few changes that cut them.

Reads a folder of manifests, a dump, a saved snapshot or a live cluster. Unknown is never a pass: what was not
understood or not seen is printed, and ends in exit code 3 unless --allow-unknown lifts it.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from mistrust.cli.source import add_source_arguments

if TYPE_CHECKING:
    from mistrust.cli.assess import Assessed
    from mistrust.cluster.files import Source

EXAMPLES = """examples:
  mistrust check manifests/
  mistrust check prod.json -o text -o html=report.html -o sarif=mistrust.sarif
  kubectl get deploy,sa,role,rolebinding -n shop -o json | mistrust check -
  mistrust check prod.json --evidence audit/ --evidence flows.jsonl
  mistrust check --context prod --baseline mistrust.baseline --gate high
  mistrust check manifests/ --from pod --to cluster-admin
"""

FORMATS = ("text", "json", "sarif", "junit", "md", "github", "csv", "html")
RENDERERS = {"md": "markdown", "html": "html.page"}
"""Where a format is not the name of its module."""
GATES = ("critical", "high", "medium", "low", "none")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `mistrust check`."""
    add_source_arguments(parser)
    add_path_arguments(parser)
    out = parser.add_argument_group("output")
    out.add_argument(
        "-o",
        "--output",
        action="append",
        metavar="FORMAT[=FILE]",
        help=f"{', '.join(FORMATS)}; several in one run, at most one without a file",
    )
    out.add_argument(
        "--color", choices=("auto", "always", "never"), default="auto", help="colour (NO_COLOR is honoured)"
    )
    gate = parser.add_argument_group("gate")
    gate.add_argument("--gate", choices=GATES, help="least severity that fails the check (high)")
    gate.add_argument("--baseline", metavar="FILE", help="findings listed there do not fail the check")
    gate.add_argument("--update-baseline", action="store_true", help="write the findings of this run to the baseline")
    gate.add_argument("--allow-unknown", action="store_true", help="what was not understood or seen does not fail it")
    gate.add_argument("--config", metavar="FILE", help="mistrust.toml (looked for here, then in the folder checked)")


def add_path_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of everything that judges a whole cluster: evidence, and starts and targets of attack paths."""
    parser.add_argument(
        "--evidence",
        action="append",
        metavar="PATH",
        help="what shows use: audit logs, logs of flows, traces, or a folder of them; may be repeated",
    )
    group = parser.add_argument_group("attack paths")
    group.add_argument(
        "--from",
        dest="starts",
        action="append",
        metavar="START",
        help="internet, pod, a workload (Deployment shop/web), sa:NS/NAME, user:NAME, group:NAME; may be repeated",
    )
    group.add_argument(
        "--to",
        dest="targets",
        action="append",
        metavar="TARGET",
        help="cluster-admin, node, secrets:NS, mitm:NS, sa:NS/NAME, user:NAME, group:NAME; may be repeated",
    )


def run(args: argparse.Namespace) -> int:
    """Check, write every output, and answer the exit code."""
    from mistrust.cli.assess import assess
    from mistrust.cli.source import open_source

    wanted = outputs(args.output)
    refuse_overwriting(wanted, args.source)
    source = open_source(args)
    assessed = assess(source.snapshot, args)
    write(wanted, assessed, source, args)
    if args.update_baseline:
        _update_baseline(assessed, args)
    return assessed.assessment.exit_code


def outputs(given: list[str] | None, forms: tuple[str, ...] = FORMATS) -> tuple[tuple[str, str], ...]:
    """`["text", "html=report.html"]` -> (("text", ""), ("html", "report.html")).

    Raises `UsageError` for an unknown format, a second output to the terminal, or one file given twice.
    """
    from mistrust.kube.errors import UsageError

    wanted: list[tuple[str, str]] = []
    for text in given or ["text"]:
        form, equals, file = text.partition("=")
        if form not in forms:
            raise UsageError("no such output format", got=form, wanted=", ".join(forms))
        if equals and not file:
            raise UsageError("no file name", got=text, wanted=f"{form}=FILE")
        wanted.append((form, file))
    files = [file for _, file in wanted]
    twice = next((f for f in files if files.count(f) > 1), None)
    if twice is not None:
        where = twice or "standard output"
        raise UsageError("two outputs to one place", got=where, do="give each a file: -o text -o json=report.json")
    return tuple(wanted)


def refuse_overwriting(wanted: tuple[tuple[str, str], ...], sources: list[str]) -> None:
    """Raises `UsageError` for a report that would replace what it reports on."""
    from mistrust.kube.errors import UsageError

    for _, file in wanted:
        if file and any(
            Path(s).exists() and Path(file).exists() and Path(s).samefile(file) for s in sources if s != "-"
        ):
            raise UsageError("the output is the source", where=file, do="write the report to another file")


def write(wanted: tuple[tuple[str, str], ...], assessed: Assessed, source: Source, args: argparse.Namespace) -> None:
    """Render every output; files are written whole or not at all."""
    from importlib import import_module

    from mistrust.cli.source import locator
    from mistrust.cli.terminal import terminal_screen
    from mistrust.report.assessment import every_evidence
    from mistrust.report.screen import Screen

    locate = locator(source)
    if any(form != "text" for form, _ in wanted):
        locate.prepare(every_evidence(assessed.assessment))
    for form, file in wanted:
        if form == "text":
            from mistrust.report import text

            look = Screen() if file else terminal_screen(args.color)
            data = text.render(assessed.assessment, look).encode("utf-8", "backslashreplace")
        else:
            renderer = import_module(f"mistrust.report.{RENDERERS.get(form, form)}")
            data = renderer.render(assessed.assessment, locate, assessed.catalog)
        put(data, file)


def put(data: bytes, file: str) -> None:
    """Write to a file, or to standard output where none is named.

    Raises `UsageError` for a file that cannot be written.
    """
    from mistrust.kube.errors import UsageError

    if not file:
        sys.stdout.flush()
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()
        return
    try:
        _replace(Path(file), data)
    except OSError as error:
        raise UsageError("cannot be written", where=file, got=error.strerror or str(error)) from None


def _replace(path: Path, data: bytes) -> None:
    """Write beside and rename, so that nobody reads half a report; a device or a pipe is written to as it is."""
    if path.exists() and not path.is_file():
        path.write_bytes(data)
        return
    beside = path.with_name(f".{path.name}.part")
    beside.write_bytes(data)
    beside.replace(path)


def _update_baseline(assessed: Assessed, args: argparse.Namespace) -> None:
    from mistrust.kube.errors import UsageError
    from mistrust.trust.gate import write_baseline

    if not assessed.baseline:
        raise UsageError("no baseline to update", do="name it: --baseline mistrust.baseline --update-baseline")
    _replace(Path(assessed.baseline), write_baseline(assessed.assessment.findings).encode())
