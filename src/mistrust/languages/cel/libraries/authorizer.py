"""The authorizer (k8s.io/apiserver pkg/cel/library/authz.go): may somebody do something?

Whoever evaluates gives an `Authorizer` as a variable, and with it the function that answers.
"""

from __future__ import annotations

from typing import Final, Protocol

import msgspec

from mistrust.languages.cel.function import Functions, members
from mistrust.languages.cel.libraries.formats import CHECKS
from mistrust.languages.cel.values import CelError, Opaque, Type, Value, no_overload

COST: Final = 350_000
"""Of one check: an expression has budget for two."""


class Question(msgspec.Struct, frozen=True):
    """What is asked: a verb, and a resource or a path that is none."""

    verb: str = ""
    group: str = ""
    resource: str = ""
    subresource: str = ""
    namespace: str = ""
    name: str = ""
    path: str = ""
    field_selector: str = ""
    label_selector: str = ""
    account: tuple[str, str] | None = None
    """Namespace and name of a service account; without one it is about whoever sent the request."""


class Answer(msgspec.Struct, frozen=True):
    """What came of it. Where there is an `error`, nothing is allowed."""

    allowed: bool
    reason: str = ""
    error: str = ""


class Authorizes(Protocol):
    """Who knows what is allowed."""

    def __call__(self, asked: Question, /) -> Answer:
        """May it be done?"""


class _Check(Opaque):
    __slots__ = ("asked", "authorizes")

    def __init__(self, authorizes: Authorizes, asked: Question = Question()) -> None:  # noqa: B008 - it is frozen
        self.authorizes, self.asked = authorizes, asked

    def same(self, other: Opaque) -> bool:
        """Does it ask the same?"""
        return isinstance(other, _Check) and type(other) is type(self) and other.asked == self.asked


class Authorizer(_Check):
    """Where every question begins."""

    __slots__ = ()
    kind = Type("kubernetes.authorization.Authorizer")


class PathCheck(_Check):
    """A question about a path that is no resource."""

    __slots__ = ()
    kind = Type("kubernetes.authorization.PathCheck")


class GroupCheck(_Check):
    """The beginning of a question about a resource."""

    __slots__ = ()
    kind = Type("kubernetes.authorization.GroupCheck")


class ResourceCheck(_Check):
    """A question about a resource."""

    __slots__ = ()
    kind = Type("kubernetes.authorization.ResourceCheck")


class Decision(Opaque):
    """An answer as a value."""

    __slots__ = ("answer",)
    kind = Type("kubernetes.authorization.Decision")

    def __init__(self, answer: Answer) -> None:
        self.answer = answer

    def same(self, other: Opaque) -> bool:
        """Is it the same answer?"""
        return isinstance(other, Decision) and other.answer == self.answer


def path(a: Value, b: Value) -> Value:
    """A path of the API server."""
    if not isinstance(a, Authorizer) or not isinstance(b, str):
        raise no_overload("path", a, b)
    if not b:
        raise CelError("path must not be empty")
    return PathCheck(a.authorizes, msgspec.structs.replace(a.asked, path=b))


def service_account(a: Value, namespace: Value, name: Value) -> Value:
    """The same questions about a service account."""
    if not isinstance(a, Authorizer) or not isinstance(namespace, str) or not isinstance(name, str):
        raise no_overload("serviceAccount", a, namespace, name)
    if any(CHECKS["dns1123Subdomain"](name)):
        raise CelError("Invalid service account name")
    if any(CHECKS["dns1123Label"](namespace)):
        raise CelError("Invalid service account namespace")
    return Authorizer(a.authorizes, msgspec.structs.replace(a.asked, account=(namespace, name)))


def group(a: Value, b: Value) -> Value:
    """A group of the API; the core one is empty."""
    if not isinstance(a, Authorizer) or not isinstance(b, str):
        raise no_overload("group", a, b)
    return GroupCheck(a.authorizes, msgspec.structs.replace(a.asked, group=b))


def resource(a: Value, b: Value) -> Value:
    """A resource of the group."""
    if not isinstance(a, GroupCheck) or not isinstance(b, str):
        raise no_overload("resource", a, b)
    return ResourceCheck(a.authorizes, msgspec.structs.replace(a.asked, resource=b))


def subresource(a: Value, b: Value) -> Value:
    """A subresource."""
    check, said = _resource("subresource", a, b)
    return ResourceCheck(check.authorizes, msgspec.structs.replace(check.asked, subresource=said))


def namespace(a: Value, b: Value) -> Value:
    """In a namespace; the empty one is all of them."""
    check, said = _resource("namespace", a, b)
    return ResourceCheck(check.authorizes, msgspec.structs.replace(check.asked, namespace=said))


def name(a: Value, b: Value) -> Value:
    """One object."""
    check, said = _resource("name", a, b)
    return ResourceCheck(check.authorizes, msgspec.structs.replace(check.asked, name=said))


def field_selector(a: Value, b: Value) -> Value:
    """Objects that a field selector chooses."""
    check, said = _resource("fieldSelector", a, b)
    return ResourceCheck(check.authorizes, msgspec.structs.replace(check.asked, field_selector=said))


def label_selector(a: Value, b: Value) -> Value:
    """Objects that a label selector chooses."""
    check, said = _resource("labelSelector", a, b)
    return ResourceCheck(check.authorizes, msgspec.structs.replace(check.asked, label_selector=said))


def _resource(called: str, a: Value, b: Value) -> tuple[ResourceCheck, str]:
    if isinstance(a, ResourceCheck) and isinstance(b, str):
        return a, b
    raise no_overload(called, a, b)


def check(a: Value, verb: Value) -> Value:
    """May a verb be done?"""
    if not isinstance(a, PathCheck | ResourceCheck) or not isinstance(verb, str):
        raise no_overload("check", a, verb)
    return Decision(a.authorizes(msgspec.structs.replace(a.asked, verb=verb)))


def allowed(a: Value) -> Value:
    """Is it allowed? What could not be found out is not."""
    answer = _answer("allowed", a)
    return answer.allowed and not answer.error


def reason(a: Value) -> Value:
    """Why."""
    return _answer("reason", a).reason


def errored(a: Value) -> Value:
    """Could it not be found out?"""
    return bool(_answer("errored", a).error)


def error(a: Value) -> Value:
    """Why it could not be found out."""
    return _answer("error", a).error


def _answer(called: str, a: Value) -> Answer:
    if isinstance(a, Decision):
        return a.answer
    raise no_overload(called, a)


AUTHORIZER: Final[Functions] = {
    **members(
        {
            "path": path,
            "serviceAccount": service_account,
            "group": group,
            "resource": resource,
            "subresource": subresource,
            "namespace": namespace,
            "name": name,
            "allowed": allowed,
            "reason": reason,
            "errored": errored,
            "error": error,
        },
        free=True,
    ),
    **members({"check": check}, cost=COST),
}
SELECTORS: Final[Functions] = members({"fieldSelector": field_selector, "labelSelector": label_selector}, free=True)
