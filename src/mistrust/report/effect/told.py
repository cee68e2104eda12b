"""The effect of a change in words, layer by layer, the worst first: what text, Markdown and SARIF print."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TypeVar

import msgspec

from mistrust.access.evidence import Evidence
from mistrust.access.finding import Severity, stable_hash
from mistrust.access.ports import PROTOCOLS, SPAN, told_ports
from mistrust.access.telling import listed
from mistrust.effect.effect import Delta, Effect, Ends, Hearing, Held, Kind, Link, Opening, Permission
from mistrust.kube.meta import Ref
from mistrust.kube.rbac import PolicyRule
from mistrust.layers.identity.sensitive import is_everything
from mistrust.layers.network.exposure.outside import strangers, told
from mistrust.layers.pods.escapes.escape import Power
from mistrust.paths.path import Hop, Path
from mistrust.report.assessment import path_id
from mistrust.report.words import count, route

NAMES = 3
"""Names in a list before the rest is counted."""

POWERS: Mapping[Power, str] = {
    Power.NODE: "root on its node",
    Power.NODE_READ: "reads credentials or other pods' data from its node",
    Power.NODE_PROCESSES: "sees other processes of its node",
    Power.NODE_NETWORK: "is on the network of its node",
    Power.SIBLING_CONTAINERS: "gets into the other containers of its pod",
    Power.SHARED_VOLUME: "reads or writes a volume that others run from",
    Power.IDENTITY: "holds a service account token",
    Power.AMPLIFIER: "makes another way out easier",
}

SEVERITY: Mapping[Kind, Severity] = {
    Kind.PATH: Severity.CRITICAL,
    Kind.EXPOSURE: Severity.HIGH,
    Kind.ESCALATION: Severity.HIGH,
    Kind.POWER: Severity.HIGH,
    Kind.PLAINTEXT: Severity.MEDIUM,
    Kind.PERMISSION: Severity.MEDIUM,
    Kind.CONNECTION: Severity.LOW,
}

NO_MESH = "no mesh: every connection is plaintext"

T = TypeVar("T")


class Line(msgspec.Struct, frozen=True):
    """One thing that came or went."""

    kind: Kind
    subject: str
    """Who has it: the first part of the sentence."""
    what: str
    """What, and of whom."""
    why: str = ""
    """What decides, in a clause."""
    alarm: str = ""
    """Why it deserves a second look; empty for most."""
    evidence: tuple[Evidence, ...] = ()
    way: tuple[str, ...] = ()
    """The footholds of a path, from start to target."""
    hops: tuple[Hop, ...] = ()
    id: str = ""
    """Stable: no line numbers, so that it survives edits."""

    @property
    def text(self) -> str:
        """The whole sentence."""
        if not self.way:
            return f"{self.subject}: {self.what}"
        return f"{self.subject}{f', {self.alarm},' if self.alarm else ''} {self.what}"


class Section(msgspec.Struct, frozen=True):
    """What one layer says."""

    name: str
    one: str
    """What one of it is called."""
    gained: int
    lost: int
    came: tuple[Line, ...]
    went: tuple[Line, ...]
    good: bool = False
    """Is it good that it came: is it protection?"""
    note: str = ""

    def __bool__(self) -> bool:
        return bool(self.gained or self.lost or self.came or self.went)


def sections(effect: Effect) -> tuple[Section, ...]:
    """Every layer, those without a difference included."""
    inside = effect.inside
    escalating = sum(bool(p.escalations) for p in effect.permissions.gained)
    taken = sum((str(p.start), str(p.target)) in inside for p in effect.paths.gained)
    fresh = sum(link.pairs for link in effect.connections.gained if link.fresh)
    return (
        Section(
            "attack paths",
            "path",
            effect.opened,
            effect.closed,
            *_both(effect.paths, lambda p: _path(p, taken=(str(p.start), str(p.target)) in inside)),
            note=f"{taken:,} of them once the start is taken" if taken else "",
        ),
        Section("exposure", "door", *_counted(effect.exposure, _opening)),
        Section(
            "permissions",
            "permission",
            effect.granted,
            effect.taken,
            *_both(effect.permissions, _permission),
            note=f"{count(escalating, 'grant')} to escalate with" if escalating else "",
        ),
        Section("node powers", "power", *_counted(effect.powers, _held)),
        _heard("plaintext served", "plaintext", effect.plaintext, Kind.PLAINTEXT, "plaintext")
        if effect.meshed
        else Section("plaintext served", "plaintext", *_pairs(effect.plaintext), (), (), note=NO_MESH),
        _heard("mutual TLS enforced", "mutual TLS", effect.mutual, Kind.PLAINTEXT, "mutual TLS"),
        Section(
            "connections",
            "connection",
            sum(link.pairs for link in effect.connections.gained),
            sum(link.pairs for link in effect.connections.lost),
            *_both(effect.connections, _link),
            note=f"{fresh:,} of new workloads" if fresh else "",
        ),
        _heard("let in by the mesh", "let in", effect.authorized, Kind.CONNECTION, "lets in"),
    )


def _both(delta: Delta[T], say: Callable[[T], Line]) -> tuple[tuple[Line, ...], tuple[Line, ...]]:
    return tuple(map(say, delta.gained)), tuple(map(say, delta.lost))


def _counted(delta: Delta[T], say: Callable[[T], Line]) -> tuple[int, int, tuple[Line, ...], tuple[Line, ...]]:
    return len(delta.gained), len(delta.lost), *_both(delta, say)


def _pairs(delta: Delta[Hearing]) -> tuple[int, int]:
    return sum(h.pairs for h in delta.gained), sum(h.pairs for h in delta.lost)


def _heard(name: str, one: str, delta: Delta[Hearing], kind: Kind, verb: str) -> Section:
    good = name == "mutual TLS enforced"
    return Section(name, one, *_pairs(delta), *_both(delta, lambda h: _hearing(h, kind, verb)), good=good)


def _path(path: Path, *, taken: bool) -> Line:
    way = tuple(str(f) for f in route(path))
    alarm = "once taken" if taken else ""
    grounds = tuple(dict.fromkeys(e for hop in path.hops for e in hop.grants))
    return Line(
        Kind.PATH,
        str(path.start),
        f"reaches {path.target}",
        alarm=alarm,
        evidence=grounds,
        way=way,
        hops=path.hops,
        id=path_id(path),
    )


def _opening(opening: Opening) -> Line:
    door = opening.door
    at = f", asked for at {door.outer}" if door.outer and door.outer != door.port else ""
    return _line(
        Kind.EXPOSURE,
        str(opening.workload),
        f"{door.protocol} {door.port} by {door.how}{at}",
        why=f"if {door.assumes}" if door.assumes else "",
        evidence=door.evidence,
    )


def _permission(p: Permission) -> Line:
    where = f"in {p.namespace}" if p.namespace else "everywhere"
    escalations = "; ".join(e.what for e in p.escalations[:NAMES])
    return _line(
        Kind.ESCALATION if p.escalations else Kind.PERMISSION,
        listed(map(str, p.principals), NAMES),
        f"{rules_words(p.rules)} {where}",
        why=f"{p.binding} → {p.role}",
        alarm=f"escalates: {escalations}" if escalations else "",
        evidence=p.evidence,
        key=(*p.principals, p.binding, p.role),
    )


def rules_words(rules: Sequence[PolicyRule]) -> str:
    """What rules permit together."""
    return "everything" if any(map(is_everything, rules)) else listed(map(rule_words, rules), NAMES)


def rule_words(rule: PolicyRule) -> str:
    """`get, list deployments.apps named web`."""
    verbs = "any verb on" if "*" in rule.verbs else listed(rule.verbs, 6)
    if not rule.resources:
        return f"{verbs} {listed(rule.non_resource_urls)}"
    groups = [g for g in rule.api_groups if g]
    group = f".{'|'.join(groups[:NAMES])}" if groups and "*" not in groups else ""
    what = "every resource" if "*" in rule.resources else listed(f"{r}{group}" for r in rule.resources)
    return f"{verbs} {what}" + (f" named {listed(rule.resource_names)}" if rule.resource_names else "")


def _held(held: Held) -> Line:
    why = "; ".join((held.because, *held.conditions))
    return _line(Kind.POWER, str(held.workload), POWERS[held.power], why=why, evidence=held.evidence)


def _hearing(hearing: Hearing, kind: Kind, verb: str) -> Line:
    who = listed([*(["any address outside"] if hearing.outside else ()), *map(_short, hearing.sources)], NAMES)
    at = listed(f"{PROTOCOLS[p // SPAN]} {p % SPAN}" for p in hearing.points) or "any port"
    what = f"{verb} at {at} for {who}"
    return _line(kind, str(hearing.workload), what, why=hearing.because, evidence=hearing.evidence, key=hearing.sources)


def _link(link: Link) -> Line:
    why = ""
    if link.witness:
        before = link.before or "not there"
        why = f"{link.witness}: before {before}; now {link.now or 'not there'}"
    return _line(
        Kind.CONNECTION,
        f"{ends_words(link.sources)} → {ends_words(link.destinations)}",
        told_ports(link.ports),
        why=why,
        evidence=link.evidence,
        key=(*link.sources.workloads, "to", *link.destinations.workloads),
    )


def ends_words(ends: Ends) -> str:
    """`any address outside, shop/web and 3 more`."""
    names = [_short(ref) for ref in ends.workloads]
    if ends.addresses:
        everybody = strangers(ends.addresses) == ""
        names.insert(0, "any address outside" if everybody else told(ends.addresses))
    return listed(names, NAMES)


def _short(ref: Ref) -> str:
    return f"{ref.namespace}/{ref.name}" if ref.namespace else ref.name


def by_start(lines: Iterable[Line]) -> tuple[Line, ...]:
    """Paths from one start as one line, with the way to the nearest target; other lines as they are."""
    found: dict[tuple[str, str], list[Line]] = {}
    for i, line in enumerate(lines):
        found.setdefault((line.subject, line.alarm) if line.way else (str(i), ""), []).append(line)
    return tuple(_together(several) for several in found.values())


def _together(lines: Sequence[Line]) -> Line:
    first = lines[0]
    if not first.way:
        return first
    targets = listed(line.way[-1] for line in lines)
    return msgspec.structs.replace(first, what=f"reaches {targets}", why=" → ".join(first.way))


def _line(
    kind: Kind,
    subject: str,
    what: str,
    *,
    why: str = "",
    alarm: str = "",
    evidence: Iterable[Evidence] = (),
    key: Iterable[object] = (),
) -> Line:
    """`key` is what tells it apart from others that read alike."""
    name = f"DIFF-{stable_hash(kind, subject, what, *map(str, key))}"
    return Line(kind, subject, what, why, alarm, tuple(evidence), id=name)
