"""The starter set: policies of a zero-trust baseline, as ValidatingAdmissionPolicies with their bindings and tests.

A file is a policy: first the ValidatingAdmissionPolicy, then its binding, then its tests.
"""

from __future__ import annotations

import importlib.resources
from functools import cache
from typing import Final

import msgspec

from mistrust.access.finding import SEVERITIES
from mistrust.admission.plain import text
from mistrust.admission.review import Object
from mistrust.kube.errors import InputError
from mistrust.kube.yaml import documents

NEXT: Final = "\n---\n"


class Entry(msgspec.Struct, frozen=True):
    """One policy of the set."""

    name: str
    severity: str
    title: str
    description: str
    """What it denies and why, and what it does not see."""
    written: str
    """The policy alone, as it is written."""
    policy: Object
    binding: Object


@cache
def starter() -> tuple[Entry, ...]:
    """Every policy of the set, sorted by name. Raises `InputError`, naming the file, for one that cannot be read."""
    folder = importlib.resources.files("mistrust.catalog").joinpath("baseline")
    files = sorted((f for f in folder.iterdir() if f.name.endswith(".yaml")), key=lambda f: f.name)
    return tuple(_entry(f.name, f.read_text(encoding="utf-8")) for f in files)


def _entry(file: str, written: str) -> Entry:
    first, second, _ = written.split(NEXT, 2)
    found, problems = documents(f"{first}{NEXT}{second}".encode(), file)
    if problems or len(found) != 2:
        raise InputError("the entry cannot be read", where=file, got=str(problems[0]) if problems else "")
    policy, binding = (d.value if isinstance(d.value, dict) else {} for d in found)
    name = text(policy, "metadata", "name")
    title, severity, about = (
        text(policy, "metadata", "annotations", f"mistrust.dev/{part}") for part in ("title", "severity", "description")
    )
    if file != f"{name}.yaml" or severity not in SEVERITIES or not title or not about:
        raise InputError("the entry is not complete", where=file, wanted="name, title, severity and description")
    return Entry(name, severity, title, about, f"{first}\n", policy, binding)
