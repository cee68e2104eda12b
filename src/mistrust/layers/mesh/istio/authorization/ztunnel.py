"""An AuthorizationPolicy as ztunnel asks it, the proxy of ambient's nodes, which sees connections and no HTTP.

An ALLOW rule with anything of HTTP falls out. A DENY rule loses those fields, and what is left empty by that matches
nothing, so that a DENY rule about HTTP alone denies nobody. CUSTOM, AUDIT and dry runs are not asked at all. Sources:
istio pilot/pkg/serviceregistry/ambient/authorization.go (convertAuthorizationPolicy), ztunnel src/rbac.rs (matches).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Final

from mistrust.access.evidence import FieldPath
from mistrust.kube.istio import AuthorizationPolicy, AuthorizationRule, Operation, Source
from mistrust.layers.mesh.istio.authorization.addresses import block
from mistrust.layers.mesh.istio.authorization.conditions import Address, Condition, Identity, Port, Question, Which
from mistrust.layers.mesh.istio.authorization.patterns import Form, Pattern
from mistrust.layers.mesh.istio.authorization.principals import SCHEME, TrustDomains, principal_pattern
from mistrust.layers.mesh.istio.authorization.rules import HTTP_ONLY, Dropped, Every, Lost, Rule
from mistrust.layers.mesh.istio.authorization.server import Policy

Values = tuple[str, ...]


def read_ztunnel_policy(source: AuthorizationPolicy, trust: TrustDomains) -> Policy | None:
    """The policy as ztunnel gets it; None for one that it does not get."""
    action = source.spec.action or "ALLOW"
    if action not in ("ALLOW", "DENY"):
        return None
    read = _Reader(source.namespace, trust)
    rules = tuple(read.rule(r, i, allow=action == "ALLOW") for i, r in enumerate(source.spec.rules))
    return Policy(source, rules, rules)


class _Reader:
    """Reads the rules of the policies of one namespace."""

    def __init__(self, namespace: str, trust: TrustDomains) -> None:
        self._namespace = namespace
        self._trust = trust

    def rule(self, rule: AuthorizationRule, index: int, *, allow: bool) -> Rule | Dropped:
        path: FieldPath = ("spec", "rules", index)
        lost: list[Lost] = []
        operations = [
            tuple(self._operation(t.operation or Operation(), (*path, "to", i, "operation"), lost))
            for i, t in enumerate(rule.operations)
        ]
        sources = [
            tuple(self._source(f.source or Source(), (*path, "from", i, "source"), lost))
            for i, f in enumerate(rule.sources)
        ]
        whens: list[Every] = []
        for i, when in enumerate(rule.conditions):
            here = (*path, "when", i)
            if when.key not in _ASK:
                lost.append(Lost((*here, "key"), HTTP_ONLY, when.key))
            whens.append(
                tuple(
                    Condition(asked, negative, (*here, "notValues" if negative else "values"))
                    for values, negative in ((when.values, False), (when.not_values, True))
                    if (asked := self._ask(when.key, values)) is not None
                )
            )
        clauses = [c for c in (operations, sources) if c] + [[w] for w in whens]
        if lost and allow:
            return Dropped(index, tuple(lost))
        if any(not any(clause) for clause in clauses):
            return Dropped(index, tuple(lost))
        always = tuple(c for w in whens for c in w)
        return Rule(
            index,
            tuple((*s, *always) for s in sources if s) or (always,),
            tuple(o for o in operations if o) or ((),),
            tuple(lost),
        )

    def _source(self, s: Source, path: FieldPath, lost: list[Lost]) -> Iterator[Condition]:
        _http_only(
            path,
            lost,
            ("remoteIpBlocks", s.remote_ip_blocks),
            ("notRemoteIpBlocks", s.not_remote_ip_blocks),
            ("requestPrincipals", s.request_principals),
            ("notRequestPrincipals", s.not_request_principals),
            ("trustDomains", s.trust_domains),
            ("notTrustDomains", s.not_trust_domains),
        )
        for name, key, values, not_values in (
            ("ipBlocks", "source.ip", s.ip_blocks, s.not_ip_blocks),
            ("namespaces", "source.namespace", s.namespaces, s.not_namespaces),
            ("serviceAccounts", "serviceAccounts", s.service_accounts, s.not_service_accounts),
            ("principals", "source.principal", s.principals, s.not_principals),
        ):
            yield from self._both(name, key, values, not_values, path)

    def _operation(self, o: Operation, path: FieldPath, lost: list[Lost]) -> Iterator[Condition]:
        _http_only(
            path,
            lost,
            ("hosts", o.hosts),
            ("notHosts", o.not_hosts),
            ("methods", o.methods),
            ("notMethods", o.not_methods),
            ("paths", o.paths),
            ("notPaths", o.not_paths),
        )
        yield from self._both("ports", "destination.port", o.ports, o.not_ports, path)

    def _both(self, name: str, key: str, values: Values, nots: Values, path: FieldPath) -> Iterator[Condition]:
        if (asked := self._ask(key, values)) is not None:
            yield Condition(asked, False, (*path, name))
        if (asked := self._ask(key, nots)) is not None:
            yield Condition(asked, True, (*path, f"not{name[0].upper()}{name[1:]}"))

    def _ask(self, key: str, values: Values) -> Question | None:
        if key == "serviceAccounts":
            return Identity(tuple(_account(v, self._namespace) for v in values)) if values else None
        if key == "source.principal" and values:
            doubtful = tuple(principal_pattern("*/" + v.partition("/")[2]) for v in values if self._trust.foreign(v))
            return Identity(tuple(principal_pattern(v) for v in values), doubtful)
        asked = _ASK.get(key)
        return asked(values) if asked is not None else None


def _http_only(path: FieldPath, lost: list[Lost], *fields: tuple[str, Values]) -> None:
    lost.extend(Lost((*path, name), HTTP_ONLY, ", ".join(values)) for name, values in fields if values)


def _account(value: str, namespace: str) -> Pattern:
    before, slash, after = value.partition("/")
    where, name = (before, after) if slash else (namespace, value)
    pair = "" if "/" in name else f"sa/{name}"
    return Pattern(Form.REGEX, f"{SCHEME}[^/]*/ns/{re.escape(where)}/sa/{re.escape(name)}", pair=pair)


def _namespace(value: str) -> Pattern:
    if value == "*":
        return Pattern(Form.PRESENT)
    inner = re.escape(value)
    pair = "" if "*" in value or "/" in value else f"ns/{value}"
    if value.startswith("*"):
        inner = "[^/]*" + re.escape(value[1:])
    elif value.endswith("*"):
        inner = re.escape(value[:-1]) + "[^/]*"
    return Pattern(Form.REGEX, f"{SCHEME}[^/]*/ns/{inner}/sa/.*", pair=pair)


def _addresses(which: Which) -> Callable[[Values], Question | None]:
    def ask(values: Values) -> Question | None:
        found = tuple(b for v in values if (b := block(v)) is not None)
        return Address(which, found) if found else None

    return ask


def _ports(values: Values) -> Question | None:
    found = tuple(int(v) for v in values if v.isascii() and v.isdigit() and int(v) <= 65535)
    return Port(found) if found else None


_ASK: Final[dict[str, Callable[[Values], Question | None]]] = {
    "source.namespace": lambda values: Identity(tuple(map(_namespace, values))) if values else None,
    "source.principal": lambda values: Identity(tuple(map(principal_pattern, values))) if values else None,
    "source.ip": _addresses(Which.SOURCE),
    "destination.ip": _addresses(Which.DESTINATION),
    "destination.port": _ports,
}
