"""One rule of an AuthorizationPolicy as Istio hands it to the proxy, for HTTP and for plain TCP.

What the proxy cannot ask falls out, and in opposite directions: an ALLOW rule with such a field disappears (fewer
requests pass), a rule of any other action loses the field alone (it matches more). Source: istio
pilot/pkg/security/authz/model/model.go (New, Generate, checkError).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

import msgspec

from mistrust.access.evidence import FieldPath
from mistrust.kube.istio import AuthorizationRule, Operation, Source
from mistrust.kube.istio import Condition as When
from mistrust.layers.mesh.istio.authorization.attributes import (
    Reading,
    Unusable,
    about_what,
    family,
    only_http,
    question,
    refused,
)
from mistrust.layers.mesh.istio.authorization.conditions import Condition, Question
from mistrust.layers.mesh.istio.authorization.requests import Request
from mistrust.layers.mesh.istio.authorization.truth import Truth, every, some

Every = tuple[Condition, ...]
"""All of them have to hold."""


class Lost(msgspec.Struct, frozen=True, gc=False):
    """A field that the proxy does not ask."""

    path: FieldPath
    why: str
    value: str = ""


class Rule(msgspec.Struct, frozen=True, gc=False):
    """A rule: any of the sources, and any of the operations."""

    index: int
    sources: tuple[Every, ...]
    operations: tuple[Every, ...]
    lost: tuple[Lost, ...] = ()
    """What was left out, which makes the rule match more."""

    def matches(self, request: Request) -> Truth:
        """Does the request fall under the rule?"""
        return every(
            some(every(c.holds(request) for c in conditions) for conditions in alternatives)
            for alternatives in (self.sources, self.operations)
        )

    def alive(self, request: Request) -> Iterator[Question]:
        """What it asks in alternatives that the request may fulfil; nothing where it surely falls under none."""
        parts = [
            [c for c in several if every(each.holds(request) for each in c) is not Truth.NO]
            for several in (self.sources, self.operations)
        ]
        if all(parts):
            yield from (c.question for several in parts for conditions in several for c in conditions)

    @property
    def conditions(self) -> Iterator[Condition]:
        """Every condition, once for each place where it stands."""
        for alternatives in (self.sources, self.operations):
            for conditions in alternatives:
                yield from conditions


class Dropped(msgspec.Struct, frozen=True, gc=False):
    """A rule that the proxy never hears of."""

    index: int
    lost: tuple[Lost, ...]


HTTP_ONLY: Final = "only HTTP has it"


def read_rule(rule: AuthorizationRule, index: int, how: Reading) -> Rule | Dropped:
    """A rule as the proxy gets it."""
    lost: list[Lost] = []
    path: FieldPath = ("spec", "rules", index)
    try:
        who, what = _conditions(rule.conditions, path, how, lost)
    except Unusable as why:
        return Dropped(index, (Lost((*path, "when"), str(why)),))
    sources = [
        (*_source(f.source or Source(), (*path, "from", i, "source"), how, lost), *who)
        for i, f in enumerate(rule.sources)
    ]
    operations = [
        (*_operation(t.operation or Operation(), (*path, "to", i, "operation"), how, lost), *what)
        for i, t in enumerate(rule.operations)
    ]
    if lost and how.allow:
        return Dropped(index, tuple(lost))
    return Rule(index, tuple(sources) or (who,), tuple(operations) or (what,), tuple(lost))


def _source(source: Source, path: FieldPath, how: Reading, lost: list[Lost]) -> Iterator[Condition]:
    kinds: tuple[tuple[str, tuple[str, ...], tuple[str, ...], str], ...] = (
        ("principals", source.principals, source.not_principals, "source.principal"),
        ("requestPrincipals", source.request_principals, source.not_request_principals, "request.auth.principal"),
        ("serviceAccounts", source.service_accounts, source.not_service_accounts, "source.serviceAccount"),
        ("namespaces", source.namespaces, source.not_namespaces, "source.namespace"),
        ("trustDomains", source.trust_domains, source.not_trust_domains, "source.trustDomain"),
        ("remoteIpBlocks", source.remote_ip_blocks, source.not_remote_ip_blocks, "remote.ip"),
        ("ipBlocks", source.ip_blocks, source.not_ip_blocks, "source.ip"),
    )
    for name, values, not_values, key in kinds:
        yield from _both(key, (*path, name), values, (*path, _not(name)), not_values, how, lost)


def _operation(operation: Operation, path: FieldPath, how: Reading, lost: list[Lost]) -> Iterator[Condition]:
    kinds = (
        ("hosts", operation.hosts, operation.not_hosts),
        ("methods", operation.methods, operation.not_methods),
        ("paths", operation.paths, operation.not_paths),
        ("ports", operation.ports, operation.not_ports),
    )
    for name, values, not_values in kinds:
        yield from _both(f"to.{name}", (*path, name), values, (*path, _not(name)), not_values, how, lost)


def _conditions(several: Sequence[When], path: FieldPath, how: Reading, lost: list[Lost]) -> tuple[Every, Every]:
    """What `when` asks about who, and about what. Raises Unusable for a key that does not exist."""
    who: list[Condition] = []
    what: list[Condition] = []
    for i, when in enumerate(several):
        if family(when.key) is None or when.key.startswith("to."):
            raise Unusable(f"there is no attribute {when.key!r}")
        here = (*path, "when", i)
        into = what if about_what(when.key) else who
        into.extend(_both(when.key, (*here, "values"), when.values, (*here, "notValues"), when.not_values, how, lost))
    return tuple(who), tuple(what)


def _both(
    key: str,
    path: FieldPath,
    values: tuple[str, ...],
    not_path: FieldPath,
    not_values: tuple[str, ...],
    how: Reading,
    lost: list[Lost],
) -> Iterator[Condition]:
    for where, several, negative in ((path, values, False), (not_path, not_values, True)):
        question = _question(key, several, where, how, lost) if several else None
        if question is not None:
            yield Condition(question, negative, where)


def _question(key: str, values: tuple[str, ...], path: FieldPath, how: Reading, lost: list[Lost]) -> Question | None:
    """The question that a field asks; None if nothing of it can be asked, which `lost` then says."""
    if not how.http and only_http(key):
        lost.append(Lost(path, HTTP_ONLY, ", ".join(values)))
        return None
    whys = [refused(key, v) for v in values]
    lost.extend(Lost(path, why, v) for v, why in zip(values, whys, strict=True) if why)
    usable = tuple(v for v, why in zip(values, whys, strict=True) if not why)
    try:
        return question(key, usable, how) if usable else None
    except Unusable as why:
        lost.append(Lost(path, str(why), key))
        return None


def _not(name: str) -> str:
    return f"not{name[0].upper()}{name[1:]}"
