"""Everything that may talk to everything else, small enough to be drawn and listed."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from mistrust.access.ports import Ports
from mistrust.kube.meta import Ref
from mistrust.layers.mesh.channel import Authz, Transport

INTERNET = -1
"""In place of a spot."""


class Spot(msgspec.Struct, frozen=True, gc=False):
    """A workload on the map."""

    ref: Ref
    namespace: str
    app: str
    """What it belongs to: `app.kubernetes.io/part-of`, `app.kubernetes.io/name`, `app`, or its own name."""
    protected: tuple[bool, bool] = (False, False)
    """Does some policy limit what comes in, and what goes out?"""


class Link(msgspec.Struct, frozen=True, gc=False):
    """What one workload (or the Internet) may open to another, as far as it is protected alike."""

    source: int
    """Index into `Atlas.spots`, or `INTERNET`."""
    target: int
    ports: Ports
    transport: Transport
    authz: Authz
    plaintext: bool | None
    """Would the target serve this source in plaintext? None: unknown."""
    unknown: bool = False
    """May the network part be otherwise: plugins differ, or something was not understood?"""


class Bundle(msgspec.Struct, frozen=True, gc=False):
    """All links between two namespaces."""

    source: str
    """A namespace; empty for the Internet."""
    target: str
    pairs: int
    """How many pairs of workloads have a link."""
    worst: Mapping[Transport, int]
    """The pairs by their worst transport."""


class Atlas(msgspec.Struct, frozen=True):
    """The map of a cluster."""

    spots: tuple[Spot, ...] = ()
    links: tuple[Link, ...] = ()
    """Sorted by source, target, ports; empty where there are more than can be drawn, and `bundles` tell the rest."""
    bundles: tuple[Bundle, ...] = ()
    omitted: int = 0
    """Pairs that have a link which is not in `links`."""
