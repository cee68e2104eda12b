"""`mistrust policy replay OLD NEW REVIEWS...`: what would change if NEW were asked in place of OLD.

Each line of the files is an AdmissionReview, as an API server sent it.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path

import msgspec

from mistrust.admission.answer import denials, leading, said
from mistrust.admission.finding import Action
from mistrust.admission.plain import mapping, text
from mistrust.admission.policies import Policies
from mistrust.admission.policy import ask, question
from mistrust.admission.review import Object
from mistrust.cli.policy_files import DATA, content, files, plain
from mistrust.kube.build import Plain
from mistrust.kube.errors import Error, InputError, UsageError
from mistrust.report.clean import clean
from mistrust.serve.folder import load

SHOWN = 40
"""Changes that are printed without --verbose."""


class Said(msgspec.Struct, frozen=True):
    """What comes of one review."""

    denied: frozenset[str]
    warned: frozenset[str]


def run(args: argparse.Namespace) -> int:
    """Exit code 0 if nothing changes, 1 if something does, 3 if a review was not understood."""
    if len(args.words) < 3:
        raise UsageError("two folders of policies and reviews are wanted", got=" ".join(args.words))
    old, new = (load(Path(folder)).policies for folder in args.words[:2])
    spaces = _namespaces(args.data)
    count: Counter[str] = Counter()
    for where, line in _lines(args.words[2:]):
        try:
            request = _request(line)
            space = spaces.get(text(request, "namespace"))
            before, after = (_said(each, request, space) for each in (old, new))
        except Error as error:
            count["not understood"] += 1
            sys.stderr.write(f"mistrust: {clean(f'{where}: {error}')}\n")
            continue
        word = _change(before, after)
        count[word] += 1
        if word != "unchanged" and (args.verbose or sum(count.values()) - count["unchanged"] <= SHOWN):
            _say(f"{word}: {_named(request)}{_why(before, after)}")
    total = sum(count.values())
    changes = [f"{n:,} {word}" for word, n in sorted(count.items())]
    _say(f"{total:,} {'review' if total == 1 else 'reviews'}: {', '.join(changes) or 'nothing was asked'}")
    if count["not understood"] or not total:
        return 3
    return 1 if total > count["unchanged"] else 0


def _said(policies: Policies, request: Mapping[str, Plain], namespace: Object | None) -> Said:
    findings = ask(policies.policies, question(request, namespace))
    denied = frozenset(map(said, denials(findings)))
    return Said(denied, frozenset(map(said, leading(findings, Action.WARN))))


def _change(before: Said, after: Said) -> str:
    if bool(before.denied) is not bool(after.denied):
        return "newly denied" if after.denied else "newly allowed"
    return "unchanged" if before == after else "said otherwise"


def _why(before: Said, after: Said) -> str:
    came = sorted((after.denied - before.denied) | (after.warned - before.warned))
    went = sorted((before.denied - after.denied) | (before.warned - after.warned))
    return "".join([*(f"\n  + {m}" for m in came), *(f"\n  - {m}" for m in went)])


def _named(request: Mapping[str, Plain]) -> str:
    place = "/".join(p for p in (text(request, "namespace"), text(request, "name")) if p)
    who = text(request, "userInfo", "username")
    return f"{text(request, 'operation')} {text(request, 'kind', 'kind')} {place} by {who or 'nobody'}"


def _request(line: bytes) -> Mapping[str, Plain]:
    try:
        review: Plain = msgspec.json.decode(line)
    except (msgspec.DecodeError, RecursionError) as error:
        raise InputError("not JSON", got=str(error)) from None
    request = mapping(review, "request")
    if text(review, "kind") != "AdmissionReview" or not text(request, "kind", "kind"):
        raise InputError("not an AdmissionReview with a request")
    return request


def _lines(paths: list[str]) -> Iterator[tuple[str, bytes]]:
    for path in files(paths, (".json", ".jsonl", ".ndjson")):
        for number, line in enumerate(content(path).splitlines(), 1):
            if line.strip():
                yield f"{path}:{number}", line


def _namespaces(paths: list[str]) -> dict[str, Object]:
    """The Namespaces of `--data`, for policies that ask for their labels."""
    found = [o for path in files(paths, DATA) for o in plain(content(path), str(path))]
    return {text(o, "metadata", "name"): mapping(o) for o in found if text(o, "kind") == "Namespace"}


def _say(words: str) -> None:
    sys.stdout.write("".join(f"{clean(line)}\n" for line in words.split("\n")))
