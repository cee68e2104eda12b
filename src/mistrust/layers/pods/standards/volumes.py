"""Which sources a volume may have."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from mistrust.access.evidence import FieldPath
from mistrust.kube.meta import Metadata
from mistrust.kube.pods import PodSpec, Volume
from mistrust.layers.pods.level import Level
from mistrust.layers.pods.standards.check import Breach, Check, Revision
from mistrust.layers.pods.template import Change, containers

RESTRICTED_SOURCES: tuple[tuple[str, str], ...] = (
    ("hostPath", "host_path"),
    ("gcePersistentDisk", "gce_persistent_disk"),
    ("awsElasticBlockStore", "aws_elastic_block_store"),
    ("gitRepo", "git_repo"),
    ("nfs", "nfs"),
    ("iscsi", "iscsi"),
    ("glusterfs", "glusterfs"),
    ("rbd", "rbd"),
    ("flexVolume", "flex_volume"),
    ("cinder", "cinder"),
    ("cephfs", "cephfs"),
    ("flocker", "flocker"),
    ("fc", "fc"),
    ("azureFile", "azure_file"),
    ("vsphereVolume", "vsphere_volume"),
    ("quobyte", "quobyte"),
    ("azureDisk", "azure_disk"),
    ("portworxVolume", "portworx_volume"),
    ("photonPersistentDisk", "photon_persistent_disk"),
    ("scaleIO", "scale_io"),
    ("storageos", "storageos"),
)
"""Every source that `restricted` forbids, with the name of its field here."""


def host_path_volumes(_: Metadata, spec: PodSpec) -> Iterator[Breach]:
    """policy/check_hostPathVolumes.go."""
    found = [(i, "hostPath") for i, volume in enumerate(spec.volumes) if volume.host_path is not None]
    yield from _breaches(spec, found)


def restricted_volumes(_: Metadata, spec: PodSpec) -> Iterator[Breach]:
    """policy/check_restrictedVolumes.go; a volume without a source is an emptyDir (SetDefaults_Volume)."""
    found = []
    for i, volume in enumerate(spec.volumes):
        if not _allowed(volume):
            found += [(i, name) for name, field in RESTRICTED_SOURCES if getattr(volume, field) is not None][:1]
    yield from _breaches(spec, found)


def _allowed(v: Volume) -> bool:
    """One allowed source is enough, as upstream; API validation refuses a volume with two."""
    return any(
        source is not None
        for source in (
            v.config_map,
            v.csi,
            v.downward_api,
            v.empty_dir,
            v.ephemeral,
            v.image,
            v.persistent_volume_claim,
            v.projected,
            v.secret,
        )
    )


def _breaches(spec: PodSpec, found: Sequence[tuple[int, str]]) -> Iterator[Breach]:
    if not found:
        return
    mounts = mounts_by_volume(spec)
    for i, source in found:
        volume = spec.volumes[i]
        value = volume.host_path.path if volume.host_path is not None else volume.name
        yield Breach(("spec", "volumes", i, source), value, "", unmounted(spec, i, mounts))


def mounts_by_volume(spec: PodSpec) -> Mapping[str, Sequence[FieldPath]]:
    """The paths of the mounts of each volume."""
    found: dict[str, list[FieldPath]] = {}
    for at, c in containers(spec):
        for j, mount in enumerate(c.volume_mounts):
            found.setdefault(mount.name, []).append((*at, "volumeMounts", j))
    return found


def unmounted(spec: PodSpec, index: int, mounts: Mapping[str, Sequence[FieldPath]]) -> tuple[Change, ...]:
    """What takes a volume away: the volume, and every mount of it."""
    gone = [Change("remove", path) for path in mounts.get(spec.volumes[index].name, ())]
    return (*gone, Change("remove", ("spec", "volumes", index)))


CHECKS = (
    Check("hostPathVolumes", Level.BASELINE, "hostPath volumes", (Revision(0, host_path_volumes),)),
    Check(
        "restrictedVolumes",
        Level.RESTRICTED,
        "restricted volume types",
        (Revision(0, restricted_volumes, ("hostPathVolumes",)),),
    ),
)
