"""Istio's translation of AuthorizationPolicies into Envoy's filters, written again as a table from its sources.

It is checked against every output of Istio's own test cases, and then serves policies for which there is no such case.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

Json = dict[str, Any]

ANY_PERMISSION, ANY_PRINCIPAL = {"any": True}, {"any": True}
NEVER = {"permissions": [{"notRule": {"any": True}}], "principals": [{"notId": {"any": True}}]}


class HttpOnly(Exception):  # noqa: N818 - what Istio does with it depends on the action
    """A field that has no meaning for TCP."""


def translate(policies: list[Json], *, http: bool, domains: tuple[str, ...] = ("cluster.local",)) -> list[Json]:
    """The filters for ALLOW, DENY and AUDIT policies of one workload, in the order of the chain."""
    out = []
    for action, kind in (("AUDIT", "LOG"), ("DENY", "DENY"), ("ALLOW", "")):
        chosen = [p for p in policies if (p["spec"] or {}).get("action", "ALLOW") == action]
        if chosen:
            out.append(_filter(chosen, kind, http=http, domains=domains))
    return out


def _filter(policies: list[Json], kind: str, *, http: bool, domains: tuple[str, ...]) -> Json:
    rules: dict[bool, Json] = {}
    for p in policies:
        dry = (p["metadata"].get("annotations") or {}).get("istio.io/dry-run") == "true"
        into = rules.setdefault(dry, {"action": kind, "policies": {}} if kind else {"policies": {}})
        where = f"ns[{p['metadata']['namespace']}]-policy[{p['metadata']['name']}]"
        given = (p["spec"] or {}).get("rules") or []
        if not given:
            into["policies"][f"{where}-rule[0]"] = NEVER
        for i, rule in enumerate(given):
            try:
                made = _Rule(p["metadata"]["namespace"], http, not kind, domains).policy(rule or {})
            except HttpOnly:
                continue
            into["policies"][f"{where}-rule[{i}]"] = made
    family = "http" if http else "network"
    config: Json = {"@type": f"type.googleapis.com/envoy.extensions.filters.{family}.rbac.v3.RBAC"}
    for dry, key in ((False, "rules"), (True, "shadowRules")):
        if dry in rules:
            config[key] = {k: v for k, v in rules[dry].items() if v}
    told = (
        "istio_dry_run_deny_"
        if True in rules and kind == "DENY"
        else ""
        if kind == "LOG" and True in rules
        else "istio_dry_run_allow_"
    )
    if told:
        config["shadowRulesStatPrefix"] = told
    if not http:
        config["statPrefix"] = "tcp."
    return {"name": f"envoy.filters.{family}.rbac", "typedConfig": config}


class _Rule:
    def __init__(self, namespace: str, http: bool, allow: bool, domains: tuple[str, ...]) -> None:
        self.namespace, self.http, self.allow, self.domains = namespace, http, allow, domains

    def policy(self, rule: Json) -> Json:
        whens = rule.get("when") or []
        what = [w for w in whens if w["key"].startswith(("destination.", "connection.", "experimental."))]
        who = [w for w in whens if w not in what]
        operations = [(t or {}).get("operation") or {} for t in rule.get("to") or [{}]]
        sources = [(f or {}).get("source") or {} for f in rule.get("from") or [{}]]
        return {
            "permissions": [
                {
                    "andRules": {
                        "rules": self._all(_OPERATION, o, what, "orRules", "rules", "notRule") or [ANY_PERMISSION]
                    }
                }
                for o in operations
            ],
            "principals": [
                {"andIds": {"ids": self._all(_SOURCE, s, who, "orIds", "ids", "notId") or [ANY_PRINCIPAL]}}
                for s in sources
            ],
        }

    def _all(self, table: Any, part: Json, whens: list[Json], either: str, inner: str, no: str) -> list[Json]:
        out: list[Json] = []
        for field, key in table:
            negative = "not" + field[0].upper() + field[1:]
            out += self._both(key, part.get(field) or [], part.get(negative) or [], either, inner, no)
        for w in whens:
            out += self._both(w["key"], w.get("values") or [], w.get("notValues") or [], either, inner, no)
        return out

    def _both(self, key: str, values: list[str], nots: list[str], either: str, inner: str, no: str) -> list[Json]:
        found = [self._one(key, v, either, inner) for v in (values, nots)]
        return [f for f in (found[0], {no: found[1]} if found[1] else None) if f]

    def _one(self, key: str, values: list[str], either: str, inner: str) -> Json | None:
        if not values:
            return None
        family = key.partition("[")[0]
        if not self.http and family in _HTTP_ONLY:
            if self.allow:
                raise HttpOnly(key)
            return None
        if family == "request.auth.principal":
            pairs = [_subject(v) for v in values]
            return pairs[0] if len(pairs) == 1 else {either: {inner: pairs}}
        if family in ("request.auth.audiences", "request.auth.presenter", "request.auth.claims"):
            return {"metadata": _claim(key, values)}
        if family.startswith("experimental."):
            return {"metadata": _left(key, values)}
        if key == "source.principal":
            values = _aliases(values, self.domains)
        return {either: {inner: [_VALUE[family](self, key, v) for v in values]}}


_OPERATION = (("hosts", "hosts"), ("methods", "methods"), ("paths", "paths"), ("ports", "destination.port"))
_SOURCE = (
    ("principals", "source.principal"),
    ("requestPrincipals", "request.auth.principal"),
    ("serviceAccounts", "source.serviceAccount"),
    ("namespaces", "source.namespace"),
    ("trustDomains", "source.trustDomain"),
    ("remoteIpBlocks", "remote.ip"),
    ("ipBlocks", "source.ip"),
)
_HTTP_ONLY = {
    "hosts",
    "methods",
    "paths",
    "request.headers",
    "request.auth.principal",
    "request.auth.audiences",
    "request.auth.presenter",
    "request.auth.claims",
}


def _string(value: str, prefix: str = "") -> Json:
    if value == "*":
        return {"safeRegex": {"regex": ".+"}}
    if value.startswith("*"):
        return {"safeRegex": {"regex": f"{prefix}.*{_quoted(value[1:])}"}} if prefix else {"suffix": value[1:]}
    return {"prefix": prefix + value[:-1]} if value.endswith("*") else {"exact": prefix + value}


def _quoted(value: str) -> str:
    return re.sub(r"([\\.+*?()|\[\]{}^$])", r"\\\1", value)


def _san(matcher: Json) -> Json:
    return {"authenticated": {"principalName": matcher}}


def _regex(text: str) -> Json:
    return {"safeRegex": {"regex": text}}


def _header(name: str, value: str, *, fold: bool = False) -> Json:
    if value == "*":
        return {"header": {"name": name, "presentMatch": True}}
    return {"header": {"name": name, "stringMatch": {**_string(value), **({"ignoreCase": True} if fold else {})}}}


def _cidr(value: str) -> Json:
    address, _, bits = value.partition("/")
    return {"addressPrefix": address, "prefixLen": int(bits or 32)}


def _path(value: str) -> Json:
    if "{*}" not in value and "{**}" not in value:
        return {"urlPath": {"path": _string(value)}}
    kind = "type.googleapis.com/envoy.extensions.path.match.uri_template.v3.UriTemplateMatchConfig"
    template = value.replace("{*}", "*").replace("{**}", "**")
    return {"uriTemplate": {"name": "uri-template", "typedConfig": {"@type": kind, "pathTemplate": template}}}


def _account(rule: _Rule, value: str) -> Json:
    namespace, slash, name = value.partition("/")
    if not slash:
        namespace, name = rule.namespace, value
    return _san(_regex(f"spiffe://.+/ns/{_quoted(namespace)}/(.+/|)sa/{_quoted(name)}(/.+)?"))


def _domain(value: str) -> Json:
    if "*" in value:
        return _san(_regex(f"spiffe://{_quoted(value).replace(chr(92) + '*', '[^/]*')}/.*"))
    return _san({"prefix": f"spiffe://{value}/"})


_VALUE: dict[str, Callable[[_Rule, str, str], Json]] = {
    "source.principal": lambda r, k, v: _san(_string(v, "spiffe://")),
    "source.namespace": lambda r, k, v: _san(_regex(f".*/ns/{_quoted(v).replace(chr(92) + '*', '.*')}/.*")),
    "source.serviceAccount": lambda r, k, v: _account(r, v),
    "source.trustDomain": lambda r, k, v: _domain(v),
    "source.ip": lambda r, k, v: {"directRemoteIp": _cidr(v)},
    "remote.ip": lambda r, k, v: {"remoteIp": _cidr(v)},
    "request.headers": lambda r, k, v: _header(k.partition("[")[2][:-1], v),
    "destination.ip": lambda r, k, v: {"destinationIp": _cidr(v)},
    "destination.port": lambda r, k, v: {"destinationPort": int(v)},
    "connection.sni": lambda r, k, v: {"requestedServerName": _string(v)},
    "hosts": lambda r, k, v: _header(":authority", v, fold=True),
    "methods": lambda r, k, v: _header(":method", v),
    "paths": lambda r, k, v: _path(v),
}


def _payload(keys: list[str], value: Json) -> Json:
    path = [{"key": k} for k in ("payload", *keys)]
    return {"filter": "envoy.filters.http.jwt_authn", "path": path, "value": value}


def _any_of(several: list[Json]) -> Json:
    return several[0] if len(several) == 1 else {"orMatch": {"valueMatchers": several}}


def _claim(key: str, values: list[str]) -> Json:
    fixed = {"request.auth.audiences": ["aud"], "request.auth.presenter": ["azp"]}
    keys = fixed.get(key) or key.partition("[")[2][:-1].split("][")
    any_of = _any_of([{"stringMatch": _string(v)} for v in values])
    return _payload(keys, {"orMatch": {"valueMatchers": [{"listMatch": {"oneOf": any_of}}, any_of]}})


def _left(key: str, values: list[str]) -> Json:
    name, _, rest = key.removeprefix("experimental.").removesuffix("]").partition("[")
    several = [
        {"listMatch": {"oneOf": {"stringMatch": _string(v.strip("[]"))}}}
        if v.startswith("[") and v.endswith("]")
        else {"stringMatch": _string(v)}
        for v in values
    ]
    return {"filter": name, "path": [{"key": rest}], "value": _any_of(several)}


def _subject(value: str) -> Json:
    issuer, slash, subject = value.rpartition("/")
    anything = _regex(".+")
    if value == "*":
        found = anything, anything
    elif value.startswith("*"):
        found = (
            (anything if issuer == "*" else {"suffix": issuer[1:]}, {"exact": subject})
            if slash
            else (anything, {"suffix": value[1:]})
        )
    elif value.endswith("*"):
        found = ({"exact": issuer}, _string(subject)) if slash else ({"prefix": value[:-1]}, anything)
    else:
        found = ({"exact": issuer}, {"exact": subject}) if slash else ({"exact": value}, {"exact": ""})
    both = [{"metadata": _payload([k], {"stringMatch": m})} for k, m in zip(("iss", "sub"), found, strict=True)]
    return {"andIds": {"ids": both}}


def _aliases(values: list[str], domains: tuple[str, ...]) -> list[str]:
    out = []
    for v in values:
        domain, *rest = v.split("/")
        mine = domain == "cluster.local" or any(
            d == domain
            or (domain.startswith("*") and d.endswith(domain[1:]))
            or (domain.endswith("*") and d.startswith(domain[:-1]))
            for d in domains
        )
        if len(rest) != 4 or domain == "*" or not mine:
            out.append(v)
            continue
        made = [v if domain.startswith("*") and d.endswith(domain[1:]) else "/".join((d, *rest)) for d in domains]
        out += dict.fromkeys(made)
    return out
