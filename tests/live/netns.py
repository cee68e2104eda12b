"""Network namespaces without names: one for each pod, one for what is outside, one that routes between them.

A namespace is held by a file descriptor. It is gone, with everything in it, when that is closed or the process ends,
however it ends: nothing is left on the machine.
"""

from __future__ import annotations

import ctypes
import os
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

CLONE_NEWNET = 0x40000000
LIBC = ctypes.CDLL(None, use_errno=True)
HERE = "/proc/thread-self/ns/net"

GATEWAY = ("169.254.1.1", "fe80::1")
"""Where every host sends everything, as with Calico: its only neighbour is the router."""
ROUTER = {
    "net/ipv4/ip_forward": "1",
    "net/ipv6/conf/all/forwarding": "1",
    "net/ipv4/icmp_ratemask": "0",
    "net/ipv6/icmp/ratelimit": "0",
    "net/ipv6/icmp/ratemask": "255",
}
"""It routes, and tells of every packet that it refuses."""
TRIAL = """
table inet t {
  chain a { type filter hook prerouting priority raw; ct zone set 1; }
  chain b { type filter hook forward priority 0; ct state established accept; reject with tcp reset; }
}
"""
"""Everything that is asked of nftables."""
QUICK = {"net/ipv6/conf/all/accept_dad": "0", "net/ipv6/conf/default/accept_dad": "0"}
"""An address of IPv6 serves at once, without asking whether somebody else has it."""


class Netns:
    """A network namespace; sockets that are made inside stay inside."""

    def __init__(self) -> None:
        home = os.open(HERE, os.O_RDONLY | os.O_CLOEXEC)
        try:
            _checked(LIBC.unshare(CLONE_NEWNET))
            self.fd = os.open(HERE, os.O_RDONLY | os.O_CLOEXEC)
            _checked(LIBC.setns(home, CLONE_NEWNET))
        finally:
            os.close(home)

    @contextmanager
    def inside(self) -> Iterator[None]:
        """What this thread does meanwhile, and the programs that it starts, is inside."""
        home = os.open(HERE, os.O_RDONLY | os.O_CLOEXEC)
        try:
            _checked(LIBC.setns(self.fd, CLONE_NEWNET))
            yield
        finally:
            _checked(LIBC.setns(home, CLONE_NEWNET))
            os.close(home)

    def run(self, *command: str, given: str = "") -> str:
        """A program, inside. Raises RuntimeError with what it complained of."""
        with self.inside():
            done = subprocess.run(command, input=given, text=True, capture_output=True, timeout=30, check=False)
        if done.returncode:
            raise RuntimeError(f"{' '.join(command)}: {done.stderr.strip()}\n{given}")
        return done.stdout

    def set(self, values: dict[str, str]) -> None:
        """Kernel parameters of this namespace."""
        with self.inside():
            for name, value in values.items():
                Path("/proc/sys", name).write_text(value)

    def close(self) -> None:
        """Let it go."""
        os.close(self.fd)


@dataclass(frozen=True)
class Host:
    """A namespace with its addresses, at most one of each family."""

    netns: Netns
    addresses: tuple[str, ...]


def missing() -> str:
    """What this machine lacks; empty if all is there."""
    if os.geteuid() != 0:
        return "network namespaces need root"
    absent = [name for name in ("ip", "nft") if not shutil.which(name)]
    if absent:
        return f"no {' and no '.join(absent)}: apt-get install iproute2 nftables"
    try:
        one = Netns()
    except OSError as error:
        return f"no network namespaces: {error}"
    try:
        one.set({**ROUTER, **QUICK})
        one.run("nft", "-f", "-", given=TRIAL)
    except (OSError, RuntimeError) as error:
        return f"no routing or no nftables in a namespace: {error}"
    finally:
        one.close()
    return ""


@contextmanager
def network(hosts: Sequence[Sequence[str]], router: Sequence[str]) -> Iterator[tuple[Host, tuple[Host, ...]]]:
    """A router with its own addresses, and hosts with theirs, each on a wire of its own to the router."""
    with ExitStack() as stack:

        def made() -> Netns:
            netns = Netns()
            stack.callback(netns.close)
            netns.set(QUICK)
            return netns

        node = made()
        node.set(ROUTER)
        _links(node, "link set lo up", *(f"addr add {a} dev lo" for a in router))
        found = []
        for n, addresses in enumerate(hosts):
            host = made()
            _wire(node, host, f"v{n}", addresses, router)
            found.append(Host(host, tuple(addresses)))
        yield Host(node, tuple(router)), tuple(found)


def _wire(router: Netns, host: Netns, name: str, addresses: Sequence[str], own: Sequence[str]) -> None:
    """The router's own words to the host come from one of its own addresses."""
    source = {":" in a: a for a in own}
    _links(
        router,
        f"link add {name} type veth peer name eth0 netns /proc/{os.getpid()}/fd/{host.fd}",
        f"link set {name} up",
        f"addr add {GATEWAY[0]}/32 dev {name}",
        f"addr add {GATEWAY[1]}/64 dev {name} nodad",
        *(f"route add {a} dev {name} src {source[':' in a]}" for a in addresses),
    )
    _links(
        host,
        "link set lo up",
        "link set eth0 up",
        *(f"addr add {a} dev eth0{' nodad' if ':' in a else ''}" for a in addresses),
        f"route add {GATEWAY[0]} dev eth0",
        f"route add default via {GATEWAY[0]} dev eth0",
        f"-6 route add default via {GATEWAY[1]} dev eth0",
    )


def _links(netns: Netns, *lines: str) -> None:
    four = [line for line in lines if ":" not in line and not line.startswith("-6")]
    six = [line.removeprefix("-6 ") for line in lines if line not in four]
    netns.run("ip", "-batch", "-", given="\n".join(four))
    netns.run("ip", "-6", "-batch", "-", given="\n".join(six))


def _checked(result: int) -> None:
    if result:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
