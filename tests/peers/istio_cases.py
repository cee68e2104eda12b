"""Istio's own test cases of its translator: AuthorizationPolicies in, filters of Envoy out.

Which options each case is translated with is said by pilot/pkg/security/authz/builder/builder_test.go, and told here
again as a table. `extended-*-out.yaml` are byte for byte the same files as those without the prefix (the test of that
name was once another code path); they are checked to be so and not run twice.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from ipaddress import ip_network
from pathlib import Path

import msgspec
import yaml
from tests.corpora import corpus

from mistrust.kube.istio import AuthorizationPolicy
from mistrust.kube.read import read
from mistrust.layers.mesh.istio.authorization.principals import TrustDomains
from mistrust.layers.mesh.istio.authorization.server import Authorizer, Provider, authorizer, read_policy

Json = dict[str, "Json"] | list["Json"] | str | int | float | bool | None


class Case(msgspec.Struct, frozen=True):
    name: str
    http: bool
    policies: str
    filters: tuple[str, ...]
    trust: TrustDomains = TrustDomains()
    providers: Mapping[str, Provider] | None = None

    def __str__(self) -> str:
        return f"{'http' if self.http else 'tcp'}/{self.name}"

    @property
    def folder(self) -> Path:
        return TESTDATA() / ("http" if self.http else "tcp")

    def text(self) -> str:
        return playable((self.folder / f"{self.policies}-in.yaml").read_text())

    def given(self) -> list[AuthorizationPolicy]:
        found, problems = read(self.text().encode(), self.policies)
        assert not problems, problems
        assert all(isinstance(o, AuthorizationPolicy) for o in found)
        return [o for o in found if isinstance(o, AuthorizationPolicy)]

    def raw(self) -> list[dict[str, Json]]:
        return [d for d in yaml.safe_load_all(self.text()) if d]

    def translated(self) -> list[dict[str, Json]]:
        """What Istio makes of them, in the order of the filter chain."""
        return [yaml.safe_load(playable((self.folder / f"{f}-out{n}.yaml").read_text())) for f, n in self._outputs()]

    def _outputs(self) -> Iterator[tuple[str, str]]:
        for f in self.filters:
            head, _, tail = f.rpartition("#")
            yield (head, tail) if head else (f, "")

    def authorizer(self) -> Authorizer:
        return authorizer([read_policy(p, self.trust) for p in self.given()], self.providers)


def TESTDATA() -> Path:  # noqa: N802 - skipped only when it is used
    return corpus("istio") / "pilot/pkg/security/authz/builder/testdata"


HTTP, GRPC = {"default": Provider.HTTP}, {"default": Provider.GRPC}
NOBODY: Mapping[str, Provider] = {}

CASES = (
    *(
        Case(name, True, name, (name,))
        for name in (
            "allow-empty-rule",
            "allow-full-rule",
            "allow-host-before-111",
            "allow-nil-rule",
            "allow-path",
            "audit-full-rule",
            "deny-empty-rule",
            "dry-run-allow",
            "dry-run-mix",
            "multiple-policies",
            "single-policy",
            "trust-domains",
        )
    ),
    Case("deny-and-allow", True, "deny-and-allow", ("deny-and-allow#1", "deny-and-allow#2")),
    Case(
        "dry-run-allow-and-deny",
        True,
        "dry-run-allow-and-deny",
        ("dry-run-allow-and-deny#1", "dry-run-allow-and-deny#2"),
    ),
    Case(
        "one-alias",
        True,
        "simple-policy-td-aliases",
        ("simple-policy-td-aliases",),
        TrustDomains(("td1", "cluster.local")),
    ),
    Case(
        "several-aliases",
        True,
        "simple-policy-multiple-td-aliases",
        ("simple-policy-multiple-td-aliases",),
        TrustDomains(("td1", "cluster.local", "some-td")),
    ),
    Case(
        "wildcard-in-principal",
        True,
        "simple-policy-principal-with-wildcard",
        ("simple-policy-principal-with-wildcard",),
        TrustDomains(("td1", "foobar")),
    ),
    Case(
        "aliases-in-source-principal",
        True,
        "td-aliases-source-principal",
        ("td-aliases-source-principal",),
        TrustDomains(("new-td", "old-td", "some-trustdomain")),
    ),
    Case(
        "grpc-provider",
        True,
        "custom-simple-http",
        ("custom-grpc-provider#1", "custom-grpc-provider#2"),
        providers=GRPC,
    ),
    Case(
        "grpc-provider-no-namespace",
        True,
        "custom-simple-http",
        ("custom-grpc-provider-no-namespace#1", "custom-grpc-provider-no-namespace#2"),
        providers=GRPC,
    ),
    Case(
        "http-provider",
        True,
        "custom-simple-http",
        ("custom-http-provider#1", "custom-http-provider#2"),
        providers=HTTP,
    ),
    Case("provider-cannot-be-used", True, "custom-simple-http", ("custom-bad",), providers=NOBODY),
    Case(
        "several-providers",
        True,
        "custom-bad-multiple-providers",
        ("custom-bad-multiple-providers#1", "custom-bad-multiple-providers#2"),
        providers=HTTP,
    ),
    *(
        Case(name, False, name, (name,))
        for name in (
            "allow-both-http-tcp",
            "allow-only-http",
            "audit-both-http-tcp",
            "deny-both-http-tcp",
            "dry-run-mix",
        )
    ),
    Case(
        "grpc-provider",
        False,
        "custom-both-http-tcp",
        ("custom-both-http-tcp#1", "custom-both-http-tcp#2"),
        providers=GRPC,
    ),
    Case("http-provider", False, "custom-only-http", (), providers=HTTP),
)
"""Every pair of files; `#1` and `#2` are the numbered outputs."""


_ADDRESS = re.compile(r"(?<![\d.])(\d{1,3})\.(\d{1,3}\.\d{1,3}\.\d{1,3})(?![\d.])")
_BRACKETS = re.compile(r"rule\[\d\]-to\[\d\]-(?:method|host)\[\d\]")
_HOMES: dict[str, str] = {}


def playable(text: str) -> str:
    """The same text with words that a test can play; policies and Istio's output are rewritten alike.

    Every address moves to 127.0.0.0/8, where a test may bind whatever it likes, and keeps its last two parts. Methods
    and hosts lose their brackets, which no HTTP request may have there.
    """
    text = _BRACKETS.sub(lambda m: m.group(0).replace("[", ".").replace("]", "."), text)
    return _ADDRESS.sub(lambda m: _home(m.group(0)), text)


def _home(address: str) -> str:
    if address not in _HOMES:
        first, second, third, fourth = address.split(".")
        ip_network(address)
        second = str((int(first) * 7 + int(second)) % 250 + 3)
        home = f"127.{second}.{third}.{fourth}"
        assert home not in _HOMES.values(), f"{address} and another share {home}"
        _HOMES[address] = home
    return _HOMES[address]
