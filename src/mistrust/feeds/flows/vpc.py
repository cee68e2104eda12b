"""AWS VPC flow logs, versions 2 to 5: with a line of field names, or without one in the default format.

docs.aws.amazon.com/vpc/latest/userguide/flow-log-records.html. A record is one direction of a connection, at one
network interface, over a minute or ten. Who opened it is told by `tcp-flags` alone: the side that sent SYN without ACK,
and later records of the same ends. Ports are not compared; other records (UDP, the default format, connections older
than the file) are counted as undecided. A connection that nobody answers may have been refused behind the interface, by
a NetworkPolicy.
"""

from __future__ import annotations

from typing import Final

from mistrust.feeds.flows.sight import End, Reader, Remark, Side, Sight, key

DEFAULT: Final = tuple(
    b"version account-id interface-id srcaddr dstaddr srcport dstport protocol packets bytes start end action"
    b" log-status".split()
)
PROTOCOLS: Final = {b"6": "TCP", b"17": "UDP", b"132": "SCTP"}
SIDES: Final[dict[bytes, Side]] = {b"egress": "source", b"ingress": "destination"}
SYN, SYN_ACK = 2, 18
"""Bits of tcp-flags; ACK is shown only together with SYN, and the flags of a record's packets are put together."""
UNDECIDED: Final = Remark("a record does not tell who opened the connection, and is not counted as a use", blinds=True)
SKIPPED: Final = Remark("AWS skipped records of an interface (SKIPDATA)", blinds=True)


def reader() -> Reader:
    """A reader for one file: its first line may name the fields."""
    return _Reader().read


class _Reader:
    def __init__(self) -> None:
        self.fields: dict[bytes, int] = {}
        self.opened: set[tuple[str, str, str, int]] = set()

    def read(self, line: bytes) -> tuple[Sight | Remark, ...]:
        values = line.split()
        if b"srcaddr" in values and b"dstaddr" in values:
            self.fields = {name: i for i, name in enumerate(values)}
            return ()
        if not self.fields:
            if len(values) != len(DEFAULT) or values[0] != b"2":
                raise ValueError("not a record of the default format")
            self.fields = {name: i for i, name in enumerate(DEFAULT)}
        if len(values) != len(self.fields):
            raise ValueError(f"{len(values)} values for {len(self.fields)} fields")
        return self.record(values)

    def record(self, values: list[bytes]) -> tuple[Sight | Remark, ...]:
        def get(name: bytes) -> bytes:
            at = self.fields.get(name)
            return b"-" if at is None else values[at]

        if get(b"log-status") == b"SKIPDATA":
            return Sight(_number(get(b"start")), None, 0), SKIPPED
        time = _number(get(b"start"))
        protocol = PROTOCOLS.get(get(b"protocol"))
        accepted, side = get(b"action") == b"ACCEPT", SIDES.get(get(b"flow-direction"), "")
        if get(b"log-status") == b"NODATA" or protocol is None or not (accepted or side == "destination"):
            return (Sight(time, None, 0),)
        source, target = (_either(get(b"pkt-" + name), get(name)) for name in (b"srcaddr", b"dstaddr"))
        port = _number(get(b"dstport"))
        flags = _number(get(b"tcp-flags")) if protocol == "TCP" else 0
        opens = flags & SYN_ACK == SYN
        known = (source, target, protocol, port) in self.opened
        if not opens and not known:
            reply = flags & SYN_ACK == SYN_ACK or (target, source, protocol, _number(get(b"srcport"))) in self.opened
            return (Sight(time, None, 0), *(() if reply or not accepted else (UNDECIDED,)))
        if accepted:
            self.opened.add((source, target, protocol, port))
        seen = key(get(b"interface-id").decode(), side, End(address=source), End(address=target), protocol, port)
        if not accepted:
            seen = key("VPC", side, End(address=source), End(address=target), protocol, port, refused=True)
        return (Sight(time, seen, int(opens)),)


def _either(first: bytes, second: bytes) -> str:
    return (second if first == b"-" else first).decode().replace("-", "")


def _number(value: bytes) -> int:
    return 0 if value == b"-" else int(value)
