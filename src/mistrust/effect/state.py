"""One version, worked out: what every layer says of a snapshot, each thing once."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from mistrust.channels.whole import Whole, whole
from mistrust.effect.attacks import Ways, ways
from mistrust.effect.exposure import Doors, doors_of
from mistrust.kube.meta import Object
from mistrust.kube.snapshot import Snapshot
from mistrust.layers.identity.grants import Grants
from mistrust.layers.identity.layer import Identity
from mistrust.layers.identity.resources import Served
from mistrust.layers.mesh.mesh import mesh
from mistrust.layers.network.grants import Connections, granted
from mistrust.layers.network.profile import Profile
from mistrust.layers.pods.layer import Pods, Powers
from mistrust.paths.attack import ANY_NODE, ANY_POD, CLUSTER_ADMIN, INTERNET, survey
from mistrust.paths.network import network
from mistrust.paths.path import Foothold
from mistrust.paths.step import Step


class Given(msgspec.Struct, frozen=True):
    """What is known beside the snapshots, and what is asked."""

    defaults: Sequence[Object] = ()
    """Roles and bindings that every API server brings by itself."""
    served: Sequence[Served] = ()
    steps: Sequence[Step] = ()
    starts: Sequence[Foothold] = (INTERNET,)
    inside: Sequence[Foothold] = (ANY_POD,)
    targets: Sequence[Foothold] = (CLUSTER_ADMIN, ANY_NODE)
    profiles: Sequence[Profile] = ()
    """How policies are read; none: as the plugins read them that may run."""


class State(msgspec.Struct, frozen=True):
    """What one version grants."""

    snapshot: Snapshot
    permissions: Grants
    powers: Powers
    connections: Connections
    whole: Whole
    doors: Doors
    ways: Ways


def state(snapshot: Snapshot, given: Given) -> State:
    """Ask every layer."""
    permissions = Identity(given.defaults, given.served).granted(snapshot)
    connections = granted(snapshot, given.profiles)
    reach = connections.origins[0].reach
    ground = network(snapshot, reach)
    both = whole(snapshot, reach, mesh(snapshot, reach.endpoints), ground.doors)
    footing = msgspec.structs.replace(ground, plaintext=both.spoken())
    index = permissions.rbac
    land, _, goals = survey(snapshot, index, given.steps, given.starts, given.targets, given.inside, footing)
    return State(
        snapshot,
        permissions,
        Pods().granted(snapshot),
        connections,
        both,
        doors_of(snapshot, ground.doors),
        ways(land, goals),
    )
