"""What kernels and the cloud's network see: addresses before and after translation, who sent the first packet."""

from __future__ import annotations

import pytest
from tests.feeds.flow_logs import reading, remarks, told

from mistrust.access.record import Tally

# web (10.0.0.1) connects to a Service (10.96.0.10:80), which is translated to a pod (10.0.0.2:8080)
THERE, BACK = "src=10.0.0.1 dst=10.96.0.10 sport=40000 dport=80", "src=10.0.0.2 dst=10.0.0.1 sport=8080 dport=40000"
NEW = f"[1700000000.123456]\t    [NEW] tcp      6 120 SYN_SENT {THERE} [UNREPLIED] {BACK}\n"
ANSWERED = f"[1700000000.124000]\t [UPDATE] tcp      6 60 SYN_RECV {THERE} {BACK}\n"
OPEN = f"[1700000001.000000]\t [UPDATE] tcp      6 432000 ESTABLISHED {THERE} {BACK} [ASSURED]\n"
CLOSED = f"[1700000009.000000]\t[DESTROY] tcp      6 {THERE} packets=5 bytes=400 {BACK} packets=4 bytes=300 [ASSURED]\n"
USED = ["10.0.0.1 -> 10.0.0.2 TCP 8080"]


def test_one_connection_is_one_use_of_the_pod_behind_the_service() -> None:
    record = reading(NEW + ANSWERED + OPEN + CLOSED)
    assert told(record) == USED
    assert list(record.uses.values()) == [Tally(1, 1700000000, 1700000009)]
    assert record.coverage.events == 4


@pytest.mark.parametrize(
    ("line", "used"),
    [
        (NEW, False),  # nobody answered yet: it may be dropped on the way
        (ANSWERED, True),
        (OPEN, True),
        (CLOSED, True),
        # a reset answered the first packet
        (f"[1700000000.2]\t [UPDATE] tcp      6 10 CLOSE {THERE} {BACK}\n", False),
        (f"[1700000000.2]\t[DESTROY] tcp      6 {THERE} {BACK}\n", False),
        (f"[1700000000.2]\t[DESTROY] tcp      6 {THERE} [UNREPLIED] {BACK}\n", False),
        # with counts of packets: a handshake and data, or one reset
        (f"[1700000000.2]\t[DESTROY] tcp      6 {THERE} packets=7 bytes=2006 {BACK} packets=7 bytes=4083\n", True),
        (f"[1700000000.2]\t[DESTROY] tcp      6 {THERE} packets=1 bytes=60 {BACK} packets=1 bytes=40\n", False),
        (f"[1700000000.2]\t[DESTROY] tcp      6 FIN_WAIT {THERE} {BACK}\n", True),
        # a reset ended what stood
        (f"[1700000000.2]\t [UPDATE] tcp      6 10 CLOSE {THERE} {BACK} [ASSURED]\n", True),
        # the table, as conntrack and as /proc show it
        (f"tcp      6 431999 ESTABLISHED {THERE} {BACK} [ASSURED] mark=0 use=1\n", True),
        (f"ipv4     2 tcp      6 86400 TIME_WAIT {THERE} {BACK} [ASSURED] mark=0 zone=0 use=2\n", True),
        (f"tcp      6 110 SYN_SENT {THERE} [UNREPLIED] {BACK} mark=0 use=1\n", False),
    ],
)
def test_a_line_of_conntrack_is_a_use(line: str, used: bool) -> None:
    record = reading(line)
    assert told(record) == (USED if used else [])
    assert (record.coverage.events, record.coverage.bad) == (1, 0)


def test_masquerading_does_not_hide_the_source_on_its_own_node() -> None:
    reply = "src=203.0.113.7 dst=192.168.1.1 sport=443 dport=61000"
    line = (
        f"[1700000001.0]\t [UPDATE] tcp 6 432000 ESTABLISHED src=10.0.0.1 dst=203.0.113.7 sport=40000 dport=443 {reply}"
    )
    assert told(reading(line + " [ASSURED]\n")) == ["10.0.0.1 -> 203.0.113.7 TCP 443"]


