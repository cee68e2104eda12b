"""Changes of a template, tied to the objects that hold it: the one that a person edits, and what is made from it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final, TypeVar

from msgspec import structs

from mistrust.access.change import Change, Note
from mistrust.access.edited import edited
from mistrust.access.evidence import show_path, split_path
from mistrust.access.fact import Edit
from mistrust.kube.meta import Object, Ref
from mistrust.kube.pods import Container, Pod, PodSpec, PodTemplate, VolumeMount
from mistrust.kube.snapshot import Snapshot
from mistrust.kube.workloads import TOKEN_MOUNT, Job, Workload, template_of, topmost
from mistrust.layers.pods.template import SPEC, ordered, place
from mistrust.layers.pods.template import Change as FieldChange

AUTOMOUNT: Final = (*SPEC, "automountServiceAccountToken")
INJECTED: Final = "kube-api-access-"
"""How ServiceAccount admission names the volume of the token."""
O = TypeVar("O", bound=Object)  # noqa: E741

Reasons = Mapping[FieldChange, str]
"""Changes of a template, each with what it rests on."""


class Makers:
    """Who makes what in a snapshot."""

    def __init__(self, snapshot: Snapshot) -> None:
        self._makers: dict[Ref, tuple[Object, str, PodTemplate]] = {}
        for o, made in ((o, template_of(o)) for o in snapshot.objects):
            if made is not None:
                self._makers.setdefault(o.ref, (o, *made))
        sources = {id(w.source) for w in snapshot.workloads}
        self._below: dict[int, list[Object]] = {}
        self._running: set[int] = set()
        for o in snapshot.objects:
            if template_of(o) is None:
                continue
            top = id(topmost(o, self._makers))
            if id(o) not in sources:
                self._below.setdefault(top, []).append(o)
            if isinstance(o, Pod) and o.live:
                self._running |= {top, id(o)}

    def shows(self, workload: Workload) -> bool:
        """Does a pod show what becomes of the template on its way in, whatever shape that is?"""
        return id(workload.source) in self._running

    def fixed(self, workload: Workload) -> str:
        """Why the template cannot be changed where it stands; empty where it can."""
        source = workload.source
        owner = next((r for r in source.metadata.owner_references if r.controller), None)
        if owner is not None:
            return f"{owner.kind} {owner.name} makes it, in another shape or of a kind that is not read"
        if source.live and isinstance(source, Pod | Job):
            return f"a {source.KIND} cannot be changed once it is there: change what it is made from"
        return ""

    def change(self, workload: Workload, reasons: Reasons, because: str) -> Change:
        """The change of a workload and of what controllers make from it."""
        source, several = workload.source, ordered(reasons)
        here = place(workload)
        notes = [Note(reasons[c], show_path(here.above + c.path)) for c in several]
        return Change(
            source,
            (reshaped(source, several),),
            because,
            tuple(notes),
            here.edits(several),
            tuple((o, reshaped(o, several)) for o in self._below.get(id(source), ())),
        )


def reshaped(o: O, changes: Sequence[FieldChange]) -> O:
    """The object with its template changed; a pod without its token has no volume for it."""
    held = template_of(o)
    assert held is not None
    above = split_path(held[0])[:-1]
    changed = edited(o, (Edit(o.ref, o.origin, c.op, above + c.path, c.value) for c in changes))
    if isinstance(changed, Pod) and FieldChange("set", AUTOMOUNT, "false") in changes:
        return structs.replace(changed, spec=without_token(changed.spec))
    return changed


def remade(template: PodTemplate, changes: Iterable[FieldChange]) -> PodTemplate:
    """A template after these changes."""
    pod = reshaped(Pod(metadata=template.metadata, spec=template.spec), ordered(changes))
    return PodTemplate(pod.metadata, pod.spec)


def without_token(spec: PodSpec) -> PodSpec:
    """A pod without the volume that admission gave it."""
    gone = {v.name for v in spec.volumes if v.name.startswith(INJECTED)}

    def bare(several: tuple[Container, ...]) -> tuple[Container, ...]:
        return tuple(structs.replace(c, volume_mounts=tuple(_kept(c, gone))) for c in several)

    return structs.replace(
        spec,
        containers=bare(spec.containers),
        init_containers=bare(spec.init_containers),
        ephemeral_containers=bare(spec.ephemeral_containers),
        volumes=tuple(v for v in spec.volumes if v.name not in gone),
    )


def _kept(container: Container, gone: set[str]) -> Iterator[VolumeMount]:
    return (m for m in container.volume_mounts if not (m.name in gone and m.mount_path == TOKEN_MOUNT))
