"""May this subject do this? Who may? What may it do?

  mistrust can SUBJECT VERB RESOURCE [SOURCE...]    one question: yes, no or unknown, and why
  mistrust can who VERB RESOURCE [SOURCE...]        everybody who may
  mistrust can list SUBJECT [SOURCE...]             everything that it may do
  mistrust can --reviews FILE SOURCE...             SubjectAccessReviews, one JSON object a line
  mistrust can reach FROM TO[:PORT] [SOURCE...]     may FROM open a connection to TO?
  mistrust can reach FROM [SOURCE...]               everything that FROM may reach; --to TO[:PORT]: who may reach TO
  mistrust can reach --all [SOURCE...]              every connection, in np-guard's forms too

SUBJECT is alice, user:alice, group:devs (any member of it), sa:NAMESPACE/NAME or system:serviceaccount:NAMESPACE:NAME.
RESOURCE is a name as kubectl takes it (po, deployments.apps, pods/exec), or a URL such as /healthz. Without -n a
question is about every namespace at once, and about cluster-scoped objects.
FROM and TO are shop/web, 'Deployment shop/web', 'Service shop/web', a pod, internet, node or an IP address; PORT is
5432, udp:53 or the name of a port.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from mistrust.cli.reach import FORMS, add_reach_arguments
from mistrust.cli.source import add_source_arguments, locator, open_source

if TYPE_CHECKING:
    from mistrust.access.evidence import Evidence
    from mistrust.cluster.files import Source
    from mistrust.layers.identity.ask import Row
    from mistrust.layers.identity.lookup import Lookup, Request

EXAMPLES = """examples:
  mistrust can sa:ci/runner create pods/exec manifests/ -n ci
  mistrust can alice --as-group devs get secrets --name db -n shop dump.json
  mistrust can who get secrets --context prod -n shop
  mistrust can list sa:ci/runner manifests/
  mistrust can --reviews reviews.jsonl dump.json
  mistrust can reach shop/web shop/db:5432 manifests/
  mistrust can reach internet shop/web manifests/
  mistrust can reach --to shop/db dump.json
  mistrust can reach --all --profile np-guard -o csv manifests/

