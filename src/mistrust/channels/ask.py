"""One question: may this side open a connection to that side? Policies, doors to the outside and mesh in one answer.

The engine says where on the line of ports the answer changes; each part is then decided again, straight from the
specification, for one port of it and one pair of pods, and that answer counts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

import msgspec
from msgspec import structs

from mistrust.access.evidence import Evidence
from mistrust.access.ports import NO_PORT, Ports, point
from mistrust.access.verdict import Answer, Verdict
from mistrust.channels.scene import One, Scene, Side, another, blocks, each
from mistrust.kube.core import Service
from mistrust.layers.mesh.channel import Authz, Channel, Transport
from mistrust.layers.network.deciding.decide import decide
from mistrust.layers.network.statements.rules import Service as RuleService

Wanted = Callable[[int], Ports]
"""The ports that are asked for, of each endpoint; of -1 where the target is no pod."""
POINTS = 6
"""How many ports of one answer are asked for their reasons."""


class Finding(msgspec.Struct, frozen=True):
    """An answer for some ports."""

    source: str
    target: str
    ports: Ports
    verdict: Verdict
    channel: Channel | None = None
    """What a mesh makes of it, where there is one."""

    @property
    def answer(self) -> Answer:
        """Policies and mesh together: no where either says no, else unknown where either is unknown."""
        if self.channel is None or self.verdict.answer is Answer.DENIED:
            return self.verdict.answer
        if self.channel.transport is Transport.BROKEN or self.channel.authz is Authz.DENIED:
            return Answer.DENIED
        doubtful = self.channel.transport is Transport.UNKNOWN or self.channel.authz is Authz.UNKNOWN
        return Answer.UNKNOWN if doubtful else self.verdict.answer


def ask(scene: Scene, source: Side, target: Side, wanted: Wanted) -> tuple[Finding, ...]:
    """What of the wanted ports the source may open of the target: what is allowed first, then unknown, then denied."""
    found: list[Finding] = []
    for b in each(scene, target):
        ports = wanted(b.pod)
        if source.internet and b.pod >= 0:
            found += _from_outside(scene, source, target, b, ports)
            continue
        for a in each(scene, source):
            if not any(
                len(side.parties) > 1 and _own(scene, *ends) for side, ends in ((source, (a, b)), (target, (b, a)))
            ):
                found += _between(scene, a, another(scene, a, b), ports)
    order = (Answer.ALLOWED, Answer.UNKNOWN, Answer.DENIED)
    return tuple(sorted(_merged(found), key=lambda f: order.index(f.answer)))


def _own(scene: Scene, a: One, b: One) -> bool:
    """Is it the node that runs the pod? It always reaches it; where there are others, the question is about them."""
    return a.party.node is not None and a.pod < 0 and b.pod >= 0 and scene.ends[b.pod].node == a.party.node.name


def _between(scene: Scene, a: One, b: One, wanted: Ports) -> Iterator[Finding]:
    for part in _parts(scene, a, b, wanted):
        verdicts: dict[Answer, list[tuple[int, Verdict]]] = {}
        for at in _points(scene, b, part):
            verdict = _decided(scene, a, b, at)
            verdicts.setdefault(verdict.answer, []).append((at, verdict))
        for answered in verdicts.values():
            at, verdict = answered[0]
            evidence = tuple(dict.fromkeys(e for _, v in answered for e in v.decided_by))
            ports = part if len(verdicts) == 1 else Ports.of((p, p + 1) for p, _ in answered)
            because, *failed = (_widely(words, a, b) for words in (verdict.because, *verdict.failed))
            told = Verdict(verdict.answer, because, evidence, tuple(failed))
            yield Finding(a.told, b.told, ports, told, _channel(scene, a, b, at, verdict.answer))


def _widely(words: str, *sides: One) -> str:
    """The words, about the whole of what an address of the Internet stands for."""
    for side in sides:
        words = words.replace(str(side.party), "the Internet") if side.outside else words
    return words


def _decided(scene: Scene, a: One, b: One, at: int) -> Verdict:
    """What policies say; of a connection in a mesh's tunnel they see the tunnel's port, whatever port is dialled."""
    channel = _channel(scene, a, b, at, Answer.UNKNOWN)
    if channel is None or not channel.carried:
        return decide(scene.ground, a.party, b.party, at)
    verdict = decide(scene.ground, a.party, b.party, point("TCP", channel.carried))
    because = f"{verdict.because}; the mesh carries it in a tunnel, on port {channel.carried}, whatever port is dialled"
    if channel.relayed and verdict.answer is Answer.DENIED:
        return Verdict(Answer.UNKNOWN, because, verdict.decided_by, (*verdict.failed, *channel.unknown))
    if not channel.perhaps:
        return structs.replace(verdict, because=because)
    dialled = decide(scene.ground, a.party, b.party, at)
    if dialled.answer is verdict.answer:
        return dialled
    doubt = f"it is not known whether the mesh carries it in a tunnel, on port {channel.carried}"
    evidence = tuple(dict.fromkeys((*dialled.decided_by, *verdict.decided_by)))
    return Verdict(Answer.UNKNOWN, f"{dialled.because}; {doubt}", evidence, (*dialled.failed, *verdict.failed, doubt))


def _parts(scene: Scene, a: One, b: One, wanted: Ports) -> list[Ports]:
    """The wanted ports, apart where some engine's answer changes."""
    parts = [wanted]
    if a.classes and b.classes and (a.pod >= 0 or b.pod >= 0):
        two = a.pod >= 0 and b.pod >= 0 and a.pod != b.pod
        for r, s, d in zip(scene.reaches, a.classes, b.classes, strict=True):
            allowed = r.between(a.pod, b.pod) if two else r.ports(s, d)
            parts = _apart(parts, (allowed, r.unsure_ports(s, d)))
        parts = _apart(parts, (_meant(scene, b, service) for service in scene.tied))
    return [part for part in parts if part]


