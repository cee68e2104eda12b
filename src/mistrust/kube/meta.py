"""What every object has: its metadata, its name in the world (`Ref`), and where it was read from."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import ClassVar

import msgspec

from mistrust.kube.problem import Origin

NO_STRINGS: Mapping[str, str] = MappingProxyType({})

CARRIES_SECRETS = "kubectl.kubernetes.io/last-applied-configuration"
"""kubectl writes the whole object here, Secret data and environment values included."""


class Value(msgspec.Struct, frozen=True, gc=False, rename="camel", omit_defaults=True):
    """A part of a Kubernetes object; only the fields that some layer reads are declared, the rest is skipped."""


class Present(Value, frozen=True, gc=False):
    """A part whose being there is all that matters."""


class OwnerReference(Value, frozen=True, gc=False):
    """The object that made this one."""

    kind: str = ""
    name: str = ""
    api_version: str = ""
    controller: bool = False


class Metadata(Value, frozen=True, gc=False):
    """`metadata` of any object; the annotation that copies the whole object is dropped."""

    name: str = ""
    namespace: str = ""
    generate_name: str = ""
    labels: Mapping[str, str] = {}
    annotations: Mapping[str, str] = {}
    owner_references: tuple[OwnerReference, ...] = ()
    uid: str = ""
    resource_version: str = ""
    creation_timestamp: str = ""
    """RFC 3339 in UTC, as the API server writes it, so that text order is time order; empty in files."""
    deletion_timestamp: str = ""

    def __post_init__(self) -> None:
        if CARRIES_SECRETS in self.annotations:
            kept = {k: v for k, v in self.annotations.items() if k != CARRIES_SECRETS}
            msgspec.structs.force_setattr(self, "annotations", kept)


class Ref(msgspec.Struct, frozen=True, order=True, gc=False):
    """The name of an object in the world, as people write it: `Role ci/deployer`, `Node worker-1`."""

    group: str
    kind: str
    namespace: str
    name: str

    def __str__(self) -> str:
        return f"{self.kind} {self.namespace}/{self.name}" if self.namespace else f"{self.kind} {self.name}"


class Object(Value, frozen=True, gc=False):
    """An object of the cluster.

    A subclass declares the fields that the layers read and three facts of its kind. `origin` is not part of the
    object: the reader sets it, whatever the input says.
    """

    GROUP: ClassVar[str] = ""
    KIND: ClassVar[str] = ""
    NAMESPACED: ClassVar[bool] = True

    metadata: Metadata = Metadata()
    origin: Origin = msgspec.field(name="mistrust.dev/origin", default=Origin())

    @property
    def ref(self) -> Ref:
        """Its name in the world."""
        return Ref(self.GROUP, self.KIND, self.metadata.namespace, self.metadata.name)

    @property
    def name(self) -> str:
        """`metadata.name`."""
        return self.metadata.name

    @property
    def namespace(self) -> str:
        """`metadata.namespace`; empty for a cluster-scoped object."""
        return self.metadata.namespace

    @property
    def live(self) -> bool:
        """True if an API server wrote it: only a server sets `uid` and `resourceVersion`."""
        return bool(self.metadata.uid or self.metadata.resource_version)


class Other(Object, frozen=True, gc=False):
    """An object of a kind that no layer reads; kept, so that it is counted and can be named."""

    api_version: str = ""
    kind: str = ""

    @property
    def ref(self) -> Ref:
        """Its name in the world."""
        group, slash, _ = self.api_version.rpartition("/")
        return Ref(group if slash else "", self.kind, self.metadata.namespace, self.metadata.name)
