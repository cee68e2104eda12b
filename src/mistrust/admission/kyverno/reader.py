"""Kyverno's policies as policies of a webhook that changes nothing and is told of one object at a time."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Final

import msgspec

from mistrust.admission.finding import Action, Finding, Result
from mistrust.admission.kyverno.audit import findings
from mistrust.admission.kyverno.exceptions import Exempt, exception, is_exception
from mistrust.admission.kyverno.load import is_policy, policy
from mistrust.admission.kyverno.policy import KINDS as RULED
from mistrust.admission.kyverno.request import Request, World
from mistrust.admission.kyverno.typed import GENERATING, UNREAD
from mistrust.admission.plain import items, mapping, text
from mistrust.admission.policy import Attempt, Policy, Question, unknown
from mistrust.admission.review import Object
from mistrust.kube.build import Plain
from mistrust.kube.errors import InputError

OWN: Final = ("kyverno.io/", "policies.kyverno.io/")
SELECTOR: Final = "namespaceSelector"
UNTOLD: Final = ("roles", "clusterRoles")
"""What a policy may ask of a user, and no request tells."""


def kyverno(objects: Sequence[tuple[str, Object]]) -> Iterator[tuple[str, Object, Attempt]]:
    """Exceptions, then the policies."""
    exceptions: list[Exempt] = []

    def excepted(given: Object) -> None:
        exceptions.append(exception(given))

    for place, given in objects:
        if is_exception(given):
            yield place, given, partial(excepted, given)
    for place, given in objects:
        if is_policy(given) and text(given, "apiVersion").startswith(OWN):
            yield place, given, partial(_policy, given, exceptions)


def _policy(given: Object, exceptions: Sequence[Exempt]) -> Policy | None:
    """Raises `InputError` for what a webhook like this would get wrong."""
    if mapping(given, "spec").get("admission") is False:
        return None
    made, kind = policy(given), text(given, "kind")
    if made.mutates:
        raise InputError("a policy that changes objects, which this webhook does not", do="leave it to Kyverno")
    if kind in RULED and not items(given, "spec", "rules"):
        raise InputError("a policy without rules", where=f"{kind} {made.name}")
    rules = [rule for rule in items(given, "spec", "rules") if isinstance(rule, dict)]
    if kind in (*GENERATING, *UNREAD) or any("generate" in rule for rule in rules):
        what = "a policy that makes, deletes or looks up what this webhook does not"
        raise InputError(what, got=kind, do="leave it to Kyverno")
    if "validationFailureActionOverrides" in mapping(given, "spec"):
        raise InputError("validationFailureActionOverrides are not understood", wanted="failureAction in each rule")
    for word in UNTOLD:
        if f'"{word}":' in _words(given):
            raise InputError(f"a policy that asks for {word} of the user, which no request tells", wanted="subjects")
    ignores = text(given, "spec", "failurePolicy") == "Ignore"
    words = _words(given)
    wide = policy(_anywhere(given)) if SELECTOR in words or "namespaceObject" in words else None
    name, world, excepting = f"{kind} {made.name}", World(), tuple(exceptions)

    def asks(asked: Question) -> Iterator[Finding]:
        if wide is not None and asked.namespace and asked.sent.namespace is None:
            answers = wide.verdict(Request(asked.sent, world, exceptions=excepting)).answers
            if any(each.result is not Result.SKIP for each in answers):
                yield Finding(name, Result.UNKNOWN, unknown(asked), action=unanswered)
            return
        for each in findings(made, asked.sent, world, excepting):
            lets = ignores and each.result is not Result.FAIL
            yield msgspec.structs.replace(each, action=Action.AUDIT) if lets else each

    unanswered = Action.DENY if not ignores and _denies(given) else Action.AUDIT
    return Policy(name, unanswered, asks)


def _denies(given: Object) -> bool:
    """May a violation deny? A ValidatingPolicy does where it does not say; the older kinds only report."""
    word = '"enforce"' if text(given, "kind") in RULED else '"deny"'
    silent = text(given, "kind") not in RULED and "validationActions" not in mapping(given, "spec")
    return silent or word in _words(given).lower()


def _words(given: Object) -> str:
    return msgspec.json.encode(mapping(given, "spec")).decode()


def _anywhere(given: Mapping[str, Plain]) -> dict[str, Plain]:
    """The policy without what it asks about Namespaces: it is about no fewer objects, and excludes no more."""
    return {k: _open(v) for k, v in given.items()}


def _open(plain: Plain) -> Plain:
    if isinstance(plain, dict):
        return {k: _open(v) for k, v in plain.items() if k not in (SELECTOR, "exclude", "excludeResourceRules")}
    return [_open(v) for v in plain] if isinstance(plain, list) else plain
