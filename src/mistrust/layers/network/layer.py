"""The network layer: which connections the policies of a cluster allow."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from mistrust.access.fact import Fact
from mistrust.kube.snapshot import Snapshot
from mistrust.layers.network.facts.every import facts
from mistrust.layers.network.grants import Connections, granted


class Network:
    """Who may connect to whom, on which ports."""

    name = "network"
    absent: Literal["allow", "deny"] = "allow"

    def granted(self, snapshot: Snapshot) -> Connections:
        """Every connection that policies do not surely deny."""
        return granted(snapshot)

    def facts(self, snapshot: Snapshot, granted: Connections, /) -> Iterator[Fact]:
        """What is worth knowing about them."""
        origin = granted.origins[0]
        return facts(snapshot, origin.reach, origin.ground.profiles)
