"""Random AuthorizationPolicies over few words, so that rules overlap, contradict and repeat each other."""

from __future__ import annotations

import random
from typing import Any

Json = dict[str, Any]

NAMES = ("a", "b", "shop")
SOURCES: dict[str, tuple[str, ...]] = {
    "principals": (
        "*",
        "cluster.local/ns/a/sa/x",
        "cluster.local/ns/*",
        "*/sa/x",
        "*/ns/b/sa/y",
        "elsewhere/ns/a/sa/x",
        "*local/ns/shop/sa/x",
    ),
    "namespaces": (*NAMES, "sh*", "*op", "*"),
    "serviceAccounts": ("x", "a/x", "b/y"),
    "trustDomains": ("cluster.local", "else*"),
    "requestPrincipals": (
        "*",
        "https://issuer.test/u*",
        "https://issuer.test/*",
        "plain",
        "*/admin",
        "https://issuer.test/admin",
    ),
    "ipBlocks": ("127.1.0.0/16", "127.1.2.3", "127.0.0.0/8", "127.9.9.9/32"),
    "remoteIpBlocks": ("127.1.0.0/16", "127.7.7.7"),
}
OPERATIONS: dict[str, tuple[str, ...]] = {
    "hosts": ("web.test", "*.test", "WEB.*", "*"),
    "methods": ("GET", "P*", "*T", "*"),
    "paths": ("/", "/admin", "/admin/*", "*/edit", "*", "/x/{*}/edit", "/{**}/edit", "/x/{**}"),
    "ports": ("80", "8080", "9000"),
}
WHENS: dict[str, tuple[str, ...]] = {
    "request.headers[X-Team]": ("red", "b*", "*d", "*"),
    "request.headers[:method]": ("GET", "PUT"),
    "source.ip": ("127.1.2.0/24", "127.9.0.0/16"),
    "remote.ip": ("127.7.0.0/16",),
    "source.namespace": ("a", "s*"),
    "source.principal": ("*", "cluster.local/ns/b/sa/y"),
    "request.auth.principal": ("*", "https://issuer.test/admin"),
    "request.auth.audiences": ("web", "w*"),
    "request.auth.presenter": ("cli",),
    "request.auth.claims[group]": ("admin", "*min", "*"),
    "request.auth.claims[deep][er]": ("yes", "*"),
    "destination.ip": ("127.3.0.0/16", "127.3.3.3"),
    "destination.port": ("80", "443"),
    "connection.sni": ("web.test", "*.test", "*", "WEB.test"),
    "experimental.envoy.filters.a.b[c]": ("v1", "v*", "[v1]"),
}


def random_policies(rng: random.Random, *, only_l4: bool = False) -> list[Json]:
    """One to four policies of one workload in namespace `shop`."""
    return [_policy(rng, i, only_l4) for i in range(rng.randint(1, 4))]


def _policy(rng: random.Random, number: int, only_l4: bool) -> Json:
    rules = [_rule(rng, only_l4) for _ in range(rng.choice((0, 1, 1, 1, 2, 3)))]
    annotations = {"annotations": {"istio.io/dry-run": rng.choice(("true", "false"))}} if rng.random() < 0.1 else {}
    action = rng.choice(("ALLOW", "ALLOW", "DENY", "DENY", "AUDIT"))
    return {
        "apiVersion": "security.istio.io/v1",
        "kind": "AuthorizationPolicy",
        "metadata": {"name": f"p{number}", "namespace": "shop", **annotations},
        "spec": {"action": action, **({"rules": rules} if rules else {})},
    }


def _rule(rng: random.Random, only_l4: bool) -> Json:
    rule: Json = {}
    if rng.random() < 0.7:
        rule["from"] = [{"source": _fields(rng, SOURCES, only_l4)} for _ in range(rng.choice((1, 1, 2)))]
    if rng.random() < 0.6:
        rule["to"] = [{"operation": _fields(rng, OPERATIONS, only_l4)} for _ in range(rng.choice((1, 1, 2)))]
    if rng.random() < 0.4:
        keys = [k for k in WHENS if not only_l4 or k in L4]
        rule["when"] = [
            {"key": k, rng.choice(("values", "values", "notValues")): _some(rng, WHENS[k])}
            for k in rng.sample(keys, rng.choice((1, 1, 2)))
        ]
    return rule


L4 = frozenset(
    {
        "principals",
        "namespaces",
        "serviceAccounts",
        "trustDomains",
        "ipBlocks",
        "ports",
        "source.ip",
        "source.namespace",
        "source.principal",
        "destination.ip",
        "destination.port",
    }
)
"""What a connection shows."""


def _fields(rng: random.Random, words: dict[str, tuple[str, ...]], only_l4: bool) -> Json:
    names = [n for n in words if not only_l4 or n in L4]
    chosen = rng.sample(names, min(len(names), rng.choice((1, 1, 1, 2, 3))))
    return {(n if rng.random() < 0.7 else "not" + n[0].upper() + n[1:]): _some(rng, words[n]) for n in chosen}


def _some(rng: random.Random, words: tuple[str, ...]) -> list[str]:
    return rng.sample(words, min(len(words), rng.choice((1, 1, 2))))
