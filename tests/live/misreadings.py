"""What plugins and analyzers get wrong about policies: changes of manifests that make a right plugin do so."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

Plain = dict[str, Any]
Change = Callable[[Plain], Plain]


def misread(value: Any, change: Change) -> Any:
    """The change, made in every mapping, from the inside out."""
    if isinstance(value, dict):
        return change({k: misread(v, change) for k, v in value.items()})
    return [misread(v, change) for v in value] if isinstance(value, list) else value


def _without(key: str) -> Change:
    return lambda part: {k: v for k, v in part.items() if k != key}


def _pass_accepts(part: Plain) -> Plain:
    return {**part, "action": "Accept"} if part.get("action") == "Pass" else part


def _deny_passes(part: Plain) -> Plain:
    return {**part, "action": "Pass"} if part.get("action") == "Deny" else part


def _higher_wins(part: Plain) -> Plain:
    return {**part, "priority": 1000 - part["priority"]} if "priority" in part else part


def _one_tier(part: Plain) -> Plain:
    return {**part, "tier": "Admin"} if part.get("tier") == "Baseline" else part


def _any_named_port(part: Plain) -> Plain:
    return _without("port")(part) if isinstance(part.get("port"), str) else part


def _always_tcp(part: Plain) -> Plain:
    return {**part, "protocol": "TCP"} if "protocol" in part and "containerPort" not in part else part


def _absent_is_never_chosen(part: Plain) -> Plain:
    needs = part.get("matchExpressions", [])
    there = [{"key": n["key"], "operator": "Exists"} for n in needs if n["operator"] == "NotIn"]
    return {**part, "matchExpressions": [*needs, *there]} if there else part


def _either_selector(part: Plain) -> Plain:
    """Two selectors in one element of `from` or `to` are both needed; in two elements one of them is enough."""
    changed = dict(part)
    for side in ("from", "to"):
        peers = part.get(side, [])
        if any({"namespaceSelector", "podSelector"} == {*p} for p in peers) and "action" not in part:
            changed[side] = [{k: v} for p in peers for k, v in p.items()]
    return changed


def _own_namespace_is_all(part: Plain) -> Plain:
    return {**part, "namespaceSelector": {}} if {*part} == {"podSelector"} else part


def _egress_needs_its_type(part: Plain) -> Plain:
    return {"policyTypes": ["Ingress"], **part} if "podSelector" in part and part.get("egress") else part


def _empty_rules_are_none(part: Plain) -> Plain:
    """`ingress: []` with its type denies everything."""
    types = [t for t in part.get("policyTypes", []) if part.get(t.lower())]
    return {**part, "policyTypes": types, "ingress": part.get("ingress", [])} if "policyTypes" in part else part


MISREADINGS: dict[str, Change] = {
    "except is ignored": _without("except"),
    "endPort is ignored": _without("endPort"),
    "a named port is every port": _any_named_port,
    "the protocol is always TCP": _always_tcp,
    "expressions are ignored": _without("matchExpressions"),
    "NotIn does not choose an absent label": _absent_is_never_chosen,
    "either selector of a peer is enough": _either_selector,
    "a pod selector alone is about every namespace": _own_namespace_is_all,
    "egress is limited only where policyTypes says so": _egress_needs_its_type,
    "no rules are no limit": _empty_rules_are_none,
    "Pass accepts": _pass_accepts,
    "Deny passes": _deny_passes,
    "the higher priority number wins": _higher_wins,
    "Baseline is asked with Admin": _one_tier,
}
