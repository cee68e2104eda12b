"""How Istio compares the identity that mutual TLS has proved: principals, namespaces, service accounts, trust domains.

Every one of them becomes a pattern over the whole SPIFFE ID, so that an ID with further parts in its path is treated
as Envoy treats it. Sources: istio pilot/pkg/security/authz/model/generator.go, security/trustdomain/bundle.go.
"""

from __future__ import annotations

import re
from typing import Final

import msgspec

from mistrust.layers.mesh.istio.authorization.patterns import Form, Pattern

SCHEME: Final = "spiffe://"
LOCAL: Final = "cluster.local"
"""In a policy it stands for the mesh's own trust domain, whatever that is called."""


class TrustDomains(msgspec.Struct, frozen=True, gc=False):
    """The trust domain of the mesh, and the names that it also answers to."""

    names: tuple[str, ...] = (LOCAL,)
    """The mesh's own first, then `trustDomainAliases`."""
    known: bool = True
    """False where the mesh's configuration was not seen: then another domain in a policy may be the mesh's own."""

    def principals(self, values: tuple[str, ...]) -> tuple[str, ...]:
        """The principals of a policy with every alias spelled out (ReplaceTrustDomainAliases)."""
        out: list[str] = []
        for value in values:
            parts = value.split("/")
            if len(parts) != 5 or parts[0] == "*" or not (parts[0] == LOCAL or self._mine(parts[0])):
                out.append(value)
                continue
            for name in self.names:
                new = value if _suffix(name, parts[0]) else "/".join((name, *parts[1:]))
                if new not in out:
                    out.append(new)
        return tuple(out)

    def domains(self, values: tuple[str, ...]) -> tuple[str, ...]:
        """The trust domains of a policy with every alias spelled out (ExpandTrustDomainAliases)."""
        out = [name for v in values for name in (self.names if v in self.names else (v,))]
        return tuple(dict.fromkeys(out))

    def foreign(self, principal: str) -> bool:
        """Does it name a trust domain that may turn out to be the mesh's own?"""
        parts = principal.split("/")
        return not self.known and len(parts) == 5 and parts[0] not in ("*", LOCAL) and not self._mine(parts[0])

    def _mine(self, domain: str) -> bool:
        return any(
            domain == n
            or n == "*"
            or _prefix(domain, n)
            or _prefix(n, domain)
            or _suffix(domain, n)
            or _suffix(n, domain)
            for n in self.names
        )


def _prefix(value: str, wanted: str) -> bool:
    return wanted.endswith("*") and value.startswith(wanted[:-1])


def _suffix(value: str, wanted: str) -> bool:
    return wanted.startswith("*") and value.endswith(wanted[1:])


def principal_pattern(value: str) -> Pattern:
    """`principals`: the SPIFFE ID without its scheme.

    >>> principal_pattern("*/ns/shop/sa/web").matches("spiffe://cluster.local/ns/shop/sa/web")
    True
    """
    if value == "*":
        return Pattern(Form.PRESENT)
    if value.startswith("*"):
        return Pattern(Form.REGEX, f"{SCHEME}.*{re.escape(value[1:])}")
    if value.endswith("*"):
        return Pattern(Form.PREFIX, SCHEME + value[:-1])
    return Pattern(Form.EXACT, SCHEME + value)


def namespace_pattern(value: str) -> Pattern:
    """`namespaces`; a star anywhere stands for any text.

    >>> namespace_pattern("shop").matches("spiffe://cluster.local/ns/shop/sa/web")
    True
    """
    pair = "" if "*" in value or "/" in value else f"ns/{value}"
    return Pattern(Form.REGEX, f".*/ns/{re.escape(value).replace(chr(92) + '*', '.*')}/.*", pair=pair)


def account_pattern(value: str, namespace: str) -> Pattern:
    """`serviceAccounts`: `name` in the policy's own namespace, or `namespace/name`.

    >>> account_pattern("web", "shop").matches("spiffe://cluster.local/ns/shop/sa/web")
    True
    """
    before, slash, after = value.partition("/")
    where, name = (before, after) if slash else (namespace, value)
    pair = "" if "/" in name else f"sa/{name}"
    return Pattern(Form.REGEX, f"{SCHEME}.+/ns/{re.escape(where)}/(.+/|)sa/{re.escape(name)}(/.+)?", pair=pair)


def domain_pattern(value: str) -> Pattern:
    """`trustDomains`; a star stands for any text without a slash.

    >>> domain_pattern("bad*").matches("spiffe://badlands/ns/shop/sa/web")
    True
    """
    if "*" not in value:
        return Pattern(Form.PREFIX, f"{SCHEME}{value}/")
    return Pattern(Form.REGEX, f"{SCHEME}{re.escape(value).replace(chr(92) + '*', '[^/]*')}/.*")
