"""SubjectAccessReviews, answered as pkg/registry/authorization/subjectaccessreview/rest.go does.

Groups are taken as the review gives them, because the server adds none to it either.
"""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from mistrust.access.verdict import Answer, Verdict
from mistrust.kube.decode import without_nulls
from mistrust.kube.meta import Value
from mistrust.layers.identity.lookup import Request


class ResourceAttributes(Value, frozen=True, gc=False):
    """`spec.resourceAttributes`; version and selectors do not matter to RBAC."""

    namespace: str = ""
    verb: str = ""
    group: str = ""
    resource: str = ""
    subresource: str = ""
    name: str = ""


class NonResourceAttributes(Value, frozen=True, gc=False):
    """`spec.nonResourceAttributes`."""

    path: str = ""
    verb: str = ""


class Spec(Value, frozen=True, gc=False):
    """`spec`: who asks, and for what."""

    user: str = ""
    groups: tuple[str, ...] = ()
    resource_attributes: ResourceAttributes | None = None
    non_resource_attributes: NonResourceAttributes | None = None


class Review(Value, frozen=True, gc=False):
    """A SubjectAccessReview of authorization.k8s.io."""

    spec: Spec = Spec()


class Status(Value, frozen=True, gc=False, omit_defaults=False):
    """`status` of a review that was understood."""

    allowed: bool
    denied: bool = False
    """Only an authorizer that forbids says true; RBAC never does."""
    reason: str = ""


class Doubt(Value, frozen=True, gc=False, omit_defaults=False):
    """`status` of a review that could not be answered, which is never a yes."""

    evaluation_error: str
    allowed: bool = False
    denied: bool = False
    reason: str = ""


def request_of(spec: Spec) -> Request:
    """What a review asks.

    Raises `ValueError`, saying why, for one that the API server refuses
    (pkg/apis/authorization/validation/validation.go).
    """
    resource, url = spec.resource_attributes, spec.non_resource_attributes
    if not spec.user and not spec.groups:
        raise ValueError("spec.user: at least one of user or group must be specified")
    if resource is not None and url is not None:
        raise ValueError("spec.nonResourceAttributes: cannot be specified in combination with resourceAttributes")
    if url is not None:
        return Request(spec.user, spec.groups, url.verb, path=url.path)
    if resource is None:
        raise ValueError(
            "spec.resourceAttributes: exactly one of nonResourceAttributes or resourceAttributes must be specified"
        )
    return Request(
        spec.user,
        spec.groups,
        resource.verb,
        resource.group,
        resource.resource,
        resource.subresource,
        resource.namespace,
        resource.name,
    )


def answer(line: bytes, decide: Callable[[Request], Verdict]) -> tuple[bytes, bool]:
    """One review as JSON, answered: the same object with its `status`; False where the line is no review.

    Nothing is raised for a bad line: its answer says what is wrong with it.
    """
    review: object = {}
    try:
        review = _decode(line)
        if not isinstance(review, dict):
            raise ValueError("not a JSON object")
        verdict = decide(request_of(_convert(review).spec))
    except (ValueError, RecursionError) as error:
        told = review if isinstance(review, dict) else {}
        return _ENCODER.encode({**told, "status": Doubt(str(error))}), False
    review["status"] = status_of(verdict)
    return _ENCODER.encode(review), True


def status_of(verdict: Verdict) -> Status | Doubt:
    """A verdict in the words of a review: unknown is not allowed, and says why in `evaluationError`."""
    if verdict.answer is Answer.UNKNOWN:
        return Doubt("; ".join(verdict.failed), reason=verdict.because)
    return Status(verdict.answer is Answer.ALLOWED, reason=verdict.because)


def _convert(review: object) -> Review:
    try:
        return msgspec.convert(review, Review)
    except msgspec.ValidationError:
        return msgspec.convert(without_nulls(review), Review)


_ENCODER = msgspec.json.Encoder()
_decode = msgspec.json.Decoder().decode
