"""E4 to E8, E11 and E12: paths and devices of the node inside a container, by hostPath or through a claim."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import msgspec

from mistrust.access.evidence import Evidence, FieldPath
from mistrust.kube.pods import PodSpec, Volume
from mistrust.layers.pods.escapes.confined import Confined
from mistrust.layers.pods.escapes.escape import Escape, Power
from mistrust.layers.pods.escapes.hostpaths import Worth, normal_path, windows, worth
from mistrust.layers.pods.escapes.storage import Storage, node_path
from mistrust.layers.pods.standards.volumes import mounts_by_volume, unmounted
from mistrust.layers.pods.template import Change, Field

FACTS = {
    "E4": "pods.host-path-write",
    "E5": "pods.host-path-read",
    "E6": "pods.runtime-socket",
    "E7": "pods.host-proc",
    "E8": "pods.host-logs",
    "E11": "pods.node-plugins",
    "E12": "pods.host-devices",
}

BELOW_STAYS_WRITABLE = "file systems mounted below it stay writable unless recursiveReadOnly is set"


class Mounted(msgspec.Struct, frozen=True, gc=False):
    """A path of the node in a container."""

    container: Confined
    mount: int
    """Index among the container's volumeMounts."""
    volume: int
    """Index among the pod's volumes."""
    path: str
    """On the node, normal, with the mount's subPath."""
    writable: bool
    source: str
    """The path as written."""
    also: tuple[Evidence, ...] = ()
    """The PersistentVolume, where a claim leads to the node."""

    @property
    def mount_path(self) -> FieldPath:
        """The mount, from the template."""
        return (*self.container.path, "volumeMounts", self.mount)


def mounted(spec: PodSpec, c: Confined, namespace: str, storage: Storage) -> Iterator[Mounted]:
    """The paths of the node that a container mounts; a volume that is mounted nowhere is no way out."""
    volumes = {v.name: (i, found) for i, v in enumerate(spec.volumes) if (found := _on_node(v, namespace, storage))}
    for j, mount in enumerate(c.container.volume_mounts) if volumes else ():
        if mount.name in volumes:
            i, (path, read_only, also) = volumes[mount.name]
            at = normal_path(path, mount.sub_path)  # subPathExpr may become any path below
            yield Mounted(c, j, i, at, not (mount.read_only or read_only), path, also)


def _on_node(volume: Volume, namespace: str, storage: Storage) -> tuple[str, bool, tuple[Evidence, ...]] | None:
    if volume.host_path is not None:
        return volume.host_path.path, False, ()
    claim = volume.persistent_volume_claim
    bound = storage.volume((namespace, claim.claim_name)) if claim is not None else None
    found = node_path(bound) if bound is not None else None
    if claim is None or found is None:
        return None
    return found[0], claim.read_only, (found[1],)


def host_paths(spec: PodSpec, c: Confined, namespace: str, storage: Storage) -> Iterator[Escape]:
    """E4 to E8, E11, E12. What the mounts of a container are worth.

    Root inside is root on the mounted files, in a user namespace too (id-mapped mounts). Another user has what the
    node's file permissions give it.
    """
    found = [(m, values) for m in mounted(spec, c, namespace, storage) if (values := worth(m.path, m.writable))]
    mounts = mounts_by_volume(spec) if found else {}
    for m, values in found:
        root = "" if windows(m.path) else c.acts_as_root
        if root is None:
            yield _guarded(m, values[0])
        else:
            changes = _changes(spec, m, mounts)
            yield from (_escape(m, value, root, changes) for value in values)


def _escape(m: Mounted, value: Worth, root: str, changes: tuple[Change, ...]) -> Escape:
    through = f", and with it {value.place}" if value.place != m.path and value.place.startswith(m.path) else ""
    detail = f"{_mounts(m)}{through}: {value.what}"
    if m.path == "/" and not m.writable and value.code == "E5":
        detail += f"; {BELOW_STAYS_WRITABLE}"
    return Escape(
        value.code,
        "pods.device" if value.power is Power.AMPLIFIER else FACTS[value.code],
        value.power,
        m.container.name,
        detail,
        ", and ".join(x for x in (root, value.condition) if x),
        _fields(m),
        m.also,
        changes,
    )


