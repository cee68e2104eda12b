"""Test suites of `kyverno test` (kyverno/cmd/cli/kubectl-kyverno/commands/test)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final, cast

import msgspec

from mistrust.admission.finding import Outcome, Result
from mistrust.admission.kyverno.answer import Policy
from mistrust.admission.kyverno.bound import bound, is_binding
from mistrust.admission.kyverno.compare import Answered, Object, Objects, Wanted, compared, named, placed
from mistrust.admission.kyverno.exceptions import Exempt, exception, is_exception
from mistrust.admission.kyverno.load import is_policy, policy
from mistrust.admission.kyverno.request import Request, World
from mistrust.admission.kyverno.values import Values, namespaces, values
from mistrust.admission.plain import items, mapping, text, texts
from mistrust.admission.review import Review
from mistrust.admission.vap.rules import plural
from mistrust.kube.build import Plain
from mistrust.kube.errors import Error, InputError
from mistrust.languages.kyverno.images import image


class Suite(msgspec.Struct, frozen=True, rename="camel"):
    """A file of tests."""

    name: str = ""
    policies: list[str] = []
    resources: list[str] = []
    variables: str = ""
    values: object = None
    userinfo: str = ""
    context: str = ""
    exceptions: list[str] = []
    param_resources: list[str] = []
    target_resources: list[str] = []
    old_resources: list[str] = []
    results: list[Wanted] = []


class Ready(msgspec.Struct, frozen=True):
    """What is asked, and all that it takes."""

    policies: tuple[Policy, ...]
    refused: Mapping[str, str]
    """Policies that are not understood, with the reason."""
    exceptions: tuple[Exempt, ...]
    values: Values
    world: World
    person: Object
    old: Mapping[tuple[str, ...], Object]
    """What was there before, by the identity of what is to be."""


KNOWN: Final = frozenset((*Suite.__struct_encode_fields__, "apiVersion", "kind", "metadata"))
RESULT: Final = frozenset(Wanted.__struct_encode_fields__)
"""What a suite and its results may say; one that says more is not run."""


def is_suite(given: Object) -> bool:
    """Is a document a suite?"""
    kinds = text(given, "kind") == "Test" and text(given, "apiVersion").startswith("cli.kyverno.io/")
    older = "kind" not in given and isinstance(given.get("results"), list) and isinstance(given.get("policies"), list)
    return kinds or older


def outcomes(given: Object, read: Objects, now: int | None = None) -> Iterator[Outcome]:
    """Run a suite. Parameters: `now`, nanoseconds since 1970.

    Raises `InputError` for a document that is none.
    """
    results = [set(r) for r in items(given, "results") if isinstance(r, dict)]
    more = {name for each in results for name in each - RESULT if not name.lower().startswith("is")}
    other = sorted((set(given) - KNOWN) | more)
    try:
        suite = msgspec.convert(given, Suite)
    except msgspec.ValidationError as error:
        raise InputError("not a suite", got=str(error), wanted="cli.kyverno.io/v1alpha1 Test") from None
    if other:
        name = suite.name or text(given, "metadata", "name")
        yield Outcome(name, Result.UNKNOWN, f"not understood: {', '.join(other)}")
        return
    wanted = [(each, name) for each in suite.results for name in _resources(each)]
    try:
        found = list(_answered(suite, read, now))
    except (Error, RecursionError) as error:
        yield from (Outcome(named(each, name), Result.ERROR, str(error)) for each, name in wanted)
        return
    for each, name in wanted:
        try:
            yield compared(each, name, found, read)
        except (Error, RecursionError) as error:
            yield Outcome(named(each, name), Result.ERROR, str(error))


def _resources(wanted: Wanted) -> list[str]:
    return wanted.resources or [wanted.resource]


def _answered(suite: Suite, read: Objects, now: int | None) -> Iterator[Answered]:
    """What every policy says of every resource, for each operation that a result is about."""
    ready = _ready(suite, read, now)
    resources = _distinct([placed(o) for path in suite.resources for o in _read(path, read) if text(o, "kind")])
    for operation in dict.fromkeys(w.asked for w in suite.results):
        for resource in resources:
            yield from _asked(ready, resource, operation)


def _asked(ready: Ready, resource: Object, operation: str) -> Iterator[Answered]:
    """What every policy says of a resource: those that change objects are asked first."""
    current: dict[str, Plain] = dict(resource)
    for each in sorted(ready.policies, key=lambda p: not p.mutates):
        verdict = each.verdict(_request(ready, each.name, resource, current, operation))
        after = verdict.object
        yield Answered(each.name, resource, operation, verdict.answers, after)
        current = after if isinstance(after, dict) and each.mutates else current
    for name, why in ready.refused.items():
        yield Answered(name, resource, operation, (), None, why)


def _ready(suite: Suite, read: Objects, now: int | None) -> Ready:
    policies: list[Policy] = []
    refused: dict[str, str] = {}
    documents = [d for path in suite.policies for d in read(path)]
    bindings = [d for d in documents if is_binding(d)]
    for given in filter(is_policy, documents):
        try:
            policies.append(bound(given, bindings) or policy(given))
        except Error as error:
            refused[text(given, "metadata", "name")] = str(error)
    return Ready(
        tuple(policies),
        refused,
        tuple(exception(d) for path in suite.exceptions for d in read(path) if is_exception(d)),
        values([d for path in filter(None, [suite.variables]) for d in read(path)], cast("Plain", suite.values)),
        _world(suite, read, now),
        next(iter(read(suite.userinfo)), {}) if suite.userinfo else {},
        {_identity(o): o for path in suite.old_resources for o in map(placed, read(path))},
    )


def _read(path: str, read: Objects) -> Sequence[Object]:
    """A file that cannot be read holds nothing; results that name what should be in it say that it is not there."""
    try:
        return read(path)
    except Error:
        return ()


def _world(suite: Suite, read: Objects, now: int | None) -> World:
    """What the suite says there is beside; without such a file that is not known."""
    clones = dict.fromkeys(w.clone_source_resource for w in suite.results if w.clone_source_resource)
    sources = [o for path in clones for o in read(path)]
    if not suite.context and not suite.param_resources and not suite.target_resources:
        return World(now=now, sources=sources)
    spec = [mapping(d, "spec") for d in (read(suite.context) if suite.context else ())]
    objects = [o for s in spec for o in items(s, "resources") if isinstance(o, dict)]
    more = [o for path in (*suite.param_resources, *suite.target_resources) for o in read(path)]
    images = {_reference(text(i, "image")): i for s in spec for i in items(s, "images")}
    return World([*objects, *more], images, now, sources)


def _reference(name: str) -> str:
    found = image(name)
    return found.reference if found is not None else name


def _distinct(several: Sequence[Object]) -> list[Object]:
    return list({_identity(o): o for o in reversed(several)}.values())[::-1]


def _identity(given: Object) -> tuple[str, str, str, str]:
    name = text(given, "metadata", "name") or text(given, "metadata", "generateName")
    return text(given, "apiVersion"), text(given, "kind"), text(given, "metadata", "namespace"), name


def _request(ready: Ready, name: str, resource: Object, current: dict[str, Plain], operation: str) -> Request:
    """What a policy is asked: about the resource as it has become, and in the words of the values."""
    group, _, version = text(resource, "apiVersion").rpartition("/")
    kind, metadata = text(resource, "kind"), mapping(resource, "metadata")
    given = ready.values.of(name, text(metadata, "name"))
    operation = operation or str(given.get("request.operation", "CREATE"))
    old = dict(ready.old.get(_identity(resource), current))
    request: dict[str, Plain] = {
        "uid": "",
        "kind": {"group": group, "version": version, "kind": kind},
        "resource": {"group": group, "version": version, "resource": plural(kind)},
        "name": text(metadata, "name"),
        "namespace": text(metadata, "namespace"),
        "operation": operation,
        "userInfo": dict(mapping(ready.person, "userInfo") or mapping(ready.person, "requestInfo", "userInfo")),
        "object": None if operation == "DELETE" else current,
        "oldObject": old if operation in ("DELETE", "UPDATE") else None,
    }
    space = namespaces(ready.values, text(metadata, "namespace"))
    people = (ready.person, mapping(ready.person, "requestInfo"))
    roles, cluster = (tuple(r for p in people for r in texts(p, name)) for name in ("roles", "clusterRoles"))
    return Request(Review(request, space), ready.world, given, roles, cluster, ready.exceptions)
