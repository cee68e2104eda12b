"""Bindings as they are applied to a cluster: with what they lead to, and the namespaces that they leave out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from mistrust.admission.plain import items, mapping, text
from mistrust.admission.review import Object
from mistrust.kube.build import Plain

NAME_LABEL: Final = "kubernetes.io/metadata.name"


def new(policy: Object) -> Object:
    """A binding for a policy that has none: of the same name, and denying."""
    name = text(policy, "metadata", "name")
    return {
        "apiVersion": text(policy, "apiVersion"),
        "kind": "ValidatingAdmissionPolicyBinding",
        "metadata": {"name": name},
        "spec": {"policyName": name, "validationActions": ["Deny"]},
    }


def bound(binding: Object, action: str | None, exempt: Sequence[str] | None) -> Object:
    """A binding with another action and other namespaces left out, each as it was where it is None."""
    spec = dict(mapping(binding, "spec"))
    if action is not None:
        spec["validationActions"] = [action]
    if exempt is not None:
        resources = dict(mapping(spec, "matchResources"))
        selector = dict(mapping(resources, "namespaceSelector"))
        kept = [e for e in items(selector, "matchExpressions") if not _exempts(e)]
        names: list[Plain] = [*dict.fromkeys(exempt)]
        left: list[Plain] = [{"key": NAME_LABEL, "operator": "NotIn", "values": names}] if names else []
        resources["namespaceSelector"] = _without_nothing({**selector, "matchExpressions": [*kept, *left]})
        spec["matchResources"] = _without_nothing(resources)
        spec = _without_nothing(spec)
    return {**binding, "spec": spec}


def _exempts(expression: Plain) -> bool:
    return text(expression, "key") == NAME_LABEL and text(expression, "operator") == "NotIn"


def _without_nothing(given: dict[str, Plain]) -> dict[str, Plain]:
    return {k: v for k, v in given.items() if v not in ({}, [])}
