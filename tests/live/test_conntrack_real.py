"""What a real kernel keeps of connections between pods is read as what happened: packets, translated and refused."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from mistrust.feeds.flows.read import read_flows
from tests.live.netns import Host, missing, network

pytestmark = pytest.mark.slow

WEB, DB, SERVICE = ("10.0.0.1", "fd00::1"), ("10.0.0.2", "fd00::2"), "10.96.0.10"
NODE = ("192.168.0.1", "fd01::1")
RULES = f"""
table ip nat {{
  chain a {{
    type nat hook prerouting priority -100
    ip daddr {SERVICE} tcp dport 80 dnat to {DB[0]}:8080
  }}
}}
table inet t {{
  chain f {{
    type filter hook forward priority 0
    ct state established,related accept
    th dport 7001 drop
    tcp dport 7002 reject with tcp reset
  }}
}}
"""
"""A Service, a port that is dropped and one that is refused by the node, as policies are enforced."""


@pytest.fixture
def node() -> Iterator[tuple[Host, Host, Host]]:
    """The node, web and db; db listens at 8080 over TCP, and answers at 5353 over UDP."""
    if lacking := missing():
        pytest.skip(lacking)
    with network([WEB, DB], NODE) as (router, (web, db)):
        router.netns.run("nft", "-f", "-", given=RULES)
        yield router, web, db


def connect(host: Host, address: str, port: int) -> socket.socket | None:
    with host.netns.inside():
        link = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET)
    link.settimeout(1)
    try:
        link.connect((address, port))
    except OSError:
        link.close()
        return None
    return link


def test_the_table_of_a_kernel(node: tuple[Host, Host, Host], tmp_path: Path) -> None:
    router, web, db = node
    with db.netns.inside():
        server = socket.create_server(("::", 8080), family=socket.AF_INET6, dualstack_ipv6=True)
        names = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    names.bind((DB[0], 5353))
    with web.netns.inside():
        asking = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    with server, names, asking:
        links = [connect(web, SERVICE, 80), connect(web, DB[0], 8080), connect(web, DB[1], 8080)]
        assert None not in links
        assert connect(web, DB[0], 7001) is None  # dropped on the way
        assert connect(web, DB[0], 7002) is None  # refused on the way
        assert connect(web, DB[0], 7003) is None  # nobody listens: the pod itself says no
        asking.sendto(b"name?", (DB[0], 5353))
        names.sendto(b"address", names.recvfrom(9)[1])
        asking.sendto(b"metric", (DB[0], 8125))  # one way, and whether anybody takes it nobody knows
        with router.netns.inside():
            table = Path("/proc/thread-self/net/nf_conntrack").read_text()
        for link in links:
            assert link is not None
            link.close()
    path = tmp_path / "conntrack"
    path.write_text(table)
    record = read_flows([str(path)])
    seen = {(f.source.address, f.destination.address, f.protocol, f.port) for f in record.uses}
    assert seen == {
        (WEB[0], DB[0], "TCP", 8080),
        (WEB[1], DB[1], "TCP", 8080),
        (WEB[0], DB[0], "UDP", 5353),
    }, table
    assert sum(t.count for f, t in record.uses.items() if f.source.address == WEB[0] and f.port == 8080) == 2
    assert record.coverage.bad == 0
    assert any("UDP flow was never answered" in p.what for p in record.coverage.problems)