exit codes: 0 yes   1 no   2 usage   3 unknown, or a review that could not be read
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `mistrust can`."""
    parser.usage = "mistrust can SUBJECT VERB RESOURCE [SOURCE...]\n       mistrust can who|list|reach|--reviews ..."
    parser.add_argument("words", nargs="*", metavar="WORD", help="the question, then SOURCE; see above")
    parser.add_argument("--name", default="", help="one object of this name")
    parser.add_argument("--subresource", default="", metavar="SUB", help="exec for pods/exec")
    parser.add_argument("--api-group", metavar="GROUP", help="the API group of RESOURCE, believed even if unknown")
    parser.add_argument("--as-group", action="append", default=[], metavar="GROUP", help="a group SUBJECT is also in")
    parser.add_argument("--authorizers", default="Node,RBAC", metavar="MODES", help="the server's --authorization-mode")
    parser.add_argument("--reviews", metavar="FILE", help="answer SubjectAccessReviews from FILE, or - ")
    parser.add_argument("-o", "--output", choices=FORMS, default="text", help="form of the answer")
    add_reach_arguments(parser)
    add_source_arguments(parser, positional=False)


def run(args: argparse.Namespace) -> int:
    """Answer; exit code 0 for yes, 1 for no, 3 for unknown.

    Raises `UsageError` for a question that cannot be asked, `Error` for a source that cannot be read.
    """
    if args.words[:1] == ["reach"]:
        from mistrust.cli.reach import run as run_reach

        return run_reach(args)
    from mistrust.layers.identity.decide import parse_authorizers

    _refuse_reach_forms(args)
    parse_authorizers(args.authorizers)
    if args.reviews:
        args.source = args.words
        return _reviews(args)
    form = args.words[0] if args.words else ""
    asked, wanted = {"who": (3, "VERB RESOURCE"), "list": (2, "SUBJECT")}.get(form, (3, "SUBJECT VERB RESOURCE"))
    question, args.source = args.words[:asked], args.words[asked:]
    if len(question) < asked:
        from mistrust.kube.errors import UsageError

        got = " ".join(question) or "nothing"
        raise UsageError("the question is not complete", got=got, wanted=wanted, do="see mistrust can --help")
    source = open_source(args)
    lookup = _lookup(source)
    if form == "list":
        return _list(args, source, lookup, question[1])
    if form == "who":
        return _who(args, source, lookup, _request(args, source, question[1], question[2]))
    return _single(args, source, lookup, question)


def _refuse_reach_forms(args: argparse.Namespace) -> None:
    from mistrust.kube.errors import UsageError

    if args.output not in ("text", "json"):
        raise UsageError("no such output format here", got=args.output, wanted="text or json")


def _lookup(source: Source) -> Lookup:
    from mistrust.catalog.load import default_rbac
    from mistrust.layers.identity.index import rbac
    from mistrust.layers.identity.lookup import Lookup

    return Lookup(rbac(source.snapshot, default_rbac()))


def _request(args: argparse.Namespace, source: Source, verb: str, resource: str) -> Request:
    """The question without its subject, as the API server would see the request."""
    from mistrust.catalog.load import api_resources
    from mistrust.layers.identity.ask import request_for
    from mistrust.layers.identity.resources import known_resources
    from mistrust.report.clean import clean

    known = known_resources(api_resources(), source.snapshot)
    text = f"{resource}/{args.subresource}" if args.subresource else resource
    request, remarks = request_for(verb, text, known, args.namespace, args.name, args.api_group)
    for remark in remarks:
        sys.stderr.write(f"mistrust: {clean(remark)}\n")
    return request


def _single(args: argparse.Namespace, source: Source, lookup: Lookup, question: list[str]) -> int:
    import msgspec

    from mistrust.access.verdict import Answer
    from mistrust.layers.identity.ask import elsewhere
    from mistrust.layers.identity.decide import decide, parse_authorizers
    from mistrust.layers.identity.detours import detours
    from mistrust.layers.identity.subjects import parse_subject

    user, groups = parse_subject(question[0], tuple(args.as_group))
    asked = _request(args, source, question[1], question[2])
    request = msgspec.structs.replace(asked, user=user, groups=groups)
    verdict = decide(lookup, request, parse_authorizers(args.authorizers))
    notes: list[str] = []
    if verdict.answer is not Answer.ALLOWED:
        notes += (f"but {d.right}: allowed, and {d.why}" for d in detours(lookup, request, source.snapshot.version))
        notes += elsewhere(lookup, request)
    shown = places(source, [verdict.decided_by])[0]
    if args.output == "json":
        told = {"answer": verdict.answer.value, "because": verdict.because, "request": request, "notes": notes}
        print_json({**told, "evidence": [p._asdict() for p in shown], "unseen": verdict.failed})
    else:
        word = {Answer.ALLOWED: "yes", Answer.DENIED: "no", Answer.UNKNOWN: "unknown"}[verdict.answer]
        more = (*(str(p) for p in shown), *verdict.failed[1:], *notes)
        print_lines([f"{word}  {verdict.because}", *(f"     {line}" for line in more)])
    return {Answer.ALLOWED: 0, Answer.DENIED: 1, Answer.UNKNOWN: 3}[verdict.answer]


def _who(args: argparse.Namespace, source: Source, lookup: Lookup, request: Request) -> int:
    from mistrust.layers.identity.ask import holders

    always = "Group system:masters may do everything, and no object shows who is in it"
    return _rows(args, source, lookup, holders(lookup, request), always)


def _list(args: argparse.Namespace, source: Source, lookup: Lookup, subject: str) -> int:
    from mistrust.layers.identity.ask import held
    from mistrust.layers.identity.subjects import MASTERS, group, parse_subject, user

    name, groups = parse_subject(subject, tuple(args.as_group))
    principals = (*((user(name),) if name else ()), *(group(g) for g in groups))
    rows = tuple(row for row in held(lookup, principals) if not args.namespace or row.namespace in ("", args.namespace))
    masters = f"members of {MASTERS} may do everything" if MASTERS in groups else ""
    return _rows(args, source, lookup, rows, masters)


def _rows(args: argparse.Namespace, source: Source, lookup: Lookup, rows: tuple[Row, ...], remark: str) -> int:
    """Exit code 3 where the list may be too short, else 0, or 1 for an empty list."""
    missing = lookup.rbac.unseen
    found_places = places(source, (row.evidence for row in rows))
    if args.output == "json":
        grants = [
            {
                "namespace": r.namespace,
                "who": r.who,
                "what": r.what,
                "via": r.via,
                "evidence": [p._asdict() for p in found],
            }
            for r, found in zip(rows, found_places, strict=True)
        ]
        print_json({"grants": grants, "remark": remark, "unseen": missing})
    else:
        lines, shown = [], None  # type: list[str], str | None
        for row, found in zip(rows, found_places, strict=True):
            if row.namespace != shown:
                shown = row.namespace
                lines.append(f"in {shown}" if shown else "everywhere")
            where = ", ".join(dict.fromkeys(p.at for p in found))
            lines.append("  " + "  ".join(part for part in (row.who, row.what, row.via, where) if part))
        lines += [] if rows else ["nobody" if args.words[0] == "who" else "nothing"]
        print_lines([*lines, *((remark,) if remark else ()), *(f"unknown: {each}" for each in missing)])
    return 3 if missing else 0 if rows or remark else 1


def _reviews(args: argparse.Namespace) -> int:
    """Answer every line in order; exit code 3 if one of them was no review, and go on after it."""
    from functools import partial

    from mistrust.kube.errors import UsageError
    from mistrust.layers.identity.decide import decide, parse_authorizers
    from mistrust.layers.identity.reviews import answer

    lookup = _lookup(open_source(args))
    judge = partial(decide, lookup, authorizers=parse_authorizers(args.authorizers))
    code = 0
    try:
        lines = sys.stdin.buffer if args.reviews == "-" else Path(args.reviews).open("rb")  # noqa: SIM115
    except OSError as error:
        raise UsageError("cannot be read", where=args.reviews, got=error.strerror or str(error)) from None
    with lines:
        for line in lines:
            if line.strip():
                answered, understood = answer(line, judge)
                sys.stdout.buffer.write(answered + b"\n")
                code = code if understood else 3
    sys.stdout.buffer.flush()
    return code


class Place(NamedTuple):
    """Evidence with the line that it stands in."""

    at: str
    object: str
    field: str
    value: str

    def __str__(self) -> str:
        return "  ".join(part for part in (self.at, self.object, self.field, self.value) if part)


def places(source: Source, rows: Iterable[tuple[Evidence, ...]]) -> list[list[Place]]:
    """The places of each row; texts are read once for all of them."""
    from mistrust.access.evidence import show_path
    from mistrust.cluster.locate import show

    locate = locator(source)
    return [[Place(show(locate(e)), str(e.ref), show_path(e.path), e.value) for e in evidence] for evidence in rows]


def print_lines(lines: list[str]) -> None:
    """Each on a line of its own, safe for a terminal."""
    from mistrust.report.clean import clean

    sys.stdout.write("".join(f"{clean(line)}\n" for line in lines))


def print_json(value: object) -> None:
    """One JSON value and a line break."""
    from mistrust.report.clean import json_bytes

    sys.stdout.buffer.write(json_bytes(value) + b"\n")
