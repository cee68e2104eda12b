"""Calico's flow logs, Goldmane and Whisker: two reporters, names of owners, refusals of either end."""

from __future__ import annotations

import json

import pytest
from tests.feeds.flow_logs import reading, remarks, told

from mistrust.access.flow import Peer
from mistrust.access.record import Tally

# as Felix writes it
LOG: dict[str, object] = {
    "start_time": 1577834657, "end_time": 1577834965, "source_ip": None, "source_name": "-",
    "source_name_aggr": "web-5bdcdd9c97-*", "source_namespace": "shop", "source_port": None, "source_type": "wep",
    "source_labels": {"labels": ["pod-template-hash=5bdcdd9c97", "k8s-app=web"]}, "dest_ip": None, "dest_name": "-",
    "dest_name_aggr": "coredns-576cbf47c7-*", "dest_namespace": "kube-system", "dest_port": 53, "dest_type": "wep",
    "dest_labels": {"labels": ["pod-template-hash=576cbf47c7", "k8s-app=kube-dns"]}, "proto": "udp", "action": "allow",
    "reporter": "dst", "policies": {"all_policies": ["0|__PROFILE__|__PROFILE__.kns.kube-system|allow"]},
    "bytes_in": 4288, "bytes_out": 7644, "num_flows": 41, "num_flows_started": 37, "num_flows_completed": 39,
}  # fmt: skip
USED = ["shop/web -> kube-system/coredns UDP 53"]


def log(**changes: object) -> str:
    return json.dumps(LOG | changes) + "\n"


def test_two_reporters_of_one_flow_count_once() -> None:
    record = reading(log() + log(reporter="src", num_flows_started=36))
    assert record.uses == reading(log()).uses
    assert list(record.uses.values()) == [Tally(37, 1577834657, 1577834657)]
    assert told(record) == USED


def test_what_either_end_denies_is_no_use() -> None:
    assert told(reading(log(action="deny", reporter="src"))) == []
    assert told(reading(log(action="deny", reporter="dst"))) == []
    assert told(reading(log(reporter="src") + log(action="deny", reporter="dst"))) == []
    assert told(reading(log(reporter="src") + log(action="deny", reporter="dst") + log())) == USED


@pytest.mark.parametrize(
    ("name", "labels", "owner"),
    [
        ("web-5bdcdd9c97-*", ["pod-template-hash=5bdcdd9c97"], "web"),  # a ReplicaSet of a Deployment
        ("web-5bdcdd9c97-*", None, "web"),
        ("web-*", ["controller-revision-hash=767bb965"], "web"),  # a DaemonSet or a StatefulSet
        ("web-bcdfbcdf-*", ["k8s-app=web"], "web-bcdfbcdf"),  # labels are known, and no template's hash is among them
        ("web-frontend-*", None, "web-frontend"),
    ],
)
def test_the_owner_behind_an_aggregated_name(name: str, labels: list[str] | None, owner: str) -> None:
    (flow,) = reading(log(source_name_aggr=name, source_labels=labels and {"labels": labels})).uses
    assert flow.source == Peer("shop", workload=owner)


def test_pods_by_name_where_nothing_is_aggregated() -> None:
    (flow,) = reading(log(source_name="web-5bdcdd9c97-x2x9k", source_ip="10.0.0.1")).uses
    assert flow.source == Peer("shop", "web-5bdcdd9c97-x2x9k", "", "10.0.0.1")


def test_hosts_and_networks_have_addresses_at_most() -> None:
    outside = {"source_type": "net", "source_name_aggr": "pub", "source_namespace": "-", "source_labels": None}
    (flow,) = reading(log(**outside, source_ip="203.0.113.7")).uses
    assert flow.source == Peer(address="203.0.113.7")
    (flow,) = reading(log(**outside)).uses
    assert flow.source == Peer()
    (flow,) = reading(log(source_type="hep", source_name_aggr="node-1", source_namespace="-")).uses
    assert flow.source == Peer()


def test_without_a_port_it_is_not_known_what_was_used() -> None:
    record = reading(log(dest_port=None))
    assert told(record) == []
    assert remarks(record.coverage) == ["a flow is aggregated over ports, and is not counted as a use: 1 times"]
    assert told(reading(log(dest_port=None, proto="icmp"))) == []


def camel(fields: dict[str, object]) -> dict[str, object]:
    """With names as protojson writes them."""
    first = {name: name.split("_")[0] + "".join(map(str.title, name.split("_")[1:])) for name in fields}
    return {first[name]: camel(value) if isinstance(value, dict) else value for name, value in fields.items()}


def test_goldmane_and_whisker_say_the_same() -> None:
    key = {
        "source_name": "web-5bdcdd9c97-*", "source_namespace": "shop", "source_type": "WorkloadEndpoint",
        "dest_name": "coredns-576cbf47c7-*", "dest_namespace": "kube-system", "dest_type": "WorkloadEndpoint",
        "dest_port": "53", "proto": "udp", "reporter": "Dst", "action": "Allow",
    }  # fmt: skip
    labels = {
        "source_labels": ["pod-template-hash=5bdcdd9c97", "k8s-app=web"],
        "dest_labels": ["pod-template-hash=576cbf47c7"],
    }
    times = {"start_time": "1577834657", "end_time": "1577834672"}
    flow: dict[str, object] = {"Key": key, **times, "num_connections_started": "37", **labels}
    assert reading(json.dumps({"id": "7", "flow": flow})).uses == reading(log()).uses
    numbers = flow | {"Key": key | {"source_type": 1, "dest_type": 1, "dest_port": 53, "reporter": 2, "action": 1}}
    assert reading(json.dumps(numbers | {"start_time": 1577834657})).uses == reading(log()).uses  # the emitter
    assert told(reading(json.dumps(numbers | {"Key": key | {"action": 2}}))) == []
    assert reading(json.dumps({"id": "7", "flow": camel(flow)})).uses == reading(log()).uses
    whisker = {
        "start_time": "2019-12-31T23:24:17Z", "end_time": "2019-12-31T23:24:32Z", "action": "Allow",
        "source_name": "web-5bdcdd9c97-*", "source_namespace": "shop", "dest_port": 53, "protocol": "udp",
        "source_labels": "pod-template-hash=5bdcdd9c97 | k8s-app=web", "dest_name": "coredns-576cbf47c7-*",
        "dest_namespace": "kube-system", "dest_labels": "pod-template-hash=576cbf47c7", "reporter": "Dst",
        "policies": {"enforced": [], "pending": []},
    }  # fmt: skip
    assert list(reading(json.dumps({"total": 1, "items": [whisker]}, indent=2)).uses) == list(reading(log()).uses)
    assert list(reading(json.dumps(whisker | {"action": 1, "reporter": 2})).uses) == list(reading(log()).uses)
    assert told(reading(json.dumps(whisker | {"action": 2, "reporter": 2}))) == []
