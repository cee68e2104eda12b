"""Test suites of `gator verify` (gatekeeper/pkg/gator/verify)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

import msgspec
import re2

from mistrust.admission.finding import Finding, Outcome, Result
from mistrust.admission.gatekeeper.constraint import GATOR, Constraint, constraint, inventory
from mistrust.admission.gatekeeper.template import template
from mistrust.admission.plain import mapping, text
from mistrust.admission.review import of_object
from mistrust.kube.build import Plain
from mistrust.kube.errors import Error, InputError

Objects = Callable[[str], Sequence[Mapping[str, Plain]]]
"""What is in a file, by its path from the suite."""


class Assertion(msgspec.Struct, frozen=True):
    """How many violations there have to be, with which message."""

    violations: int | bool | str = "yes"
    message: str = ""

    def holds(self, found: Sequence[Finding]) -> bool:
        """Does it hold?"""
        pattern = re2.compile(self.message) if self.message else None
        count = sum(pattern is None or pattern.search(f.message) is not None for f in found)
        wanted = self.violations
        if isinstance(wanted, int) and not isinstance(wanted, bool):
            return count == wanted
        if isinstance(wanted, str) and wanted.isdigit():
            return count == int(wanted)
        return (count > 0) is (wanted in (True, "yes"))


class Case(msgspec.Struct, frozen=True):
    """One object, and what has to be found."""

    object: str
    name: str = ""
    inventory: list[str] = []
    assertions: list[Assertion] = []
    skip: bool = False


class Asked(msgspec.Struct, frozen=True):
    """A template with a constraint."""

    template: str
    constraint: str = ""
    name: str = ""
    cases: list[Case] = []
    invalid: bool = False
    skip: bool = False
    expansion: str = ""


class Suite(msgspec.Struct, frozen=True):
    """A file of tests."""

    tests: list[Asked] = []
    skip: bool = False


def is_suite(given: Mapping[str, Plain]) -> bool:
    """Is a document a suite?"""
    return text(given, "kind") == "Suite" and text(given, "apiVersion").startswith("test.gatekeeper.sh/")


def outcomes(given: Mapping[str, Plain], read: Objects) -> Iterator[Outcome]:
    """Run a suite. Raises `InputError` for a document that is none."""
    try:
        suite = msgspec.json.decode(msgspec.json.encode(dict(given)), type=Suite)
    except msgspec.ValidationError as error:
        raise InputError("not a suite", got=str(error), wanted="test.gatekeeper.sh/v1alpha1 Suite") from None
    for test in suite.tests:
        yield from _skipped(test) if suite.skip or test.skip else _test(test, read)


def _skipped(test: Asked) -> Iterator[Outcome]:
    yield from (Outcome(f"{test.name}/{case.name}", Result.SKIP) for case in test.cases)


def _test(test: Asked, read: Objects) -> Iterator[Outcome]:
    try:
        [made] = [template(t) for t in read(test.template)]
        templates = {made.kind: made}
        asked = constraint(read(test.constraint)[0], templates) if test.constraint else None
    except Error as error:
        if test.invalid:
            yield Outcome(test.name, Result.PASS)
        for case in test.cases or ([] if test.invalid else [Case("")]):
            yield Outcome(f"{test.name}/{case.name}", Result.ERROR, str(error))
        return
    if test.invalid:
        yield Outcome(test.name, Result.FAIL, "the template or the constraint is valid, and should not be")
        return
    if test.expansion:
        yield from (
            Outcome(f"{test.name}/{c.name}", Result.UNKNOWN, "expansion is not understood yet") for c in test.cases
        )
        return
    assert asked is not None
    for case in test.cases:
        if case.skip:
            yield Outcome(f"{test.name}/{case.name}", Result.SKIP)
            continue
        try:
            found = _case(case, read, asked)
            yield Outcome(f"{test.name}/{found.name}", found.result, found.because)
        except Error as error:
            yield Outcome(f"{test.name}/{case.name}", Result.ERROR, str(error))


def _case(case: Case, read: Objects, asked: Constraint) -> Outcome:
    objects = read(case.object)
    if len(objects) != 1:
        raise InputError("other than one object", where=case.object, got=str(len(objects)))
    around = [o for path in case.inventory for o in read(path)]
    space = _namespace(objects[0], around)
    found = list(asked.findings(of_object(objects[0], space), inventory(list(around)), GATOR))
    if not case.assertions:
        raise InputError("a case without assertions", where=case.name)
    wrong = next((a for a in case.assertions if not a.holds(found)), None)
    if wrong is None:
        return Outcome(case.name, Result.PASS)
    messages = "; ".join(f.message for f in found) or "nothing"
    about = f" with {wrong.message!r}" if wrong.message else ""
    return Outcome(case.name, Result.FAIL, f"wanted {wrong.violations}{about}, got {messages}")


def _namespace(given: Mapping[str, Plain], around: Sequence[Mapping[str, Plain]]) -> Mapping[str, Plain] | None:
    """The Namespace of an object, if it is in the inventory."""
    inner = mapping(given, "request", "object") or given
    space = text(inner, "metadata", "namespace")
    return next(
        (o for o in around if text(o, "kind") == "Namespace" and text(o, "metadata", "name") == space and space),
        None,
    )
