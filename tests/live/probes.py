"""Real connections: servers on every port of every host, and clients that try them all."""

from __future__ import annotations

import select
import socket
import struct
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

from tests.live.netns import Host

TYPES = {"TCP": (socket.SOCK_STREAM, 0), "UDP": (socket.SOCK_DGRAM, 0), "SCTP": (socket.SOCK_STREAM, 132)}
PATIENCE = 1.0
"""Seconds without any answer until what is left is tried again."""
TRIES = 4
AT_ONCE = 1_500
RESET = struct.pack("ii", 1, 0)
"""Close a connection at once: thousands of them must not linger."""


@dataclass(frozen=True)
class Probe:
    """A connection to try."""

    source: Host
    address: str
    protocol: str
    port: int


def protocols() -> tuple[str, ...]:
    """Those that this kernel has; SCTP is a module that many lack."""
    found = []
    for name, (kind, number) in TYPES.items():
        try:
            socket.socket(socket.AF_INET, kind, number).close()
        except OSError:
            continue
        found.append(name)
    return tuple(found)


class Servers:
    """Everybody answers on every port."""

    def __init__(self, hosts: Sequence[Host], ports: Sequence[tuple[str, int]], stack: ExitStack) -> None:
        self.poll = select.epoll()
        stack.callback(self.poll.close)
        self.open: dict[int, socket.socket] = {}
        for host in hosts:
            with host.netns.inside():
                for protocol, port in ports:
                    kind, number = TYPES[protocol]
                    server = stack.enter_context(socket.socket(socket.AF_INET6, kind, number))
                    server.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
                    server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                    server.bind(("::", port))
                    server.setblocking(False)
                    if protocol != "UDP":
                        server.listen(4096)
                    self.open[server.fileno()] = server
                    self.poll.register(server, select.EPOLLIN)

    def answer(self, fd: int) -> bool:
        """If it is one of the servers, it answers everybody who waits."""
        server = self.open.get(fd)
        if server is None:
            return False
        try:
            while True:
                if server.type == socket.SOCK_DGRAM:
                    data, who = server.recvfrom(16)
                    server.sendto(data, who)
                else:
                    server.accept()[0].close()
        except BlockingIOError:
            return True
        except OSError:  # the client is gone, or refuses our answer
            return True

    def tried(self, probes: Sequence[Probe]) -> list[bool]:
        """Which of them connect. Raises AssertionError for one that is neither answered nor refused: nobody would know
        whether it was let through."""
        found: dict[int, bool] = {}
        for _ in range(TRIES):
            left = [i for i in range(len(probes)) if i not in found]
            for first in range(0, len(left), AT_ONCE):
                self._round(probes, left[first : first + AT_ONCE], found)
        lost = [probes[i] for i in range(len(probes)) if i not in found]
        assert not lost, f"neither answered nor refused: {len(lost)}, the first {lost[0]}"
        return [found[i] for i in range(len(probes))]

    def _round(self, probes: Sequence[Probe], numbers: Sequence[int], found: dict[int, bool]) -> None:
        waiting: dict[int, tuple[int, socket.socket]] = {}
        try:
            for number in numbers:
                client = _client(probes[number])
                waiting[client.fileno()] = (number, client)
                self.poll.register(client, select.EPOLLOUT if probes[number].protocol != "UDP" else select.EPOLLIN)
            until = time.monotonic() + PATIENCE
            while waiting and time.monotonic() < until:
                for fd, _ in self.poll.poll(0.05, 512):
                    if self.answer(fd) or fd not in waiting:
                        continue
                    number, client = waiting.pop(fd)
                    found[number] = _connected(client, probes[number].protocol)
                    self.poll.unregister(fd)
                    client.close()
                    until = time.monotonic() + PATIENCE
        finally:
            for _, client in waiting.values():
                client.close()


def _client(probe: Probe) -> socket.socket:
    kind, number = TYPES[probe.protocol]
    with probe.source.netns.inside():
        client = socket.socket(socket.AF_INET6 if ":" in probe.address else socket.AF_INET, kind, number)
    client.setblocking(False)
    if probe.protocol == "TCP":
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
    client.connect_ex((probe.address, probe.port))
    if probe.protocol == "UDP":
        client.send(b"?")
    return client


def _connected(client: socket.socket, protocol: str) -> bool:
    if protocol != "UDP":
        return client.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) == 0
    try:
        return client.recv(16) == b"?"
    except OSError:  # refused
        return False


@contextmanager
def servers(hosts: Sequence[Host], ports: Sequence[tuple[str, int]]) -> Iterator[Servers]:
    """Open on every port of every host, until the end."""
    with ExitStack() as stack:
        yield Servers(hosts, ports, stack)
