"""Which objects a constraint is about (gatekeeper/pkg/mutation/match/match.go)."""

from __future__ import annotations

import msgspec

from mistrust.admission.plain import labels, mapping, text
from mistrust.admission.review import Object
from mistrust.kube.build import Plain
from mistrust.kube.errors import InputError
from mistrust.kube.selectors import LabelSelector
from mistrust.kube.selectors import matches as selected


class Kinds(msgspec.Struct, frozen=True, rename="camel"):
    """Groups and kinds; an empty list and `*` are all of them."""

    api_groups: list[str] = []
    kinds: list[str] = []


class Match(msgspec.Struct, frozen=True, rename="camel"):
    """All of it has to hold."""

    kinds: list[Kinds] = []
    scope: str = "*"
    namespaces: list[str] = []
    excluded_namespaces: list[str] = []
    label_selector: LabelSelector | None = None
    namespace_selector: LabelSelector | None = None
    name: str = ""
    source: str = "All"


def matches(match: Match, obj: Plain, namespace: Object | None) -> bool:
    """Is the constraint about this object?

    Raises `InputError` where it asks about a Namespace that is not known.
    """
    group, _, _ = text(obj, "apiVersion").rpartition("/")
    kind, metadata = text(obj, "kind"), mapping(obj, "metadata")
    is_namespace = kind == "Namespace" and not group
    inside = bool(text(metadata, "namespace")) or (namespace is not None and not is_namespace)
    if match.kinds and not any(_of(k, group, kind) for k in match.kinds):
        return False
    if (match.scope == "Cluster" and inside and not is_namespace) or (
        match.scope == "Namespaced" and (is_namespace or not inside)
    ):
        return False
    if not _in_namespaces(match, text(metadata, "name") if is_namespace else _space(obj, namespace)):
        return False
    if match.label_selector is not None and not selected(match.label_selector, labels(obj)):
        return False
    if match.namespace_selector is not None and not _selects(match.namespace_selector, obj, namespace, is_namespace):
        return False
    return not match.name or _named(match.name, metadata)


def _of(kinds: Kinds, group: str, kind: str) -> bool:
    groups = not kinds.api_groups or "*" in kinds.api_groups or group in kinds.api_groups
    return groups and (not kinds.kinds or "*" in kinds.kinds or kind in kinds.kinds)


def _space(obj: Plain, namespace: Object | None) -> str:
    return text(
        mapping(namespace, "metadata") if namespace is not None else mapping(obj, "metadata"),
        *(("name",) if namespace is not None else ("namespace",)),
    )


def _in_namespaces(match: Match, name: str) -> bool:
    """What is in no namespace is let through by both lists."""
    if not name:
        return True
    if match.namespaces and not any(glob(pattern, name) for pattern in match.namespaces):
        return False
    return not any(glob(pattern, name) for pattern in match.excluded_namespaces)


def _selects(selector: LabelSelector, obj: Plain, namespace: Object | None, is_namespace: bool) -> bool:
    if is_namespace:
        return selected(selector, labels(obj))
    if namespace is not None:
        return selected(selector, labels(namespace))
    space = text(mapping(obj, "metadata"), "namespace")
    if space:
        raise InputError("the Namespace of the object is not known", got=space, do="give it as inventory")
    return True


def _named(pattern: str, metadata: Object) -> bool:
    generated = text(metadata, "generateName")
    return glob(pattern, text(metadata, "name")) or (bool(generated) and glob(pattern, generated))


def glob(pattern: str, name: str) -> bool:
    """`*`, at the beginning, at the end or at both, stands for anything.

    >>> glob("kube-*", "kube-system"), glob("*-x-*", "a-x-b"), glob("a", "ab")
    (True, True, False)
    """
    if pattern == "*":
        return True
    if pattern.startswith("*") and pattern.endswith("*") and len(pattern) > 1:
        return pattern[1:-1] in name
    if pattern.startswith("*"):
        return name.endswith(pattern[1:])
    if pattern.endswith("*"):
        return name.startswith(pattern[:-1])
    return pattern == name
