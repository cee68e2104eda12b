"""PeerAuthentications: mutual TLS alone, in the coarsest scope in which every workload can take it.

Of several that hold for one scope Istio takes the oldest, so what is there is changed in its place, and a new one comes
only where there is none.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final

import msgspec
from msgspec import structs

from mistrust.access.change import Change, Note
from mistrust.access.telling import listed
from mistrust.kube.istio import MutualTLS, PeerAuthentication, PeerAuthenticationSpec, WorkloadSelector
from mistrust.kube.meta import Metadata, Ref
from mistrust.kube.separate import Unit
from mistrust.layers.mesh.istio.istio import Istio
from mistrust.layers.mesh.istio.server import Mode
from mistrust.layers.mesh.least.ground import NO_LABELS, Ground
from mistrust.layers.mesh.least.stances import Stance

STRICT: Final = MutualTLS(Mode.STRICT)
PERMISSIVE: Final = MutualTLS(Mode.PERMISSIVE)
NAME: Final = "default"


class Protected(msgspec.Struct, frozen=True):
    """The changes, and the workloads that nothing can be written for."""

    changes: tuple[Change, ...]
    left: Mapping[Ref, str]


def protect(ground: Ground, istio: Istio, stances: Mapping[Ref, Stance]) -> Protected:
    """What to change; a workload that is left alone, or left out here, keeps what holds for it."""
    view = istio.view
    left = {ref: s.left for ref, s in stances.items() if s.left}
    own = {ref: _own(istio, ground.grants.pods[ref]) for ref in stances}
    while True:
        fitting = {ref: s for ref, s in stances.items() if ref not in left}
        spaces = _whole(stances, left)
        root = view.config.root
        common = view.policies.scope(root, {}).mesh
        every = spaces == {ref.namespace for ref in stances} and (len(spaces) > 1 or common is not None)
        every = every and view.config.read is not None  # otherwise the root namespace is only assumed
        above = {n: every or (n in spaces and n != root) for n in {ref.namespace for ref in stances}}
        new = dict(_unwritable(ground, fitting, own, left, above))
        if not new:
            break
        left |= new
    changes: list[Change] = []
    if every:
        changes += _scope(root, common, "every workload of the mesh", fitting)
    for n in sorted(spaces - {root}):
        held = view.policies.scope(n, {}).namespace
        mine = {ref: s for ref, s in fitting.items() if ref.namespace == n}
        if held is not None or not every:
            changes += _scope(n, held, f"every workload of {n}", mine)
    changes += _workloads(ground, istio, fitting, own, above)
    return Protected(tuple(changes), left)


def _whole(stances: Mapping[Ref, Stance], left: Mapping[Ref, str]) -> set[str]:
    """The namespaces of which every workload can take it."""
    return {ref.namespace for ref in stances} - {ref.namespace for ref in left}


def _unwritable(
    ground: Ground,
    fitting: Mapping[Ref, Stance],
    own: Mapping[Ref, PeerAuthentication | None],
    left: Mapping[Ref, str],
    above: Mapping[str, bool],
) -> Iterator[tuple[Ref, str]]:
    """Workloads that need a policy of their own and can have none."""
    for ref, stance in fitting.items():
        policy = own[ref]
        if policy is not None:
            others = sorted(r for r in left if own.get(r) is policy)
            if others:
                yield ref, f"{policy.ref} holds for {others[0]} too, which is left alone"
            continue
        if not stance.plain and above[ref.namespace]:
            continue
        unit = ground.unit.get(ref)
        if unit is None or unit.selector is None:
            yield ref, NO_LABELS
        elif unit.selector.match_expressions:
            yield ref, "no labels that stay choose it alone, and Istio's selectors know nothing but labels: add one"
        elif others := [r for r in unit.workloads if r in left]:
            yield ref, f"no label that stays tells it from {others[0]}, which is left alone: add one"


def _own(istio: Istio, pods: Sequence[int]) -> PeerAuthentication | None:
    ends = (istio.view.endpoints[i] for i in pods)
    held = (istio.view.policies.scope(e.namespace, e.labels).workload for e in ends)
    return next((p for p in held if p is not None), None)


def _scope(
    namespace: str, held: PeerAuthentication | None, whose: str, fitting: Mapping[Ref, Stance]
) -> Iterator[Change]:
    """Mutual TLS alone for a namespace, or in the root namespace for the mesh."""
    because = f"{whose} was seen to take mutual TLS, or to need plaintext at ports that stay open to it"
    spec = PeerAuthenticationSpec(mtls=STRICT)
    note = Note(_told(fitting), "spec.mtls")
    if held is None:
        made = PeerAuthentication(metadata=Metadata(name=NAME, namespace=namespace), spec=spec)
        yield Change(None, (made,), because, (note,))
    elif held.spec.mtls != STRICT:
        yield Change(held, (structs.replace(held, spec=spec),), because, (note,))


def _told(fitting: Mapping[Ref, Stance]) -> str:
    free = [str(r) for r, s in fitting.items() if not s.plain]
    return f"nobody needs plaintext of {listed(free)}" if free else "no other port needs plaintext"


def _workloads(
    ground: Ground,
    istio: Istio,
    fitting: Mapping[Ref, Stance],
    own: Mapping[Ref, PeerAuthentication | None],
    above: Mapping[str, bool],
) -> Iterator[Change]:
    """Policies for some workloads: where their namespace is not whole, or a port needs plaintext."""
    done: set[object] = set()
    for ref in fitting:
        policy = own[ref]
        unit = ground.unit.get(ref)
        key = policy.ref if policy is not None else unit
        if key in done:
            continue
        done.add(key)
        if policy is not None:
            mates = [r for r in fitting if own[r] is policy]
        else:
            mates = [r for r in unit.workloads if r in fitting] if unit is not None else [ref]
        plain = _plain(ground, istio, (fitting[r] for r in mates))
        if policy is None and not plain and above[ref.namespace]:
            continue
        spec = PeerAuthenticationSpec(mtls=STRICT, port_level_mtls={str(p): PERMISSIVE for p in sorted(plain)})
        names = listed(map(str, mates))
        because = f"{names} was seen to take mutual TLS"
        if plain:
            because += f", but for {listed(f'port {p}' for p in sorted(plain))}"
        notes = (
            Note(_told({r: fitting[r] for r in mates}), "spec.mtls"),
            *(Note(why, f'spec.portLevelMtls["{p}"]') for p, why in sorted(plain.items())),
        )
        if policy is not None:
            spec = structs.replace(spec, selector=policy.spec.selector)
            if spec != policy.spec:
                yield Change(policy, (structs.replace(policy, spec=spec),), because, notes)
        elif unit is not None:
            made = PeerAuthentication(metadata=Metadata(name=_name(ground, unit), namespace=ref.namespace))
            yield Change(
                None, (structs.replace(made, spec=structs.replace(spec, selector=_selector(unit))),), because, notes
            )


def _plain(ground: Ground, istio: Istio, several: Iterable[Stance]) -> dict[int, str]:
    """The ports that take plaintext today, and have to."""
    view = istio.view
    out: dict[int, str] = {}
    for s in several:
        for port, why in s.plain.items():
            found = [view.accepts(i, view.members[i].kind, port) for i in ground.grants.pods[s.ref]]
            if any(f.mode is not Mode.STRICT for f in found):
                out.setdefault(port, why)
    return out


def _selector(unit: Unit) -> WorkloadSelector:
    assert unit.selector is not None
    return WorkloadSelector(match_labels=unit.selector.match_labels)


def _name(ground: Ground, unit: Unit) -> str:
    taken = {p.name for p in ground.snapshot.of(PeerAuthentication) if p.namespace == unit.namespace} | {NAME}
    wanted = unit.workloads[0].name
    return next(n for n in (wanted, *(f"{wanted}-{i}" for i in range(2, len(taken) + 3))) if n not in taken)
