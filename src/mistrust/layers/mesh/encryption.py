"""Does the network plugin encrypt what travels between nodes?

Cilium says so in the ConfigMap that its agents read (docs.cilium.io, encryption). Calico says so in FelixConfiguration,
a kind that is not read: where one is there, it is not known.
"""

from __future__ import annotations

import msgspec

from mistrust.access.evidence import Evidence, at
from mistrust.kube.core import ConfigMap
from mistrust.kube.meta import Other
from mistrust.kube.snapshot import Snapshot

CILIUM = "cilium-config"
SWITCHES = ("enable-wireguard", "enable-ipsec")
FELIX = "FelixConfiguration"


class Encryption(msgspec.Struct, frozen=True):
    """True, False, or why it is not known."""

    on: bool | str = False
    because: str = ""
    decided_by: tuple[Evidence, ...] = ()


def encryption(snapshot: Snapshot) -> Encryption:
    """What the snapshot shows of encryption between nodes."""
    for m in snapshot.of(ConfigMap):
        for switch in SWITCHES:
            if m.name == CILIUM and m.data.get(switch) == "true":
                return Encryption(True, f"{m.ref} has {switch}", (at(m, "data", switch, value="true"),))
    felix = next((o for o in snapshot.of(Other) if o.kind == FELIX), None)
    if felix is not None:
        return Encryption(f"{felix.ref} may switch WireGuard on: the kind is not read", "", (at(felix),))
    return Encryption()
