"""Which sources a volume may have."""

from __future__ import annotations

from collections.abc import Iterator

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
    for i, volume in enumerate(spec.volumes):
        if volume.host_path is not None:
            yield _breach(spec, i, "hostPath")


def restricted_volumes(_: Metadata, spec: PodSpec) -> Iterator[Breach]:
    """policy/check_restrictedVolumes.go; a volume without a source is an emptyDir (SetDefaults_Volume)."""
    for i, volume in enumerate(spec.volumes):
        if not _allowed(volume):
            named = next((name for name, field in RESTRICTED_SOURCES if getattr(volume, field) is not None), "")
            if named:
                yield _breach(spec, i, named)


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


def _breach(spec: PodSpec, index: int, source: str) -> Breach:
    volume = spec.volumes[index]
    value = volume.host_path.path if volume.host_path is not None else volume.name
    return Breach(("spec", "volumes", index, source), value, "", unmounted(spec, index))


def unmounted(spec: PodSpec, index: int) -> tuple[Change, ...]:
    """What takes a volume away: the volume, and every mount of it."""
    name = spec.volumes[index].name
    mounts = [
        Change("remove", (*at, "volumeMounts", j))
        for at, c in containers(spec)
        for j, mount in enumerate(c.volume_mounts)
        if mount.name == name
    ]
    return (*mounts, Change("remove", ("spec", "volumes", index)))


CHECKS = (
    Check("hostPathVolumes", Level.BASELINE, "hostPath volumes", (Revision(0, host_path_volumes),)),
    Check(
        "restrictedVolumes",
        Level.RESTRICTED,
        "restricted volume types",
        (Revision(0, restricted_volumes, ("hostPathVolumes",)),),
    ),
)
