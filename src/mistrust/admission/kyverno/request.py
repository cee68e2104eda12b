"""`Request`: what Kyverno's policies are asked about, and what they may look up beside it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Final, Protocol

import msgspec

from mistrust.admission.plain import EMPTY, items, labels, mapping, text
from mistrust.admission.review import Object, Review
from mistrust.admission.vap.rules import plural
from mistrust.kube.build import Plain
from mistrust.languages.kyverno.errors import KyvernoError, UnknownError
from mistrust.languages.kyverno.images import image

ACCOUNT: Final = "system:serviceaccount:"
ELEMENTS: Final = 100_000
"""That the loops of one rule go through."""


class World(msgspec.Struct, frozen=True):
    """What there is beside the object. Unknown is what is not known to be there or not."""

    objects: Sequence[Object] | None = None
    """Every object of the cluster; None where they are not known."""
    images: Mapping[str, Plain] = {}
    """What a registry says of images, by reference."""
    now: int | None = None
    """Nanoseconds since 1970; None where nobody looked at a clock."""
    sources: Sequence[Object] = ()
    """Some objects that are known to be there, whatever others there are."""

    def find(self, kind: str, namespace: str, name: str) -> Plain:
        """An object, by kind or resource. Raises `UnknownError` where the objects are not known."""
        known = _one(self.sources, kind, namespace, name)
        return known or _one(self._all(f"{kind} {namespace}/{name}"), kind, namespace, name)

    def listed(self, kind: str, namespace: str) -> list[Plain]:
        """Every object of a kind or resource, in one namespace if it is named. Raises `UnknownError`."""
        return [dict(o) for o in self._all(kind) if _is(o, kind) and _inside(o, namespace)]

    def _all(self, what: str) -> Sequence[Object]:
        if self.objects is None:
            raise UnknownError(f"it asks the cluster for {what}")
        return self.objects


def _one(several: Sequence[Object], kind: str, namespace: str, name: str) -> Plain:
    asked = (o for o in several if _is(o, kind) and text(o, "metadata", "name") == name and _inside(o, namespace))
    found = next(asked, None)
    return None if found is None else dict(found)


def _is(given: Object, kind: str) -> bool:
    own = text(given, "kind")
    return kind == own or kind == plural(own)


def _inside(given: Object, namespace: str) -> bool:
    return not namespace or text(given, "metadata", "namespace") in ("", namespace)


class Exemption(Protocol):
    """Something that excepts objects from rules."""

    @property
    def name(self) -> str:
        """`metadata.name`."""

    def covers(self, policy: str, rule: str, request: Request, /) -> bool:
        """Does it except a rule for a request?"""


class Request(msgspec.Struct, frozen=True):
    """One request with what is known around it."""

    review: Review
    world: World = World()
    values: Mapping[str, Plain] = {}
    """What context variables stand for, by name; as tests give them."""
    roles: tuple[str, ...] = ()
    cluster_roles: tuple[str, ...] = ()
    exceptions: tuple[Exemption, ...] = ()

    def exempt(self, policy: str, rule: str) -> str:
        """The name of what excepts a rule for this request; empty where nothing does."""
        return next((e.name for e in self.exceptions if e.covers(policy, rule, self)), "")

    @property
    def object(self) -> dict[str, Plain]:
        """What is to be; where it goes, what was."""
        new, old = self.review.object, self.review.old
        return new if isinstance(new, dict) else old if isinstance(old, dict) else {}

    @property
    def operation(self) -> str:
        """`CREATE` where it is not said."""
        return text(self.review.request, "operation") or "CREATE"

    @property
    def user(self) -> Mapping[str, Plain]:
        """Who asks."""
        return mapping(self.review.request, "userInfo")

    @property
    def namespace_labels(self) -> Mapping[str, str] | None:
        """Of the namespace of the object; None where it is not known."""
        if self.review.namespace is None:
            return None
        return labels(self.review.namespace)

    def changed(self, given: dict[str, Plain]) -> Request:
        """The same request for another object."""
        request = {**self.review.request, "object": given}
        return msgspec.structs.replace(self, review=Review(request, self.review.namespace))


class Scope(dict[str, Plain]):
    """What variables stand for; some are worked out when they are asked for."""

    __slots__ = ("left", "loaders")

    def __init__(self, known: Mapping[str, Plain], loaders: Mapping[str, Callable[[], Plain]], left: list[int]) -> None:
        super().__init__(known)
        self.loaders = dict(loaders)
        self.left = left
        """One number: how many elements loops may still go through."""

    def get(self, name: str, default: Plain = None) -> Plain:  # type: ignore[override]
        """Of a variable; null for one that there is not."""
        if name not in self and name in self.loaders:
            loader = self.loaders.pop(name)
            try:
                self[name] = loader()
            except KyvernoError:
                self.loaders[name] = loader
                raise
        return super().get(name, default)

    def inner(self, more: Mapping[str, Plain]) -> Scope:
        """The same with more variables."""
        found = Scope(self, self.loaders, self.left)
        for name, value in more.items():
            found.loaders.pop(name, None)
            found[name] = value
        return found


def scope(request: Request) -> Scope:
    """What every rule may name."""
    given = dict(request.review.request)
    if request.operation == "DELETE" and given.get("object") is None:
        given["object"] = given.get("oldObject")
    given["operation"] = request.operation
    given["namespace"] = text(given, "namespace") or text(request.object, "metadata", "namespace")
    given = {k: v for k, v in given.items() if v is not None}
    user = text(request.user, "username")
    account = user.removeprefix(ACCOUNT).split(":") if user.startswith(ACCOUNT) else ["", ""]
    found: dict[str, Plain] = {
        "request": {**given, "roles": list(request.roles), "clusterRoles": list(request.cluster_roles)},
        "serviceAccountName": account[-1],
        "serviceAccountNamespace": account[0],
    }
    made = Scope(found, {"images": lambda: images(request.object)}, [ELEMENTS])
    for name, value in request.values.items():
        put(made, name, value)
    return made


def put(into: dict[str, Plain], dotted: str, value: Plain) -> None:
    """A value at a path with dots; a name in quotes may have dots of its own."""
    *front, last = _parts(dotted)
    here = into
    for part in front:
        inner = here.get(part)
        here[part] = inner = dict(inner) if isinstance(inner, dict) else {}
        here = inner
    here[last] = value


def _parts(dotted: str) -> list[str]:
    pieces = dotted.split('"')
    found = [p for i, piece in enumerate(pieces) for p in ([piece] if i % 2 else piece.strip(".").split(".")) if p]
    return found or [dotted]


def images(given: Object) -> dict[str, Plain]:
    """The images of an object's containers, by kind of container and name."""
    found: dict[str, Plain] = {}
    for kind in ("initContainers", "containers", "ephemeralContainers"):
        several: dict[str, Plain] = {}
        for each in items(pod_spec(given), kind):
            known = image(text(each, "image"))
            if known is not None:
                several[text(each, "name")] = dict(known.plain())
        if several:
            found[kind] = several
    return found


def pod_spec(given: Object) -> Mapping[str, Plain]:
    """The spec of the pods that an object stands for; an empty one where it stands for none."""
    match text(given, "kind"):
        case "Pod":
            return mapping(given, "spec")
        case "CronJob":
            return mapping(given, "spec", "jobTemplate", "spec", "template", "spec")
        case "Deployment" | "DaemonSet" | "StatefulSet" | "Job" | "ReplicaSet" | "ReplicationController":
            return mapping(given, "spec", "template", "spec")
    return EMPTY
