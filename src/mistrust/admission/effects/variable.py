"""`effect`, as expressions see it: lists of objects with a few fields each, worked out when they are named."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Final, cast

import msgspec

from mistrust.access.ports import Ports, told_ports
from mistrust.access.telling import listed
from mistrust.effect.effect import Doubt, Effect, Ends, Hearing, Held, Kind, Link, Opening, Permission
from mistrust.kube.meta import Ref
from mistrust.kube.rbac import PolicyRule
from mistrust.languages.cel.values import Value
from mistrust.layers.network.exposure.outside import strangers, told
from mistrust.paths.path import Path

UNKNOWN: Final = "unknown"
NAMES: Final = 3
"""Names in a sentence before the rest is counted."""

Labels = Mapping[str, Mapping[str, str]]
"""The labels of Namespaces."""
Fields = dict[str, object]


class Field(msgspec.Struct, frozen=True):
    """A field of `effect`."""

    kind: Kind
    """What a doubt has to hide to matter to it."""
    told: Callable[[Effect, Labels], Iterable[Fields]]


def variable(effect: Effect, labels: Labels, fields: Iterable[str], doubts: Iterable[Doubt]) -> Value:
    """The fields of `effect` that somebody names. Parameters: `doubts`, those that matter to whoever asks."""
    made: Fields = {name: list(FIELDS[name].told(effect, labels)) for name in fields if name != UNKNOWN}
    made[UNKNOWN] = [{"version": d.version, "text": d.words, "hides": sorted(d.hides)} for d in doubts]
    return cast("Value", made)


def cut(effect: Effect) -> Iterator[Doubt]:
    """What an effect only counts: a list that is not whole proves nothing."""
    if effect.opened > len(effect.paths.gained):
        more = effect.opened - len(effect.paths.gained)
        yield Doubt("", f"{more:,} more attack paths were opened than are written out", frozenset({Kind.PATH}))


def _paths(effect: Effect, labels: Labels) -> Iterator[Fields]:
    del labels
    for path in effect.paths.gained:
        taken = (str(path.start), str(path.target)) in effect.inside
        yield {
            "source": str(path.start),
            "sourceKind": path.start.kind,
            "target": str(path.target),
            "targetKind": path.target.kind,
            "taken": taken,
            "hops": [f"{hop.source} → {hop.target}: {hop.how}" for hop in path.hops],
            "why": _way(path),
            "text": f"{path.start}{', once taken,' if taken else ''} reaches {path.target}: {_way(path)}",
        }


def _way(path: Path) -> str:
    return " → ".join(dict.fromkeys(str(f) for hop in path.hops for f in (hop.source, hop.target)))


def _exposure(effect: Effect, labels: Labels) -> Iterator[Fields]:
    return (_opening(each, labels) for each in effect.exposure.gained)


def _opening(opening: Opening, labels: Labels) -> Fields:
    door = opening.door
    surely = f", if {door.assumes}" if door.assumes else ""
    return {
        **_place(opening.workload, labels),
        "door": door.how,
        "protocol": door.protocol,
        "port": door.port,
        "outer": door.outer,
        "certain": not door.assumes,
        "why": door.assumes,
        "text": f"{opening.workload} answers to the outside at {door.protocol} {door.port} by {door.how}{surely}",
    }


def _escalations(effect: Effect, labels: Labels) -> Iterator[Fields]:
    for p in effect.permissions.gained:
        for escalation in p.escalations:
            yield {
                **_given(p, labels),
                "fact": escalation.fact,
                "why": escalation.what,
                "text": f"{_whom(p)}: {escalation.what}, by {p.binding}",
            }


def _permissions(effect: Effect, labels: Labels) -> Iterator[Fields]:
    for p in effect.permissions.gained:
        where = f"in {p.namespace}" if p.namespace else "everywhere"
        yield {
            **_given(p, labels),
            "escalates": bool(p.escalations),
            "count": p.count,
            "rules": [_rule(rule) for rule in p.rules],
            "text": f"{_whom(p)} may do more {where}, by {p.binding} with {p.role}",
        }


def _given(p: Permission, labels: Labels) -> Fields:
    return {
        "subjects": list(map(str, p.principals)),
        "namespace": p.namespace,
        "namespaceLabels": dict(labels.get(p.namespace, {})),
        "binding": str(p.binding),
        "role": str(p.role),
    }


def _whom(p: Permission) -> str:
    return listed(map(str, p.principals), NAMES)


def _rule(rule: PolicyRule) -> Fields:
    return {
        "verbs": list(rule.verbs),
        "apiGroups": list(rule.api_groups),
        "resources": list(rule.resources),
        "resourceNames": list(rule.resource_names),
        "nonResourceURLs": list(rule.non_resource_urls),
    }


def _powers(effect: Effect, labels: Labels) -> Iterator[Fields]:
    return (_held(each, labels) for each in effect.powers.gained)


def _held(held: Held, labels: Labels) -> Fields:
    why = "; ".join((held.because, *held.conditions))
    return {
        **_place(held.workload, labels),
        "power": str(held.power),
        "certain": not held.conditions,
        "why": why,
        "text": f"{held.workload} has the power {held.power}: {why}",
    }


def _plaintext(effect: Effect, labels: Labels) -> Iterator[Fields]:
    return (_hearing(each, labels, "serves in plaintext") for each in effect.plaintext.gained)


def _unenforced(effect: Effect, labels: Labels) -> Iterator[Fields]:
    return (_hearing(each, labels, "no longer enforces mutual TLS") for each in effect.mutual.lost)


def _hearing(hearing: Hearing, labels: Labels, verb: str) -> Fields:
    ports = _ports(hearing)
    who = listed([*(["any address outside"] if hearing.outside else ()), *map(str, hearing.sources)], NAMES)
    return {
        **_place(hearing.workload, labels),
        "sources": list(map(str, hearing.sources)),
        "outside": hearing.outside,
        "ports": ports,
        "why": hearing.because,
        "text": f"{hearing.workload} {verb} at {ports} for {who}: {hearing.because}",
    }


def _ports(hearing: Hearing) -> str:
    return str(Ports.of((at, at + 1) for at in hearing.points)) if hearing.points else "any port"


def _connections(effect: Effect, labels: Labels) -> Iterator[Fields]:
    """Those that policies open, and those that a mesh lets in."""
    for link in effect.connections.gained:
        yield _link(link)
    for each in effect.authorized.gained:
        told_ = _hearing(each, labels, "is let in by the mesh")
        names = {"destinations": [str(each.workload)], "outsideDestinations": False, "outsideSources": each.outside}
        yield {
            **names,
            "sources": told_["sources"],
            "ports": told_["ports"],
            "pairs": each.pairs,
            "fresh": False,
            "byMesh": True,
            "witness": "",
            "why": each.because,
            "text": told_["text"],
        }


def _link(link: Link) -> Fields:
    ports = told_ports(link.ports)
    why = f": {link.witness}, before {link.before or 'not there'}, now {link.now}" if link.witness else ""
    return {
        "sources": list(map(str, link.sources.workloads)),
        "outsideSources": bool(link.sources.addresses),
        "destinations": list(map(str, link.destinations.workloads)),
        "outsideDestinations": bool(link.destinations.addresses),
        "ports": ports,
        "pairs": link.pairs,
        "fresh": link.fresh,
        "byMesh": False,
        "witness": link.witness,
        "why": link.now,
        "text": f"{_ends(link.sources)} may open {ports} of {_ends(link.destinations)}{why}",
    }


def _ends(ends: Ends) -> str:
    outside = ["any address outside" if strangers(ends.addresses) == "" else told(ends.addresses)]
    return listed([*(outside if ends.addresses else ()), *map(str, ends.workloads)], NAMES)


def _place(ref: Ref, labels: Labels) -> Fields:
    return {
        "workload": str(ref),
        "kind": ref.kind,
        "namespace": ref.namespace,
        "name": ref.name,
        "namespaceLabels": dict(labels.get(ref.namespace, {})),
    }


FIELDS: Final[Mapping[str, Field]] = {
    "newPaths": Field(Kind.PATH, _paths),
    "newExposure": Field(Kind.EXPOSURE, _exposure),
    "newEscalations": Field(Kind.ESCALATION, _escalations),
    "newPowers": Field(Kind.POWER, _powers),
    "newPlaintext": Field(Kind.PLAINTEXT, _plaintext),
    "lostMutualTLS": Field(Kind.PLAINTEXT, _unenforced),
    "newPermissions": Field(Kind.PERMISSION, _permissions),
    "newConnections": Field(Kind.CONNECTION, _connections),
}
"""What `effect` has, and what each asks for."""
