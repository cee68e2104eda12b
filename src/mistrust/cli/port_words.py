"""Ports, as a person writes them on the command line."""

from __future__ import annotations

import re

from mistrust.access.ports import SPAN, Ports
from mistrust.kube.errors import UsageError

PORT_FORMS = "5432, udp:53, or the name of a port"
PORT = re.compile(r"(?:(?P<protocol>tcp|udp|sctp)[:/])?(?P<port>[A-Za-z0-9-]+)", re.IGNORECASE)


def read_port(text: str) -> tuple[str, int, str]:
    """Protocol, number, name; the number is 0 for a name, and the protocol empty where none is given.

    Raises `UsageError` for what is no port.
    """
    match = PORT.fullmatch(text)
    if match is None:
        raise UsageError("not a port", got=repr(text), wanted=PORT_FORMS)
    port, protocol = match["port"], (match["protocol"] or "").upper()
    if not port.isdecimal():
        return protocol, 0, port
    if not 0 < int(port) < SPAN:
        raise UsageError("not a port", got=repr(text), wanted="1 to 65535")
    return protocol, int(port), ""


def single_port(text: str) -> Ports:
    """One port by number. Raises `UsageError` for what is none."""
    protocol, number, _ = read_port(text.replace("-", ":"))
    if not number:
        raise UsageError("not a port", got=repr(text), wanted="5432 or udp:53")
    return Ports.span(protocol or "TCP", number, number)
