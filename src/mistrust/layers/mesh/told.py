"""Evidence in the labels and annotations of an endpoint, where a person finds them: in the pod, or in its template."""

from __future__ import annotations

from collections.abc import Iterable

from mistrust.access import telling
from mistrust.access.evidence import Evidence, at
from mistrust.kube.endpoints import Endpoint
from mistrust.kube.workloads import template_of

LONG = 120
"""Values beyond this are shortened."""


def label(e: Endpoint, key: str) -> Evidence:
    """The label `key` of an endpoint."""
    return at(e.source, f'{_metadata(e)}.labels["{key}"]', value=e.labels.get(key, "")[:LONG])


def annotation(e: Endpoint, key: str) -> Evidence:
    """The annotation `key` of an endpoint."""
    return at(e.source, f'{_metadata(e)}.annotations["{key}"]', value=e.annotations.get(key, "")[:LONG])


def _metadata(e: Endpoint) -> str:
    found = template_of(e.source)
    return f"{found[0].removesuffix('spec')}metadata" if found is not None else "metadata"


def listed(names: Iterable[object]) -> str:
    """`Deployment a/b, Deployment a/c and 7 more`, whatever order they come in."""
    return telling.listed(sorted({str(n) for n in names}))
