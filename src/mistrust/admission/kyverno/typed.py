"""ValidatingPolicy, MutatingPolicy and GeneratingPolicy: Kyverno's types that are written in CEL."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Final, cast

import msgspec

from mistrust.admission.celled import Celled, Validation
from mistrust.admission.finding import Action, Result
from mistrust.admission.kyverno.answer import Answer, Verdict
from mistrust.admission.kyverno.autogen import CRON_TEMPLATE, TEMPLATE, moved
from mistrust.admission.kyverno.cel import compiled, environment, named
from mistrust.admission.kyverno.celbody import evaluated, failed
from mistrust.admission.kyverno.jsonpatch import applied
from mistrust.admission.kyverno.library import plain
from mistrust.admission.kyverno.merge import configured
from mistrust.admission.kyverno.outcome import Outcome
from mistrust.admission.kyverno.request import Request
from mistrust.admission.plain import mapping, text
from mistrust.admission.vap.policy import ACTIONS, ParamKind, Variable
from mistrust.admission.vap.rules import Match, Rule, matches
from mistrust.kube.build import Plain
from mistrust.kube.errors import InputError
from mistrust.languages.cel.environment import EvaluationError, Program
from mistrust.languages.cel.values import CelError
from mistrust.languages.kyverno.errors import KyvernoError

VALIDATING: Final = (*("ValidatingPolicy", "NamespacedValidatingPolicy", "ValidatingAdmissionPolicy"),)
MUTATING: Final = ("MutatingPolicy", "NamespacedMutatingPolicy", "MutatingAdmissionPolicy")
GENERATING: Final = ("GeneratingPolicy", "NamespacedGeneratingPolicy")
UNREAD: Final = (
    "ImageValidatingPolicy",
    "NamespacedImageValidatingPolicy",
    "DeletingPolicy",
    "NamespacedDeletingPolicy",
)
KINDS: Final = (*VALIDATING, *MUTATING, *GENERATING, *UNREAD)
CONTROLLERS: Final[Mapping[str, str]] = {
    **dict.fromkeys(("daemonsets", "deployments", "replicasets", "statefulsets"), "apps"),
    "jobs": "batch",
    "replicationcontrollers": "",
}
DEFAULT: Final = (*CONTROLLERS, "cronjobs")
Change = Callable[[Request, dict[str, Plain]], dict[str, Plain]]


class Generation(msgspec.Struct, frozen=True):
    """An expression that makes objects."""

    expression: str


class Expression(msgspec.Struct, frozen=True):
    """An expression of a mutation."""

    expression: str = ""


class Mutation(msgspec.Struct, frozen=True, rename="camel"):
    """A change."""

    patch_type: str
    apply_configuration: Expression = Expression()
    json_patch: Expression = Expression()


class Spec(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True):
    """What such a policy says."""

    match_constraints: Match | None = None
    match_conditions: list[Variable] = []
    variables: list[Variable] = []
    validations: list[Validation] = []
    mutations: list[Mutation] = []
    generate: list[Generation] = []
    autogen: dict[str, object] = {}
    evaluation: dict[str, object] = {}
    validation_actions: list[str] = []
    audit_annotations: list[object] = []
    failure_policy: str = "Fail"
    reinvocation_policy: str = ""
    webhook_configuration: object = None
    param_kind: ParamKind | None = None


class Part(msgspec.Struct, frozen=True):
    """A policy for one shape of object."""

    match: Match | None
    celled: Celled
    mutations: tuple[tuple[str, Program], ...] = ()
    generations: tuple[Program, ...] = ()
    at: Sequence[str] = ()
    """Where the pod is that the policy is about; empty for the object itself."""

    def outcome(self, request: Request, params: Plain) -> Outcome:
        """What it says."""
        if self.celled.validations:
            return evaluated(self.celled, request, params)
        made: list[dict[str, Plain]] = []
        try:
            names = named(self.celled, request, params, made)
            if not self.celled.applies(names):
                return Outcome(Result.SKIP, "the conditions do not hold")
            found = self._changed(request, params)
            for each in self.generations:
                each.evaluate(names)
        except EvaluationError as error:
            return failed(error)
        except (KyvernoError, CelError) as error:
            return Outcome(Result.ERROR, str(error))
        return Outcome(Result.PASS, object=found if self.mutations else None, made=tuple(made))

    def _changed(self, request: Request, params: Plain) -> dict[str, Plain]:
        """The object after every mutation, each about what those before it have made."""
        for kind, program in self.mutations:
            found = plain(program.evaluate(named(self.celled, request, params, [])))
            if kind == "JSONPatch":
                if not isinstance(found, list):
                    raise KyvernoError("not a JSON patch")
                request = request.changed(applied(request.object, _moved(found, self.at)))
            elif isinstance(found, dict):
                request = request.changed(configured(request.object, _nested(found, self.at)))
            else:
                raise KyvernoError("not an apply configuration")
        return request.object


class TypedPolicy(msgspec.Struct, frozen=True):
    """A policy, compiled for each shape of object that it is about."""

    name: str
    kind: str
    namespace: str
    parts: tuple[Part, ...]
    action: Action = Action.DENY

    @property
    def mutates(self) -> bool:
        """Does it change objects?"""
        return any(part.mutations for part in self.parts)

    def verdict(self, request: Request) -> Verdict:
        """What it says of a request."""
        if self.namespace and text(request.object, "metadata", "namespace") != self.namespace:
            return Verdict((), request.object)
        for part in self.parts:
            if matches(part.match, request.review, every=False):
                if self.kind in UNREAD:
                    return Verdict((Answer("", Result.UNKNOWN, f"{self.kind} is not evaluated"),), request.object)
                by = request.exempt(self.name, "")
                found = Outcome(Result.SKIP, f"excepted by {by}") if by else part.outcome(request, None)
                answer = Answer("", found.result, found.message, found.path, found.made, self.action)
                return Verdict((answer,), found.object or request.object)
        return Verdict((), request.object)


def policy(given: Mapping[str, Plain]) -> TypedPolicy:
    """Compile. Raises `InputError` for what is not understood."""
    kind, name = text(given, "kind"), text(given, "metadata", "name")
    space = text(given, "metadata", "namespace") if kind.startswith("Namespaced") else ""
    where = f"{kind} {name}"
    try:
        said = {k: v for k, v in mapping(given, "spec").items() if kind not in UNREAD or k == "matchConstraints"}
        spec = msgspec.convert(said, Spec)
        mode = spec.evaluation.get("mode", "Kubernetes")
        if mode != "Kubernetes":
            raise InputError("an evaluation that is not understood", got=str(mode), wanted="Kubernetes")
        if spec.param_kind is not None:
            raise InputError("parameters are given by bindings, and not understood here", got=spec.param_kind.kind)
        parts = [_part(spec, spec.match_constraints, ())]
        if not kind.endswith("AdmissionPolicy") and not spec.generate:
            parts += [_part(spec, match, at) for match, at in _autogen(spec)]
    except msgspec.ValidationError as error:
        raise InputError(f"not a {kind}", where=where, got=str(error)) from None
    except InputError as error:
        inner = f"{where}: {error.where}" if error.where else where
        raise InputError(error.what, where=inner, got=error.got, wanted=error.wanted) from None
    actions = [ACTIONS[a] for a in spec.validation_actions if a in ACTIONS] or [Action.DENY]
    return TypedPolicy(name, kind, space, tuple(parts), min(actions, key=list(ACTIONS.values()).index))


def _part(spec: Spec, match: Match | None, at: Sequence[str]) -> Part:
    """Parameters: `at`, where the pod is; empty for the object itself."""

    def here(source: str) -> str:
        return moved(source, at) if at else source

    asked = [Validation(here(v.expression), v.message, here(v.message_expression), v.reason) for v in spec.validations]
    made = compiled(
        [(v.name, here(v.expression)) for v in spec.variables],
        asked,
        [(c.name, here(c.expression)) for c in spec.match_conditions],
    )
    known = environment()
    return Part(
        match,
        made,
        tuple((m.patch_type, known.compile(here(_expression(m)))) for m in spec.mutations),
        tuple(known.compile(g.expression) for g in spec.generate),
        at,
    )


def _expression(given: Mutation) -> str:
    match given.patch_type:
        case "JSONPatch":
            return given.json_patch.expression
        case "ApplyConfiguration":
            return given.apply_configuration.expression
    raise InputError("not a type of patch", got=given.patch_type, wanted="ApplyConfiguration or JSONPatch")


def _nested(value: dict[str, Plain], at: Sequence[str]) -> dict[str, Plain]:
    """What is said of a pod, said of what holds its template."""
    for name in reversed(at):
        value = {name: value}
    return value


def _moved(operations: list[Plain], at: Sequence[str]) -> list[Plain]:
    """The same for the operations of a patch."""
    front = "".join(f"/{name}" for name in at)
    return [
        {k: f"{front}{v}" if k in ("path", "from") and isinstance(v, str) and v else v for k, v in each.items()}
        if isinstance(each, dict)
        else each
        for each in operations
    ]


def _autogen(spec: Spec) -> list[tuple[Match, Sequence[str]]]:
    """The same about what makes pods, unless more than pods of any kind are meant."""
    match = spec.match_constraints
    if match is None or len(match.resource_rules) != 1 or match.namespace_selector or match.object_selector:
        return []
    [rule] = match.resource_rules
    if rule.resources != ["pods"] or rule.api_groups != [""] or rule.resource_names:
        return []
    controllers = mapping(cast("dict[str, Plain]", spec.autogen), "podControllers").get("controllers")
    chosen = [c for c in controllers if isinstance(c, str)] if isinstance(controllers, list) else list(DEFAULT)
    if any(c not in DEFAULT for c in chosen):
        raise InputError("not a pod controller", got=", ".join(chosen), wanted=", ".join(DEFAULT))
    found: list[tuple[Match, Sequence[str]]] = []
    rules = [_rule(rule, group, [c for c in chosen if CONTROLLERS.get(c) == group]) for group in ("", "apps", "batch")]
    if any(r.resources for r in rules):
        found.append((Match([r for r in rules if r.resources]), TEMPLATE))
    if "cronjobs" in chosen:
        found.append((Match([_rule(rule, "batch", ["cronjobs"])]), CRON_TEMPLATE))
    return found


def _rule(given: Rule, group: str, resources: list[str]) -> Rule:
    return Rule([group], ["v1", *(["v1beta1"] * (group == "batch"))], given.operations, resources)
