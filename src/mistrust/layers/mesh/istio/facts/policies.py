"""Facts about AuthorizationPolicies by themselves: rules that let too much through, or not what they seem to."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from mistrust.access.evidence import Evidence, FieldPath, at
from mistrust.access.fact import Fact
from mistrust.kube.istio import AuthorizationPolicy
from mistrust.layers.mesh.istio.authorization.conditions import (
    URL,
    Address,
    Condition,
    Identity,
    Subject,
    Text,
    Token,
    Which,
)
from mistrust.layers.mesh.istio.authorization.patterns import Form
from mistrust.layers.mesh.istio.authorization.principals import SCHEME
from mistrust.layers.mesh.istio.authorization.rules import Dropped, Every, Lost, Rule
from mistrust.layers.mesh.istio.authorization.server import DRY_RUN, Policy, Provider

MERGING: Final = frozenset({"MERGE_SLASHES", "DECODE_AND_MERGE_SLASHES"})
"""The settings of `pathNormalization` under which `//admin` is `/admin`."""


def facts(policy: Policy, providers: dict[str, Provider] | None, normalization: str) -> Iterator[Fact]:
    """Every fact that one policy shows without a look at any workload."""
    if policy.dry_run:
        evidence = (at(policy.source, f'metadata.annotations["{DRY_RUN}"]', value="true"),)
        yield fact(
            "mesh.policy-dry-run",
            policy.source,
            f"its {policy.action} rules are tried out and decide nothing",
            evidence,
        )
        return
    if policy.action == "AUDIT":
        return
    for rule in policy.http:
        if isinstance(rule, Dropped):
            yield from _skipped(policy, rule.lost)
            continue
        yield from _skipped(policy, rule.lost)
        if policy.action == "ALLOW":
            yield from _everything(policy, rule)
            yield from _by_address(policy, rule)
        yield from _principals(policy, rule)
        yield from _paths(policy, rule, normalization)
    if policy.action == "CUSTOM":
        yield from _provider(policy, providers)


def fact(name: str, source: AuthorizationPolicy, detail: str, evidence: Iterable[Evidence], what: object = "") -> Fact:
    """A fact about a policy; `what` keeps several in one policy apart."""
    return Fact(name, f"{source.ref} {what}".strip(), source.ref, detail, tuple(evidence))


def told(source: AuthorizationPolicy, path: FieldPath, value: str = "") -> Evidence:
    """Evidence in a field of a policy, by its path."""
    return at(source, "", *path, value=value)


def _everything(policy: Policy, rule: Rule) -> Iterator[Fact]:
    if any(not s for s in rule.sources) and any(not o for o in rule.operations):
        yield fact(
            "mesh.policy-allow-all",
            policy.source,
            f"rule {rule.index} allows every request of everybody, with or without an identity",
            (policy.evidence(rule.index),),
            f"rule {rule.index}",
        )


def _by_address(policy: Policy, rule: Rule) -> Iterator[Fact]:
    """Sources that are asked for an address and for nothing that is proved."""
    for conditions in rule.sources:
        addresses = [c for c in conditions if _address(c)]
        if addresses and not any(_proves(c) for c in conditions):
            fields = ", ".join(str(c.path[-1]) for c in addresses)
            yield fact(
                "mesh.policy-by-address",
                policy.source,
                f"rule {rule.index} lets in by {fields} alone: nobody proves who they are",
                (told(policy.source, c.path) for c in addresses),
                f"rule {rule.index}",
            )
            return


def _address(c: Condition) -> bool:
    return isinstance(c.question, Address) and c.question.which is not Which.DESTINATION


def _proves(c: Condition) -> bool:
    return not c.negative and isinstance(c.question, Identity | Subject | Token)


def excludes(conditions: Every) -> tuple[Condition, ...]:
    """What a source asks about identities where it only says who is not meant."""
    about = tuple(c for c in conditions if isinstance(c.question, Identity))
    return about if about and all(c.negative for c in about) else ()


def _skipped(policy: Policy, lost: Sequence[Lost]) -> Iterator[Fact]:
    for field in lost:
        effect = (
            "the whole rule is left out" if policy.action == "ALLOW" or field.path[-1] == "when" else "it is left out"
        )
        yield fact(
            "mesh.policy-skipped",
            policy.source,
            f"{field.value or 'a condition'} cannot be asked ({field.why}): {effect}",
            (told(policy.source, field.path, field.value),),
            field.value,
        )


def _principals(policy: Policy, rule: Rule) -> Iterator[Fact]:
    seen: set[FieldPath] = set()
    for c in rule.conditions:
        if c.path in seen or not isinstance(c.question, Identity) or "rincipal" not in _field(policy, c):
            continue
        seen.add(c.path)
        for value in _values(policy, c):
            if value.startswith(SCHEME):
                why = f"principal {value} matches nobody: a policy names it without {SCHEME}"
                yield fact("mesh.policy-never", policy.source, why, (told(policy.source, c.path, value),), value)
            elif "/" not in value and "*" not in value:
                why = f"principal {value} matches nobody: it is no trust-domain/ns/namespace/sa/account"
                yield fact("mesh.policy-never", policy.source, why, (told(policy.source, c.path, value),), value)
            elif value.endswith("*") and value[:-1] and not value.endswith("/*"):
                why = f"principal {value} matches every name that begins so, those of other namespaces or accounts too"
                yield fact("mesh.policy-wildcard", policy.source, why, (told(policy.source, c.path, value),), value)


def _field(policy: Policy, c: Condition) -> str:
    """`principals`, `notPrincipals`, or for a condition of `when` its key."""
    if "when" in c.path:
        at_when = c.path[c.path.index("when") + 1]
        rule = policy.source.spec.rules[int(c.path[2])]
        return rule.conditions[int(at_when)].key
    return str(c.path[-1])


def _values(policy: Policy, c: Condition) -> tuple[str, ...]:
    """What is written in the field that a condition was read from."""
    rule = policy.source.spec.rules[int(c.path[2])]
    if "when" in c.path:
        when = rule.conditions[int(c.path[4])]
        return when.not_values if c.negative else when.values
    source = rule.sources[int(c.path[4])].source
    if source is None:
        return ()
    return source.not_principals if c.negative else source.principals


def _paths(policy: Policy, rule: Rule, normalization: str) -> Iterator[Fact]:
    """Paths that are refused by name, where the server may take another spelling for the same."""
    if normalization in MERGING:
        return
    for c in rule.conditions:
        refusing = c.negative is (policy.action == "ALLOW")
        if not (refusing and isinstance(c.question, Text) and c.question.name == URL):
            continue
        named = [p.text for p in c.question.patterns if p.form in (Form.EXACT, Form.PREFIX) and p.text.strip("/")]
        if named:
            how = "as they are written" if normalization == "NONE" else "with their double slashes"
            yield fact(
                "mesh.policy-paths",
                policy.source,
                f"rule {rule.index} refuses {', '.join(named[:3])} by name, and paths are compared {how}",
                (told(policy.source, c.path, ", ".join(named)),),
                f"rule {rule.index}",
            )
            return


def _provider(policy: Policy, providers: dict[str, Provider] | None) -> Iterator[Fact]:
    if providers is not None and policy.provider not in providers:
        yield fact(
            "mesh.policy-provider",
            policy.source,
            f"the mesh has no external authorizer {policy.provider!r}: what its rules match is denied",
            (at(policy.source, "spec.provider.name", value=policy.provider),),
        )
