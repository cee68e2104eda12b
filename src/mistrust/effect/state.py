"""One version, worked out: what every layer says of a snapshot, each thing once."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import zip_longest
from typing import Final

import msgspec

from mistrust.channels.whole import Whole, whole
from mistrust.effect.attacks import Ways, ways
from mistrust.effect.exposure import Doors, doors_of
from mistrust.kube.meta import Object
from mistrust.kube.rbac import ClusterRole, ClusterRoleBinding, Role, RoleBinding
from mistrust.kube.snapshot import Snapshot
from mistrust.layers.identity.grants import Grants
from mistrust.layers.identity.layer import Identity
from mistrust.layers.identity.resources import Served
from mistrust.layers.mesh.mesh import mesh
from mistrust.layers.network.grants import Connections, granted
from mistrust.layers.network.profile import Profile
from mistrust.layers.pods.layer import Pods, Powers
from mistrust.paths.attack import ANY_NODE, ANY_POD, CLUSTER_ADMIN, INTERNET, survey
from mistrust.paths.network import Network, network
from mistrust.paths.path import Foothold
from mistrust.paths.step import Step

RBAC: Final = (ClusterRole, ClusterRoleBinding, Role, RoleBinding)


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


class Ground(msgspec.Struct, frozen=True):
    """What a version grants but for permissions, and what attack paths walk on."""

    powers: Powers
    connections: Connections
    whole: Whole
    footing: Network
    doors: Doors


class State(msgspec.Struct, frozen=True):
    """What one version grants."""

    snapshot: Snapshot
    permissions: Grants
    ground: Ground
    ways: Ways


def state(snapshot: Snapshot, given: Given, like: State | None = None) -> State:
    """Ask every layer; what only permissions make different from another version is taken from that."""
    permissions = Identity(given.defaults, given.served).granted(snapshot)
    found = like.ground if like is not None and _alike(like.snapshot, snapshot) else ground(snapshot, given.profiles)
    index, footing = permissions.rbac, found.footing
    land, _, goals = survey(snapshot, index, given.steps, given.starts, given.targets, given.inside, footing)
    return State(snapshot, permissions, found, ways(land, goals))


def ground(snapshot: Snapshot, profiles: Sequence[Profile] = ()) -> Ground:
    """Ask every layer but identity."""
    connections = granted(snapshot, profiles)
    reach = connections.origins[0].reach
    bare = network(snapshot, reach)
    both = whole(snapshot, reach, mesh(snapshot, reach.endpoints), bare.doors)
    footing = msgspec.structs.replace(bare, plaintext=both.spoken())
    return Ground(Pods().granted(snapshot), connections, both, footing, doors_of(snapshot, bare.doors))


def _alike(a: Snapshot, b: Snapshot) -> bool:
    """Do they differ in permissions alone? Objects have to be written in the same places: evidence names these."""
    same = (a.problems, a.gaps, a.scope, a.version) == (b.problems, b.gaps, b.scope, b.version)
    return same and all(
        x is y or x == y for x, y in zip_longest(*([o for o in s.objects if not isinstance(o, RBAC)] for s in (a, b)))
    )
