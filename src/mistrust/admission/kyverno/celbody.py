"""`validate.cel` of a rule: what a ValidatingAdmissionPolicy says, inside of a ClusterPolicy."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import msgspec

from mistrust.admission.celled import Celled, Validation, message
from mistrust.admission.finding import Result
from mistrust.admission.kyverno.cel import compiled, named, told
from mistrust.admission.kyverno.outcome import Body, Outcome
from mistrust.admission.kyverno.request import Request, Scope
from mistrust.admission.plain import mapping
from mistrust.admission.vap.policy import ParamKind, ParamRef, Variable
from mistrust.kube.build import Plain
from mistrust.kube.errors import InputError
from mistrust.languages.cel.environment import EvaluationError
from mistrust.languages.kyverno.errors import UnknownError

UNASKED: Final = "the conditions do not hold"


class Cel(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True):
    """`validate.cel`."""

    expressions: list[Validation] = []
    variables: list[Variable] = []
    param_kind: ParamKind | None = None
    param_ref: ParamRef | None = None
    audit_annotations: list[object] = []
    generate: bool | None = None


def cel_body(rule: Mapping[str, Plain]) -> Body:
    """Compile. Raises `InputError` for what is not understood."""
    try:
        given = msgspec.convert(mapping(rule, "validate", "cel"), Cel)
        conditions = msgspec.convert(rule.get("celPreconditions") or [], list[Variable])
    except msgspec.ValidationError as error:
        raise InputError("not a validation in CEL", got=str(error)) from None
    made = compiled(
        [(v.name, v.expression) for v in given.variables],
        given.expressions,
        [(c.name, c.expression) for c in conditions],
    )

    def body(request: Request, scope: Scope) -> Outcome:
        del scope
        return evaluated(made, request, _params(given, request))

    return body


def _params(given: Cel, request: Request) -> Plain:
    if given.param_kind is None or given.param_ref is None:
        return None
    ref = given.param_ref
    if not ref.name:
        raise UnknownError("it takes its parameters by labels")
    return request.world.find(given.param_kind.kind, ref.namespace, ref.name)


def evaluated(made: Celled, request: Request, params: Plain) -> Outcome:
    """What validations say of a request: the first that does not hold, or has no answer."""
    names = named(made, request, params, [])
    try:
        if not made.applies(names):
            return Outcome(Result.SKIP, UNASKED)
        for i, each in enumerate(made.validations):
            if each.holds.evaluate(names) is not True:
                return Outcome(Result.FAIL, message(each, names), f"validations[{i}]")
    except EvaluationError as error:
        return failed(error)
    return Outcome(Result.PASS)


def failed(error: EvaluationError) -> Outcome:
    """What an expression without a value comes to."""
    unknown, said = told(error)
    return Outcome(Result.UNKNOWN if unknown else Result.ERROR, said)
