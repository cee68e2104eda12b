"""`mistrust policy export`: policies with their bindings, for `kubectl apply`."""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Container, Iterator, Mapping, Sequence
from pathlib import Path

import msgspec
import yaml

from mistrust.admission.plain import items, text
from mistrust.admission.review import Object
from mistrust.admission.vap.export import bound, new
from mistrust.admission.vap.policy import Policy, policy
from mistrust.catalog.starter import starter
from mistrust.cli.policy_files import DATA, content, files, plain
from mistrust.kube.build import Plain
from mistrust.kube.errors import Error, InputError, UsageError
from mistrust.report.clean import clean

ACTIONS = {"deny": "Deny", "warn": "Warn", "audit": "Audit"}
EXEMPT = ("kube-system",)
NAME = re.compile(r"[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?")
WIDTH = 110
REGISTRATION, POLICY, BINDING = (
    "admissionregistration.k8s.io/",
    "ValidatingAdmissionPolicy",
    "ValidatingAdmissionPolicyBinding",
)
OTHERS = ("gatekeeper.sh", "kyverno.io", "admissionregistration.k8s.io")
"""Groups of policies in other languages, or of another form."""


class Exported(msgspec.Struct, frozen=True):
    """A policy as YAML, with its bindings."""

    name: str
    policy: str
    bindings: Sequence[Object]


def run(args: argparse.Namespace) -> int:
    """Exit code 0, or 3 where a policy cannot be exported. Raises `UsageError` for a name that is not there."""
    failed: list[str] = []
    exempt = [n for n in args.exempt if n] if args.exempt is not None else None if args.source else EXEMPT
    found = list(_of_folder(args.source, failed) if args.source else _of_starter())
    known = {each.name for each in found}
    for name in args.words:
        if name not in known:
            raise UsageError("no such policy", got=name, do="mistrust policy list names those of the starter set")
    chosen = [each for each in found if not args.words or each.name in args.words]
    written = {e.name: _written(e, ACTIONS.get(args.leads_to), exempt) for e in sorted(chosen, key=lambda e: e.name)}
    if args.to in (None, "-"):
        sys.stdout.write("---\n".join(written.values()))
    else:
        _write(Path(args.to), written)
    for line in failed:
        sys.stderr.write(f"mistrust: {clean(line)}\n")
    return 3 if failed else 0


def _of_starter() -> Iterator[Exported]:
    for entry in starter():
        yield Exported(entry.name, entry.written, [entry.binding])


def _of_folder(folder: str, failed: list[str]) -> Iterator[Exported]:
    """Every ValidatingAdmissionPolicy of a folder; what else is a policy is said."""
    objects = list(_objects(folder, failed))
    bindings = [o for _, o in objects if _is(o, BINDING)]
    names = {text(o, "metadata", "name") for _, o in objects if _is(o, POLICY)}
    seen: set[str] = set()
    for place, given in objects:
        kind, group = text(given, "kind"), text(given, "apiVersion").rpartition("/")[0]
        if _is(given, POLICY):
            name = text(given, "metadata", "name")
            try:
                asked = _checked(given, seen)
            except Error as error:
                failed.append(f"{place}: {error}")
                continue
            except RecursionError:
                failed.append(f"{place}: a policy that is nested too deep")
                continue
            seen.add(name)
            if asked.spec.param_kind is not None:
                failed.append(f"{place}: its parameters ({asked.spec.param_kind.kind}) are not exported")
            mine = [b for b in bindings if text(b, "spec", "policyName") == name]
            yield Exported(name, _yaml(given), mine or [new(given)])
        elif _is(given, BINDING):
            if text(given, "spec", "policyName") not in names:
                failed.append(f"{place}: a binding without its policy: {text(given, 'metadata', 'name')}")
        elif any(group == g or group.endswith(f".{g}") for g in OTHERS):
            failed.append(f"{place}: {kind} cannot be exported: only ValidatingAdmissionPolicies can")
    for path in files([folder], (".rego",)):
        failed.append(f"{path}: Rego cannot be exported: only ValidatingAdmissionPolicies can")


def _checked(given: Object, seen: Container[str]) -> Policy:
    """A policy that the API server would take, under a name that may be one of a file."""
    made = policy(given)
    if not NAME.fullmatch(made.name):
        raise InputError("not a name of a policy", got=made.name)
    if made.name in seen:
        raise InputError("two policies of one name", got=made.name)
    return made


def _objects(folder: str, failed: list[str]) -> Iterator[tuple[str, Mapping[str, Plain]]]:
    for path in files([folder], DATA):
        try:
            for each in plain(content(path), str(path)):
                several = items(each, "items") if text(each, "kind").endswith("List") else [each]
                yield from ((str(path), o) for o in several if isinstance(o, dict))
        except Error as error:
            failed.append(str(error))


def _is(given: Object, kind: str) -> bool:
    return text(given, "kind") == kind and text(given, "apiVersion").startswith(REGISTRATION)


def _written(one: Exported, action: str | None, exempt: Sequence[str] | None) -> str:
    return "---\n".join([one.policy, *(_yaml(bound(b, action, exempt)) for b in one.bindings)])


def _yaml(given: Object) -> str:
    return yaml.safe_dump(dict(given), sort_keys=False, width=WIDTH, allow_unicode=True)


def _write(folder: Path, written: Mapping[str, str]) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, whole in written.items():
            (folder / f"{name}.yaml").write_text(whole, encoding="utf-8")
    except OSError as error:
        where = str(error.filename or folder)
        raise InputError("cannot be written", where=where, got=error.strerror or str(error)) from None
    sys.stderr.write(f"mistrust: {len(written):,} policies in {clean(str(folder))}\n")
