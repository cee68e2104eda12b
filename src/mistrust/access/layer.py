"""What every layer answers; what follows from the answers is written once, in `trust`."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal, Protocol, Self, TypeVar

from mistrust.access.fact import Fact
from mistrust.access.verdict import Verdict
from mistrust.kube.snapshot import Snapshot

A = TypeVar("A")


class Grants(Protocol[A]):
    """An exact set of accesses, held in the form that suits its layer.

    Union, difference and containment are answered by algebra over all accesses, not over samples.
    """

    def __or__(self, other: Self, /) -> Self:
        """Everything that either allows."""

    def __sub__(self, other: Self, /) -> Self:
        """What this allows and the other does not."""

    def witness(self) -> A | None:
        """One access inside; None if there is none."""

    def count(self) -> int:
        """How many concrete accesses there are, wildcards expanded over what exists in the cluster."""

    def decide(self, access: A) -> Verdict:
        """One access, with the evidence for the answer."""


G = TypeVar("G")


class Layer(Protocol[G]):
    """Identity, network, mesh, images and pods each implement this, and nothing more."""

    name: str
    absent: Literal["allow", "deny"]
    """What no policy at all means here."""

    def granted(self, snapshot: Snapshot) -> G:
        """What is allowed."""

    def facts(self, snapshot: Snapshot, granted: G, /) -> Iterable[Fact]:
        """What is worth knowing about it."""
