"""Connections as Hubble's exporter shows them: a JSON line for each point that a packet passes."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from functools import cache
from typing import Final

import msgspec

from mistrust.cli.shop.calendar import HOUR, Day
from mistrust.cli.shop.cluster import NODES, Pod
from mistrust.cli.shop.event import moment

End = Pod | str
"""A pod, or an address outside of the cluster."""
NODE_ADDRESSES: Final = {f"10.0.0.{11 + i}": "host" for i in range(len(NODES))}
RESERVED: Final = {"10.0.0.10": "kube-apiserver", **NODE_ADDRESSES}
"""What Cilium calls addresses that are no pods; every other one is the world."""
IDENTITIES: Final = {"host": 1, "world": 2, "kube-apiserver": 7}

ANSWERED: Final = "answered"
REFUSED: Final = "refused"
"""Let through to a port on which nobody listens: the answer is a reset."""
DROPPED_OUT: Final = "dropped at the source"
DROPPED_IN: Final = "dropped at the destination"


class Opened(msgspec.Struct, frozen=True, gc=False):
    """One connection that somebody tried to open."""

    at: float
    """Seconds since midnight."""
    source: End
    destination: End
    port: int
    protocol: str = "TCP"
    became: str = ANSWERED


def lines(opened: Iterable[Opened], day: Day) -> Iterator[str]:
    """The log of a day, of all nodes, in the order of time."""
    dice = day.random("source ports")
    rows: list[tuple[float, str, str, int]] = []
    for each in opened:
        port = dice.randrange(32768, 60999)
        for after, head, tail in _points(each.source, each.destination, each.protocol, each.port, each.became):
            rows.append((each.at + after, head, tail, port))
    rows.sort(key=lambda row: (row[0], row[3]))
    for at, head, tail, port in rows:
        if at < 24 * HOUR:
            time = moment(day, at, "000")
            yield f'{{"flow":{{"time":"{time}",{head}{port}{tail},"time":"{time}"}}\n'


@cache
def _points(source: End, destination: End, protocol: str, port: int, became: str) -> tuple[tuple[float, str, str], ...]:
    """Seconds after the connection began, and what stands before and after the port of the source."""
    found: list[tuple[float, str, str]] = []
    syn = {"SYN": True}

    def see(after: float, at: Pod, way: str, verdict: str, reply: bool, flags: dict[str, bool]) -> None:
        a, b = (destination, source) if reply else (source, destination)
        ports = '{"source_port":%d,"destination_port":@' if reply else '{"source_port":@,"destination_port":%d'
        layer = ports % port + (f',"flags":{_json(flags)}}}' if protocol == "TCP" else "}")
        head, _, tail = layer.partition("@")
        ip = _json({"source": _address(a), "destination": _address(b), "ipVersion": "IPv4"})
        point = "TO_ENDPOINT" if (way == "INGRESS") != reply else "TO_STACK" if isinstance(b, str) else "TO_OVERLAY"
        rest: dict[str, object] = {"source": _endpoint(a, at), "destination": _endpoint(b, at), "Type": "L3_L4"}
        rest |= {"node_name": NODES[at.node], "event_type": {"type": 4}, "traffic_direction": way}
        if verdict == "DROPPED":
            rest |= {
                "drop_reason": 133,
                "drop_reason_desc": "POLICY_DENIED",
                "event_type": {"type": 1, "sub_type": 133},
            }
        else:
            rest |= {"trace_observation_point": point, "is_reply": reply}
        if protocol == "TCP":
            rest["Summary"] = "TCP Flags: " + ", ".join(flags)
        first = f'"verdict":"{verdict}","IP":{ip},"l4":{{"{protocol}":{head}'
        last = f'{tail}}},{_json(rest)[1:]},"node_name":"{NODES[at.node]}"'
        found.append((after, first, last))

    if isinstance(source, Pod):
        see(0.0, source, "EGRESS", "DROPPED" if became == DROPPED_OUT else "FORWARDED", False, syn)
        if became == DROPPED_OUT:
            return tuple(found)
    if isinstance(destination, Pod):
        see(0.0004, destination, "INGRESS", "DROPPED" if became == DROPPED_IN else "FORWARDED", False, syn)
        if became == DROPPED_IN:
            return tuple(found)
    answer = {"RST": True, "ACK": True} if became == REFUSED else {"SYN": True, "ACK": True}
    side, way = (source, "EGRESS") if isinstance(source, Pod) else (destination, "INGRESS")
    assert isinstance(side, Pod), "one end is a pod"
    see(0.0011, side, way, "FORWARDED", True, answer)
    return tuple(found)


def _address(end: End) -> str:
    return end if isinstance(end, str) else end.address


def _endpoint(end: End, seen_by: Pod) -> dict[str, object]:
    """What the agent on a node knows: of pods on other nodes not who owns them."""
    if isinstance(end, str):
        name = RESERVED.get(end, "world")
        return {"identity": IDENTITIES[name], "labels": [f"reserved:{name}"]}
    key, _, value = end.workload.labels.partition("=")
    space = f"k8s:io.kubernetes.pod.namespace={end.namespace}"
    known: dict[str, object] = {"identity": 10_000 + sum(map(ord, end.namespace + value))}
    known |= {"cluster_name": "default", "namespace": end.namespace}
    known |= {"labels": [f"k8s:{key}={value}", space], "pod_name": end.name}
    if end.node == seen_by.node:
        known["ID"] = sum(map(ord, end.name))
        known["workloads"] = [{"name": end.workload.name, "kind": end.workload.kind}]
    return known


def _json(value: object) -> str:
    return json.dumps(value, separators=(",", ":"))
