"""The effect of a small change, only as far as it can reach and somebody asks: what stays is not worked out again."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import msgspec

from mistrust.channels.whole import whole
from mistrust.effect import attacks, exposure, permissions, powers
from mistrust.effect.attacks import Ways, ways
from mistrust.effect.connections import NETWORK, connections, settled
from mistrust.effect.doubts import EVERY, IDENTITY
from mistrust.effect.effect import Delta, Effect, Kind, Objects
from mistrust.effect.exposure import doors_of
from mistrust.effect.hearing import heard, meshed, rules
from mistrust.effect.objects import differences
from mistrust.effect.state import RBAC, Given, Ground, State
from mistrust.kube.meta import Object
from mistrust.kube.pods import Pod
from mistrust.kube.snapshot import Snapshot
from mistrust.kube.workloads import (
    CronJob,
    DaemonSet,
    Deployment,
    Job,
    PodTemplateObject,
    ReplicaSet,
    ReplicationController,
    StatefulSet,
)
from mistrust.layers.identity.grants import Grants
from mistrust.layers.identity.layer import Identity
from mistrust.layers.mesh.mesh import mesh
from mistrust.layers.network.deciding.unseen import OURS
from mistrust.layers.network.grants import granted
from mistrust.layers.pods.layer import Pods
from mistrust.paths.attack import survey
from mistrust.paths.network import network

RIGHTS: Final = frozenset({Kind.PERMISSION, Kind.ESCALATION})
MAKERS: Final = (
    *(Pod, Deployment, ReplicaSet, StatefulSet, DaemonSet, ReplicationController, Job, CronJob, PodTemplateObject),
)
CAN: Final = {
    **dict.fromkeys(RBAC, IDENTITY),
    **dict.fromkeys(OURS, NETWORK),
    **dict.fromkeys(MAKERS, EVERY - RIGHTS),
}
"""What a change of an object of some type can bring; of others nobody has thought about it: anything."""


def can(objects: Iterable[Object]) -> frozenset[Kind]:
    """What a change of these objects can bring."""
    return frozenset[Kind]().union(*(CAN.get(type(o), EVERY) for o in objects))


def part(old: State, new: Snapshot, given: Given, asked: frozenset[Kind], able: frozenset[Kind]) -> Effect:
    """What `compare.effect` says of the kinds that are asked about; of the others nothing, or part of it.

    Parameters: `able`, what the difference of the two versions can bring.
    """
    wanted = asked & able
    if not wanted:
        return Effect()
    rights = old.permissions
    if able >= RIGHTS and wanted & IDENTITY:
        rights = Identity(given.defaults, given.served).granted(new)
    ground = _ground(old.ground, new, given, wanted) if able - IDENTITY else old.ground
    more, count = permissions.came(old.permissions, rights) if wanted & RIGHTS & able else ((), 0)
    land = _ways(new, given, rights, ground) if Kind.PATH in wanted else old.ways
    opened, pairs, inside = attacks.came(old.ways, land) if land is not old.ways else NO_WAYS
    spoken = heard(
        (old.ground.whole, old.ground.connections.answers),
        (ground.whole, ground.connections.answers),
        ruled=differences(rules(old.snapshot), rules(new)) != Objects(),
    )
    return Effect(
        permissions=Delta(more),
        granted=count,
        exposure=Delta(exposure.came(old.ground.doors, ground.doors) if Kind.EXPOSURE in wanted else ()),
        connections=connections(old.ground.connections, ground.connections) if Kind.CONNECTION in wanted else Delta(),
        authorized=spoken.authorized,
        plaintext=spoken.plaintext,
        mutual=spoken.mutual,
        meshed=meshed(old.ground.whole) or meshed(ground.whole),
        powers=Delta(powers.came(old.ground.powers, ground.powers) if Kind.POWER in wanted else ()),
        paths=Delta(opened),
        opened=pairs,
        inside=inside,
        doubts=(*settled(old.ground.connections, ground.connections), *spoken.doubts),
    )


NO_WAYS: Final[tuple[tuple[()], int, frozenset[tuple[str, str]]]] = ((), 0, frozenset())


def _ways(new: Snapshot, given: Given, rights: Grants, ground: Ground) -> Ways:
    found = survey(new, rights.rbac, given.steps, given.starts, given.targets, given.inside, ground.footing)
    return ways(found[0], found[2])


def _ground(old: Ground, new: Snapshot, given: Given, wanted: frozenset[Kind]) -> Ground:
    """The parts of it that are asked about; the others are the old ones."""
    held = Pods().granted(new) if Kind.POWER in wanted else old.powers
    if not wanted & NETWORK:
        return Ground(held, old.connections, old.whole, old.footing, old.doors)
    open_ = granted(new, given.profiles)
    reach = open_.origins[0].reach
    bare = network(new, reach)
    if not wanted & (NETWORK - {Kind.EXPOSURE}):
        return Ground(held, open_, old.whole, old.footing, doors_of(new, bare.doors))
    both = whole(new, reach, mesh(new, reach.endpoints), bare.doors)
    footing = msgspec.structs.replace(bare, plaintext=both.spoken())
    return Ground(held, open_, both, footing, doors_of(new, bare.doors))
