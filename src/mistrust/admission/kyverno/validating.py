"""`validate`: patterns, conditions, for each, Pod Security, CEL (kyverno/pkg/engine/handlers/validation)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Final

from mistrust.admission.finding import Result
from mistrust.admission.kyverno.celbody import cel_body
from mistrust.admission.kyverno.conditions import conditions
from mistrust.admission.kyverno.context import entries, evaluated, listed, with_context
from mistrust.admission.kyverno.outcome import Body, Outcome
from mistrust.admission.kyverno.podsecurity import pod_security
from mistrust.admission.kyverno.request import Request, Scope
from mistrust.admission.plain import items, mapping, text
from mistrust.kube.build import Plain
from mistrust.kube.errors import InputError
from mistrust.languages.kyverno.anchors import Mismatch, mismatch
from mistrust.languages.kyverno.errors import ExceededError, FinalError, KyvernoError
from mistrust.languages.kyverno.variables import Filled, template

OF_NO_CONCERN: Final = frozenset(
    (
        *("message", "failureAction", "failureActionOverrides", "allowExistingViolations"),
        *("validationFailureAction", "emitWarning"),
    )
)
DEEPEST: Final = 8


def validating(rule: Mapping[str, Plain]) -> Body:
    """Compile. Raises `InputError` for what is not understood."""
    given = mapping(rule, "validate")
    asked = sorted(set(given) - OF_NO_CONCERN)
    if asked == ["cel"]:
        return cel_body(rule)
    if rule.get("celPreconditions"):
        raise InputError("celPreconditions without CEL")
    body = _body(given, asked, 0)
    return _with_message(body, template(text(given, "message"), lenient=True))


def _with_message(body: Body, message: Filled) -> Body:
    def told(request: Request, scope: Scope) -> Outcome:
        found = body(request, scope)
        if found.result is not Result.FAIL:
            return found
        try:
            said = str(message(scope))
        except KyvernoError:
            said = ""
        return Outcome(found.result, "; ".join(p for p in (said.strip(), found.message) if p), found.path)

    return told


def _body(given: Mapping[str, Plain], asked: Sequence[str], depth: int) -> Body:
    match asked:
        case ["deny"]:
            return _deny(mapping(given, "deny").get("conditions"))
        case ["pattern"]:
            return _patterns([template(given["pattern"])])
        case ["anyPattern"]:
            return _patterns([template(each) for each in items(given, "anyPattern")])
        case ["foreach"]:
            if depth >= DEEPEST:
                raise InputError("foreach nested too deeply", wanted=f"at most {DEEPEST} levels")
            return _each([_loop(each, depth) for each in listed(given["foreach"])])
        case ["podSecurity"]:
            return pod_security(mapping(given, "podSecurity"))
    raise InputError("not a validation that is understood", got=", ".join(asked))


def _deny(given: Plain) -> Body:
    asked = conditions(given)

    def body(request: Request, scope: Scope) -> Outcome:
        del request
        return Outcome(Result.FAIL if asked.hold(scope) else Result.PASS)

    return body


def _patterns(several: Sequence[Filled]) -> Body:
    def body(request: Request, scope: Scope) -> Outcome:
        if request.operation == "DELETE":
            return Outcome(Result.SKIP, "patterns are not about what goes")
        element = scope.get("element") if "element" in scope else None
        about: Plain = element if isinstance(element, dict) and scope.get("elementScope") is not False else None
        return _told([mismatch(request.object if about is None else about, each(scope)) for each in several])

    return body


def _told(wrong: Sequence[Mismatch | None]) -> Outcome:
    """One pattern that holds is enough."""
    found = [w for w in wrong if w is not None]
    if len(found) < len(wrong):
        return Outcome(Result.PASS)
    failed = [w for w in found if not w.skips]
    if not failed:
        return Outcome(Result.SKIP, "; ".join(f"{w.path}: {w.message}" for w in found))
    return Outcome(Result.FAIL, "; ".join(f"{w.path}: {w.message}" for w in failed), failed[0].path)


Loop = Callable[[Request, Scope], tuple[Outcome, int]]


def _each(loops: Sequence[Loop]) -> Body:
    def body(request: Request, scope: Scope) -> Outcome:
        applied = 0
        for loop in loops:
            outcome, count = loop(request, scope)
            if outcome.result is not Result.PASS:
                return outcome
            applied += count
        return Outcome(Result.PASS) if applied else Outcome(Result.SKIP, "there is no element to ask about")

    return body


def elements(path: Filled, scope: Scope) -> list[Plain]:
    """What a loop goes through; nothing where there is no such list."""
    try:
        found = evaluated(str(path(scope)), scope)
    except FinalError:
        raise
    except KyvernoError:
        return []
    if isinstance(found, dict):
        return [{"key": k, "value": v} for k, v in found.items()]
    return found if isinstance(found, list) else [] if found is None else [found]


def at_element(scope: Scope, element: Plain, index: int, depth: int) -> Scope:
    """What can be named inside of a loop. Raises `ExceededError` where loops have gone through too much."""
    scope.left[0] -= 1
    if scope.left[0] < 0:
        raise ExceededError("loops over too many elements")
    named: dict[str, Plain] = {"element": element, "elementIndex": index}
    return scope.inner({**named, f"element{depth}": element, f"elementIndex{depth}": index})


def _loop(given: Mapping[str, Plain], depth: int) -> Loop:
    frame = {"list", "context", "preconditions", "elementScope"}
    asked = sorted(set(given) - frame)
    path, context = template(text(given, "list")), entries(given.get("context"))
    allowed, body = conditions(given.get("preconditions")), _body(given, asked, depth + 1)
    whole = given.get("elementScope") is False

    def loop(request: Request, scope: Scope) -> tuple[Outcome, int]:
        applied = 0
        failed: KyvernoError | None = None
        for i, element in enumerate(elements(path, scope)):
            if element is None:
                continue
            inner = at_element(scope, element, i, depth)
            if whole:
                inner["elementScope"] = False
            try:
                inner = with_context(inner, context, request)
                outcome = body(request, inner) if allowed.hold(inner) else Outcome(Result.SKIP)
            except FinalError:
                raise
            except KyvernoError as error:
                failed = error
                continue
            if outcome.result not in (Result.PASS, Result.SKIP):
                return outcome, applied
            applied += outcome.result is Result.PASS
        if failed is not None:
            raise failed
        return Outcome(Result.PASS), applied

    return loop
