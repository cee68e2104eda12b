"""Policies changed at random."""

from __future__ import annotations

from random import Random

import msgspec

from mistrust.kube.network import NetworkPolicySpec


def mutated(spec: NetworkPolicySpec, random: Random) -> NetworkPolicySpec:
    """A rule less, a peer less, a port more or less, everybody instead of some, no limit in one direction."""
    way = random.choice([way for way in ("ingress", "egress") if getattr(spec, way)])
    rules = list(getattr(spec, way))
    at = random.randrange(len(rules))
    side = "sources" if way == "ingress" else "destinations"
    peers, rule = getattr(rules[at], side), rules[at]
    match random.randrange(6):
        case 0:
            rules.pop(at)
        case 1 if len(peers) > 1:
            rules[at] = msgspec.structs.replace(rule, **{side: peers[1:]})
        case 2:
            rules[at] = msgspec.structs.replace(rule, ports=())
        case 3:
            rules[at] = msgspec.structs.replace(rule, **{side: ()})
        case 4:
            return msgspec.structs.replace(spec, policy_types=("Ingress",) if way == "egress" else ("Egress",))
        case _:
            ports = tuple(
                msgspec.structs.replace(p, protocol="SCTP" if p.protocol != "SCTP" else "TCP") for p in rule.ports
            )
            rules[at] = msgspec.structs.replace(rule, ports=ports)
    return msgspec.structs.replace(spec, **{way: tuple(rules)})
