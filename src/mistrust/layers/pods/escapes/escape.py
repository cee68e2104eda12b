"""One way out of a container, as a value."""

from __future__ import annotations

from enum import StrEnum

import msgspec

from mistrust.access.evidence import Evidence
from mistrust.kube.meta import Ref
from mistrust.layers.pods.template import Change, Field


class Power(StrEnum):
    """What it leads to, strongest first."""

    NODE = "node"
    """Root on the node, and so everything that its pods hold."""
    NODE_READ = "node-read"
    """Files of the node that hold credentials or other pods' data."""
    NODE_PROCESSES = "node-processes"
    """Some of what other processes on the node hold: command lines, environments, shared memory."""
    NODE_NETWORK = "node-network"
    """The node's network: its loopback, its traffic, its address and cloud identity."""
    SIBLING_CONTAINERS = "sibling-containers"
    """The processes of the other containers of the pod."""
    SHARED_VOLUME = "shared-volume"
    """Files that other workloads read or run."""
    IDENTITY = "identity"
    """A service account token."""
    AMPLIFIER = "amplifier"
    """Nothing by itself; makes another escape, or a flaw of the kernel, easier to use."""


class Escape(msgspec.Struct, frozen=True, gc=False):
    """One way out of a container."""

    code: str
    """The family: `E1` to `E18`."""
    fact: str
    """The fact that says it: `pods.privileged`; empty where no fact is told."""
    power: Power
    container: str
    """The container's name; empty where every container of the pod has it."""
    detail: str
    """One clause: `container "web" is privileged`."""
    condition: str = ""
    """One clause: what else must hold, as far as the object does not say it; empty where nothing else must."""
    fields: tuple[Field, ...] = ()
    """Where the template says so."""
    also: tuple[Evidence, ...] = ()
    """Where other objects say so: a PersistentVolume, a ServiceAccount."""
    changes: tuple[Change, ...] = ()
    """What takes it away; empty where that needs a person's decision."""
    targets: tuple[Ref, ...] = ()
    """Whom it leads to, where that is more than the node: workloads that share a volume, a service account."""

    @property
    def certain(self) -> bool:
        """Does it hold whatever the image contains and however the node is set up?"""
        return not self.condition
