"""Linux conntrack: `conntrack -E -o timestamp`, `conntrack -L`, and /proc/net/nf_conntrack.

A line has two tuples: of the first packet, and of the replies that are expected. The first begins at who opened the
connection. The second begins at who answers: behind a Service, that is the pod that the Service was translated to.
"""

from __future__ import annotations

import re
from typing import Final

from mistrust.feeds.flows.sight import End, Remark, Sight, key

NO_TIMES: Final = Remark("a table of conntrack has no times: its flows have the time of the file")
ONE_WAY: Final = Remark(
    "a UDP flow was never answered: it may be one-way or refused, and is not counted as a use", blinds=True
)
STANDS: Final = frozenset((b"SYN_RECV", b"ESTABLISHED", b"FIN_WAIT", b"CLOSE_WAIT", b"LAST_ACK", b"TIME_WAIT"))
"""States of TCP after the server said yes. CLOSE is also where a reset answers the first packet, ASSURED is not."""
UNSURE: Final = Remark(
    "the end of a TCP connection does not say whether it stood, and is not counted as a use", blinds=True
)
_PACKETS = re.compile(rb"\bpackets=(\d+)")
_HEAD = re.compile(
    rb"(?:\[(\d+)\.\d+\]\s+)?(?:\[(NEW|UPDATE|DESTROY)\]\s+)?(?:ipv[46]\s+\d+\s+)?([a-z]+[\w-]*)\s+\d+\s"
)
_STATE = re.compile(rb"\s([A-Z][A-Z_0-9]+)\s")
_TUPLE = re.compile(rb"\b(src|dst|sport|dport)=(\S+)")


def read(line: bytes) -> tuple[Sight | Remark, ...]:
    """One event or entry. It is a use where replies were seen, and more than the one packet that refuses."""
    head = _HEAD.match(line.lstrip())
    ends = _TUPLE.findall(line)
    if head is None or len(ends) < 4:
        raise ValueError("not a line of conntrack")
    stamp, event, protocol = head.groups()
    time = int(stamp or 0)
    if len(ends) != 8:
        return (Sight(time, None, 0),)  # without ports: ICMP, GRE
    one_way = b"[UNREPLIED]" in line
    if one_way and protocol == b"udp" and event != b"NEW":
        return Sight(time, None, 0), ONE_WAY
    if one_way:
        return (Sight(time, None, 0),)
    source = End(address=ends[0][1].decode())
    destination, port = End(address=ends[4][1].decode()), int(ends[6][1])
    state = _STATE.search(line)
    if protocol == b"tcp" and b"[ASSURED]" not in line and (state is None or state[1] not in STANDS):
        packets = _PACKETS.findall(line)
        if len(packets) < 2 and state is None:
            return Sight(time, None, 0), UNSURE
        if len(packets) < 2 or int(packets[1]) < 2:
            return (Sight(time, None, 0),)
    point = b" ".join((b"conntrack", event or b"", state[1] if state else b"")).decode()
    seen = Sight(time, key(point, "", source, destination, protocol.decode(), port))
    return (seen,) if stamp else (seen, NO_TIMES)
