"""What a layer found to be true of the cluster; checks, scores and compliance are built on facts."""

from __future__ import annotations

from typing import Literal

import msgspec

from mistrust.access.evidence import Evidence, FieldPath
from mistrust.kube.meta import Ref
from mistrust.kube.problem import Origin

Plain = None | bool | int | float | str | tuple["Plain", ...]


class Edit(msgspec.Struct, frozen=True, gc=False):
    """A change of one field (or of a whole object, with an empty path) that a person, or a tool, can apply."""

    ref: Ref
    origin: Origin
    op: Literal["set", "remove", "add"]
    """`add` appends to the list at `path`; with an empty path it is a new object."""
    path: FieldPath = ()
    value: str = ""
    """The new value as a line of YAML in flow style (`false`, `["ALL"]`, `{drop: ["ALL"]}`); empty for `remove`."""


class Fact(msgspec.Struct, frozen=True, gc=False):
    """One thing that is true of one object.

    `name` is `layer.subject` in dots and dashes (`pods.privileged`, `identity.anonymous`), and a check of the catalog
    says what it means to a person.
    """

    name: str
    subject: str
    """Who has it, as people write it: a workload, a service account, a group. Part of the finding's identity."""
    ref: Ref
    """The object a person would edit."""
    detail: str
    """One clause that completes the check's title: `container "web" mounts / read-write`."""
    evidence: tuple[Evidence, ...] = ()
    edits: tuple[Edit, ...] = ()
    """What takes it away; empty where that needs a person's decision."""
