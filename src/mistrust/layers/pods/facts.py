"""Facts of the pods layer: ways out, weaknesses, pods that admission refuses, namespaces that admit too much.

One fact a workload and name. Equal templates are judged once.
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from mistrust.access.fact import Fact
from mistrust.kube.core import Namespace
from mistrust.kube.meta import Other
from mistrust.kube.snapshot import Snapshot
from mistrust.kube.workloads import Workload
from mistrust.layers.pods.admission import Enforced, admits_level
from mistrust.layers.pods.escapes.confined import confined
from mistrust.layers.pods.escapes.escape import Escape
from mistrust.layers.pods.escapes.every import Surroundings, of_template, surroundings
from mistrust.layers.pods.escapes.hostpaths import worth
from mistrust.layers.pods.escapes.mounts import mounted
from mistrust.layers.pods.escapes.sharing import shared
from mistrust.layers.pods.escapes.tokens import tokens
from mistrust.layers.pods.hygiene import weaknesses
from mistrust.layers.pods.level import Level
from mistrust.layers.pods.levels import level, violations
from mistrust.layers.pods.spaces import space_facts
from mistrust.layers.pods.template import Field
from mistrust.layers.pods.told import Remark, Told, facts_of, told


def facts(snapshot: Snapshot) -> Iterator[Fact]:
    """Everything worth knowing about the pods of a snapshot, workloads in their order, then namespaces."""
    around = surroundings(snapshot)
    spaces = {n.name for n in snapshot.of(Namespace)} | {w.namespace for w in snapshot.workloads}
    enforced = {name: admits_level(snapshot, name) for name in sorted(spaces)}
    ranged = {o.metadata.namespace for o in snapshot.of(Other) if o.kind == "LimitRange"}
    judged: dict[bytes, Judged] = {}
    levels: dict[str, list[Level]] = {}
    for workload in snapshot.workloads:
        place = enforced[workload.namespace]
        key = _key(workload, place)
        if key not in judged:
            judged[key] = _judge(workload, around, place)
        found = judged[key]
        levels.setdefault(workload.namespace, []).append(found.level)
        several = [_ranged(one) for one in found.told] if workload.namespace in ranged else found.told
        yield from facts_of(workload, several)
        own = (*shared(workload, around.storage, around.sharing), *tokens(workload, around.accounts))
        yield from facts_of(workload, told(_remark(e) for e in own if e.fact))
    yield from space_facts(snapshot, levels, enforced)


def _ranged(one: Told) -> Told:
    if one.fact not in ("pods.no-memory-limit", "pods.no-cpu-limit"):
        return one
    return msgspec.structs.replace(one, detail=f"{one.detail}, unless a LimitRange of its namespace sets one")


class Judged(msgspec.Struct, frozen=True, gc=False):
    """What is true of a template, wherever it stands."""

    level: Level
    """The level that it meets, in the version that its namespace enforces."""
    told: tuple[Told, ...]


class _Key(msgspec.Struct, frozen=True, gc=False):
    spec: object
    annotations: object
    level: int
    version: object
    namespace: str


_ENCODER = msgspec.json.Encoder()
_TOKEN_VOLUME = "kube-api-access-"  # noqa: S105


def _key(workload: Workload, enforced: Enforced) -> bytes:
    """Everything that `_judge` looks at, as bytes: equal keys have equal answers.

    Admission gives the token volume of each pod a name of its own; names of volumes matter only by being equal.
    """
    spec, annotations = workload.spec, workload.template.metadata.annotations
    claims, tokens = False, []
    for v in spec.volumes:
        claims = claims or v.persistent_volume_claim is not None
        if v.name.startswith(_TOKEN_VOLUME):
            tokens.append(v.name)
    relevant = {k: v for k, v in annotations.items() if "apparmor" in k or "seccomp" in k}
    namespace = workload.namespace if claims else ""
    key = _ENCODER.encode(_Key(spec, relevant, enforced.level, enforced.version, namespace))
    return key.replace(tokens[0].encode(), _TOKEN_VOLUME.encode()) if len(tokens) == 1 else key


def _judge(workload: Workload, around: Surroundings, enforced: Enforced) -> Judged:
    metadata, spec = workload.template.metadata, workload.spec
    several = confined(metadata, spec, around.version)
    remarks = [_remark(e) for e in of_template(metadata, spec, workload.namespace, around) if e.fact]
    for c in several:
        for m in mounted(spec, c, workload.namespace, around.storage):
            if not worth(m.path, m.writable):
                clause = f"mounts {m.path} of the node {'read-write' if m.writable else 'read-only'}"
                remarks.append(Remark("pods.host-path", clause, c.name, (Field(m.mount_path, m.source),), m.also))
    remarks.extend(weaknesses(metadata, spec, several, around.version))
    met = level(metadata, spec, enforced.version)
    if met < enforced.level:
        found = violations(enforced.level, metadata, spec, enforced.version)
        reasons = ", ".join(dict.fromkeys(v.reason for v in found))
        fields = tuple(Field(v.path, v.value) for v in found)
        changes = tuple(c for v in found for c in v.changes)
        clause = f"violates PodSecurity {enforced.level}, which its namespace enforces: {reasons}"
        remarks.append(Remark("pods.refused", clause, "", fields, enforced.decided_by, changes))
    return Judged(met, told(remarks))


def _remark(e: Escape) -> Remark:
    clause = f"{e.detail}, if {e.condition}" if e.condition else e.detail
    return Remark(e.fact, clause, "", e.fields, e.also, e.changes)
