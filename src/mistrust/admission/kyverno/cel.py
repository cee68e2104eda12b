"""What expressions of Kyverno in CEL may name, and what they are about."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cache
from typing import Final, cast

from mistrust.admission.celled import VARIABLES, Asked, Celled, Validation
from mistrust.admission.kyverno.library import LIBRARIES, LIBRARY, UNKNOWN, Library
from mistrust.admission.kyverno.request import Request, images
from mistrust.admission.plain import mapping, text
from mistrust.kube.build import Plain
from mistrust.languages.cel.environment import Environment, EvaluationError
from mistrust.languages.cel.libraries.versions import LATEST
from mistrust.languages.cel.values import Value

MESSAGES: Final = ("Object", "JSONPatch")


@cache
def environment() -> Environment:
    """What expressions of Kyverno may name."""
    names = (*VARIABLES, *LIBRARIES, "images", "exceptions", "jsonpatch")
    return Environment(LATEST, names, LIBRARY, MESSAGES)


def compiled(
    variables: Iterable[tuple[str, str]],
    validations: Iterable[Validation],
    conditions: Iterable[tuple[str, str]] = (),
) -> Celled:
    """Compile. Raises `InputError` for what is no CEL."""
    known = environment()
    return Celled(
        {name: known.compile(expression) for name, expression in variables},
        tuple(
            Asked(v, known.compile(v.expression), known.compile(v.message_expression) if v.message_expression else None)
            for v in validations
        ),
        tuple((name, known.compile(expression)) for name, expression in conditions),
    )


def named(celled: Celled, request: Request, params: Plain, made: list[dict[str, Plain]]) -> Mapping[str, Value]:
    """What expressions are about. Parameters: `made`, where objects go that an expression generates."""
    found = cast("dict[str, Value]", celled.names(request.review, params))
    for name in (*LIBRARIES, "jsonpatch"):
        found[name] = Library(name, request, made)
    found["images"] = cast("Value", _images(request))
    found["exceptions"] = {"allowedImages": [], "allowedValues": []}
    return found


def _images(request: Request) -> Plain:
    """The references of images by kind of container."""
    return {
        kind: [text(each, "reference") for each in mapping({"of": several}, "of").values()]
        for kind, several in images(request.object).items()
    }


def told(error: EvaluationError) -> tuple[bool, str]:
    """Is it that something is unknown, and what is said of it."""
    said = str(error)
    return UNKNOWN in said, said.replace(UNKNOWN, "")
