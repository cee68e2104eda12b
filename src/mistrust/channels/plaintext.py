"""Of the connections that would be served in plaintext: which ones were used so."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from mistrust.access.match import Match
from mistrust.channels.crowd import Crowds
from mistrust.channels.drawing import Answers, strands
from mistrust.channels.table import Strand
from mistrust.channels.whole import Whole
from mistrust.kube.meta import Ref
from mistrust.layers.mesh.channel import Transport
from mistrust.layers.mesh.use import Use

MUTUAL: Final = (Transport.MTLS_ENFORCED, Transport.MTLS_OPPORTUNISTIC)
UNTOLD: Final = "nobody told how it was protected"
Connection = tuple[Ref | None, Ref, int]


def used_in_plaintext(whole: Whole, answers: Answers, uses: Iterable[Use]) -> tuple[int, int]:
    """How many connections were used in plaintext, and of how many more that is not known.

    In the units of `Whole.plaintext`, and a part of what it counts: source workload or the Internet, destination
    workload, port where it is known to answer. Where nobody told how a connection came, the proxies do: a client
    without one speaks plaintext, between two that speak mutual TLS with each other there is none.
    """
    places = {w.ref: i for i, w in enumerate(whole.workloads)}
    found: dict[Connection, set[Match]] = {}
    for use in uses:
        if use.destination in places and use.at in answers.get(use.destination, ()) and use.source != use.destination:
            served = [*_served(whole.crowds, places, use)]
            if served:
                connection = (use.source, use.destination, use.at)
                found.setdefault(connection, set()).add(_plain(use, served))
    plain = sum(True in several for several in found.values())
    unknown = sum(True not in several and UNTOLD in several for several in found.values())
    return plain, unknown


def _served(crowds: Crowds, places: dict[Ref, int], use: Use) -> Iterator[Strand]:
    """The ways of this client that are, or may be, served in plaintext."""
    wanted = crowds.internet if use.source is None else 1 << places[use.source] if use.source in places else 0
    for strand in strands(crowds, places[use.destination]):
        if use.at in strand.ports and strand.channel.plaintext is not False and crowds.of(strand.sources) & wanted:
            yield strand


def _plain(use: Use, served: Iterable[Strand]) -> Match:
    if use.security:
        return use.security == "plaintext"
    if use.identity:
        return False
    transports = {strand.channel.transport for strand in served}
    if use.source is not None and transports <= {Transport.PLAINTEXT, Transport.NODE_ENCRYPTED}:
        return True
    return False if transports <= set(MUTUAL) else UNTOLD
