"""`mistrust policy check`: every policy of some folders, asked about every object of others."""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter
from collections.abc import Iterator, Mapping

from mistrust.admission.finding import Action, Finding, Result
from mistrust.admission.gatekeeper.constraint import AUDIT, Constraint, constraint, inventory
from mistrust.admission.gatekeeper.template import Template, template
from mistrust.admission.kyverno.answer import Policy
from mistrust.admission.kyverno.audit import findings
from mistrust.admission.kyverno.exceptions import Exempt, exception, is_exception
from mistrust.admission.kyverno.load import is_policy, policy
from mistrust.admission.kyverno.request import World
from mistrust.admission.plain import items, mapping, text
from mistrust.admission.policy import Policy as Asked
from mistrust.admission.policy import ask, question
from mistrust.admission.review import of_object
from mistrust.admission.vap.reader import validating
from mistrust.catalog.starter import starter
from mistrust.cli.policy_files import DATA, content, files, plain
from mistrust.kube.build import Plain
from mistrust.kube.errors import Error, UsageError
from mistrust.report.clean import clean, json_bytes
from mistrust.report.policyreport import reports

TEMPLATE, CONSTRAINTS = "ConstraintTemplate", "constraints.gatekeeper.sh/"


def run(args: argparse.Namespace) -> int:
    """Exit code 0 if all objects pass, 1 if one fails, 3 if something has no answer."""
    if not args.data and not args.baseline:
        raise UsageError("no policies", wanted="-d FOLDER, or --baseline")
    failed: list[str] = []
    given = list(_objects(args.data, failed))
    ours = [each for entry in starter() for each in (entry.policy, entry.binding)] if args.baseline else []
    native = list(_validating([*given, *ours], failed))
    constraints, kyverno = list(_constraints(given, failed)), list(_policies(given, failed))
    exceptions = tuple(_exceptions(given, failed))
    objects = [o for path in args.words for o in _objects([path], failed)]
    spaces = {text(o, "metadata", "name"): o for o in objects if text(o, "kind") == "Namespace"}
    around, world = inventory(list(objects)), World(objects, now=time.time_ns())
    count: Counter[Result] = Counter()
    found: list[tuple[Mapping[str, Plain], list[Finding]]] = []
    for each in objects:
        name = " ".join(p for p in (text(each, "kind"), _named(each)) if p)
        review = of_object(each, spaces.get(text(each, "metadata", "namespace")))
        several = [f for c in constraints for f in c.findings(review, around, AUDIT)]
        several += [f for p in kyverno for f in findings(p, review, world, exceptions)]
        several += _native(native, each, review.namespace)
        found.append((each, several))
        for finding in several:
            count[finding.result] += 1
            if not args.output:
                _say(_told(finding, name))
    for line in failed:
        sys.stderr.write(f"mistrust: {clean(line)}\n")
    about = f"{len(objects):,} objects, {len(constraints) + len(kyverno) + len(native):,} policies"
    unanswered = count[Result.ERROR] + count[Result.UNKNOWN]
    told = f"{about}: {count[Result.FAIL]:,} failures, {unanswered:,} without an answer"
    if args.output:
        sys.stdout.write(f"{json_bytes(reports(found, args.output)).decode()}\n")
        sys.stderr.write(f"{clean(told)}\n")
    else:
        _say(told)
    return 1 if count[Result.FAIL] else 3 if failed or unanswered else 0


def _told(finding: Finding, name: str) -> str:
    unanswered = finding.result in (Result.ERROR, Result.UNKNOWN)
    word = finding.result if unanswered else {Action.AUDIT: "dryrun"}.get(finding.action, finding.action)
    rule = f" {finding.rule}" if finding.rule else ""
    return f"{word}: {name}: {finding.policy}{rule}: {_bare(finding)}"


def _bare(finding: Finding) -> str:
    """A message without who says so, which the line has already."""
    before, _, after = finding.message.partition(": ")
    named = finding.policy.startswith("ValidatingAdmissionPolicy ") and "ValidatingAdmissionPolicy '" in before
    return after if named else finding.message


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


def _policies(several: list[Mapping[str, Plain]], failed: list[str]) -> Iterator[Policy]:
    """Those of Kyverno."""
    for each in (o for o in several if is_policy(o) and "kyverno.io" in text(o, "apiVersion")):
        try:
            yield policy(each)
        except Error as error:
            failed.append(str(error))


def _validating(several: list[Mapping[str, Plain]], failed: list[str]) -> Iterator[Asked]:
    """ValidatingAdmissionPolicies with their bindings."""
    for _, given, attempt in validating([("", each) for each in several]):
        try:
            found = attempt()
        except Error as error:
            failed.append(str(error))
            continue
        except RecursionError:
            failed.append(f"ValidatingAdmissionPolicy {text(given, 'metadata', 'name')}: nested too deep")
            continue
        if found is not None:
            yield found
        elif text(given, "kind") == "ValidatingAdmissionPolicy":
            failed.append(f"ValidatingAdmissionPolicy {text(given, 'metadata', 'name')}: no binding, so nobody asks it")


def _native(policies: list[Asked], given: Mapping[str, Plain], space: Mapping[str, Plain] | None) -> list[Finding]:
    """What ValidatingAdmissionPolicies say of an object."""
    try:
        settled = _without_null(given) if policies else given
    except RecursionError:
        return [each.failed("the object is nested too deep") for each in policies]
    return ask(policies, question(of_object(settled).request, space))


def _without_null(given: Mapping[str, Plain]) -> dict[str, Plain]:
    """An object without fields that are null, as the API server sees it."""
    return {k: _settled(v) for k, v in given.items() if v is not None}


def _settled(value: Plain) -> Plain:
    if isinstance(value, dict):
        return _without_null(value)
    return [_settled(v) for v in value] if isinstance(value, list) else value


def _exceptions(several: list[Mapping[str, Plain]], failed: list[str]) -> Iterator[Exempt]:
    for each in filter(is_exception, several):
        try:
            yield exception(each)
        except Error as error:
            failed.append(str(error))


def _constraints(several: list[Mapping[str, Plain]], failed: list[str]) -> Iterator[Constraint]:
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
