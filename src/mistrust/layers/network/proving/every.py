"""Everything that is shown of new policies."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from mistrust.access.obligation import Obligation
from mistrust.kube.snapshot import Snapshot
from mistrust.layers.network.grants import Connection, Connections
from mistrust.layers.network.proving.isolation import isolation
from mistrust.layers.network.proving.needless import vacuity
from mistrust.layers.network.proving.readings import invariance
from mistrust.layers.network.proving.remainder import minimality
from mistrust.layers.network.proving.stability import newcomers, stability


def obligations(
    old: Snapshot, new: Snapshot, now: Connections, used: Iterable[Connection] | None
) -> Iterator[Obligation]:
    """Each answered for the new version; `now` is what its policies allow, `used` None where no flow was read."""
    if used is None:
        yield Obligation("minimality", None, "no flows were read: what is used is not known")
    else:
        yield minimality(now, used)
    yield isolation(now)
    yield vacuity(old, new, now)
    yield from stability(new, now)
    yield newcomers(old, new)
    yield invariance(new)
