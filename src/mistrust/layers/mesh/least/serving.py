"""Linkerd: a Server for each port in use, and an AuthorizationPolicy that lets in the identities that were seen there.

Routes are not written: with one, requests that it does not take and the kubelet's probes are refused. What a Server
decides already stays as it is.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

import msgspec
from msgspec import structs

from mistrust.access.change import Change, Note, seen
from mistrust.access.edited import edited
from mistrust.access.fact import Edit
from mistrust.access.ports import SPAN, point
from mistrust.access.record import Tally
from mistrust.kube.core import Namespace
from mistrust.kube.linkerd import (
    GROUP,
    LinkerdAuthorizationPolicy,
    LinkerdAuthorizationSpec,
    LinkerdRef,
    MeshTLSAuthentication,
    MeshTLSAuthenticationSpec,
    Server,
    ServerSpec,
)
from mistrust.kube.meta import Metadata, Ref
from mistrust.kube.separate import Unit
from mistrust.layers.mesh.least.ground import NO_LABELS, Ground
from mistrust.layers.mesh.linkerd.linkerd import Linkerd
from mistrust.layers.mesh.linkerd.membership import DEFAULT_POLICY
from mistrust.layers.mesh.use import Use

RARE: Final = "no run of it was seen: it keeps what it may"
Identities = Mapping[str, tuple[str, ...]]
"""Each with the words for what it was seen to do."""


class Served(msgspec.Struct, frozen=True):
    """What is proposed."""

    changes: tuple[Change, ...]
    written: tuple[Ref, ...]
    left: Mapping[Ref, str]


def serve(ground: Ground, linkerd: Linkerd, unfit: Mapping[Ref, str]) -> Served:
    """Servers with their policies; `unfit` are workloads that are to be left alone."""
    left = dict(unfit)
    meshed = [u for u in ground.units if any(_meshed(ground, linkerd, r) is not False for r in u.workloads)]
    for unit in meshed:
        for ref in unit.workloads:
            if why := _unfit(ground, linkerd, unit, ref):
                left.setdefault(ref, why)
    changes: list[Change] = []
    written: list[Ref] = []
    shut: dict[str, bool] = {}
    for unit in meshed:
        if alone := [r for r in unit.workloads if r in left]:
            for ref in unit.workloads:
                left.setdefault(ref, f"no label that stays tells it from {alone[0]}: add one")
            shut[unit.namespace] = False
            continue
        shut.setdefault(unit.namespace, True)
        for port, found in sorted(_ports(ground, unit).items()):
            decided = any(port in linkerd.targets[t].servers for t in _targets(ground, linkerd, unit))
            if isinstance(found, str):
                left.setdefault(unit.workloads[0], f"port {port}: {found}")
                shut[unit.namespace] = shut[unit.namespace] and decided
            elif not decided:
                opaque = any(point("TCP", port) in linkerd.targets[t].opaque for t in _targets(ground, linkerd, unit))
                changes.append(_server(ground, unit, port, found, opaque=opaque))
                written += unit.workloads
    changes += _deny(ground, linkerd, shut)
    return Served(tuple(changes), tuple(dict.fromkeys(written)), left)


def _meshed(ground: Ground, linkerd: Linkerd, ref: Ref) -> object:
    found = {linkerd.members[i].meshed for i in ground.grants.pods.get(ref, ())}
    return found.pop() if len(found) == 1 else ("some of its pods are in the mesh and some are not" if found else False)


def _unfit(ground: Ground, linkerd: Linkerd, unit: Unit, ref: Ref) -> str:
    meshed = _meshed(ground, linkerd, ref)
    if meshed is not True:
        return str(meshed) if meshed else "it is in no mesh"
    return ground.silence(ref) or ground.contradicted(ref) or (NO_LABELS if unit.selector is None else "")


def _targets(ground: Ground, linkerd: Linkerd, unit: Unit) -> set[int]:
    return {linkerd.target_of[i] for ref in unit.workloads for i in ground.grants.pods[ref]}


def _ports(ground: Ground, unit: Unit) -> Mapping[int, Identities | str]:
    """For each port in use who comes there, or why that cannot be said by identities."""
    found: dict[int, dict[str, dict[str, Tally]]] = {}
    open_to: dict[int, str] = {}
    for ref in unit.workloads:
        for use, tally in ground.to(ref):
            if use.at >= SPAN or ground.denied(use):
                continue
            own = ground.grants.principal(use.source, ref) if use.source is not None else None
            name = use.identity or own
            if name is None or not ground.surely_mutual(use):
                who = use.source or "somebody outside"
                how = "as nobody told whom" if ground.surely_mutual(use) else "without an identity"
                open_to.setdefault(use.port, f"{who} connects {how} ({seen(tally)})")
            else:
                told = found.setdefault(use.port, {}).setdefault(name, {})
                words = str(_whole(use))
                told[words] = told[words] + tally if words in told else tally
    for names in found.values():
        for job in ground.rare:
            own = ground.grants.principal(job, unit.workloads[0])
            if own is not None:
                names.setdefault(own, {})
    identities = {
        port: {n: tuple(f"{w} ({seen(t)})" for w, t in told.items()) or (RARE,) for n, told in sorted(names.items())}
        for port, names in found.items()
    }
    return {**identities, **open_to}


def _whole(use: Use) -> Use:
    return structs.replace(use, method="", path="")


def _server(ground: Ground, unit: Unit, port: int, identities: Identities, *, opaque: bool) -> Change:
    """Three objects that only mean something together."""
    name = _name(ground, unit, port)
    here = Metadata(name=name, namespace=unit.namespace)
    server = ServerSpec(pod_selector=unit.selector, port=port, proxy_protocol="opaque" if opaque else "unknown")
    policy = LinkerdAuthorizationSpec(
        LinkerdRef(GROUP, Server.KIND, name), (LinkerdRef(GROUP, MeshTLSAuthentication.KIND, name),)
    )
    names = ", ".join(map(str, unit.workloads))
    because = f"{names} lets in at port {port} whoever was seen there, and nobody else"
    notes = (Note(words, f"spec.identities[{i}]") for i, each in enumerate(identities.values()) for words in each)
    return Change(
        None,
        (
            Server(metadata=here, spec=server),
            MeshTLSAuthentication(metadata=here, spec=MeshTLSAuthenticationSpec(identities=tuple(identities))),
            LinkerdAuthorizationPolicy(metadata=here, spec=policy),
        ),
        because,
        tuple(notes),
    )


def _name(ground: Ground, unit: Unit, port: int) -> str:
    kinds = (Server, MeshTLSAuthentication, LinkerdAuthorizationPolicy)
    taken = {o.name for kind in kinds for o in ground.snapshot.of(kind) if o.namespace == unit.namespace}
    wanted = f"{unit.workloads[0].name}-{port}"
    return next(n for n in (wanted, *(f"{wanted}-{i}" for i in range(2, len(taken) + 3))) if n not in taken)


def _deny(ground: Ground, linkerd: Linkerd, shut: Mapping[str, bool]) -> Iterator[Change]:
    """Namespaces whose other ports are closed: the annotation that proxies read when they are injected."""
    for namespace in sorted(n for n, whole in shut.items() if whole):
        space = linkerd.namespaces[namespace]
        members = [m for e, m in zip(linkerd.endpoints, linkerd.members, strict=True) if e.namespace == namespace]
        said = space.metadata.annotations.get(DEFAULT_POLICY) if isinstance(space, Namespace) else "deny"
        if (
            isinstance(space, Namespace)
            and space.name
            and said != "deny"
            and any(m.default_policy != "deny" for m in members)
        ):
            edit = Edit(space.ref, space.origin, "set", ("metadata", "annotations", DEFAULT_POLICY), "deny")
            because = f"every port in use in {namespace} has a Server: the others are closed, of pods to come"
            yield Change(space, (edited(space, (edit,)),), because, edits=(edit,))