def _apart(parts: list[Ports], edges: Iterable[Ports]) -> list[Ports]:
    for edge in edges:
        parts = [piece for part in parts for piece in (part & edge, part - edge) if piece]
    return parts


def _meant(scene: Scene, b: One, service: RuleService) -> Ports:
    """The ports that a rule is about; names are the declared ports that have them."""
    declared = scene.ends[b.pod].ports if b.pod >= 0 else ()
    named = (p for p in declared if {("", p.name), (p.protocol, p.name)} & set(service.names))
    ports = service.ports
    for p in named:
        ports = ports | Ports.span(p.protocol, p.number, p.number)
    return ports


def _points(scene: Scene, b: One, part: Ports) -> list[int]:
    """Ports that stand for a part: declared ones if there are any, else the first of each range."""
    declared = [p for p in _declared(scene, b) if p in part]
    return (declared or [low for low, _ in part.ranges])[:POINTS]


def _declared(scene: Scene, b: One) -> list[int]:
    found = (Ports.span(p.protocol, p.number, p.number) for p in scene.ends[b.pod].ports) if b.pod >= 0 else ()
    return sorted(at for ports in found for at in ports)


def _channel(scene: Scene, a: One, b: One, at: int, answer: Answer) -> Channel | None:
    if b.pod < 0 or answer is Answer.DENIED or not scene.mesh.fabrics:
        return None
    source = scene.mesh.source_of[a.pod] if a.pod >= 0 else scene.mesh.outside
    return scene.mesh.channel(source, scene.mesh.target_of[b.pod], at)


def _from_outside(scene: Scene, source: Side, target: Side, b: One, wanted: Ports) -> Iterator[Finding]:
    """Through the doors that lead there; without one, nobody from outside arrives, whatever the policies say."""
    left = wanted
    everybody = list(blocks(scene))
    for door in scene.doors:
        if door.at in wanted and not set(door.endpoints).isdisjoint(target.pods):
            here = Ports.of([(door.at, door.at + 1)])
            left = left - here
            answer = Answer.UNKNOWN if door.assumes else Answer.ALLOWED
            because = f"through {door.how}" + (f", if {door.assumes}" if door.assumes else "")
            verdict = Verdict(answer, because, door.evidence, (door.assumes,) if door.assumes else ())
            channel = _channel(scene, everybody[0], b, door.at, answer) if not door.through else None
            yield Finding(source.told, b.told, here, verdict, channel)
    found = [f for a in everybody for f in _between(scene, a, b, left)]
    passed = NO_PORT
    for f in found:
        passed = passed if f.verdict.answer is Answer.DENIED else passed | f.ports
    if passed:
        blind = [f"{gap.kind} objects were not seen ({gap.why})" for gap in scene.snapshot.blind(Service)]
        because = "no Service, Ingress, route, hostPort or hostNetwork leads there from outside"
        verdict = Verdict(Answer.UNKNOWN if blind else Answer.DENIED, because, (), tuple(blind))
        yield Finding(source.told, b.told, passed, verdict)
    for f in found:
        if rest := f.ports - passed:
            yield structs.replace(f, source=source.told, ports=rest)


def _merged(found: Iterable[Finding]) -> Iterator[Finding]:
    """Answers of the same words, as one: their ports and their evidence together."""
    alike: dict[object, list[Finding]] = {}
    for f in found:
        verdict = (f.verdict.answer, f.verdict.because, f.verdict.failed)
        channel = (f.channel.transport, f.channel.authz, f.channel.because) if f.channel is not None else None
        alike.setdefault((f.source, f.target, verdict, channel), []).append(f)
    for same in alike.values():
        ports = NO_PORT
        for f in same:
            ports = ports | f.ports
        evidence = tuple(dict.fromkeys(e for f in same for e in f.verdict.decided_by))
        yield structs.replace(same[0], ports=ports, verdict=structs.replace(same[0].verdict, decided_by=evidence))


def answer_of(found: Sequence[Finding]) -> Answer:
    """Yes if something is allowed, else unknown if something may be."""
    answers = {f.answer for f in found}
    return next((a for a in (Answer.ALLOWED, Answer.UNKNOWN) if a in answers), Answer.DENIED)


def evidence_of(found: Iterable[Finding]) -> Iterator[Evidence]:
    """Everything that the answers rest on."""
    for f in found:
        yield from f.verdict.decided_by
        if f.channel is not None:
            yield from f.channel.decided_by


def by_pod(ports: Mapping[int, Ports]) -> Wanted:
    """The ports that are asked for, where they differ from pod to pod."""
    return lambda pod: ports.get(pod, NO_PORT)
