"""A live API server -> a snapshot: every kind that a layer reads, listed once; what may not be seen becomes a gap."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping

import msgspec

from mistrust.cluster import listing
from mistrust.cluster.client import Client
from mistrust.cluster.discovery import Resource
from mistrust.cluster.refusal import ForbiddenError, NotFoundError, RefusedError
from mistrust.kube.admission import CustomResourceDefinition
from mistrust.kube.core import ConfigMap, Secret, has_data
from mistrust.kube.decode import decoder, settle
from mistrust.kube.errors import RemoteError
from mistrust.kube.kinds import READ
from mistrust.kube.meta import Object
from mistrust.kube.problem import Origin, Problem
from mistrust.kube.snapshot import Gap, Scope, Snapshot, snapshot
from mistrust.kube.version import Version

NAMES_ONLY: frozenset[type[Object]] = frozenset({Secret, ConfigMap, CustomResourceDefinition})
"""Kinds of which the server is asked for metadata alone: Secret data never leaves it. A definition's name is its
`plural.group`, and its schema is the largest thing in most clusters. Of ConfigMaps, those that the model reads data of
are asked for by name afterwards."""
EVERYWHERE = frozenset({"kube-root-ca.crt", "istio-ca-root-cert"})
"""ConfigMaps that a controller copies into every namespace: one copy says it all."""

METADATA = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"
TOKEN_OF = "kubernetes.io/service-account.name"  # noqa: S105
"""The annotation that every service account token Secret has; it stands for the `type` that metadata does not show."""


def read_live(client: Client, *, namespace: str = "", progress: Callable[[str], None] = lambda _: None) -> Snapshot:
    """The cluster as this client may see it.

    A kind that may not be listed cluster-wide is listed in `namespace` if one is given, and is a gap for the rest. A
    kind that the server does not serve is absent, not a gap.

    Raises `RemoteError` where the server cannot be reached or does not accept the credentials.
    """
    version = _version(client)
    discovery = client.discover()
    served = _served(discovery.resources)
    objects: list[Object] = []
    problems: list[Problem] = [*client.remarks, *discovery.problems]
    gaps: list[Gap] = []
    for kind in READ:
        resource = served.get((kind.GROUP, kind.KIND))
        if resource is None:
            continue
        progress(resource.name)
        got, wrong = _list(client, kind, resource, namespace, gaps)
        objects += with_data(client.get, resource, got, gaps) if kind is ConfigMap else got
        problems += wrong
    shown = client.shown()
    if shown.certificate_authority or shown.client_certificate:
        objects.append(_settled(shown, client.name))
    return snapshot(objects, problems, gaps=gaps, scope=Scope.CLUSTER, version=version, name=client.name)


def _served(resources: Iterable[Resource]) -> Mapping[tuple[str, str], Resource]:
    """The preferred resource of each kind, subresources aside."""
    served: dict[tuple[str, str], Resource] = {}
    for r in resources:
        if "/" not in r.name and "list" in r.verbs:
            served.setdefault((r.group, r.kind), r)
    return served


def _list(
    client: Client, kind: type[Object], resource: Resource, namespace: str, gaps: list[Gap]
) -> tuple[list[Object], list[Problem]]:
    accept = METADATA if kind in NAMES_ONLY else "application/json"

    def get(path: str, query: Mapping[str, str]) -> bytes:
        return client.get(path, query, accept)

    def collect(path: str) -> tuple[list[Object], list[Problem]]:
        found = listing.collect(get, path, kind, client.server + path)
        return [_settled(o, client.name) for o in found.items], list(found.problems)

    try:
        return collect(resource.path())
    except ForbiddenError as refused:
        return _inside(kind, resource, namespace, collect, gaps, refused)
    except NotFoundError:
        return [], []
    except RemoteError as error:
        gaps.append(Gap(kind.KIND, error.what))
        return [], []


def _inside(
    kind: type[Object],
    resource: Resource,
    namespace: str,
    collect: Callable[[str], tuple[list[Object], list[Problem]]],
    gaps: list[Gap],
    refused: ForbiddenError,
) -> tuple[list[Object], list[Problem]]:
    if namespace and resource.namespaced:
        try:
            found = collect(resource.path(namespace))
        except RefusedError:
            pass
        else:
            gaps.append(Gap(kind.KIND, f"forbidden outside namespace {namespace}"))
            return found
    gaps.append(Gap(kind.KIND, f"forbidden: {refused.message}" if refused.message else "forbidden"))
    return [], []


def with_data(
    get: Callable[[str], bytes], resource: Resource, listed: Iterable[Object], gaps: list[Gap]
) -> list[Object]:
    """The ConfigMaps, those that the model reads data of fetched whole; one that may not be read is a gap."""
    out: list[Object] = []
    done: set[str] = set()
    for o in listed:
        if has_data(o.name) and not (o.name in EVERYWHERE and o.name in done):
            done.add(o.name)
            try:
                whole = decoder(ConfigMap).decode(get(f"{resource.path(o.namespace)}/{o.name}"))
            except RemoteError as error:
                gaps.append(Gap(ConfigMap.KIND, f"the data of {o.name}: {error.what}", o.namespace))
            except msgspec.ValidationError as error:
                gaps.append(Gap(ConfigMap.KIND, f"the data of {o.name}: {error}", o.namespace))
            else:
                o = msgspec.structs.replace(whole, origin=o.origin)
        out.append(o)
    return out


def _settled(o: Object, name: str) -> Object:
    settle(o, Origin(name))
    if isinstance(o, Secret) and TOKEN_OF in o.metadata.annotations:
        return msgspec.structs.replace(o, type="kubernetes.io/service-account-token")
    if isinstance(o, CustomResourceDefinition):
        plural, _, group = o.metadata.name.partition(".")
        names = msgspec.structs.replace(o.spec.names, plural=plural)
        return msgspec.structs.replace(o, spec=msgspec.structs.replace(o.spec, group=group, names=names))
    return o


def _version(client: Client) -> Version:
    told = client.version()
    minor = re.match(r"\d+", told.minor)  # EKS says "31+"
    if not told.major.isdigit() or minor is None:
        raise RemoteError("not a Kubernetes version", where=client.server, got=f"{told.major}.{told.minor}")
    return Version(int(told.major), int(minor[0]))
