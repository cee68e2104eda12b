"""What was seen of connections, told by the workloads of a snapshot, as the mesh layer wants it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from mistrust.access.flow import Exchange, Flow
from mistrust.access.ports import PROTOCOLS, point
from mistrust.access.record import Tally
from mistrust.kube.meta import Ref
from mistrust.layers.mesh.use import Use
from mistrust.layers.network.usage import Names

NOTHING: Mapping[Exchange, Tally] = {}


def uses(names: Names, flows: Mapping[Flow, Tally], exchanges: Mapping[Exchange, Tally] = NOTHING) -> dict[Use, Tally]:
    """What came to workloads; what went elsewhere, or to somebody who is not shown, is left out.

    A flow of which an exchange tells more is that exchange; any other one proves that a connection happened, and
    nothing of how.
    """
    found: dict[Use, Tally] = {}
    for e, tally in exchanges.items():
        for source, target, at in _ends(names, Flow(e.source, e.destination, e.protocol, e.port)):
            _add(found, Use(source, target, at, e.identity, e.security, e.method, e.path), tally)
    seen = {Flow(e.source, e.destination, e.protocol, e.port) for e in exchanges}
    told = {(u.source, u.destination, u.at) for u in found if u.source is not None}
    for flow, tally in flows.items():
        for ends in _ends(names, flow) if flow not in seen else ():
            if ends not in told:
                _add(found, Use(*ends), tally)
    return found


def _ends(names: Names, flow: Flow) -> Iterator[tuple[Ref | None, Ref, int]]:
    if flow.protocol in PROTOCOLS:
        source = (names.who(flow.source) or (None,))[0]
        for target, port in names.targets(flow):
            yield source, target, point(flow.protocol, port)


def _add(found: dict[Use, Tally], use: Use, tally: Tally) -> None:
    found[use] = found[use] + tally if use in found else tally
