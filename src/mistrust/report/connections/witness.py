"""One connection that stands for a change, and what decides about it before and after."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from mistrust.access.ports import PROTOCOLS, SPAN, Ports
from mistrust.access.verdict import Verdict
from mistrust.kube.endpoints import Endpoint
from mistrust.kube.snapshot import Snapshot
from mistrust.layers.network.deciding.decide import Ground, decide, ground
from mistrust.layers.network.deciding.party import Party
from mistrust.layers.network.profile import NP_GUARD, Profile
from mistrust.report.connections.diff import Change
from mistrust.report.connections.listed import ANY_ADDRESS, INGRESS_CONTROLLER, Peer
from mistrust.report.connections.peers import population


class Version:
    """One of the two snapshots, asked for single connections."""

    def __init__(self, snapshot: Snapshot, profile: Profile) -> None:
        people = population(snapshot, owners=profile is NP_GUARD)
        self.ground: Ground = ground(snapshot)
        self.profile = profile
        self.pods: Mapping[Peer, Endpoint] = {p: people.endpoints[m[0]] for p, m in people.groups.items()}

    def verdict(self, source: Peer, target: Peer, at: int) -> Verdict | None:
        """What decides; None where one of the two is not there."""
        ends = [self._party(peer) for peer in (source, target)]
        if ends[0] is None or ends[1] is None:
            return None
        return decide(self.ground, ends[0], ends[1], at, self.profile)

    def _party(self, peer: Peer) -> Party | None:
        if not peer.external:
            return self.ground.pod(self.pods[peer]) if peer in self.pods else None
        if peer == INGRESS_CONTROLLER:
            return None
        return self.ground.at("0.0.0.0" if peer == ANY_ADDRESS else peer.text.partition("-")[0])  # noqa: S104


class Witnesses:
    """Finds a witness for each change."""

    def __init__(self, old: Snapshot, new: Snapshot, profile: Profile) -> None:
        self._old, self._new = Version(old, profile), Version(new, profile)

    def of(self, change: Change) -> Iterator[str]:
        """One port that came or went, and why it is open in the one version and not in the other."""
        moved = (change.new - change.old) or (change.old - change.new)
        at = self._port(change, moved)
        yield f"for one, {PROTOCOLS[at // SPAN]} {at % SPAN}"
        for when, version in (("before", self._old), ("now", self._new)):
            verdict = version.verdict(change.source, change.target, at)
            if verdict is not None:
                yield f"{when}: {verdict.answer.value}; {verdict.because}"

    def _port(self, change: Change, moved: Ports) -> int:
        """A port that the target declares if there is one among them."""
        pod = self._new.pods.get(change.target) or self._old.pods.get(change.target)
        declared = (Ports.span(p.protocol, p.number, p.number) for p in pod.ports) if pod is not None else ()
        return next((at for ports in declared for at in ports if at in moved), moved.ranges[0][0])
