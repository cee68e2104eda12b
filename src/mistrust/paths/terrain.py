"""The whole graph of one snapshot, with everything that is needed to say how an edge came about."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec

from mistrust.kube.core import ServiceAccount
from mistrust.kube.endpoints import endpoints
from mistrust.kube.meta import Other
from mistrust.kube.snapshot import Scope, Snapshot
from mistrust.layers.identity.index import Rbac
from mistrust.layers.identity.subjects import Principal
from mistrust.layers.network.exposure.doors import doors
from mistrust.layers.pods.admission import Enforced
from mistrust.paths.conditions import Conditions
from mistrust.paths.drawing import draw_powers
from mistrust.paths.exposure import Exposure, exposures
from mistrust.paths.graph import Graph, Key, Sketch
from mistrust.paths.inventory import Inventory, inventory
from mistrust.paths.needs import gated
from mistrust.paths.neighbours import Neighbours, draw_neighbours, neighbours
from mistrust.paths.network import Network
from mistrust.paths.powers import Powers
from mistrust.paths.rights import Reading, Rights, rights
from mistrust.paths.step import Gain, Step
from mistrust.paths.structure import draw_identities, draw_namespaces, draw_nodes, draw_pods, draw_secrets
from mistrust.paths.targets import SINKS, Targets
from mistrust.paths.wire import draw_wire


class Terrain(msgspec.Struct, frozen=True):
    """A graph and what it was drawn from."""

    inv: Inventory
    powers: Powers
    graph: Graph
    enforced: dict[str, Enforced]
    exposed: tuple[Exposure, ...]
    near: Neighbours | None = None
    """Who may send to whom; None where nobody said."""


def terrain(
    snapshot: Snapshot,
    index: Rbac,
    steps: Iterable[Step],
    *,
    wanted: Iterable[Gain] = (),
    secrets: Iterable[Key] = (),
    identities: Iterable[Principal] = (),
    net: Network | None = None,
) -> Terrain:
    """Draw the graph of a snapshot.

    Without `net` no policy is asked: every door is open, every pod gets to the API server, none to another pod.

    `wanted` are gains that lead no further (a leak, a cloud identity) and are drawn only because somebody asks for
    them; `secrets` are the keys of Secrets, `identities` those that somebody asks for although no binding names them.
    """
    known, wanted = rights(index), frozenset(wanted)
    inv = _with_named_accounts(inventory(snapshot, net), known)
    ordered = sorted(steps, key=lambda s: s.id)
    gates = [g for s in ordered if (g := gated(s, snapshot.version)) is not None]
    sketch = Sketch()
    enforced = draw_namespaces(sketch, inv)
    open_doors = net.doors if net is not None else doors(snapshot, endpoints(snapshot))
    exposed = exposures(snapshot, inv.workloads, open_doors)
    draw_pods(sketch, inv, exposed)
    near = neighbours(inv, net) if net is not None else None
    if near is not None:
        draw_neighbours(sketch, inv, near)
        if Gain.MITM in wanted:
            draw_wire(sketch, inv, near)
    draw_nodes(sketch, inv)
    draw_secrets(sketch, inv)
    named = sorted({*identities, *(p for p in known.of if p.service_account is None)})
    draw_identities(sketch, inv.accounts, named)
    powers = Powers(
        inv,
        Reading(known, [g.step for g in gates]),
        gates,
        Conditions(inv, enforced, index.dangling),
        Targets(inv, frozenset(secrets)),
    )
    draw_powers(sketch, powers, frozenset(Gain) - SINKS | wanted)
    return Terrain(inv, powers, sketch.done(), enforced, exposed, near)


def _with_named_accounts(inv: Inventory, known: Rights) -> Inventory:
    """Add the service accounts that only bindings name, where the snapshot may not show all there are."""
    snapshot = inv.snapshot
    if snapshot.scope is Scope.CLUSTER and not snapshot.blind(ServiceAccount):
        return inv
    named = {a: None for p in known.of if (a := p.service_account) is not None and a not in inv.accounts}
    namespaces = sorted({*inv.namespaces, *(ns for ns, _ in named)})
    accounts = dict(sorted({**inv.accounts, **named}.items()))
    return msgspec.structs.replace(inv, accounts=accounts, namespaces=tuple(namespaces))


def unseen(snapshot: Snapshot, index: Rbac) -> tuple[str, ...]:
    """What could not be judged and might open a path: gaps, documents that were not read, kinds that nobody reads."""
    found = [f"{g.kind}{f' in {g.namespace}' if g.namespace else ''}: {g.why}" for g in snapshot.gaps]
    blind = sum(1 for p in snapshot.problems if p.blinds)
    if blind:
        found.append("1 document was not understood" if blind == 1 else f"{blind} documents were not understood")
    authorizers = sorted({o.kind for o in snapshot.of(Other) if o.kind in AUTHORIZERS})
    found += [f"{kind} may allow what RBAC does not" for kind in authorizers]
    if index.dangling:
        some = "1 binding names a role" if len(index.dangling) == 1 else f"{len(index.dangling)} bindings name roles"
        found.append(f"{some} that nobody has written: whoever does decides what is granted")
    return tuple(dict.fromkeys(found))


AUTHORIZERS: Sequence[str] = ("AuthorizationConfiguration",)
