"""The identity layer: what RBAC grants to whom."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final, Literal

from mistrust.access.fact import Fact
from mistrust.kube.core import Namespace
from mistrust.kube.meta import Object
from mistrust.kube.snapshot import Snapshot
from mistrust.layers.identity.facts import facts
from mistrust.layers.identity.grants import Grants, granted
from mistrust.layers.identity.index import Rbac, rbac
from mistrust.layers.identity.resources import Served, known_resources
from mistrust.layers.identity.universe import Universe

SYSTEM_NAMESPACES: Final = ("default", "kube-node-lease", "kube-public", "kube-system")
"""What every API server creates by itself."""
URLS: Final = ("/api", "/apis", "/healthz", "/livez", "/logs", "/metrics", "/openapi/v3", "/readyz", "/version")
"""What every API server answers beside its resources."""


class Identity:
    """What RBAC grants.

    `defaults` are the roles and bindings that an API server brings by itself, `served` the resources it serves.
    """

    name = "identity"
    absent: Literal["allow", "deny"] = "deny"

    def __init__(self, defaults: Sequence[Object] = (), served: Sequence[Served] = ()) -> None:
        self._defaults = tuple(defaults)
        self._served = tuple(served)

    def index(self, snapshot: Snapshot) -> Rbac:
        """The grants of a snapshot, joined and not yet a set."""
        return rbac(snapshot, self._defaults)

    def granted(self, snapshot: Snapshot) -> Grants:
        """Everything that the bindings of a snapshot allow."""
        return granted(self.index(snapshot), self.universe(snapshot))

    def universe(self, snapshot: Snapshot) -> Universe:
        """Everything that there is to have access to."""
        named = {o.metadata.namespace for o in snapshot.objects} | {n.name for n in snapshot.of(Namespace)}
        namespaces = (named | {*SYSTEM_NAMESPACES}) - {""}
        return Universe(known_resources(self._served, snapshot), namespaces, URLS)

    def facts(self, snapshot: Snapshot, granted: Grants, /) -> Iterator[Fact]:
        """What is worth knowing about it."""
        return facts(snapshot, granted.rbac, granted.universe.resources)
