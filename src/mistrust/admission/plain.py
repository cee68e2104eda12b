"""Access to plain JSON, where what is missing or of another kind is nothing."""

from __future__ import annotations

from collections.abc import Mapping

from mistrust.kube.build import Plain

EMPTY: Mapping[str, Plain] = {}
Given = Plain | Mapping[str, Plain]


def mapping(value: Given, *path: str) -> Mapping[str, Plain]:
    """The mapping at a path of keys; an empty one where there is none."""
    for key in path:
        value = value.get(key) if isinstance(value, dict) else None
    return value if isinstance(value, dict) else EMPTY


def text(value: Given, *path: str) -> str:
    """The string at a path; empty where there is none."""
    *front, last = path
    found = mapping(value, *front).get(last)
    return found if isinstance(found, str) else ""


def items(value: Given, *path: str) -> list[Plain]:
    """The list at a path; an empty one where there is none."""
    *front, last = path
    found = mapping(value, *front).get(last)
    return found if isinstance(found, list) else []


def texts(value: Given, *path: str) -> list[str]:
    """The strings of the list at a path."""
    return [each for each in items(value, *path) if isinstance(each, str)]


def labels(value: Given) -> dict[str, str]:
    """The labels of an object."""
    return {k: v for k, v in mapping(value, "metadata", "labels").items() if isinstance(v, str)}
