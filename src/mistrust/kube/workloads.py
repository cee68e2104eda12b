"""Everything that makes pods, and one form for all of them: `Workload`.

A running cluster holds the same thing up to three times (Deployment, ReplicaSet, Pod). `workloads` answers each thing
once: its topmost owner that is present, with the pods that it runs.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import ClassVar

import msgspec
from msgspec import field, structs

from mistrust.kube.meta import Object, Ref, Value
from mistrust.kube.pods import Container, Pod, PodSpec, PodTemplate, Resources


class TemplateSpec(Value, frozen=True, gc=False):
    """The part of a controller's `spec` that makes pods."""

    template: PodTemplate = PodTemplate()
    replicas: int | None = None


class Controller(Object, frozen=True, gc=False):
    """An object with a pod template at `spec.template`."""

    spec: TemplateSpec = TemplateSpec()


class Deployment(Controller, frozen=True, gc=False):
    """apps Deployment."""

    GROUP: ClassVar[str] = "apps"
    KIND: ClassVar[str] = "Deployment"


class ReplicaSet(Controller, frozen=True, gc=False):
    """apps ReplicaSet."""

    GROUP: ClassVar[str] = "apps"
    KIND: ClassVar[str] = "ReplicaSet"


class StatefulSet(Controller, frozen=True, gc=False):
    """apps StatefulSet."""

    GROUP: ClassVar[str] = "apps"
    KIND: ClassVar[str] = "StatefulSet"


class DaemonSet(Controller, frozen=True, gc=False):
    """apps DaemonSet: on every node that it tolerates."""

    GROUP: ClassVar[str] = "apps"
    KIND: ClassVar[str] = "DaemonSet"


class ReplicationController(Controller, frozen=True, gc=False):
    """Core ReplicationController."""

    KIND: ClassVar[str] = "ReplicationController"


class Job(Controller, frozen=True, gc=False):
    """batch Job."""

    GROUP: ClassVar[str] = "batch"
    KIND: ClassVar[str] = "Job"


class JobTemplate(Value, frozen=True, gc=False):
    """`spec.jobTemplate`."""

    spec: TemplateSpec = TemplateSpec()


class CronJobSpec(Value, frozen=True, gc=False):
    """`spec` of a CronJob."""

    job_template: JobTemplate = JobTemplate()
    schedule: str = ""
    suspend: bool | None = None


class CronJob(Object, frozen=True, gc=False):
    """batch CronJob."""

    GROUP: ClassVar[str] = "batch"
    KIND: ClassVar[str] = "CronJob"
    spec: CronJobSpec = CronJobSpec()


class PodTemplateObject(Object, frozen=True, gc=False):
    """Core PodTemplate: a template kept for later."""

    KIND: ClassVar[str] = "PodTemplate"
    template: PodTemplate = field(default=PodTemplate())


class Workload(msgspec.Struct, frozen=True, gc=False):
    """Something that runs, or may run, pods of one shape."""

    source: Object
    """The object that a person would edit."""
    path: str
    """Field path of the pod spec in `source`: `spec`, `spec.template.spec`, `spec.jobTemplate.spec.template.spec`."""
    template: PodTemplate
    pods: tuple[Pod, ...] = ()
    """The pods that run it now, where the snapshot has them; itself for a bare Pod."""

    @property
    def ref(self) -> Ref:
        """The name of its source."""
        return self.source.ref

    @property
    def namespace(self) -> str:
        """Its namespace."""
        return self.source.metadata.namespace

    @property
    def spec(self) -> PodSpec:
        """Its pod spec."""
        return self.template.spec

    @property
    def labels(self) -> Mapping[str, str]:
        """The labels of its pods."""
        return self.template.metadata.labels


def template_of(source: Object) -> tuple[str, PodTemplate] | None:
    """The pod template of an object with the field path of its spec; None for a kind that makes no pods."""
    match source:
        case Pod():
            return "spec", PodTemplate(source.metadata, source.spec)
        case CronJob():
            return "spec.jobTemplate.spec.template.spec", source.spec.job_template.spec.template
        case Controller():
            return "spec.template.spec", source.spec.template
        case PodTemplateObject():
            return "template.spec", source.template
        case _:
            return None


def workloads(objects: Iterable[Object]) -> tuple[Workload, ...]:
    """Every workload once, under its topmost owner that is present, in the order of the input.

    What an owner makes is counted under the owner only while it has the shape that the owner describes: an owner
    reference is a claim that anybody may write, and pods are changed by admission. A pod or a ReplicaSet of another
    shape is a workload of its own, together with its like.
    """
    makers: dict[Ref, tuple[Object, str, PodTemplate]] = {}
    sources: list[tuple[Object, str, PodTemplate]] = []
    for o in objects:
        found = template_of(o)
        if found is not None:
            sources.append((o, *found))
            makers.setdefault(o.ref, sources[-1])

    tops: list[tuple[Object, str, PodTemplate]] = []
    running: dict[int, list[Pod]] = {}
    strays: dict[int, list[tuple[PodSpec, int]]] = {}
    for made in sources:
        source, _, template = made
        top = topmost(source, makers)
        place = id(top)
        if top is not source:
            if isinstance(source, Controller) and source.spec.replicas == 0:
                continue
            described = makers[top.ref][2].spec
            if template.spec != described:
                own = shape(template.spec)
                if own != shape(described):
                    alike = strays.setdefault(id(top), [])
                    known = next((at for seen, at in alike if seen == own), None)
                    if known is None:
                        alike.append((own, id(source)))
                        tops.append(made)
                    place = id(source) if known is None else known
        else:
            tops.append(made)
        if isinstance(source, Pod):
            running.setdefault(place, []).append(source)
    return tuple(Workload(s, path, t, tuple(running.get(id(s), ()))) for s, path, t in tops)


TOKEN_MOUNT = "/var/run/secrets/kubernetes.io/serviceaccount"  # noqa: S105
"""Where ServiceAccount admission mounts the token."""


def shape(spec: PodSpec) -> PodSpec:
    """A pod spec without what the API server and the scheduler fill in by themselves."""
    injected = {v.name for v in spec.volumes if v.name.startswith("kube-api-access-")}

    def bare(containers: tuple[Container, ...]) -> tuple[Container, ...]:
        return tuple(
            structs.replace(
                c,
                image_pull_policy="",
                resources=Resources(),
                ports=tuple(structs.replace(p, name="") for p in c.ports),
                volume_mounts=tuple(
                    m for m in c.volume_mounts if m.name not in injected or m.mount_path != TOKEN_MOUNT
                ),
            )
            for c in containers
        )

    return structs.replace(
        spec,
        containers=bare(spec.containers),
        init_containers=bare(spec.init_containers),
        ephemeral_containers=bare(spec.ephemeral_containers),
        volumes=tuple(v for v in spec.volumes if v.name not in injected),
        service_account_name=spec.identity,
        service_account="",
        node_name="",
        node_selector={},
        tolerations=(),
    )


def topmost(source: Object, makers: Mapping[Ref, tuple[Object, str, PodTemplate]]) -> Object:
    """Follow controller references upwards as far as the owners are present; owners in a circle own nothing."""
    seen = {source.ref}
    here = source
    while True:
        owner = next((r for r in here.metadata.owner_references if r.controller), None)
        if owner is None:
            return here
        group, slash, _ = owner.api_version.rpartition("/")
        ref = Ref(group if slash else "", owner.kind, source.metadata.namespace, owner.name)
        if ref in seen:
            return source
        if ref not in makers:
            return here
        seen.add(ref)
        here = makers[ref][0]
