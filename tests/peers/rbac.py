"""Envoy's RBAC filters, interpreted: the filters that Istio wrote, asked of a request.

Written from Envoy's documentation of config.rbac.v3 and type.matcher.v3, to have a second opinion without Envoy. It
knows what Istio's translator uses, and raises KeyError for everything else.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from enum import Enum
from ipaddress import ip_address, ip_network
from typing import Any

from mistrust.layers.mesh.istio.authorization.requests import Claim, Http, Request


class Outcome(Enum):
    ALLOWED = "allowed"
    DENIED = "denied"
    ASKED = "an external authorizer is asked"


def interpret(filters: list[dict[str, Any]], request: Request) -> Outcome:
    """What a chain of filters makes of a request."""
    asked = False
    shadowed: str | None = None
    for each in filters:
        config = each["typedConfig"]
        kind = config["@type"].rpartition(".")[2]
        if kind == "ExtAuthz":
            wanted = config["filterEnabledMetadata"]["value"]["stringMatch"]["prefix"]
            asked |= shadowed is not None and shadowed.startswith(wanted)
            continue
        if "rules" in config and not _passes(config["rules"], request):
            return Outcome.DENIED
        shadowed = _effective(config.get("shadowRules") or {}, request)
    return Outcome.ASKED if asked else Outcome.ALLOWED


def _passes(rules: dict[str, Any], request: Request) -> bool:
    matched = _effective(rules, request) is not None
    return {"ALLOW": matched, "DENY": not matched, "LOG": True}[rules.get("action", "ALLOW")]


def _effective(rules: dict[str, Any], request: Request) -> str | None:
    """The first policy that matches, by name."""
    for name, policy in sorted((rules.get("policies") or {}).items()):
        if any(_permission(p, request) for p in policy["permissions"]) and any(
            _principal(p, request) for p in policy["principals"]
        ):
            return str(name)
    return None


def _permission(p: dict[str, Any], request: Request) -> bool:
    (kind, value), *rest = p.items()
    assert not rest
    match kind:
        case "any":
            return True
        case "andRules":
            return all(_permission(r, request) for r in value["rules"])
        case "orRules":
            return any(_permission(r, request) for r in value["rules"])
        case "notRule":
            return not _permission(value, request)
        case "header":
            return _header(value, request)
        case "urlPath":
            return _string(value["path"], re.split("[?#]", _http(request).path)[0])
        case "uriTemplate":
            return _template(value["typedConfig"]["pathTemplate"], re.split("[?#]", _http(request).path)[0])
        case "destinationIp":
            return _inside(value, request.destination)
        case "destinationPort":
            return bool(value == request.port)
        case "requestedServerName":
            return _string(value, (request.sni or "").lower())
        case "metadata":
            return _metadata(value, request)
    raise KeyError(kind)


def _principal(p: dict[str, Any], request: Request) -> bool:
    (kind, value), *rest = p.items()
    assert not rest
    match kind:
        case "any":
            return True
        case "andIds":
            return all(_principal(r, request) for r in value["ids"])
        case "orIds":
            return any(_principal(r, request) for r in value["ids"])
        case "notId":
            return not _principal(value, request)
        case "authenticated":
            return request.principal is not None and _string(value["principalName"], f"spiffe://{request.principal}")
        case "directRemoteIp":
            return _inside(value, request.source)
        case "remoteIp":
            return _inside(value, request.remote)
        case "header":
            return _header(value, request)
        case "metadata":
            return _metadata(value, request)
    raise KeyError(kind)


def _http(request: Request) -> Http:
    assert isinstance(request.http, Http)
    return request.http


def _header(value: dict[str, Any], request: Request) -> bool:
    http = _http(request)
    fixed = {":authority": http.host, ":method": http.method}
    found = fixed.get(value["name"], http.headers.get(value["name"].lower()))
    if found is None:
        return False
    if "safeRegexMatch" in value:
        return re.fullmatch(value["safeRegexMatch"]["regex"], found) is not None
    return True if value.get("presentMatch") else _string(value["stringMatch"], found)


def _string(matcher: dict[str, Any], value: str) -> bool:
    fold = matcher.get("ignoreCase", False)
    (kind, wanted), *rest = ((k, v) for k, v in matcher.items() if k != "ignoreCase")
    assert not rest
    if kind == "safeRegex":
        return re.fullmatch(wanted["regex"], value) is not None
    if fold:
        wanted, value = wanted.lower(), value.lower()
    return {"exact": value == wanted, "prefix": value.startswith(wanted), "suffix": value.endswith(wanted)}[kind]


def _template(template: str, path: str) -> bool:
    letters = r"a-zA-Z0-9\-._~%!$&'()+,;:@"
    words = {"**": f"[{letters}/]*", "*": f"[{letters}]+"}
    found = "".join(words.get(part, re.escape(part)) for part in re.split(r"(\*\*|\*)", template))
    return re.fullmatch(found, path) is not None


def _inside(value: dict[str, Any], address: str | None) -> bool:
    assert address is not None
    return ip_address(address) in ip_network(f"{value['addressPrefix']}/{value['prefixLen']}", strict=False)


def _metadata(value: dict[str, Any], request: Request) -> bool:
    path = [p["key"] for p in value["path"]]
    found: Claim
    if value["filter"] == "envoy.filters.http.jwt_authn":
        assert path.pop(0) == "payload"
        found = _http(request).claims
    else:
        found = {k: v for (f, k), v in (request.metadata or {}).items() if f == value["filter"]}
    for key in path:
        found = found.get(key) if isinstance(found, Mapping) else None
    return _value(value["value"], found)


def _value(matcher: dict[str, Any], found: Claim) -> bool:
    (kind, wanted), *rest = matcher.items()
    assert not rest
    match kind:
        case "stringMatch":
            return isinstance(found, str) and _string(wanted, found)
        case "orMatch":
            return any(_value(m, found) for m in wanted["valueMatchers"])
        case "listMatch":
            return isinstance(found, tuple) and any(_value(wanted["oneOf"], e) for e in found)
    raise KeyError(kind)
