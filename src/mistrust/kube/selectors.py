"""Label selectors: `metav1.LabelSelector` and the plain `matchLabels` form.

Defined by k8s.io/apimachinery/pkg/apis/meta/v1/helpers.go (LabelSelectorAsSelector) and pkg/labels/selector.go.
"""

from __future__ import annotations

from collections.abc import Mapping

from mistrust.kube.meta import Value


class Requirement(Value, frozen=True, gc=False):
    """One line of `matchExpressions`."""

    key: str = ""
    operator: str = ""
    """In, NotIn, Exists or DoesNotExist; the API server refuses others."""
    values: tuple[str, ...] = ()


class LabelSelector(Value, frozen=True, gc=False):
    """Selects by labels; an empty selector selects everything, an absent one (None) nothing."""

    match_labels: Mapping[str, str] = {}
    match_expressions: tuple[Requirement, ...] = ()


def matches(selector: LabelSelector | None, labels: Mapping[str, str]) -> bool:
    """Does the selector choose an object with these labels?

    NotIn also chooses objects without the key, as upstream does. An operator that does not exist chooses nothing.

    >>> matches(LabelSelector(match_labels={"app": "web"}), {"app": "web", "tier": "front"})
    True
    """
    if selector is None:
        return False
    return all(labels.get(k) == v for k, v in selector.match_labels.items()) and all(
        _holds(r, labels) for r in selector.match_expressions
    )


def _holds(requirement: Requirement, labels: Mapping[str, str]) -> bool:
    present = requirement.key in labels
    match requirement.operator:
        case "In":
            return present and labels[requirement.key] in requirement.values
        case "NotIn":
            return not present or labels[requirement.key] not in requirement.values
        case "Exists":
            return present
        case "DoesNotExist":
            return not present
        case _:
            return False


def covers(selector: Mapping[str, str], labels: Mapping[str, str]) -> bool:
    """Does a plain selector (a Service's) choose these labels? An empty one chooses nothing."""
    return bool(selector) and all(labels.get(k) == v for k, v in selector.items())
