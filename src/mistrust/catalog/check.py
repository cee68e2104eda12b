"""What a fact means to a person."""

from __future__ import annotations

import msgspec

from mistrust.access.finding import Severity


class Check(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename="camel"):
    """A check about configuration: the facts that fail it, and what to tell whoever must act."""

    id: str
    """`MT-POD-001`; never given to another check."""
    title: str
    """What is wrong, its own words first, since tables cut it: "Privileged container"."""
    severity: Severity
    facts: tuple[str, ...] = ()
    """The facts that are told under it; empty for what is found by comparing answers (paths, accepted risks)."""
    steps: tuple[str, ...] = ()
    """The steps of an attack that it feeds, by id."""
    controls: tuple[str, ...] = ()
    """Ids in published guides: `CIS-5.2.2`, `NSA-pod-security`."""
    prose: str = ""
    """Why it matters, how to fix it, when it is fine: Markdown."""
    references: tuple[str, ...] = ()
