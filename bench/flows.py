"""Flow logs, as a ratio to json.loads alone over the same lines, in one run; made from a seed, in a temporary folder.

python bench/flows.py [--lines N] [KIND ...]
"""

from __future__ import annotations

import argparse
import json
import random
import tempfile
import time
import tracemalloc
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

from mistrust.feeds.flows.read import read_flows

START = 1_790_000_000
T = TypeVar("T")


def stamp(i: int, digits: str = "123456789") -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(START + i // 500)) + f".{digits}Z"


def end(i: int, address: str) -> dict[str, object]:
    """An endpoint of Hubble: pods of a hundred workloads."""
    namespace, name = f"ns{i % 20}", f"app{i % 100}"
    labels = [f"k8s:app={name}", f"k8s:io.kubernetes.pod.namespace={namespace}", "k8s:io.cilium.k8s.policy.cluster=c"]
    pod = f"{name}-6d8bcd654d-{address.rpartition('.')[2]:0>5}"
    return {
        "ID": i, "identity": 10_000 + i, "cluster_name": "c", "namespace": namespace, "labels": labels,
        "pod_name": pod, "workloads": [{"name": name, "kind": "Deployment"}],
    }  # fmt: skip


def hubble(count: int, rng: random.Random) -> Iterator[str]:
    """As the exporter writes: most of it is opened connections and replies, some is dropped."""
    for i in range(count):
        a = rng.randrange(2000)
        b = (a * 7 + rng.randrange(5)) % 200
        source, destination = f"10.0.{a // 250}.{a % 250}", f"10.1.0.{b}"
        reply, dropped = i % 3 == 2, i % 50 == 49
        ports = (40_000 + i % 20_000, 8080)
        flow: dict[str, object] = {
            "time": stamp(i), "uuid": f"{i:032x}", "verdict": "DROPPED" if dropped else "FORWARDED",
            "ethernet": {"source": "b6:ef:ed:1b:4b:4a", "destination": "4a:2e:3b:b7:3e:bd"},
            "IP": {"source": source, "destination": destination, "ipVersion": "IPv4"},
            "l4": {"TCP": {"source_port": ports[0], "destination_port": ports[1], "flags": {"SYN": True}}},
            "source": end(a, source), "destination": end(b, destination), "Type": "L3_L4", "node_name": f"c/n{a % 9}",
            "event_type": {"type": 4, "sub_type": 3}, "traffic_direction": "EGRESS",
            "trace_observation_point": "TO_STACK", "trace_reason": "NEW", "is_reply": reply,
            "interface": {"index": 12, "name": "lxc0123456789"}, "Summary": "TCP Flags: SYN",
        }  # fmt: skip
        yield json.dumps({"flow": flow, "node_name": f"c/n{a % 9}", "time": stamp(i)}, separators=(",", ":"))


def pair(i: int, rng: random.Random) -> tuple[str, str, int]:
    """Addresses of a client and a server, and the client's port."""
    a = rng.randrange(2000)
    return f"10.0.{a // 250}.{a % 250}", f"10.1.0.{(a * 7 + rng.randrange(5)) % 200}", 30_000 + i % 30_000


def istio(count: int, rng: random.Random) -> Iterator[str]:
    """Istio's default text format, of the client's sidecar."""
    for i in range(count):
        client, server, port = pair(i, rng)
        yield (
            f'[{stamp(i, "123")}] "GET /api/v1/orders/{i} HTTP/1.1" 200 - via_upstream - "-" 0 1135 4 4 "-" "x" '
            f'"84961386-6d84-929d-98bd-{i:012x}" "orders:80" "{server}:8080" '
            f"outbound|80||orders.shop.svc.cluster.local {client}:{port} 10.96.0.7:80 {client}:{port + 1} - default"
        )


def ztunnel(count: int, rng: random.Random) -> Iterator[str]:
    """ztunnel's text format, of the client's node."""
    for i in range(count):
        client, server, port = pair(i, rng)
        names = 'src.workload="web-6d8bcd654d-abcde" src.namespace="shop" src.identity="spiffe://cluster.local/ns/shop/sa/web"'
        yield (
            f"{stamp(i, '123456')}\tinfo\taccess\tconnection complete\tsrc.addr={client}:{port} {names} "
            f'dst.addr={server}:15008 dst.hbone_addr={server}:8080 dst.service="orders.shop.svc.cluster.local" '
            f'dst.workload="orders-0" dst.namespace="shop" direction="outbound" bytes_sent=84 bytes_recv=358 '
            'duration="15ms"'
        )


def calico(count: int, rng: random.Random) -> Iterator[str]:
    """Felix's flow logs: already aggregated."""
    for i in range(count):
        a, b = rng.randrange(300), rng.randrange(300)
        labels = {"labels": ["pod-template-hash=5bdcdd9c97", f"k8s-app=app{a}"]}
        yield json.dumps({
            "start_time": START + i // 50, "end_time": START + i // 50 + 300, "source_ip": None, "source_name": "-",
            "source_name_aggr": f"app{a}-5bdcdd9c97-*", "source_namespace": "shop", "source_type": "wep",
            "source_labels": labels, "dest_ip": None, "dest_name": "-", "dest_name_aggr": f"app{b}-5bdcdd9c97-*",
            "dest_namespace": "shop", "dest_port": 8080, "dest_type": "wep", "dest_labels": labels, "proto": "tcp",
            "action": "allow", "reporter": ("src", "dst")[i % 2], "num_flows": 4, "num_flows_started": 3,
            "policies": {"all_policies": ["0|__PROFILE__|__PROFILE__.kns.shop|allow"]}, "bytes_in": 1, "bytes_out": 2,
        }, separators=(",", ":"))  # fmt: skip


def conntrack(count: int, rng: random.Random) -> Iterator[str]:
    """Events of a kernel: three for each connection."""
    for i in range(count):
        client, server, port = pair(i // 3, rng)
        there = f"src={client} dst=10.96.0.7 sport={port} dport=80"
        back = f"src={server} dst={client} sport=8080 dport={port}"
        head = f"[{START + i // 500}.{i % 1000:06}]\t"
        yield (
            head
            + (
                f"    [NEW] tcp      6 120 SYN_SENT {there} [UNREPLIED] {back}",
                f" [UPDATE] tcp      6 432000 ESTABLISHED {there} {back} [ASSURED]",
                f"[DESTROY] tcp      6 {there} packets=5 bytes=400 {back} packets=4 bytes=300 [ASSURED]",
            )[i % 3]
        )


def vpc(count: int, rng: random.Random) -> Iterator[str]:
    """Version 5: both directions of each connection."""
    for i in range(count):
        client, server, port = pair(i // 2, rng)
        ends = ((client, server, port, 8080, 3, "egress"), (server, client, 8080, port, 19, "ingress"))
        src, dst, sport, dport, flags, direction = ends[i % 2]
        time_ = START + i // 500
        yield (
            f"5 1234 eni-{i % 9} {src} {dst} {sport} {dport} 6 9 1400 {time_} {time_ + 60} ACCEPT OK "
            f"{flags} {src} {dst} {direction}"
        )


VPC = (
    "version account-id interface-id srcaddr dstaddr srcport dstport protocol packets bytes start end action "
    "log-status tcp-flags pkt-srcaddr pkt-dstaddr flow-direction"
)


def otlp(count: int, rng: random.Random) -> Iterator[str]:
    """Requests of the collector's file exporter, ten spans each."""
    for i in range(0, count, 10):
        pod = rng.randrange(2000)
        of = {"k8s.namespace.name": "shop", "k8s.pod.name": f"web-6d8bcd654d-{pod:05}", "k8s.deployment.name": "web"}
        spans = [
            {
                "traceId": f"{i:032x}", "spanId": f"{j:016x}", "name": "GET /orders", "kind": 2 + j % 2,
                "startTimeUnixNano": f"{START + i // 500}123456789", "endTimeUnixNano": f"{START + i // 500}223456789",
                "attributes": [
                    {"key": "http.request.method", "value": {"stringValue": "GET"}},
                    {"key": "network.peer.address", "value": {"stringValue": f"10.1.0.{rng.randrange(5)}"}},
                    {"key": "network.peer.port", "value": {"intValue": "8080"}},
                    {"key": "server.port", "value": {"intValue": "8080"}},
                ],
                "status": {},
            }
            for j in range(10)
        ]  # fmt: skip
        resource = {"attributes": [{"key": k, "value": {"stringValue": v}} for k, v in of.items()]}
        yield json.dumps({"resourceSpans": [{"resource": resource, "scopeSpans": [{"spans": spans}]}]})


KINDS: dict[str, Callable[[int, random.Random], Iterator[str]]] = {
    "hubble": hubble,
    "istio": istio,
    "ztunnel": ztunnel,
    "calico": calico,
    "conntrack": conntrack,
    "vpc": vpc,
    "otlp": otlp,
}


def measured(kind: str, path: Path, lines: int) -> str:
    """One line of the table; a span is a line here."""
    took, record = best(lambda: read_flows([str(path)]))
    assert record.coverage.bad == 0, record.coverage
    assert record.uses
    size = path.stat().st_size
    rate = f"{lines / took / 1000:6.0f} k lines/CPU-s {size / took / 1e6:5.0f} MB/s  {len(record.uses):7,} flows"
    ratio = "     -"
    if path.open("rb").read(1) == b"{":
        ratio = f"{best(lambda: parsed(path))[0] / took:4.1f} x"
    tracemalloc.start()
    read_flows([str(path)])
    peak = tracemalloc.get_traced_memory()[1] / 1e6
    tracemalloc.stop()
    return f"{kind:10} {rate}  {ratio} json.loads alone  peak {peak:5.1f} MB of {size / 1e6:.0f} MB"


def parsed(path: Path) -> int:
    """What a script does first."""
    with path.open("rb") as file:
        return sum(1 for row in file if json.loads(row))


def best(run: Callable[[], T], times: int = 3) -> tuple[float, T]:
    """CPU seconds of the best run, and what it answered."""
    taken = []
    for _ in range(times):
        start = time.process_time()
        result = run()
        taken.append(time.process_time() - start)
    return min(taken), result


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("kind", nargs="*", choices=[*KINDS, []], help="all of them, if none is named")
    parser.add_argument("--lines", type=int, default=200_000)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        for kind in args.kind or KINDS:
            path = Path(folder, kind)
            head = VPC + "\n" if kind == "vpc" else ""
            path.write_text(head + "".join(line + "\n" for line in KINDS[kind](args.lines, random.Random(7))))
            print(measured(kind, path, args.lines), flush=True)
            path.unlink()
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
