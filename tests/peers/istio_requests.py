"""Requests made from a policy's own words: such that match a rule, such that nearly do, and such that do not."""

from __future__ import annotations

import random
from ipaddress import ip_network
from typing import Any

from mistrust.layers.mesh.istio.authorization.requests import Claim, Http, Request

ELSEWHERE = "127.200.0.9"
METHODS = ("GET", "POST", "DELETE")


def requests(policies: list[dict[str, Any]], *, http: bool, seed: str, count: int) -> list[Request]:
    """`count` different requests, the same ones for the same seed."""
    rng = random.Random(seed)
    rules = [(p["metadata"]["namespace"], r or {}) for p in policies for r in (p["spec"] or {}).get("rules") or [{}]]
    out: dict[str, Request] = {}
    for _ in range(count * 20):
        namespace, rule = rng.choice(rules)
        draft = Draft(rng, namespace)
        draft.aim(rule)
        if rng.random() < 0.6:
            _, other = rng.choice(rules)
            draft.spoil(other)
        made = draft.request(http=http)
        out.setdefault(repr(made), made)
        if len(out) == count:
            break
    return list(out.values())


class Draft:
    """A request in the making."""

    def __init__(self, rng: random.Random, namespace: str) -> None:
        self.rng = rng
        self.namespace = namespace
        self.principal: str | None = None
        self.source = self.remote = self.destination = ELSEWHERE
        self.port = 7
        self.sni = ""
        self.method, self.host, self.path = "GET", "nobody.test", "/"
        self.headers: dict[str, str] = {}
        self.claims: dict[str, Claim] = {}
        self.left: dict[tuple[str, str], Claim] = {}

    def aim(self, rule: dict[str, Any]) -> None:
        """Try to match a rule."""
        source = self._one(rule.get("from") or [{}]).get("source") or {}
        operation = self._one(rule.get("to") or [{}]).get("operation") or {}
        self._who(source, {w["key"]: w for w in rule.get("when") or []})
        for key, name in (
            ("ports", "destination.port"),
            ("hosts", ":host"),
            ("methods", ":method"),
            ("paths", ":path"),
        ):
            self._set(name, operation.get(key), operation.get("not" + key.title()))
        for key, name in (
            ("ipBlocks", "source.ip"),
            ("remoteIpBlocks", "remote.ip"),
            ("requestPrincipals", "request.auth.principal"),
        ):
            self._set(name, source.get(key), source.get("not" + key[0].upper() + key[1:]))
        for when in rule.get("when") or []:
            if self.rng.random() < 0.9:
                self._set(when["key"], when.get("values"), when.get("notValues"))

    def spoil(self, rule: dict[str, Any]) -> None:
        """Change one thing: to a word of a rule's `not` fields, to something close to a word, or to nothing."""
        words: list[tuple[str, str]] = []
        for part in rule.get("from") or []:
            for key, values in (part.get("source") or {}).items():
                words += [(_ATTRIBUTE.get(key.removeprefix("not").lower(), ""), v) for v in values]
        for part in rule.get("to") or []:
            for key, values in (part.get("operation") or {}).items():
                words += [(_ATTRIBUTE.get(key.removeprefix("not").lower(), ""), v) for v in values]
        for when in rule.get("when") or []:
            words += [(when["key"], v) for v in (*when.get("values", ()), *when.get("notValues", ()))]
        if self.rng.random() < 0.2 or not words:
            self.principal = self.rng.choice((None, "cluster.local/ns/other/sa/nobody"))
            return
        name, word = self.rng.choice(words)
        self._put(name, self._near(word) if self.rng.random() < 0.6 else self._like(word))

    def request(self, *, http: bool) -> Request:
        """The request as it is now."""
        return Request(
            port=self.port,
            principal=self.principal,
            source=self.source,
            remote=self.remote,
            destination=self.destination,
            sni=self.sni if self.principal is not None else "",
            http=Http(self.method, self.path, self.host, dict(self.headers), dict(self.claims) or None)
            if http
            else None,
            metadata=dict(self.left) if http else {},
        )

    def _who(self, source: dict[str, Any], when: dict[str, Any]) -> None:
        def words(field: str, key: str) -> list[str]:
            return [*(source.get(field) or []), *((when.get(key) or {}).get("values") or [])]

        names = words("principals", "source.principal")
        spaces = words("namespaces", "source.namespace")
        accounts = words("serviceAccounts", "source.serviceAccount")
        domains = words("trustDomains", "source.trustDomain")
        if not (names or spaces or accounts or domains) and self.rng.random() < 0.5:
            return
        domain = self._like(self._one(domains or ["cluster.local", "elsewhere"]))
        space = self._like(self._one(spaces or ["other"]))
        account = "anybody"
        if accounts:
            where, slash, account = self._one(accounts).rpartition("/")
            space = where if slash else self.namespace
        extra = self.rng.choice(("", "", "", "/k/v"))
        plain = f"{domain}/ns/{space}/sa/{account}{extra}"
        name = self._one(names) if names else "*"
        if name == "*":
            self.principal = plain
        elif name.startswith("*"):
            self.principal = f"{domain}/ns/{space}/{name[1:].lstrip('/')}" if spaces else f"{domain}{name[1:]}"
        elif name.endswith("*"):
            self.principal = f"{name[:-1]}/ns/{space}/sa/{account}"
        else:
            self.principal = name

    def _set(self, name: str, values: list[str] | None, nots: list[str] | None) -> None:
        if values:
            self._put(name, self._like(self._one(values)))
        elif nots and self.rng.random() < 0.3:
            self._put(name, self._like(self._one(nots)))

    def _put(self, name: str, value: str) -> None:
        match name:
            case "source.principal":
                self.principal = value or "x"
            case "source.namespace":
                self.principal = f"cluster.local/ns/{value}/sa/anybody"
            case "source.serviceAccount":
                self.principal = f"cluster.local/ns/{value.partition('/')[0]}/sa/{value.rpartition('/')[2]}"
            case "source.trustDomain":
                self.principal = f"{value}/ns/other/sa/anybody"
            case "source.ip":
                self.source = _address(value)
            case "remote.ip":
                self.remote = _address(value)
            case "destination.ip":
                self.destination = _address(value)
            case "destination.port":
                self.port = int(value) if value.isdigit() and 0 < int(value) < 65536 else 7
            case "connection.sni":
                self.sni = value
            case ":host":
                self.host = value.replace("/", "") or "x"
            case ":method":
                self.method = value.replace("/", "") or "GET"
            case ":path":
                query = self.rng.choice(("", "", "", "?to=/x/edit", "?"))
                self.path = (value if value.startswith("/") else "/" + value) + query
            case "request.auth.principal":
                self.claims["iss"], _, self.claims["sub"] = value.rpartition("/") if "/" in value else (value, "", "x")
                if self.rng.random() < 0.2:
                    del self.claims["sub"]
            case "request.auth.audiences":
                self.claims["aud"] = self.rng.choice((value, (value,), ("unrelated", value)))
            case "request.auth.presenter":
                self.claims["azp"] = self._listed(value)
            case _:
                self._bracketed(name, value)

    def _bracketed(self, name: str, value: str) -> None:
        family, _, rest = name.partition("[")
        keys = rest.removesuffix("]").split("][")
        if family == "request.headers":
            if keys[0].startswith(":"):
                self._put(keys[0], value)
            else:
                self.headers[keys[0].lower()] = value
        elif family == "request.auth.claims" and len(keys) == 2:
            self.claims[keys[0]] = {keys[1]: self._listed(value)}
        elif family == "request.auth.claims":
            self.claims[keys[0]] = value if keys[0] in ("iss", "sub") else self._listed(value)
        elif family.startswith("experimental."):
            self.left[family.removeprefix("experimental."), keys[0]] = value

    def _listed(self, value: str) -> Claim:
        return self.rng.choice((value, (value,), ("unrelated", value), 7, True)) if self.rng.random() < 0.5 else value

    def _like(self, word: str) -> str:
        """A value that the word stands for."""
        if word == "*":
            return self.rng.choice(("anything", "x"))
        filled = word.replace("{**}", self.rng.choice(("a", "a/b", "a/b/c"))).replace(
            "{*}", self.rng.choice(("one", "two"))
        )
        if filled.startswith("*"):
            return "www" + filled[1:]
        return filled[:-1] + "more" if filled.endswith("*") else filled

    def _near(self, word: str) -> str:
        value = self._like(word)
        if value.isdigit():
            return str(int(value) + 1)
        if value.startswith("127."):
            return str(ip_network(value, strict=False)[-1] + 1)
        return self.rng.choice(
            (value[:-1], value + "x", value.upper(), "x" + value, value.swapcase(), f"{value}/x", value[1:])
        )

    def _one(self, values: list[Any]) -> Any:
        return self.rng.choice(values) or {}


_ATTRIBUTE = {
    "principals": "source.principal",
    "namespaces": "source.namespace",
    "serviceaccounts": "source.serviceAccount",
    "trustdomains": "source.trustDomain",
    "requestprincipals": "request.auth.principal",
    "ipblocks": "source.ip",
    "remoteipblocks": "remote.ip",
    "hosts": ":host",
    "methods": ":method",
    "paths": ":path",
    "ports": "destination.port",
}


def _address(value: str) -> str:
    """An address in a block; any address for what is none."""
    try:
        block = ip_network(value, strict=False)
    except ValueError:
        return ELSEWHERE
    address = str(block[min(block.num_addresses - 1, 5)])
    return address if address.startswith("127.") else ELSEWHERE
