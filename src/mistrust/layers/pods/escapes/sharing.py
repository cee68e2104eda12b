"""E16: files that one workload writes and another one mounts, on a claim or on a path of the node."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import msgspec

from mistrust.access.evidence import FieldPath
from mistrust.kube.meta import Ref
from mistrust.kube.pods import Volume
from mistrust.kube.snapshot import Snapshot
from mistrust.kube.workloads import Workload
from mistrust.layers.pods.escapes.escape import Escape, Power
from mistrust.layers.pods.escapes.hostpaths import normal_path, worth
from mistrust.layers.pods.escapes.storage import Storage, node_path
from mistrust.layers.pods.template import Field, containers

Place = tuple[str, ...]
"""Where files are, part by part: ("node", "srv", "data") or ("claim", "shop", "uploads", "avatars")."""

LOCKS = frozenset({("node", "run", "xtables.lock")})
"""Files that are shared to be locked; nobody reads them."""


class Files(msgspec.Struct, frozen=True, gc=False):
    """The files that a volume or a mount holds."""

    place: Place
    writable: bool
    everywhere: bool
    """True where a pod on another node may have them too."""
    label: str
    """As people call them: `claim "uploads"`, `/srv/data`."""


class Use(msgspec.Struct, frozen=True, gc=False):
    """A mount of files that other pods may mount too."""

    files: Files
    container: str
    path: FieldPath


class Sharing(msgspec.Struct, frozen=True):
    """Who mounts what."""

    readers: Mapping[Place, frozenset[Ref]]
    """By the place and by every place above it."""


def uses(workload: Workload, storage: Storage) -> Iterator[Use]:
    """The mounts of a workload that others may share."""
    sources = {v.name: f for v in workload.spec.volumes if (f := _files(v, workload.namespace, storage)) is not None}
    if not sources:
        return
    for at, c in containers(workload.spec):
        for j, mount in enumerate(c.volume_mounts):
            files = sources.get(mount.name)
            if files is not None:
                place = (*files.place, *filter(None, mount.sub_path.split("/")))
                writable = files.writable and not mount.read_only
                yield Use(Files(place, writable, files.everywhere, files.label), c.name, (*at, "volumeMounts", j))


def _files(volume: Volume, namespace: str, storage: Storage) -> Files | None:
    if volume.host_path is not None:
        path = normal_path(volume.host_path.path)
        return Files(_on_node(path), True, False, path)
    claim = volume.persistent_volume_claim
    if claim is None:
        return None
    key = namespace, claim.claim_name
    bound = storage.volume(key)
    found = node_path(bound) if bound is not None else None
    place = ("claim", *key) if found is None else _on_node(normal_path(found[0]))
    everywhere = found is None and storage.everywhere(key)
    return Files(place, not claim.read_only, everywhere, f'claim "{claim.claim_name}"')


def _on_node(path: str) -> Place:
    return ("node", *path.strip("/").split("/"))


def sharing(snapshot: Snapshot, storage: Storage) -> Sharing:
    """Look the snapshot through once."""
    readers: dict[Place, set[Ref]] = {}
    for workload in snapshot.workloads:
        for use in uses(workload, storage):
            place = use.files.place
            for end in range(1, len(place) + 1):
                readers.setdefault(place[:end], set()).add(workload.ref)
    return Sharing({place: frozenset(refs) for place, refs in readers.items()})


def shared(workload: Workload, storage: Storage, sharing: Sharing) -> Iterator[Escape]:
    """E16. What this workload writes and others mount, at the same place or below it.

    Left out where writing there takes the node anyway.
    """
    told: set[tuple[str, Place]] = set()
    for use in uses(workload, storage):
        files = use.files
        others = sharing.readers.get(files.place, frozenset()) - {workload.ref}
        if not files.writable or not others or files.place in LOCKS or (use.container, files.place) in told:
            continue
        if files.place[0] == "node" and _takes_the_node(files.place):
            continue
        told.add((use.container, files.place))
        names = sorted(others)
        whom = ", ".join(map(str, names[:3])) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
        yield Escape(
            "E16",
            "pods.shared-volume",
            Power.SHARED_VOLUME,
            use.container,
            f'container "{use.container}" writes {files.label}, which {whom} mounts too',
            "" if files.everywhere else "both run on the same node",
            (Field(use.path),),
            targets=tuple(names),
        )


def _takes_the_node(place: Place) -> bool:
    return any(w.power is Power.NODE for w in worth("/" + "/".join(place[1:]), True))
