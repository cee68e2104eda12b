"""Does a new version keep everything that is used, and give nothing that the old one did not?

Every layer is compared as a set, exactly, and every recorded use is held against both versions. What is lost or gained
comes with a witness. Of connections more is shown, which does not decide: what is left over, who is not limited, which
rules change nothing, what hangs on pods or on the network plugin. OLD and NEW are folders, files, dumps or saved
snapshots.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mistrust.cli.evidence import Seen
    from mistrust.kube.snapshot import Snapshot
    from mistrust.layers.identity.grants import Access
    from mistrust.layers.mesh.least.access import Access as Asked
    from mistrust.layers.network.grants import Connection
    from mistrust.layers.network.usage import Abroad
    from mistrust.layers.pods.layer import Access as Power
    from mistrust.layers.pods.newcomers import Newcomer
    from mistrust.trust.prove import Proof

    AnyProof = Proof[Access] | Proof[Connection] | Proof[Abroad] | Proof[Asked] | Proof[Newcomer] | Proof[Power]

EXAMPLES = """examples:
  mistrust prove manifests/ fixed/ --evidence audit/ --evidence flows.jsonl
  mistrust prove before.mist after.mist --evidence audit.log -o json

exit codes: 0 proved   1 something used is lost, or something is gained   2 usage   3 not everything was seen
"""
SHOWN = 5


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `mistrust prove`."""
    parser.add_argument("old", metavar="OLD", help="folder, file, dump or saved snapshot")
    parser.add_argument("new", metavar="NEW", help="the same, changed")
    parser.add_argument(
        "--evidence", action="append", required=True, metavar="PATH", help="audit logs, flows, or a folder of them"
    )
    parser.add_argument("-o", "--output", choices=("text", "json"), default="text", help="form of the answer")
    parser.add_argument("--days", type=float, default=14, metavar="N", help="flows of fewer days show no absence (14)")
    parser.add_argument("-n", "--namespace", metavar="NS", default="default", help="namespace of objects without one")
    parser.add_argument("-q", "--quiet", action="store_true", help="no progress on standard error")


def run(args: argparse.Namespace) -> int:
    """Print the proof of each layer; exit code 0 if all hold.

    Raises `Error` for a source or evidence that cannot be read.
    """
    from mistrust.cli.evidence import evidence
    from mistrust.cli.progress import Progress
    from mistrust.cluster.files import read_files
    from mistrust.report.clean import clean

    with Progress("reading", quiet=args.quiet) as progress:
        old, new = (
            read_files([path], namespace=args.namespace, progress=progress.step).snapshot
            for path in (args.old, args.new)
        )
        seen = evidence(args.evidence, new.version, progress.step)
    found = dict(proofs(old, new, seen, args.days))
    doubts = [str(p) for s in (old, new) for p in s.problems if p.blinds] + [str(p) for p in seen.problems if p.blinds]
    if args.output == "json":
        sources = {"old": [args.old], "new": [args.new], "evidence": args.evidence}
        sys.stdout.write(certificate(found, seen, doubts, sources))
    else:
        for line in (f"{seen.words()}", *(line for name, proof in found.items() for line in told(name, proof))):
            sys.stdout.write(clean(line) + "\n")
    for line in doubts:
        sys.stderr.write(f"mistrust: {clean(line)}\n")
    if not all(p.holds for p in found.values()):
        return 1
    return 3 if doubts or any(p.unknown for p in found.values()) else 0


