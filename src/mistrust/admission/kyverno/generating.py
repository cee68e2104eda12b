"""`generate`: what has to be there beside an object (kyverno/pkg/background/generate)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from mistrust.admission.finding import Result
from mistrust.admission.kyverno.outcome import Body, Outcome
from mistrust.admission.kyverno.request import Request, Scope
from mistrust.admission.plain import mapping, text
from mistrust.kube.build import Plain
from mistrust.kube.errors import InputError
from mistrust.languages.kyverno.errors import KyvernoError, UnknownError
from mistrust.languages.kyverno.variables import template

NAMES: Final = ("apiVersion", "kind", "name", "namespace")
OF_NO_CONCERN: Final = frozenset(
    ("synchronize", "orphanDownstreamOnPolicyDelete", "generateExisting", "useServerSideApply", "uid")
)


def generating(given: Mapping[str, Plain]) -> Body:
    """Compile. Raises `InputError` for what is not understood."""
    sources = sorted(set(given) - OF_NO_CONCERN - set(NAMES))
    if sources not in ([], ["data"], ["clone"], ["cloneList"], ["foreach"]):
        raise InputError("not a generation that is understood", got=", ".join(sources), wanted="data or clone")
    names = template({name: given.get(name, "") for name in NAMES})
    [kind] = sources or ["data"]
    source = template(given.get(kind, {})) if kind in ("data", "clone") else None

    def body(request: Request, scope: Scope) -> Outcome:
        if source is None:
            raise UnknownError("it makes objects of several others")
        named, value = names(scope), source(scope)
        if not isinstance(value, dict):
            raise KyvernoError("not an object")
        if kind == "clone":
            found = request.world.find(text(named, "kind"), text(value, "namespace"), text(value, "name"))
            if not isinstance(found, dict):
                raise KyvernoError("what is to be cloned is not there")
            value = {k: v for k, v in found.items() if k != "status"}
        return Outcome(Result.PASS, made=(_made(named, value),))

    return body


def _made(named: Plain, value: dict[str, Plain]) -> dict[str, Plain]:
    """An object of that kind and name; what only a server says of the one that it is a copy of is left out."""
    own = {k: v for k, v in mapping(value, "metadata").items() if k not in ("uid", "resourceVersion", "managedFields")}
    said = {name: found for name in NAMES if isinstance(named, dict) and (found := text(named, name))}
    identity: dict[str, Plain] = {name: said[name] for name in ("name", "namespace") if name in said}
    kind: dict[str, Plain] = {name: said.get(name, "") for name in ("apiVersion", "kind")}
    return {**value, **kind, "metadata": {**own, **identity}}
