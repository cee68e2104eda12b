"""Everything that makes pods, and one form for all of them: `Workload`.

A running cluster holds the same thing up to three times (Deployment, ReplicaSet, Pod). `workloads` answers each thing
once: its topmost owner that is present, with the pods that it runs.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import ClassVar

import msgspec
from msgspec import field

from mistrust.kube.meta import Object, Ref, Value
from mistrust.kube.pods import Pod, PodSpec, PodTemplate


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

    A pod whose owner is absent stands for itself. A pod that its owner no longer describes (edited in place, injected
    sidecars) is kept under the owner, and readers that care compare `pods[i].spec` with `spec`.
    """
    makers: dict[Ref, Object] = {}
    sources: list[tuple[Object, str, PodTemplate]] = []
    for o in objects:
        found = template_of(o)
        if found is not None:
            makers.setdefault(o.ref, o)
            sources.append((o, *found))

    running: dict[Ref, list[Pod]] = {}
    tops: list[tuple[Object, str, PodTemplate]] = []
    for source, path, template in sources:
        top = _top(source, makers)
        if isinstance(source, Pod):
            running.setdefault(top.ref, []).append(source)
        if top is source:
            tops.append((source, path, template))
    return tuple(Workload(s, path, t, tuple(running.get(s.ref, ()))) for s, path, t in tops)


def _top(source: Object, makers: Mapping[Ref, Object]) -> Object:
    """Follow controller references upwards as far as the owners are present; a loop ends where it began."""
    seen = {source.ref}
    while True:
        owner = next((r for r in source.metadata.owner_references if r.controller), None)
        if owner is None:
            return source
        group, slash, _ = owner.api_version.rpartition("/")
        ref = Ref(group if slash else "", owner.kind, source.metadata.namespace, owner.name)
        above = makers.get(ref)
        if above is None or ref in seen:
            return source
        seen.add(ref)
        source = above
