"""Where a claim's files are: PersistentVolumeClaim -> PersistentVolume -> a path of the node."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from mistrust.access.evidence import Evidence, at
from mistrust.kube.core import PersistentVolume, PersistentVolumeClaim
from mistrust.kube.snapshot import Snapshot

Claim = tuple[str, str]
"""Namespace and name."""


class Storage(msgspec.Struct, frozen=True):
    """The claims and volumes of one snapshot."""

    claims: Mapping[Claim, PersistentVolumeClaim]
    volumes: Mapping[str, PersistentVolume]
    bound: Mapping[Claim, PersistentVolume]

    def volume(self, claim: Claim) -> PersistentVolume | None:
        """The volume of a claim: the one that either of them names; None where no object says."""
        asked = self.claims.get(claim)
        named = self.volumes.get(asked.spec.volume_name) if asked is not None else None
        return named or self.bound.get(claim)

    def everywhere(self, claim: Claim) -> bool:
        """May pods on different nodes write to it?"""
        asked = self.claims.get(claim)
        return asked is not None and "ReadWriteMany" in asked.spec.access_modes


def storage(snapshot: Snapshot) -> Storage:
    """Look the snapshot through once."""
    volumes = snapshot.of(PersistentVolume)
    return Storage(
        claims={(c.namespace, c.name): c for c in snapshot.of(PersistentVolumeClaim)},
        volumes={v.name: v for v in volumes},
        bound={(v.spec.claim_ref.namespace, v.spec.claim_ref.name): v for v in volumes if v.spec.claim_ref is not None},
    )


def node_path(volume: PersistentVolume) -> tuple[str, Evidence] | None:
    """The path of the node that a volume is; None for any other volume."""
    for kind, source in (("hostPath", volume.spec.host_path), ("local", volume.spec.local)):
        if source is not None and source.path:
            return source.path, at(volume, "spec", kind, "path", value=source.path)
    return None
