"""`mistrust policy test`: suites of `gator verify` and `kyverno test`, rules of `opa test`, and tests of our own."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import cast

import msgspec

from mistrust.admission.finding import Outcome, Result
from mistrust.admission.gatekeeper.suite import is_suite, outcomes
from mistrust.admission.kyverno import suite as kyverno
from mistrust.admission.vap import suite as validating
from mistrust.cli.policy_files import DATA, content, files, plain, read
from mistrust.kube.build import Plain
from mistrust.kube.errors import Error, InputError
from mistrust.languages.rego.compile import compiled
from mistrust.languages.rego.errors import EvaluationError
from mistrust.languages.rego.syntax import Const, Module
from mistrust.languages.rego.values import U, Value
from mistrust.report.clean import clean

PASSED, SKIPPED = (Result.PASS,), (Result.SKIP,)


def run(args: argparse.Namespace) -> int:
    """Exit code 0 if every test holds, 1 if one does not, 3 if there is none."""
    found: list[tuple[str, Outcome]] = []
    for path in args.words:
        found += _suites(path)
        found += _rego(path, 0 if args.v0_compatible else 1)
    for where, each in found:
        if args.verbose or each.result not in (*PASSED, *SKIPPED):
            _say(f"{each.result}: {where}: {each.name}{f': {each.because}' if each.because else ''}")
    passed, skipped = (sum(o.result in kinds for _, o in found) for kinds in (PASSED, SKIPPED))
    failed = len(found) - passed - skipped
    _say(f"{passed} passed, {failed} failed, {skipped} skipped")
    return 1 if failed else 0 if found else 3


def _suites(path: str) -> Iterator[tuple[str, Outcome]]:
    """Every suite; other documents are what suites are about."""
    for file in files([path], DATA):
        try:
            several = [d for d in plain(content(file), str(file)) if isinstance(d, dict)]
        except InputError:
            if Path(path) == file:
                raise
            continue  # a sample that is meant to be bad, or no concern of a suite: suites that name it say so
        for each in several:
            yield from ((str(file), outcome) for outcome in _outcomes(each, _Near(file.parent), several))


def _outcomes(given: Mapping[str, Plain], near: _Near, beside: Sequence[Mapping[str, Plain]]) -> Iterator[Outcome]:
    """What a document asks for, if it is a suite of a format that is known."""
    if is_suite(given):
        yield from outcomes(given, near)
    elif kyverno.is_suite(given):
        yield from kyverno.outcomes(given, near, time.time_ns())
    elif validating.is_suite(given):
        yield from validating.outcomes(given, beside)


class _Near:
    """Reads files beside a suite."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def __call__(self, name: str) -> Sequence[Mapping[str, Plain]]:
        path = self._folder / name
        if path.is_dir():
            return [o for file in files([str(path)], DATA) for o in self(str(file.relative_to(self._folder)))]
        return [d for d in plain(content(path), str(path)) if isinstance(d, dict)]


def _rego(path: str, version: int) -> Iterator[tuple[str, Outcome]]:
    """Every rule whose name begins with `test_`; `todo_test_` is skipped."""
    if not any(f.name.endswith("_test.rego") for f in files([path], (".rego",))):
        return
    found = read([path], version) if Path(path).is_file() else _modules(path, version)
    program = compiled(found.modules)
    for module in found.modules:
        for name in dict.fromkeys(_tests(module)):
            where = f"{module.at.file}"
            full = ".".join((*module.package, name))
            if name.startswith("todo_"):
                yield where, Outcome(full, Result.SKIP)
                continue
            try:
                parts = "".join(f"[{msgspec.json.encode(p).decode()}]" for p in (*module.package, name))
                answers = program.query(f"data{parts} = found").ask(U, cast("Value", found.data), clock=time.time_ns())
                holds = bool(answers) and answers[0]["found"] is True
                yield where, Outcome(full, Result.PASS if holds else Result.FAIL)
            except (EvaluationError, Error) as error:
                yield where, Outcome(full, Result.ERROR, str(error))


class _Found(msgspec.Struct, frozen=True):
    modules: tuple[Module, ...]
    data: Plain


def _modules(path: str, version: int) -> _Found:
    """Rego alone: what else is in the folder is no data of it unless `opa` were told so."""
    from mistrust.cli.policy_files import rego

    return _Found(tuple(rego(f, version) for f in files([path], (".rego",))), {})


def _tests(module: Module) -> Iterator[str]:
    for rule in module.rules:
        first = rule.ref[0]
        name = str(first.value) if isinstance(first, Const) else ""
        if name.startswith(("test_", "todo_test_")):
            yield name


def _say(text: str) -> None:
    sys.stdout.write(f"{clean(text)}\n")
