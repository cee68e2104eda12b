"""Every door of a snapshot that the policies leave open."""

from __future__ import annotations

from collections.abc import Sequence

from mistrust.kube.endpoints import Endpoint
from mistrust.kube.snapshot import Snapshot
from mistrust.layers.network.engine.reach import Reach
from mistrust.layers.network.exposure.behind import Behind
from mistrust.layers.network.exposure.controllers import Controllers
from mistrust.layers.network.exposure.door import Door
from mistrust.layers.network.exposure.hosts import host_doors
from mistrust.layers.network.exposure.ingress import ingress_doors
from mistrust.layers.network.exposure.istio import istio_doors
from mistrust.layers.network.exposure.judge import Judge
from mistrust.layers.network.exposure.routes import route_doors
from mistrust.layers.network.exposure.services import service_doors


def doors(snapshot: Snapshot, ends: Sequence[Endpoint], rows: Reach | None = None) -> tuple[Door, ...]:
    """The doors to each workload, workloads in their order, the easiest first.

    `ends` are `kube.endpoints.endpoints` of the snapshot, `rows` what the policies allow between them;
    without rows no policy is asked. A door that the policies surely shut is left out; of one that may be open the door
    says what it assumes. Where a connection goes through a controller, both of its legs have to be allowed.
    """
    judge, behind = Judge(snapshot, ends, rows), Behind(snapshot, ends)
    direct = (*service_doors(snapshot, behind, judge), *host_doors(snapshot, ends, judge))
    controllers = Controllers(snapshot, behind, judge, direct)
    relayed = (
        *ingress_doors(snapshot, controllers),
        *route_doors(snapshot, controllers),
        *istio_doors(snapshot, controllers),
    )
    once = dict.fromkeys((*direct, *relayed))
    return tuple(sorted(once, key=lambda d: (d.workload, d.cost, d.how, d.protocol, d.port, d.outer, d.assumes)))