def _guarded(m: Mounted, value: Worth) -> Escape:
    """A mount in a container that is never root."""
    user = "its user" if m.container.user is None else f"user {m.container.user}"
    detail = f"{_mounts(m)}, where file permissions decide what {user} gets"
    name = m.container.name
    return Escape(value.code, "pods.host-path", Power.AMPLIFIER, name, detail, "", _fields(m), m.also)


def _mounts(m: Mounted) -> str:
    return f'container "{m.container.name}" mounts {m.path} of the node {"read-write" if m.writable else "read-only"}'


def _fields(m: Mounted) -> tuple[Field, ...]:
    source = ("hostPath", "path") if not m.also else ("persistentVolumeClaim",)
    return (
        Field(m.mount_path, "" if m.writable else "readOnly: true"),
        Field(("spec", "volumes", m.volume, *source), m.source),
    )


def _changes(spec: PodSpec, m: Mounted, mounts: Mapping[str, Sequence[FieldPath]]) -> tuple[Change, ...]:
    """A read-only mount where that is enough, else no mount and no volume; a claim's data is a person's decision."""
    if m.writable and not worth(m.path, False):
        return (Change("set", (*m.mount_path, "readOnly"), "true"),)
    return () if m.also else unmounted(spec, m.volume, mounts)


def devices(spec: PodSpec, c: Confined, namespace: str, storage: Storage) -> Iterator[Escape]:
    """E12. Raw block devices, and devices handed out by plugins and resource claims."""
    claims = {
        v.name: v.persistent_volume_claim.claim_name for v in spec.volumes if v.persistent_volume_claim is not None
    }
    for j, device in enumerate(c.container.volume_devices):
        path = (*c.path, "volumeDevices", j)
        volume = storage.volume((namespace, claims.get(device.name, "")))
        found = node_path(volume) if volume is not None else None
        if found is not None:
            detail = f'container "{c.name}" has the raw device {found[0]} of the node'
            yield Escape(
                "E12",
                FACTS["E12"],
                Power.NODE,
                c.name,
                detail,
                "the device holds files of the node",
                (Field((*path, "devicePath"), device.device_path),),
                (found[1],),
                (Change("remove", path),),
            )
    for name in sorted({*c.container.resources.limits, *c.container.resources.requests}):
        if extended(name):
            where = "limits" if name in c.container.resources.limits else "requests"
            detail = f'container "{c.name}" has a device of {name}'
            field = Field((*c.path, "resources", where, name), str(getattr(c.container.resources, where)[name]))
            yield Escape("E12", "pods.device", Power.AMPLIFIER, c.name, detail, "", (field,))
    for k, claimed in enumerate(c.container.resources.claims):
        detail = f'container "{c.name}" has a device of resource claim "{claimed.name}"'
        field = Field((*c.path, "resources", "claims", k), claimed.name)
        yield Escape("E12", "pods.device", Power.AMPLIFIER, c.name, detail, "", (field,))


def extended(resource: str) -> bool:
    """Is it a device plugin's resource? pkg/apis/core/v1/helper/helpers.go (IsExtendedResourceName)."""
    return "/" in resource and "kubernetes.io/" not in resource and not resource.startswith("requests.")


def propagation(c: Confined) -> Iterator[Escape]:
    """E4. What a container mounts appears on the node; API validation asks for a privileged container."""
    for j, mount in enumerate(c.container.volume_mounts):
        if mount.mount_propagation == "Bidirectional":
            path = (*c.path, "volumeMounts", j, "mountPropagation")
            detail = f'container "{c.name}" makes mounts below {mount.mount_path} on the node'
            yield Escape(
                "E4",
                "pods.mount-propagation",
                Power.AMPLIFIER,
                c.name,
                detail,
                fields=(Field(path, "Bidirectional"),),
                changes=(Change("remove", path),),
            )
