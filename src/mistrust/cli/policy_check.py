"""`mistrust policy check`: every policy of some folders, asked about every object of others."""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Iterator, Mapping

from mistrust.admission.finding import Action, Finding, Result
from mistrust.admission.gatekeeper.constraint import AUDIT, Constraint, constraint, inventory
from mistrust.admission.gatekeeper.template import Template, template
from mistrust.admission.plain import items, mapping, text
from mistrust.admission.review import of_object
from mistrust.cli.policy_files import DATA, content, files, plain
from mistrust.kube.build import Plain
from mistrust.kube.errors import Error, UsageError
from mistrust.report.clean import clean, json_bytes
from mistrust.report.policyreport import reports

TEMPLATE, CONSTRAINTS = "ConstraintTemplate", "constraints.gatekeeper.sh/"


def run(args: argparse.Namespace) -> int:
    """Exit code 0 if all objects pass, 1 if one fails, 3 if something has no answer."""
    if not args.data:
        raise UsageError("no policies", wanted="-d FOLDER")
    failed: list[str] = []
    policies = list(_constraints(args.data, failed))
    objects = [o for path in args.words for o in _objects([path], failed)]
    spaces = {text(o, "metadata", "name"): o for o in objects if text(o, "kind") == "Namespace"}
    around = inventory(list(objects))
    count: Counter[Result] = Counter()
    found: list[tuple[Mapping[str, Plain], list[Finding]]] = []
    for each in objects:
        name = " ".join(p for p in (text(each, "kind"), _named(each)) if p)
        review = of_object(each, spaces.get(text(each, "metadata", "namespace")))
        found.append((each, [f for policy in policies for f in policy.findings(review, around, AUDIT)]))
        for finding in found[-1][1]:
            count[finding.result] += 1
            if not args.output:
                _say(_told(finding, name))
    for line in failed:
        sys.stderr.write(f"mistrust: {clean(line)}\n")
    about = f"{len(objects):,} objects, {len(policies):,} policies"
    told = f"{about}: {count[Result.FAIL]:,} failures, {count[Result.ERROR]:,} without an answer"
    if args.output:
        sys.stdout.write(f"{json_bytes(reports(found, args.output)).decode()}\n")
        sys.stderr.write(f"{clean(told)}\n")
    else:
        _say(told)
    return 1 if count[Result.FAIL] else 3 if failed or count[Result.ERROR] else 0


def _told(finding: Finding, name: str) -> str:
    word = "error" if finding.result is Result.ERROR else {Action.AUDIT: "dryrun"}.get(finding.action, finding.action)
    return f"{word}: {name}: {finding.policy}: {finding.message}"


def _named(given: Mapping[str, Plain]) -> str:
    metadata = mapping(given, "metadata")
    space, name = text(metadata, "namespace"), text(metadata, "name") or text(metadata, "generateName")
    return f"{space}/{name}" if space else name


def _objects(paths: list[str], failed: list[str]) -> Iterator[Mapping[str, Plain]]:
    """Every object, Lists taken apart; what cannot be read is said."""
    for file in files(paths, DATA):
        try:
            several = plain(content(file), str(file))
        except Error as error:
            failed.append(str(error))
            continue
        for each in several:
            for o in items(each, "items") if text(each, "kind").endswith("List") else [each]:
                if isinstance(o, dict) and text(o, "kind") and text(o, "apiVersion"):
                    yield o
                else:
                    failed.append(f"{file}: not a Kubernetes object")


def _constraints(paths: list[str], failed: list[str]) -> Iterator[Constraint]:
    several = list(_objects(paths, failed))
    templates: dict[str, Template] = {}
    for each in several:
        if text(each, "kind") == TEMPLATE:
            try:
                made = template(each)
                templates[made.kind] = made
            except Error as error:
                failed.append(str(error))
    for each in several:
        if text(each, "apiVersion").startswith(CONSTRAINTS):
            try:
                yield constraint(each, templates)
            except Error as error:
                failed.append(str(error))


def _say(words: str) -> None:
    sys.stdout.write(f"{clean(words)}\n")