def proofs(old: Snapshot, new: Snapshot, seen: Seen, days: float = 14) -> Iterator[tuple[str, AnyProof]]:
    """Each layer that can be compared, held against what was seen of it.

    Less evidence than `days` shows no absence.
    """
    from msgspec import structs

    from mistrust.catalog.load import api_resources, default_rbac
    from mistrust.cli.connections import mesh_uses
    from mistrust.cli.pods_seen import pods_seen
    from mistrust.layers.identity.layer import Identity
    from mistrust.layers.identity.usage import nameable, ways
    from mistrust.layers.mesh.least.grants import granted
    from mistrust.layers.network.layer import Network
    from mistrust.layers.network.proving.every import obligations
    from mistrust.layers.network.proving.outside import outside
    from mistrust.layers.network.usage import used
    from mistrust.layers.pods.layer import Pods
    from mistrust.layers.pods.newcomers import in_use, newcomers
    from mistrust.trust.prove import prove

    identity = Identity(default_rbac(), api_resources())
    requests = seen.audit.uses if seen.audit is not None else ()
    yield "permissions", prove(identity.granted(old), identity.granted(new), map(ways, filter(nameable, requests)))
    network = Network()
    before, after = network.granted(old), network.granted(new)
    flows = used(before, seen.flows, old) if seen.flows is not None else None
    proof = prove(before, after, ((c,) for c in flows.seen) if flows else ())
    further = tuple(obligations(old, new, after, flows.seen if flows else None))
    yield "connections", structs.replace(proof, obligations=further)
    beyond = outside(before), outside(after)
    yield "addresses outside", prove(*beyond, ((a,) for a in flows.abroad) if flows else ())
    pods, held = Pods(), pods_seen(old, seen, days).accesses(old)
    uses = mesh_uses(old, seen)
    let_in = granted(old, uses)
    yield "mesh", prove(let_in, granted(new, uses), map(let_in.ways, uses))
    yield "node powers", prove(pods.granted(old), pods.granted(new), ((a,) for a in held))
    yield "pods to come", prove(newcomers(old), newcomers(new), ((a,) for a in in_use(new)))


def certificate(
    found: Mapping[str, AnyProof], seen: Seen, doubts: Sequence[str], sources: Mapping[str, Sequence[str]]
) -> str:
    """What was compared, by hash, and what was found, as JSON."""
    from mistrust.cli.evidence import public
    from mistrust.cli.version import version

    layers = {
        name: {
            "holds": p.holds,
            "used": p.used,
            "lost": [{"access": str(x.access), "before": x.before.because, "now": x.now.because} for x in p.lost],
            "gained": p.gained,
            "gain": None if p.gain is None else str(p.gain),
            "removed": p.removed,
            "left": p.left,
            "unexplained": p.unexplained,
            "unknown": list(p.unknown),
            "obligations": [
                {"name": o.name, "holds": o.holds, "because": o.because, "witnesses": list(o.witnesses)}
                for o in p.obligations
            ],
        }
        for name, p in found.items()
    }
    document = {
        "tool": f"mistrust {version()}",
        **{role: [{"source": public(p), "sha256": digest(p)} for p in paths] for role, paths in sources.items()},
        "window": seen.words(),
        "proved": all(p.holds and not p.unknown for p in found.values()) and not doubts,
        "layers": layers,
        "notSeen": list(doubts),
    }
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def digest(path: str) -> str:
    """SHA-256 of a file; of a folder that of its files, each with its name, in order; of a database, of its manifests.

    >>> digest("/dev/null")[:8]
    'e3b0c442'
    """
    from mistrust.cli.evidence import is_database

    if is_database(path):
        from mistrust.cli.evidence_store import manifest

        return sha256(manifest(path)).hexdigest()
    whole = sha256()
    root = Path(path)
    for file in [root] if not root.is_dir() else sorted(p for p in root.rglob("*") if p.is_file()):
        if root.is_dir():
            whole.update(f"{file.relative_to(root)}\0".encode("utf-8", "surrogateescape"))
        with file.open("rb") as data:
            while chunk := data.read(1 << 20):
                whole.update(chunk)
    return whole.hexdigest()


def told(name: str, proof: AnyProof) -> Iterator[str]:
    """What was proved of a layer, for a person: one line, and the first witnesses against it."""
    verdict = "holds" if proof.holds else "does not hold"
    kept = proof.used - len(proof.lost)
    yield (
        f"{name}: {verdict}. keeps {kept:,} of {proof.used:,} uses, removes {proof.removed:,}, "
        f"gains {proof.gained:,}, leaves {proof.left:,}"
    )
    for lost in proof.lost[:SHOWN]:
        yield f"  lost: {lost.access}"
        yield f"    before: {lost.before.because}"
        yield f"    now: {lost.now.because}"
    if len(proof.lost) > SHOWN:
        yield f"  and {len(proof.lost) - SHOWN:,} more uses are lost"
    if proof.gain is not None:
        yield f"  gained, such as: {proof.gain}"
    if proof.unexplained:
        yield f"  {proof.unexplained:,} uses were not allowed by the old version either"
    yield from (f"  not sure: {doubt}" for doubt in proof.unknown)
    shown = [o.name for o in proof.obligations if o.holds]
    if shown:
        yield f"  also shown: {', '.join(shown)}"
    for o in proof.obligations:
        if not o.holds:
            yield f"  {o.name}: {'not sure: ' if o.holds is None else ''}{o.because}"