def test_udp_that_is_answered_is_used_and_one_way_is_said() -> None:
    there, back = "src=10.0.0.1 dst=10.96.0.10 sport=4000 dport=53", "src=10.0.0.2 dst=10.0.0.1 sport=53 dport=4000"
    asked = f"[1700000000.1]\t    [NEW] udp      17 30 {there} [UNREPLIED] {back}\n"
    answered = f"[1700000000.2]\t [UPDATE] udp      17 30 {there} {back}\n"
    forgotten = f"[1700000030.2]\t[DESTROY] udp      17 {there} [UNREPLIED] {back}\n"
    assert told(reading(asked + answered)) == ["10.0.0.1 -> 10.0.0.2 UDP 53"]
    record = reading(asked + forgotten)
    assert told(record) == []
    assert [r.partition(":")[0] for r in remarks(record.coverage)] == ["a UDP flow was never answered"]


def test_icmp_is_no_connection_and_ipv6_is_one() -> None:
    icmp = "icmp     1 29 src=10.0.0.1 dst=10.0.0.2 type=8 code=0 id=1 src=10.0.0.2 dst=10.0.0.1 type=0 code=0 id=1\n"
    there, back = "src=fd00::1 dst=fd00::9 sport=4000 dport=80", "src=fd00::2 dst=fd00::1 sport=8080 dport=4000"
    six = f"ipv6 10 tcp 6 300 ESTABLISHED {there} {back} [ASSURED] mark=0\n"
    assert told(reading(six + icmp)) == ["fd00::1 -> fd00::2 TCP 8080"]


@pytest.mark.parametrize(
    "written", ["fd00::1", "fd00:0000:0000:0000:0000:0000:0000:0001", "FD00:0::1"], ids=["conntrack", "proc", "upper"]
)
def test_one_address_is_one_whoever_writes_it(written: str) -> None:
    there, back = (
        f"src={written} dst=fd00::9 sport=4000 dport=80",
        f"src=::ffff:10.0.0.2 dst={written} sport=80 dport=4000",
    )
    assert told(reading(f"tcp 6 300 ESTABLISHED {there} {back} [ASSURED]\n")) == ["fd00::1 -> 10.0.0.2 TCP 80"]


@pytest.mark.parametrize("address", ["127.0.0.1", "127.0.0.6", "::1"])
def test_what_stays_on_a_host_is_no_flow(address: str) -> None:
    there, back = f"src={address} dst={address} sport=4000 dport=80", f"src={address} dst={address} sport=80 dport=4000"
    assert told(reading(f"tcp 6 300 ESTABLISHED {there} {back} [ASSURED]\n")) == []


def test_a_table_has_the_time_of_its_file() -> None:
    record = reading(f"tcp      6 431999 ESTABLISHED {THERE} {BACK} [ASSURED] mark=0 use=1\n")
    assert remarks(record.coverage) == [
        "a table of conntrack has no times: its flows have the time of the file: 1 times"
    ]
    assert all(t.first > 1_700_000_000 for t in record.uses.values())


FIELDS = (
    "version vpc-id interface-id srcaddr dstaddr srcport dstport protocol tcp-flags pkt-srcaddr pkt-dstaddr action "
    "flow-direction start end log-status\n"
)


def vpc(source: str, destination: str, flags: int | str, **changes: str) -> str:
    """A record of version 5; ends as `10.0.0.1:80`."""
    (src, sport), (dst, dport) = source.split(":"), destination.split(":")
    values = {
        "version": "5", "vpc-id": "vpc-1", "interface-id": "eni-1", "srcaddr": src, "dstaddr": dst, "srcport": sport,
        "dstport": dport, "protocol": "6", "tcp-flags": str(flags), "pkt-srcaddr": src, "pkt-dstaddr": dst,
        "action": "ACCEPT", "flow-direction": "egress", "start": "1700000000", "end": "1700000060", "log-status": "OK",
    }  # fmt: skip
    values |= {name.replace("_", "-"): value for name, value in changes.items()}
    return " ".join(values[name] for name in FIELDS.split()) + "\n"


