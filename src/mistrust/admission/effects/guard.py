"""`Guard`: an EffectPolicy, compiled, with what it asks of an effect."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final, Literal

import msgspec

from mistrust.admission.celled import Asked, Validation
from mistrust.admission.effects.variable import FIELDS, UNKNOWN
from mistrust.admission.plain import text
from mistrust.admission.review import Object
from mistrust.effect.effect import Kind
from mistrust.kube.errors import InputError
from mistrust.kube.meta import Ref
from mistrust.languages.cel.environment import environment
from mistrust.languages.cel.libraries.versions import LATEST
from mistrust.languages.cel.syntax import Has, Name, Select

VERSION: Final = "mistrust.dev/v1alpha1"
KIND: Final = "EffectPolicy"
EFFECT: Final = "effect"
VARIABLES: Final = (EFFECT, "object", "oldObject", "request")


class Strict(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename="camel"):
    """A part of a policy: a field that nobody reads is an error, or a misspelt one would guard nothing."""


class Match(Strict, frozen=True):
    """Changes of which objects a guard is asked about. Empty: of any."""

    kinds: tuple[str, ...] = ()
    """`RoleBinding`, `NetworkPolicy`."""
    namespaces: tuple[str, ...] = ()
    """An object without a namespace is in none of them."""
    exclude_namespaces: tuple[str, ...] = ()

    def holds(self, ref: Ref) -> bool:
        """Is it asked about this object?"""
        return (
            (not self.kinds or ref.kind in self.kinds)
            and (not self.namespaces or ref.namespace in self.namespaces)
            and (not ref.namespace or ref.namespace not in self.exclude_namespaces)
        )


class Rule(Strict, frozen=True):
    """An expression that has to be true of the effect."""

    expression: str
    message: str = ""
    message_expression: str = ""


class Spec(Strict, frozen=True):
    """What a policy says."""

    validations: tuple[Rule, ...]
    match: Match = Match()
    unknown: Literal["deny", "warn", "allow"] = "deny"
    """What comes of a validation that holds, where something was not seen that may hide the contrary."""


class Written(msgspec.Struct, frozen=True):
    """A policy as it is written; its metadata is read elsewhere."""

    spec: Spec


class Guard(msgspec.Struct, frozen=True):
    """A policy on effects, compiled."""

    name: str
    spec: Spec
    asked: tuple[Asked, ...]
    fields: frozenset[str]
    """The fields of `effect` that it names."""

    @property
    def kinds(self) -> frozenset[Kind]:
        """What it asks about: what may hide something else does not matter to it."""
        found = frozenset(FIELDS[name].kind for name in self.fields - {UNKNOWN})
        return found or frozenset(Kind)


def guard(given: Object, where: str = "") -> Guard:
    """Compile a policy. Raises `InputError` for one that is not understood."""
    name = text(given, "metadata", "name")
    where = f"{where}: {KIND} {name}".removeprefix(": ")
    if (text(given, "apiVersion"), text(given, "kind")) != (VERSION, KIND) or not name:
        wanted = f"apiVersion: {VERSION}, kind: {KIND}, metadata.name"
        raise InputError("not a policy on effects", where=where, got=text(given, "apiVersion"), wanted=wanted)
    if stray := sorted(given.keys() - {"apiVersion", "kind", "metadata", "spec"}):
        raise InputError("a field that nobody reads", where=where, got=stray[0], wanted="spec")
    try:
        spec = msgspec.convert(dict(given), Written).spec
    except msgspec.ValidationError as error:
        raise InputError("not a policy on effects", where=where, got=str(error)) from None
    if not spec.validations:
        raise InputError("a policy that asks for nothing", where=where, wanted="spec.validations")
    try:
        asked = tuple(map(_compiled, spec.validations))
        fields = frozenset(_fields(asked))
    except InputError as error:
        inner = f"{where}: {error.where}".removesuffix(": ")
        raise InputError(error.what, where=inner, got=error.got, wanted=error.wanted) from None
    except RecursionError:
        raise InputError("an expression that is nested too deep", where=where) from None
    return Guard(name, spec, asked, fields)


def guards(objects: Iterable[tuple[str, Object]]) -> tuple[Guard, ...]:
    """The policies of a folder, each with the place where it stands; every object has to be one.

    Raises `InputError` for one that is not understood, for a name that is there twice, and for none at all.
    """
    found: dict[str, Guard] = {}
    for where, given in objects:
        made = guard(given, where)
        if made.name in found:
            raise InputError("two policies of one name", where=where, got=made.name)
        found[made.name] = made
    if not found:
        raise InputError("no policies on effects", wanted=f"kind: {KIND}", do="none would let everything pass")
    return tuple(found.values())


def _compiled(rule: Rule) -> Asked:
    known = environment(LATEST, VARIABLES)
    validation = Validation(rule.expression, rule.message, rule.message_expression)
    message = known.compile(rule.message_expression) if rule.message_expression else None
    return Asked(validation, known.compile(rule.expression), message)


def _fields(several: Iterable[Asked]) -> Iterator[str]:
    """The fields of `effect` that expressions name. Raises `InputError` for one that there is none of."""
    for asked in several:
        programs = (asked.holds, asked.message) if asked.message is not None else (asked.holds,)
        used = {name for program in programs for name in _named(program.node)}
        for name in sorted(used - {*FIELDS, UNKNOWN}):
            what = "effect is asked for its fields alone" if not name else "no field of effect"
            wanted = ", ".join((*FIELDS, UNKNOWN))
            raise InputError(what, where=asked.validation.expression.strip(), got=name, wanted=wanted)
        if not set(_named(asked.holds.node)):
            raise InputError("an expression that does not ask for the effect", got=asked.validation.expression.strip())
        yield from used


def _named(part: object) -> Iterator[str]:
    """The fields of `effect` in a part of an expression; empty where it is taken as a whole."""
    match part:
        case Select(operand=Name(name=name), field=field) | Has(operand=Name(name=name), field=field) if (
            name.lstrip(".") == EFFECT
        ):
            yield field
        case Name(name=name):
            if name.lstrip(".") == EFFECT:
                yield ""
        case tuple():
            for each in part:
                yield from _named(each)
        case msgspec.Struct():
            yield from _named(msgspec.structs.astuple(part))
