"""Network and mesh joined: every pair has the verdict that asking both for that pair gives."""

from __future__ import annotations

import random
from collections.abc import Sequence

import msgspec
import pytest

from mistrust.access.ports import SPAN, Ports, point
from mistrust.channels.crowd import members
from mistrust.channels.table import join, pieces_of
from mistrust.kube.endpoints import Endpoint, Port
from mistrust.kube.meta import Metadata
from mistrust.kube.network import IngressPolicyRule, NetworkPolicy, NetworkPolicySpec, PolicyPeer, PolicyPort
from mistrust.kube.selectors import LabelSelector
from mistrust.layers.mesh.channel import Authn, Authz, Channel, Transport
from mistrust.layers.network.engine.reach import reach
from mistrust.layers.network.profile import UPSTREAM
from mistrust.layers.network.statements.policies import Policies

PROBES = tuple(point(p, n) for p in ("TCP", "UDP") for n in (1, 79, 80, 81, 443, 8080, 65535))


class Toy:
    """A mesh in which the sum of two numbers says how the channel is, and it changes at some ports."""

    outside = 9

    def __init__(self, source_of: Sequence[int], target_of: Sequence[int]) -> None:
        self.source_of = source_of
        self.target_of = target_of
        self.everybody = range(self.outside + 1)

    def alike(self, target: int, /) -> Sequence[int]:
        return self.everybody

    def tunnels(self, target: int, /) -> bool:
        return target % 3 == 0

    def cuts(self, target: int, /) -> tuple[int, ...]:
        return (point("TCP", 80), point("TCP", 81)) if target % 2 else ()

    def channel(self, source: int, target: int, at: int, /) -> Channel:
        special = target % 2 and at == point("TCP", 80)
        transport = list(Transport)[(source + target + (3 if special else 0)) % len(Transport)]
        return Channel(transport, Authn.NONE, Authz.NONE, plaintext=bool(source % 2))


class Tunnels(Toy):
    """The same, but clients with an even number reach some targets in a tunnel on port 443."""

    def channel(self, source: int, target: int, at: int, /) -> Channel:
        found = super().channel(source, target, at)
        inside = self.tunnels(target) and source % 2 == 0 and at < SPAN
        return msgspec.structs.replace(found, plaintext=True, carried=443) if inside else found


def cluster(dice: random.Random) -> tuple[list[Endpoint], Policies]:
    pods = [
        Endpoint(
            workload=i,
            namespace=dice.choice("ab"),
            name=f"p{i}",
            labels={"app": dice.choice("xyz")},
            annotations={},
            ports=(Port("http", "TCP", 8080),),
            host_network=False,
            account="default",
        )
        for i in range(6)
    ]
    policies = [
        NetworkPolicy(
            metadata=Metadata(name=f"n{i}", namespace=dice.choice("ab")),
            spec=NetworkPolicySpec(
                pod_selector=LabelSelector({"app": dice.choice("xyz")}),
                ingress=(
                    IngressPolicyRule(
                        sources=(PolicyPeer(pod_selector=LabelSelector({"app": dice.choice("xyz")})),),
                        ports=(PolicyPort(port=dice.choice([80, 443, "http"])),),
                    ),
                ),
            ),
        )
        for i in range(3)
    ]
    return pods, Policies(network=tuple(policies))


@pytest.mark.parametrize("seed", range(40))
def test_every_pair_has_the_answer_of_both_layers(seed: int) -> None:
    dice = random.Random(seed)
    pods, policies = cluster(dice)
    spaces = {"a": {}, "b": {}}
    mesh = Toy([dice.randrange(4) for _ in pods], [dice.randrange(4) for _ in pods])
    alone = reach(pods, spaces, policies, UPSTREAM)
    table = join(alone, mesh)
    for s in range(len(pods)):
        for d in range(len(pods)):
            open_to = alone.ports(alone.class_of[s], alone.class_of[d])
            told = list(table.between(s, d))
            for at in PROBES:
                found = [channel for ports, channel in told if at in ports]
                wanted = [mesh.channel(mesh.source_of[s], mesh.target_of[d], at)] if at in open_to else []
                assert found == wanted, (s, d, at)


@pytest.mark.parametrize("seed", range(40))
def test_of_a_tunnel_the_network_sees_its_own_port_whatever_port_is_dialled(seed: int) -> None:
    dice = random.Random(seed)
    pods, policies = cluster(dice)
    mesh = Tunnels([dice.randrange(4) for _ in pods], [dice.randrange(4) for _ in pods])
    alone = reach(pods, {"a": {}, "b": {}}, policies, UPSTREAM)
    table = join(alone, mesh)
    for s in range(len(pods)):
        for d in range(len(pods)):
            open_to = alone.ports(alone.class_of[s], alone.class_of[d])
            for at in PROBES:
                channel = mesh.channel(mesh.source_of[s], mesh.target_of[d], at)
                if not channel.carried:
                    wanted = [(channel.transport, channel.plaintext)] if at in open_to else []
                elif point("TCP", channel.carried) in open_to:
                    wanted = [(channel.transport, at in open_to)]
                else:
                    wanted = [(Transport.BROKEN, True)] if at in open_to else []
                found = [(c.transport, c.plaintext) for ports, c in table.between(s, d) if at in ports]
                assert found == wanted, (s, d, at)


class Perhaps(Tunnels):
    """The same, but nobody knows whether there is a tunnel."""

    def channel(self, source: int, target: int, at: int, /) -> Channel:
        found = super().channel(source, target, at)
        return msgspec.structs.replace(found, perhaps=bool(found.carried))


@pytest.mark.parametrize("seed", range(40))
def test_where_a_tunnel_is_not_known_what_one_port_alone_lets_through_is_in_doubt(seed: int) -> None:
    dice = random.Random(seed)
    pods, policies = cluster(dice)
    mesh = Perhaps([dice.randrange(4) for _ in pods], [dice.randrange(4) for _ in pods])
    alone = reach(pods, {"a": {}, "b": {}}, policies, UPSTREAM)
    table = join(alone, mesh)
    for s in range(len(pods)):
        for d in range(len(pods)):
            open_to = alone.ports(alone.class_of[s], alone.class_of[d])
            for at in PROBES:
                channel = mesh.channel(mesh.source_of[s], mesh.target_of[d], at)
                dialled, tunnel = at in open_to, channel.carried and point("TCP", channel.carried) in open_to
                if not channel.carried:
                    wanted = [(channel.plaintext, False)] if dialled else []
                else:
                    wanted = [(dialled, not (dialled and tunnel))] if dialled or tunnel else []
                own, row = table.reach.class_of[s], table.rows[table.reach.class_of[d]]
                found = [(t.channel.plaintext, t.unsure) for t in row if at in t.ports and own in t.sources]
                assert found == wanted, (s, d, at)


def test_ports_are_cut_where_the_answer_may_change() -> None:
    assert list(pieces_of(Ports.span("TCP", 1, 100), (80, 81))) == [(1, 80), (80, 81), (81, 101)]


def test_the_members_of_a_crowd_are_its_bits() -> None:
    assert list(members(0)) == []
    assert list(members(0b10011)) == [0, 1, 4]
