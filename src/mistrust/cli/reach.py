"""May this workload open a connection to that one? `mistrust can reach`.

The answer joins the policies of both sides, the doors to the outside, and what a mesh makes of the connection.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mistrust.channels.ask import Finding
    from mistrust.channels.scene import Scene
    from mistrust.cli.can import Place
    from mistrust.cli.ends import End
    from mistrust.cluster.files import Source
    from mistrust.layers.network.profile import Profile
    from mistrust.report.connections.focus import Focus

PROFILES = ("upstream", "calico", "cilium", "ovn", "np-guard")
FORMS = ("text", "json", "txt", "csv", "md", "dot")


def add_reach_arguments(parser: argparse.ArgumentParser) -> None:
    """The options that only `can reach` has."""
    group = parser.add_argument_group("can reach")
    group.add_argument("--to", metavar="TO[:PORT]", help="everybody who may reach TO")
    group.add_argument("--from", dest="origin", metavar="FROM", help="everything that FROM may reach")
    group.add_argument("--all", action="store_true", help="every connection; -o txt, json, csv, md or dot")
    group.add_argument("--profile", choices=PROFILES, help="how policies are read (that of the plugin that runs)")
    group.add_argument("--exposure", action="store_true", help="with --all: also what is open to pods that may come")
    group.add_argument("--focus", action="append", default=[], metavar="WORKLOAD", help="with --all: only its own")
    group.add_argument("--focus-peer", action="append", default=[], metavar="WORKLOAD", help="and only with this one")
    group.add_argument("--direction", choices=("ingress", "egress"), default="", help="of the workload in focus")
    group.add_argument("--port", metavar="PORT", help="with --all: only connections that 5432 or udp:53 is part of")


def run(args: argparse.Namespace) -> int:
    """Answer; exit code 0 for yes, 1 for no, 3 for unknown.

    Raises `UsageError` for a question that cannot be asked, `Error` for a source that cannot be read.
    """
    words: list[str] = args.words[1:]
    if args.all:
        from mistrust.cli.reach_all import run_all

        return run_all(args, words)
    question, args.source = _question(args, words)
    if args.output not in ("text", "json"):
        from mistrust.kube.errors import UsageError

        raise UsageError("no such output format here", got=args.output, wanted="text or json", do="or ask with --all")
    from mistrust.channels.scene import Scene
    from mistrust.cli.ends import end, origin
    from mistrust.cli.source import open_source

    source = open_source(args)
    scene = Scene(source.snapshot, _profile(args.profile))
    a, b = (
        say(scene, text, args.namespace) if text else None for say, text in zip((origin, end), question, strict=True)
    )
    if a is not None and b is not None:
        return _one(args, source, scene, a, b)
    from mistrust.cli.reach_all import run_list

    return run_list(args, source, scene, a, b)


def _question(args: argparse.Namespace, words: Sequence[str]) -> tuple[tuple[str, str], list[str]]:
    """FROM and TO, either empty where it is not asked for, and the words that are left for SOURCE.

    A second word that exists as a file is a SOURCE; then everything that FROM may reach is asked for.
    """
    from mistrust.kube.errors import UsageError

    left = list(words)
    origin, to = args.origin or "", args.to or ""
    if not origin and not to:
        if not left:
            raise UsageError("the question is not complete", wanted="FROM TO", do="see mistrust can --help")
        origin = left.pop(0)
        if left and left[0] != "-" and not Path(left[0]).exists():
            to = left.pop(0)
    return (origin, to), left


def _profile(name: str | None) -> Profile | None:
    from mistrust.layers.network.profile import PROFILES as KNOWN

    return next((p for p in KNOWN if p.name == name), None)


def _one(args: argparse.Namespace, source: Source, scene: Scene, a: End, b: End) -> int:
    from mistrust.access.verdict import Answer
    from mistrust.channels.ask import answer_of, ask
    from mistrust.cli.can import places, print_json, print_lines

    found = ask(scene, a.side, b.side, b.wanted)
    answer = answer_of(found)
    shown = places(
        source, [e for f in found for e in (f.verdict.decided_by, f.channel.decided_by if f.channel else ())]
    )
    told = [*zip(found, shown[::2], shown[1::2], strict=True)]
    remarks = list(dict.fromkeys(e.remark for e in (a, b) if e.remark))
    if args.output == "json":
        findings = [_plain(*each) for each in told]
        ends = {"from": a.side.told, "to": b.side.told}
        print_json({"answer": answer.value, **ends, "findings": findings, "notes": remarks})
    else:
        print_lines([*(line for each in told for line in _lines(*each)), *remarks])
    return {Answer.ALLOWED: 0, Answer.DENIED: 1, Answer.UNKNOWN: 3}[answer]


def _lines(f: Finding, decided: Sequence[Place], meshed: Sequence[Place]) -> Iterator[str]:
    from mistrust.access.ports import told_ports
    from mistrust.access.verdict import Answer

    word = {Answer.ALLOWED: "yes", Answer.DENIED: "no", Answer.UNKNOWN: "unknown"}[f.answer]
    yield f"{word:<4} {f.source} -> {f.target}: {told_ports(f.ports)}"
    stopped = f.answer is not f.verdict.answer
    yield f"     {'policies: ' if stopped else ''}{f.verdict.because}"
    yield from (f"     {place}" for place in decided)
    yield from (f"     {reason}" for reason in f.verdict.failed if reason not in f.verdict.because)
    if f.channel is not None:
        c = f.channel
        yield f"     mesh: {c.transport.value}, identity {c.authn.value}, authorization {c.authz.value}: {c.because}"
        yield from (f"     {place}" for place in meshed)
        yield from (f"     unknown: {reason}" for reason in c.unknown)


def _plain(f: Finding, decided: Sequence[Place], meshed: Sequence[Place]) -> dict[str, object]:
    told: dict[str, object] = {
        "from": f.source,
        "to": f.target,
        "answer": f.answer.value,
        "policies": f.verdict.answer.value,
        "ports": str(f.ports),
        "because": f.verdict.because,
        "evidence": [p._asdict() for p in decided],
        "unseen": f.verdict.failed,
    }
    if f.channel is not None:
        c = f.channel
        told["mesh"] = {
            "transport": c.transport.value,
            "identity": c.authn.value,
            "authorization": c.authz.value,
            "plaintext": c.plaintext,
            "because": c.because,
            "evidence": [p._asdict() for p in meshed],
            "unknown": c.unknown,
        }
    return told


def focus_of(args: argparse.Namespace) -> Focus:
    """The part of all connections that is asked for. Raises `UsageError` for a port that is none."""
    from mistrust.report.connections.focus import Focus

    ports = None
    if args.port:
        from mistrust.cli.port_words import single_port

        ports = single_port(args.port)
    return Focus(tuple(args.focus), tuple(args.focus_peer), args.direction, ports)
