"""Validations in CEL, as the API server evaluates those of a ValidatingAdmissionPolicy.

k8s.io/apiserver pkg/admission/plugin/policy/validating/{validator,dispatcher}.go.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final, cast

import msgspec

from mistrust.admission.plain import mapping, text
from mistrust.admission.review import Review
from mistrust.kube.build import Plain
from mistrust.languages.cel.environment import EvaluationError, Program, environment
from mistrust.languages.cel.libraries.authorizer import Authorizer, Question, ResourceCheck
from mistrust.languages.cel.libraries.versions import LATEST
from mistrust.languages.cel.values import CelError, Hashed, Value

VARIABLES: Final = (
    *("object", "oldObject", "anyObject", "request", "params", "namespaceObject", "variables"),
    *("authorizer", "authorizer.requestResource"),
)
LONGEST: Final = 5 << 10
"""Of a message that is computed."""


class Validation(msgspec.Struct, frozen=True, rename="camel"):
    """An expression that has to be true."""

    expression: str
    message: str = ""
    message_expression: str = ""
    reason: str = ""


class Lazy(dict[Hashed, Value]):
    """Variables that are worked out when they are asked for, once."""

    __slots__ = ("_names", "_programs")

    def __init__(self, programs: Mapping[str, Program], names: Mapping[str, Value]) -> None:
        super().__init__()
        self._programs, self._names = programs, names

    def __contains__(self, name: object) -> bool:
        return name in self._programs

    def __missing__(self, name: str) -> Value:
        if name not in self._programs:
            raise CelError(f"no such key: {name}")
        try:
            self[name] = self._programs[name].evaluate(self._names)
        except EvaluationError as error:
            raise CelError(str(error)) from None
        return self[name]


class Asked(msgspec.Struct, frozen=True):
    """A validation, compiled."""

    validation: Validation
    holds: Program
    message: Program | None


class Celled(msgspec.Struct, frozen=True):
    """Validations with the variables and conditions around them."""

    variables: Mapping[str, Program]
    validations: tuple[Asked, ...]
    conditions: tuple[tuple[str, Program], ...]

    def names(self, review: Review, params: Plain, authorizer: Authorizer | None = None) -> Mapping[str, Value]:
        """What the expressions are about. Without an `authorizer` an expression that asks it has no answer."""
        namespace = dict(review.namespace) if review.namespace is not None else None
        found = {
            "object": review.object,
            "oldObject": review.old,
            "anyObject": review.object if review.object is not None else review.old,
            "request": review.request,
            "params": params,
            "namespaceObject": namespace,
        }
        names = cast("dict[str, Value]", found)
        names["authorizer"] = authorizer
        names["authorizer.requestResource"] = requested(review, authorizer) if authorizer is not None else None
        names["variables"] = Lazy(self.variables, names)
        return names

    def applies(self, names: Mapping[str, Value]) -> bool:
        """Do all conditions hold? One that is false decides, whatever errors others have.

        Raises `EvaluationError` where none is false and one has no answer.
        """
        failed: EvaluationError | None = None
        for name, program in self.conditions:
            try:
                if program.evaluate(names) is not True:
                    return False
            except EvaluationError as error:
                failed = failed or EvaluationError(f"matchCondition '{name}': {error}")
        if failed is not None:
            raise failed
        return True

    def failed(self, review: Review, params: Plain) -> Iterator[str]:
        """The message of every validation that does not hold. Raises `EvaluationError` for one without an answer."""
        names = self.names(review, params)
        if not self.applies(names):
            return
        for asked in self.validations:
            if asked.holds.evaluate(names) is not True:
                yield message(asked, names)


def requested(review: Review, authorizer: Authorizer) -> ResourceCheck:
    """`authorizer.requestResource`: what the request is about."""
    request, resource = review.request, mapping(review.request, "resource")
    asked = Question(
        group=text(resource, "group"),
        resource=text(resource, "resource"),
        subresource=text(request, "subResource"),
        namespace=text(request, "namespace"),
        name=text(request, "name"),
    )
    return ResourceCheck(authorizer.authorizes, asked)


def message(asked: Asked, names: Mapping[str, Value]) -> str:
    """What is said where a validation does not hold."""
    if asked.message is not None:
        try:
            found = asked.message.evaluate(names)
        except EvaluationError:
            found = None
        if isinstance(found, str):
            trimmed = found.strip()
            if trimmed and len(trimmed.encode()) <= LONGEST and "\n" not in trimmed:
                return trimmed
    written = asked.validation.message.strip()
    return written or f"failed expression: {asked.validation.expression.strip()}"


def celled(
    variables: Sequence[tuple[str, str]],
    validations: Sequence[Validation],
    conditions: Sequence[tuple[str, str]] = (),
    version: str = LATEST,
) -> Celled:
    """Compile. Raises `InputError` for what is no CEL."""
    known = environment(version, VARIABLES)
    return Celled(
        {name: known.compile(expression) for name, expression in variables},
        tuple(
            Asked(v, known.compile(v.expression), known.compile(v.message_expression) if v.message_expression else None)
            for v in validations
        ),
        tuple((name, known.compile(expression)) for name, expression in conditions),
    )
