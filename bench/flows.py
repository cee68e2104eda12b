"""Flow logs, as a ratio to json.loads alone over the same lines, in one run; made from a seed, in a temporary folder.

python bench/flows.py [--lines N]
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

from mistrust.feeds.flows.read import read_flows

START = 1_790_000_000


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


KINDS: dict[str, Callable[[int, random.Random], Iterator[str]]] = {"hubble": hubble}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--lines", type=int, default=200_000)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        for kind, make in KINDS.items():
            path = Path(folder, kind)
            path.write_text("".join(line + "\n" for line in make(args.lines, random.Random(7))))
            start = time.process_time()
            record = read_flows([str(path)])
            took = time.process_time() - start
            assert record.coverage.events == args.lines, record.coverage
            text = (
                f"{kind:10} {args.lines / took / 1000:7.0f} k lines/CPU-s {path.stat().st_size / took / 1e6:6.0f} MB/s"
            )
            text += f"  {len(record.uses):7,} flows"
            if path.read_bytes()[:1] == b"{":
                rows = path.read_bytes().splitlines()
                start = time.process_time()
                for row in rows:
                    json.loads(row)
                text += f"  {(time.process_time() - start) / took:5.1f} x as fast as json.loads"
                del rows
            tracemalloc.start()
            read_flows([str(path)])
            print(f"{text}  peak {tracemalloc.get_traced_memory()[1] / 1e6:5.1f} MB", flush=True)
            tracemalloc.stop()
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
