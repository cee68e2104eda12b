"""`mutate`: patches, for each (kyverno/pkg/engine/mutate)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from mistrust.admission.finding import Result
from mistrust.admission.kyverno.conditions import conditions
from mistrust.admission.kyverno.context import entries, listed, with_context
from mistrust.admission.kyverno.jsonpatch import applied
from mistrust.admission.kyverno.merge import patched
from mistrust.admission.kyverno.outcome import Body, Outcome
from mistrust.admission.kyverno.request import Request, Scope
from mistrust.admission.kyverno.validating import at_element, elements
from mistrust.admission.plain import text
from mistrust.kube.build import Plain
from mistrust.kube.errors import InputError
from mistrust.kube.yaml import documents
from mistrust.languages.kyverno.errors import KyvernoError, UnknownError
from mistrust.languages.kyverno.variables import Filled, parsed, template

DEEPEST: Final = 8
MARK: Final = "kyverno-variable-"
UNCHANGED: Final = Outcome(Result.SKIP, "there is nothing to change")


def mutating(given: Mapping[str, Plain], depth: int = 0) -> Body:
    """Compile. Raises `InputError` for what is not understood."""
    match sorted(set(given) - {"mutateExistingOnPolicyUpdate"}):
        case ["patchStrategicMerge"]:
            return _merging(template(given["patchStrategicMerge"]))
        case ["patchesJson6902"]:
            return _patching(template(_operations(given["patchesJson6902"])))
        case ["foreach"] if depth < DEEPEST:
            return _each([_loop(each, depth) for each in listed(given["foreach"])])
        case several if "targets" in several:
            return _elsewhere
    raise InputError("not a mutation that is understood", got=", ".join(given))


def _elsewhere(request: Request, scope: Scope) -> Outcome:
    del request, scope
    raise UnknownError("it changes other objects of the cluster")


def _operations(given: Plain) -> Plain:
    """A patch written as a text. Variables are put in after it is read, so that they cannot bring operations."""
    if not isinstance(given, str):
        return given
    marked, variables = _marked(given)
    found, problems = documents(marked.encode(), "patchesJson6902")
    if problems or not found:
        raise InputError("not a JSON patch", got=given[:80])
    return _unmarked(found[0].value, variables)


def _marked(source: str) -> tuple[str, dict[str, str]]:
    """The text with a word for each variable, and what the words stand for: in quotes a text whatever its value."""
    text, variables = "", dict[str, str]()
    for part in parsed(source):
        if isinstance(part, str):
            text += part
            continue
        mark = f"{MARK}{len(variables)}{MARK}"
        quoted = _in_quotes(text.rpartition("\n")[2])
        variables[mark] = f"{{{{ to_string({str(part)[2:-2].strip()}) }}}}" if quoted else str(part)
        text += mark
    return text, variables


def _in_quotes(line: str) -> bool:
    return line.count('"') % 2 == 1 or line.count("'") % 2 == 1


def _unmarked(value: Plain, variables: Mapping[str, str]) -> Plain:
    if isinstance(value, dict):
        return {str(_unmarked(k, variables)): _unmarked(v, variables) for k, v in value.items()}
    if isinstance(value, list):
        return [_unmarked(v, variables) for v in value]
    if isinstance(value, str) and MARK in value:
        for mark, source in variables.items():
            value = value.replace(mark, source)
    return value


def _merging(patch: Filled) -> Body:
    def body(request: Request, scope: Scope) -> Outcome:
        wanted = patch(scope)
        if not isinstance(wanted, dict):
            raise KyvernoError("not a patch")
        return _became(request, patched(request.object, wanted))

    return body


def _patching(patch: Filled) -> Body:
    def body(request: Request, scope: Scope) -> Outcome:
        wanted = patch(scope)
        if not isinstance(wanted, list):
            raise KyvernoError("not a JSON patch")
        return _became(request, applied(request.object, wanted))

    return body


def _became(request: Request, found: dict[str, Plain] | None) -> Outcome:
    if found is None or found == request.object:
        return UNCHANGED
    return Outcome(Result.PASS, object=found)


def _each(loops: list[Body]) -> Body:
    def body(request: Request, scope: Scope) -> Outcome:
        changed = None
        for loop in loops:
            outcome = loop(request, scope)
            if outcome.object is not None:
                changed = outcome.object
                request = request.changed(changed)
        return UNCHANGED if changed is None else Outcome(Result.PASS, object=changed)

    return body


def _loop(given: Mapping[str, Plain], depth: int) -> Body:
    frame = {"list", "context", "preconditions", "order"}
    inner = {k: v for k, v in given.items() if k not in frame}
    path, context, allowed = (
        template(text(given, "list")),
        entries(given.get("context")),
        conditions(given.get("preconditions")),
    )
    body = mutating(inner, depth + 1)
    order = text(given, "order") or ("Descending" if "patchStrategicMerge" in given else "Ascending")
    if order not in ("Ascending", "Descending"):
        raise InputError("not an order", got=order, wanted="Ascending or Descending")

    def loop(request: Request, scope: Scope) -> Outcome:
        several = list(enumerate(elements(path, scope)))
        changed = None
        for i, element in reversed(several) if order == "Descending" else several:
            if element is None:
                continue
            here = with_context(at_element(scope, element, i, depth), context, request)
            if not allowed.hold(here):
                continue
            outcome = body(request, here)
            if outcome.object is not None:
                changed = outcome.object
                request = request.changed(changed)
        return UNCHANGED if changed is None else Outcome(Result.PASS, object=changed)

    return loop
