"""t."""

from collections.abc import Iterator

from mistrust.access.fact import Fact
from mistrust.kube.snapshot import Snapshot
from mistrust.layers.identity.index import Rbac


def facts(snapshot: Snapshot, rbac: Rbac) -> Iterator[Fact]:
    """T."""
    yield from ()
