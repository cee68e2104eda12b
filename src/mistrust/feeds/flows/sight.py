"""What one line of any flow log says: somebody, somewhere, saw a connection."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from datetime import datetime
from functools import lru_cache
from typing import Final, Literal, TypeGuard

import msgspec

from mistrust.access.flow import Security
from mistrust.access.ports import PROTOCOLS

Side = Literal["source", "destination", ""]
"""At which end of the connection the observer stands; empty where it does not say."""

Bare = tuple[str, Side, bool, str, str, str, str, str, str, str, str, str, str, int]
"""What lines are counted by, flat because millions are hashed: point of observation, its side, was it refused there;
namespace, pod, workload and address of the source; the same and the name of the destination; protocol and port."""
Full = tuple[str, Side, bool, str, str, str, str, str, str, str, str, str, str, int, str, Security, str, str]
Key = Bare | Full
"""A full one also has what was seen inside: identity of the client, security, method and path."""
ENDS: Final = 14
"""Parts of a key that tell the connection."""
UNKNOWN: Final = "inside only"
"""The point of who tells of an exchange, and not who opened the connection: a full key, and no flow."""


def is_full(key: Key) -> TypeGuard[Full]:
    """Does a key tell anything of the inside?"""
    return len(key) > ENDS


class End(msgspec.Struct, frozen=True, gc=False):
    """One end, as far as the line names it."""

    namespace: str = ""
    pod: str = ""
    workload: str = ""
    address: str = ""
    name: str = ""


class Inside(msgspec.Struct, frozen=True, gc=False):
    """What a line tells of the inside of a connection."""

    identity: str = ""
    security: Security = ""
    method: str = ""
    path: str = ""


NOTHING = Inside()


class Sight(msgspec.Struct, frozen=True, gc=False):
    """A line that was understood."""

    time: int = 0
    """Seconds since 1970, of the beginning where the line tells it; 0 where the format has no times."""
    key: Key | None = None
    """None for what is no use: a reply, a refusal at the source, a packet that is no connection."""
    count: int = 1
    """Connections that began; 0 for a later packet of one."""
    node: str = ""
    """The node that reported it, where the line says."""


class Count(msgspec.Struct, gc=False):
    """What was counted by one key so far."""

    count: int
    first: int
    last: int


class Remark(msgspec.Struct, frozen=True, gc=False):
    """Something that takes from the evidence; counted, and said once."""

    what: str
    count: int = 1
    blinds: bool = False


LONGEST_TEXT = 1 << 17
"""Bytes of a line that is not JSON. Envoy takes 60 KiB of headers; patterns are not tried on more."""
Reader = Callable[[bytes], Iterable[Sight | Remark]]
"""Reads one line. Raises ValueError or msgspec.DecodeError where it is not of the format."""


class Format(msgspec.Struct, frozen=True):
    """A kind of flow log."""

    name: str
    like: re.Pattern[bytes]
    """Found in a line that tells the format; the reader must understand it too."""
    reader: Callable[[], Reader]
    """Makes a reader for one file."""
    sampled: bool = False
    """It shows a part of what happens: evidence of use, never of absence."""
    remembers: bool = False
    """What a line says rests on the lines before it, so that a file cannot be read from its middle on."""


def text(line: bytes) -> str:
    """A line that is not JSON. Raises ValueError where it is longer than any log's."""
    if len(line) > LONGEST_TEXT:
        raise ValueError("a line longer than any log's")
    return line.decode(errors="replace").rstrip()


def key(
    point: str,
    side: Side,
    source: End,
    destination: End,
    protocol: str,
    port: int,
    refused: bool = False,
    inside: Inside = NOTHING,
) -> Key | None:
    """The key of a sighting; None where it is no connection that policies know: ICMP, or without a port."""
    protocol = protocol.upper()
    if protocol not in PROTOCOLS or not 0 < port < 65536:
        return None
    s, d = source, destination
    bare: Bare = (
        *(point, side, refused, s.namespace, s.pod, s.workload, s.address),
        *(d.namespace, d.pod, d.workload, d.address, d.name, protocol, port),
    )
    if inside is NOTHING or inside == NOTHING:
        return bare
    return (*bare, inside.identity, inside.security, inside.method, inside.path)


def seconds(text: str) -> int:
    """RFC 3339 -> seconds since 1970.

    Raises:
        ValueError: not a time with a zone.
    """
    if text[-1:] == "Z" and text[19:20] in ("Z", "."):
        return _utc(text[:19])
    at = datetime.fromisoformat(text)
    if at.tzinfo is None:
        raise ValueError(f"a time without a zone: {text}")
    return int(at.timestamp())


@lru_cache(maxsize=1024)
def _utc(text: str) -> int:
    return int(datetime.fromisoformat(text + "+00:00").timestamp())


def split(endpoint: str) -> tuple[str, int]:
    """`10.0.0.1:80` or `[fd00::1]:80` -> address and port; "" and 0 where it is neither.

    >>> split("[fd00::1]:8080"), split("envoy://internal_client_address/"), split("-")
    (('fd00::1', 8080), ('', 0), ('', 0))
    """
    host, _, port = endpoint.rpartition(":")
    if host[:1] == "[" and host[-1:] == "]":
        host = host[1:-1]
    return (host, int(port)) if host and port.isdecimal() and "/" not in host and " " not in host else ("", 0)