CLIENT, SERVER = "10.0.0.1:40000", "10.0.0.2:5432"
SYN, SYN_ACK = 2, 18


@pytest.mark.parametrize("fin", [0, 1])
def test_the_side_that_sent_the_first_packet_opened_it(fin: int) -> None:
    record = reading(FIELDS + vpc(CLIENT, SERVER, SYN | fin) + vpc(SERVER, CLIENT, SYN_ACK | fin))
    assert told(record) == ["10.0.0.1 -> 10.0.0.2 TCP 5432"]
    assert remarks(record.coverage) == []


def test_port_numbers_do_not_tell_who_opened_it() -> None:
    low, high = "10.0.0.1:22", "10.0.0.2:50051"
    assert told(reading(FIELDS + vpc(low, high, SYN))) == ["10.0.0.1 -> 10.0.0.2 TCP 50051"]


def test_later_records_of_one_connection_belong_to_it() -> None:
    later = vpc(CLIENT, SERVER, 0, start="1700000600") + vpc(SERVER, CLIENT, 1, start="1700000600")
    record = reading(FIELDS + vpc(CLIENT, SERVER, SYN) + later)
    assert list(record.uses.values()) == [Tally(1, 1700000000, 1700000600)]
    assert remarks(record.coverage) == []


@pytest.mark.parametrize(
    "record", [vpc(CLIENT, SERVER, 0), vpc(CLIENT, SERVER, "-"), vpc(CLIENT, SERVER, 0, protocol="17")]
)
def test_who_opened_it_may_be_undecided(record: str) -> None:
    read = reading(FIELDS + record)
    assert told(read) == []
    assert remarks(read.coverage) == [
        "a record does not tell who opened the connection, and is not counted as a use: 1 times"
    ]
    assert read.coverage.problems[0].blinds


def test_what_the_interface_of_the_destination_rejects_is_no_use() -> None:
    out = vpc(CLIENT, SERVER, SYN)
    refused = vpc(CLIENT, SERVER, SYN, action="REJECT", flow_direction="ingress", interface_id="eni-2")
    assert told(reading(FIELDS + vpc(CLIENT, SERVER, SYN, action="REJECT"))) == []
    assert told(reading(FIELDS + out + refused)) == []


def test_two_interfaces_see_one_connection_once_by_the_addresses_of_its_packets() -> None:
    node = vpc("192.168.1.1:40000", SERVER, SYN, pkt_srcaddr="10.0.0.1", flow_direction="ingress", interface_id="eni-2")
    record = reading(FIELDS + vpc(CLIENT, SERVER, SYN) + node)
    assert list(record.uses.values()) == [Tally(1, 1700000000, 1700000000)]
    assert told(record) == ["10.0.0.1 -> 10.0.0.2 TCP 5432"]


def test_the_default_format_has_no_flags_and_decides_nothing() -> None:
    # the example of the user guide: SSH, accepted; and an interface without traffic, and one with skipped records
    ssh = "2 1234 eni-1235b8 172.31.16.139 172.31.16.21 20641 22 6 20 4249 1418530010 1418530070 ACCEPT OK\n"
    none = "2 123456789010 eni-1235b8ca123456789 - - - - - - - 1431280876 1431280934 - NODATA\n"
    skipped = "2 123456789010 eni-11111111aaaaaaaaa - - - - - - - 1431280876 1431280934 - SKIPDATA\n"
    record = reading(ssh + none + skipped)
    assert told(record) == []
    assert (record.coverage.events, record.coverage.bad) == (3, 0)
    assert [r.partition(",")[0] for r in remarks(record.coverage)] == [
        "a record does not tell who opened the connection",
        "AWS skipped records of an interface (SKIPDATA): 1 times",
    ]
