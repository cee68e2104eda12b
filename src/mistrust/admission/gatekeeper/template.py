"""ConstraintTemplates, compiled: Rego, or CEL where a template has both (frameworks/constraint, pkg/drivers/k8scel)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Final, cast

import msgspec

from mistrust.admission.celled import Celled, Validation, celled
from mistrust.admission.plain import mapping, text
from mistrust.admission.review import Review
from mistrust.kube.build import Plain
from mistrust.kube.errors import InputError
from mistrust.languages.rego.compile import compiled
from mistrust.languages.rego.errors import EvaluationError
from mistrust.languages.rego.parse import parse
from mistrust.languages.rego.syntax import Module
from mistrust.languages.rego.values import Set, Value

TARGET: Final = "admission.k8s.gatekeeper.sh"
NATIVE, REGO = "K8sNativeValidation", "Rego"
GIVEN: Final = (("anyObject", "anyObject"), ("params", "params"))
"""Variables that Gatekeeper's driver adds (pkg/drivers/k8scel/transform/cel_snippets.go)."""


class Violation(msgspec.Struct, frozen=True):
    """What a template finds."""

    message: str
    details: Plain = None


class RegoSource(msgspec.Struct, frozen=True):
    """What it says in Rego."""

    rego: str
    libs: list[str] = []
    version: str = "v0"


class Variable(msgspec.Struct, frozen=True):
    """A name for an expression."""

    name: str
    expression: str


class NativeSource(msgspec.Struct, frozen=True, rename="camel"):
    """What it says in CEL."""

    validations: list[Validation] = []
    variables: list[Variable] = []
    match_conditions: list[Variable] = []
    failure_policy: str = "Fail"


class Code(msgspec.Struct, frozen=True):
    """One engine."""

    engine: str
    source: msgspec.Raw


class Target(msgspec.Struct, frozen=True):
    """What the template asks of one kind of request."""

    target: str
    rego: str = ""
    libs: list[str] = []
    code: list[Code] = []


Decide = Callable[[Review, Plain, Plain], Sequence[Violation]]


class Template(msgspec.Struct, frozen=True):
    """A template, ready to be asked."""

    kind: str
    """Of its constraints."""
    decide: Decide
    """Of a review, the parameters of a constraint, and the inventory. Raises `EvaluationError` of its language."""


def template(given: Mapping[str, Plain]) -> Template:
    """Compile a template. Raises `InputError` for one that Gatekeeper refuses too."""
    spec = mapping(given, "spec")
    kind = text(spec, "crd", "spec", "names", "kind")
    name = text(given, "metadata", "name")
    where = f"ConstraintTemplate {name}"
    if not kind:
        raise InputError("a template without a kind", where=where, wanted="spec.crd.spec.names.kind")
    if name != kind.lower():
        raise InputError("a template with another name than its kind", where=where, wanted=kind.lower())
    targets = spec.get("targets")
    if not isinstance(targets, list) or len(targets) != 1:
        raise InputError("a template with other than one target", where=where, wanted=TARGET)
    try:
        target = msgspec.json.decode(msgspec.json.encode(targets[0]), type=Target)
        return Template(kind, _decide(target))
    except msgspec.ValidationError as error:
        raise InputError("not a ConstraintTemplate", where=where, got=str(error)) from None
    except InputError as error:
        raise InputError(error.what, where=f"{where}: {error.where}", got=error.got, wanted=error.wanted) from None


def _decide(target: Target) -> Decide:
    if target.target != TARGET:
        raise InputError("another target", got=target.target, wanted=TARGET)
    native = next((c for c in target.code if c.engine == NATIVE), None)
    if native is not None:
        return _native(msgspec.json.decode(native.source, type=NativeSource))
    rego = next((c for c in target.code if c.engine == REGO), None)
    if target.rego:
        return _rego(RegoSource(target.rego, target.libs))
    if rego is not None:
        return _rego(msgspec.json.decode(rego.source, type=RegoSource))
    raise InputError("a template without code", wanted=f"rego, or code for {NATIVE} or {REGO}")


def _rego(source: RegoSource) -> Decide:
    version = 1 if source.version == "v1" else 0
    main = parse(source.rego, "rego", version=version)
    libs = [parse(lib, f"libs[{i}]", version=version) for i, lib in enumerate(source.libs)]
    _allowed(main, libs)
    program = compiled([main, *libs])
    query = program.query(f"data.{'.'.join(main.package)}.violation = found")

    def decide(review: Review, parameters: Plain, inventory: Plain) -> Sequence[Violation]:
        given = {"review": _asked(review), "parameters": parameters}
        [answer] = query.ask(cast("Value", given), cast("Value", {"inventory": inventory})) or [{"found": Set()}]
        found = answer["found"]
        several = list(found) if isinstance(found, Set) else found if isinstance(found, list) else [found]
        return [_violation(each) for each in several]

    return decide


def _allowed(main: Module, libs: Sequence[Module]) -> None:
    """Raises `InputError` for a template without `violation`, and for a library outside of `lib`."""
    if not any(getattr(rule.ref[0], "value", None) == "violation" for rule in main.rules):
        raise InputError("a template without a rule", wanted="violation[{...}]")
    for lib in libs:
        if lib.package[0] != "lib":
            raise InputError("a library outside of lib", where=str(lib.at), got=".".join(lib.package))
    known = {("data", "inventory"), ("data", "lib"), ("data", *main.package[:1])}
    for module in (main, *libs):
        for each in module.imports:
            if each.path[0] == "data" and each.path[:2] not in known:
                raise InputError("an import that Gatekeeper refuses", where=str(each.at), got=".".join(each.path))


def _asked(review: Review) -> Mapping[str, Plain]:
    if review.namespace is None:
        return review.request
    return {**review.request, "namespaceObject": dict(review.namespace)}


def _violation(value: Value) -> Violation:
    if isinstance(value, dict) and isinstance(value.get("msg"), str):
        return Violation(str(value["msg"]), cast("Plain", value.get("details")))
    raise EvaluationError("a violation without a msg that is a string")


def _native(source: NativeSource) -> Decide:
    asked: Celled = celled(
        [*GIVEN, *((v.name, v.expression) for v in source.variables)],
        source.validations,
        [(m.name, m.expression) for m in source.match_conditions],
    )

    def decide(review: Review, parameters: Plain, inventory: Plain) -> Sequence[Violation]:
        del inventory
        return [Violation(message) for message in asked.failed(review, parameters)]

    return decide
