"""What a server serves: every group, version and resource, subresources included."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TypeVar

import msgspec

from mistrust.cluster.refusal import NotFoundError, RefusedError
from mistrust.kube.errors import RemoteError
from mistrust.kube.problem import Problem

T = TypeVar("T")
Get = Callable[[str, Mapping[str, str], str], bytes]
_AGGREGATED = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"
_ACCEPT = f"{_AGGREGATED},{_AGGREGATED.replace('v=v2', 'v=v2beta1')},application/json"


class Resource(msgspec.Struct, frozen=True):
    """One resource in one version, named as RBAC names it: `pods`, `pods/exec`."""

    group: str
    version: str
    name: str
    kind: str
    namespaced: bool
    verbs: tuple[str, ...]

    @property
    def api_version(self) -> str:
        """`v1`, `apps/v1`."""
        return f"{self.group}/{self.version}" if self.group else self.version

    def path(self, namespace: str = "") -> str:
        """Where all of it is listed, or what one namespace holds."""
        root = f"/apis/{self.group}/{self.version}" if self.group else f"/api/{self.version}"
        return f"{root}/namespaces/{namespace}/{self.name}" if namespace else f"{root}/{self.name}"


class Discovery(msgspec.Struct, frozen=True):
    """Resources in the server's order: of the versions of a group the first is the one it prefers."""

    resources: tuple[Resource, ...]
    problems: tuple[Problem, ...] = ()
    """Groups that the server could not describe: what they hold is not seen."""


class Version(msgspec.Struct, frozen=True, rename="camel"):
    """GET /version."""

    major: str
    minor: str
    git_version: str


class _Wire(msgspec.Struct, frozen=True, rename="camel"):
    pass


class _Kind(_Wire, frozen=True):
    kind: str = ""


class _Sub(_Wire, frozen=True):
    subresource: str
    response_kind: _Kind | None = None
    verbs: tuple[str, ...] = ()


class _Served(_Wire, frozen=True):
    resource: str
    response_kind: _Kind | None = None
    scope: str = ""
    verbs: tuple[str, ...] = ()
    subresources: tuple[_Sub, ...] | None = None


class _ServedVersion(_Wire, frozen=True):
    version: str
    resources: tuple[_Served, ...] | None = None
    freshness: str = ""


class _Name(_Wire, frozen=True):
    name: str = ""


class _ServedGroup(_Wire, frozen=True):
    metadata: _Name = _Name()
    versions: tuple[_ServedVersion, ...] | None = None


class _Aggregated(_Wire, frozen=True):
    """APIGroupDiscoveryList; or, by `kind`, the APIVersions or APIGroupList of a server older than 1.26."""

    kind: str
    items: tuple[_ServedGroup, ...] | None = None
    versions: tuple[str, ...] | None = None
    groups: tuple[_OldGroup, ...] | None = None


class _OldVersion(_Wire, frozen=True):
    version: str


class _OldGroup(_Wire, frozen=True):
    name: str
    versions: tuple[_OldVersion, ...] = ()
    preferred_version: _OldVersion | None = None


class _OldResource(_Wire, frozen=True):
    name: str
    kind: str = ""
    namespaced: bool = False
    verbs: tuple[str, ...] | None = None


class _OldResources(_Wire, frozen=True):
    resources: tuple[_OldResource, ...] | None = None


def version(get: Get, where: str) -> Version:
    """Which Kubernetes the server says that it is.

    Raises: what `get` raises; RemoteError for another answer.
    """
    return _decode(get("/version", {}, "application/json"), Version, where + "/version")


def discover(get: Get, where: str) -> Discovery:
    """All that is served, in two requests; one request a group and version where the server is older than 1.26.

    Raises: what `get` raises for /api and /apis. A group that cannot be described is a Problem.
    """
    resources: list[Resource] = []
    problems: list[Problem] = []
    for root in ("/api", "/apis"):
        answer = _decode(get(root, {}, _ACCEPT), _Aggregated, where + root)
        for found in _served(answer) if answer.kind == "APIGroupDiscoveryList" else _walk(get, answer, where):
            if isinstance(found, Problem):
                problems.append(msgspec.structs.replace(found, file=where))
            else:
                resources.append(found)
    return Discovery(tuple(resources), tuple(problems))


def _served(answer: _Aggregated) -> Iterator[Resource | Problem]:
    for group in answer.items or ():
        name = group.metadata.name
        for served in group.versions or ():
            if served.freshness == "Stale":
                yield _unseen(f"{name}/{served.version}", "the server behind it does not answer")
            for r in served.resources or ():
                namespaced = r.scope == "Namespaced"
                kind = r.response_kind.kind if r.response_kind else ""
                if kind or r.verbs:  # a subresource may be served without its resource
                    yield Resource(name, served.version, r.resource, kind, namespaced, r.verbs)
                for s in r.subresources or ():
                    kind = s.response_kind.kind if s.response_kind else ""
                    yield Resource(name, served.version, f"{r.resource}/{s.subresource}", kind, namespaced, s.verbs)


def _walk(get: Get, answer: _Aggregated, where: str) -> Iterator[Resource | Problem]:
    pairs = [("", v) for v in answer.versions or ()]
    for group in answer.groups or ():
        first = group.preferred_version.version if group.preferred_version else ""
        pairs += [(group.name, v) for v in sorted((v.version for v in group.versions), key=lambda v: v != first)]
    for group_name, served in pairs:
        path = f"/apis/{group_name}/{served}" if group_name else f"/api/{served}"
        try:
            found = _decode(get(path, {}, "application/json"), _OldResources, where + path)
        except NotFoundError:
            continue  # removed between the two requests
        except (RefusedError, RemoteError) as error:
            yield _unseen(path.split("/", 2)[2], error.got or error.what)
            continue
        for r in found.resources or ():
            yield Resource(group_name, served, r.name, r.kind, r.namespaced, r.verbs or ())


def _unseen(name: str, why: str) -> Problem:
    return Problem(f"the resources of {name} are not known", "", got=why, do="they are not part of the analysis")


def _decode(body: bytes, type_: type[T], where: str) -> T:
    try:
        return msgspec.json.decode(body, type=type_)
    except msgspec.DecodeError as error:
        raise RemoteError("not a Kubernetes API server", where=where, got=str(error)) from None
