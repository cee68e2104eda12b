"""Test suites of `kyverno test` (kyverno/cmd/cli/kubectl-kyverno/commands/test)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Final, cast

import msgspec

from mistrust.admission.finding import Outcome, Result
from mistrust.admission.kyverno.answer import Answer, Policy
from mistrust.admission.kyverno.load import is_policy, policy
from mistrust.admission.kyverno.request import Request, World
from mistrust.admission.kyverno.values import Values, namespaces, values
from mistrust.admission.plain import items, mapping, text, texts
from mistrust.admission.review import Review
from mistrust.admission.vap.rules import plural
from mistrust.kube.build import Plain
from mistrust.kube.errors import Error, InputError
from mistrust.languages.kyverno.images import image

Object = Mapping[str, Plain]
Objects = Callable[[str], Sequence[Object]]
"""What is in a file, by its path from the suite."""
CLUSTERED: Final = frozenset(
    (
        *("Namespace", "Node", "PersistentVolume", "ClusterRole", "ClusterRoleBinding", "StorageClass"),
        *("CustomResourceDefinition", "ClusterPolicy", "PriorityClass", "IngressClass", "APIService"),
        *("ValidatingWebhookConfiguration", "MutatingWebhookConfiguration", "FlowSchema", "ClusterIssuer"),
    )
)
PREFIXES: Final = ("", "autogen-", "autogen-cronjob-")


class Wanted(msgspec.Struct, frozen=True, rename="camel"):
    """What has to come of some resources."""

    policy: str = ""
    rule: str = ""
    kind: str = ""
    namespace: str = ""
    resource: str = ""
    resources: list[str] = []
    result: str = ""
    status: str = ""
    patched_resource: str = ""
    patched_resources: str = ""
    generated_resource: str = ""


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
    results: list[Wanted] = []


class Answered(msgspec.Struct, frozen=True):
    """What one policy said of one resource."""

    policy: str
    resource: Object
    answers: tuple[Answer, ...]
    after: Plain
    failed: str = ""


def is_suite(given: Object) -> bool:
    """Is a document a suite?"""
    kinds = text(given, "kind") == "Test" and text(given, "apiVersion").startswith("cli.kyverno.io/")
    older = "kind" not in given and isinstance(given.get("results"), list) and isinstance(given.get("policies"), list)
    return kinds or older


def outcomes(given: Object, read: Objects, now: int | None = None) -> Iterator[Outcome]:
    """Run a suite. Parameters: `now`, nanoseconds since 1970.

    Raises `InputError` for a document that is none."""
    try:
        suite = msgspec.convert(given, Suite)
    except msgspec.ValidationError as error:
        raise InputError("not a suite", got=str(error), wanted="cli.kyverno.io/v1alpha1 Test") from None
    try:
        found = list(_answered(suite, read, now))
    except Error as error:
        for wanted in suite.results:
            for name in _resources(wanted):
                yield Outcome(_named(wanted, name), Result.ERROR, str(error))
        return
    for wanted in suite.results:
        for name in _resources(wanted):
            yield _compared(wanted, name, found, read)


def _resources(wanted: Wanted) -> list[str]:
    return wanted.resources or [wanted.resource]


def _named(wanted: Wanted, name: str) -> str:
    return "/".join(p for p in (wanted.policy, wanted.rule, wanted.kind, name) if p)


def _answered(suite: Suite, read: Objects, now: int | None) -> Iterator[Answered]:
    """What every policy says of every resource: those that change objects are asked first."""
    policies: list[Policy] = []
    refused: dict[str, str] = {}
    for given in (d for path in suite.policies for d in read(path) if is_policy(d)):
        try:
            policies.append(policy(given))
        except Error as error:
            refused[text(given, "metadata", "name")] = str(error)
    known = values([d for path in filter(None, [suite.variables]) for d in read(path)], cast("Plain", suite.values))
    world = _world(suite, read, now)
    person = next(iter(read(suite.userinfo)), {}) if suite.userinfo else {}
    for resource in _distinct([_placed(o) for path in suite.resources for o in _read(path, read) if text(o, "kind")]):
        current: dict[str, Plain] = dict(resource)
        for each in sorted(policies, key=lambda p: not p.mutates):
            request = _request(each.name, resource, current, known, world, person)
            verdict = each.verdict(request)
            after = verdict.object
            yield Answered(each.name, resource, verdict.answers, after)
            current = after if isinstance(after, dict) and each.mutates else current
        for name, why in refused.items():
            yield Answered(name, resource, (), None, why)


def _read(path: str, read: Objects) -> Sequence[Object]:
    """A file that cannot be read holds nothing; results that name what should be in it say that it is not there."""
    try:
        return read(path)
    except Error:
        return ()


def _world(suite: Suite, read: Objects, now: int | None) -> World:
    """What the suite says there is beside; without such a file that is not known."""
    if not suite.context and not suite.param_resources and not suite.target_resources:
        return World(now=now)
    spec = [mapping(d, "spec") for d in (read(suite.context) if suite.context else ())]
    objects = [o for s in spec for o in items(s, "resources") if isinstance(o, dict)]
    more = [o for path in (*suite.param_resources, *suite.target_resources) for o in read(path)]
    images = {_reference(text(i, "image")): i for s in spec for i in items(s, "images")}
    return World([*objects, *more], images, now)


def _reference(name: str) -> str:
    found = image(name)
    return found.reference if found is not None else name


def _placed(given: Object) -> Object:
    """In the namespace `default` unless it is in another or in none."""
    if text(given, "kind") in CLUSTERED or text(given, "metadata", "namespace"):
        return given
    return {**given, "metadata": {**mapping(given, "metadata"), "namespace": "default"}}


def _distinct(several: Sequence[Object]) -> list[Object]:
    return list({_identity(o): o for o in reversed(several)}.values())[::-1]


def _identity(given: Object) -> tuple[str, str, str, str]:
    name = text(given, "metadata", "name") or text(given, "metadata", "generateName")
    return text(given, "apiVersion"), text(given, "kind"), text(given, "metadata", "namespace"), name


def _request(
    policy_name: str, resource: Object, current: dict[str, Plain], known: Values, world: World, person: Object
) -> Request:
    group, _, version = text(resource, "apiVersion").rpartition("/")
    kind, metadata = text(resource, "kind"), mapping(resource, "metadata")
    given = known.of(policy_name, text(metadata, "name"))
    operation = str(given.get("request.operation", "CREATE"))
    request: dict[str, Plain] = {
        "uid": "",
        "kind": {"group": group, "version": version, "kind": kind},
        "resource": {"group": group, "version": version, "resource": plural(kind)},
        "name": text(metadata, "name"),
        "namespace": text(metadata, "namespace"),
        "operation": operation,
        "userInfo": dict(mapping(person, "userInfo") or mapping(person, "requestInfo", "userInfo")),
        "object": None if operation == "DELETE" else current,
        "oldObject": current if operation in ("DELETE", "UPDATE") else None,
    }
    space = namespaces(known, text(metadata, "namespace"))
    roles = [tuple(texts(person, k) or texts(person, "requestInfo", k)) for k in ("roles", "clusterRoles")]
    return Request(Review(request, space), world, given, *roles)


def _compared(wanted: Wanted, name: str, found: Sequence[Answered], read: Objects) -> Outcome:
    about = [a for a in found if a.policy == wanted.policy and _is(a.resource, wanted, name)]
    title = _named(wanted, name)
    if not about:
        return Outcome(title, Result.ERROR, "there is no such policy or no such resource")
    because = next((a.failed for a in about if a.failed), "")
    if because:
        return Outcome(title, Result.ERROR, because)
    expected = wanted.result or wanted.status
    rows = [(a, answer) for a in about for answer in a.answers if _of(answer, wanted)]
    if not rows:
        said = "" if expected == "skip" else f"wanted {expected}, the rule is not about it"
        return Outcome(title, Result.FAIL if said else Result.PASS, said)
    for answered, answer in rows:
        why = _wrong(expected, wanted, answered, answer, read)
        if why:
            return Outcome(title, Result.FAIL, why)
    return Outcome(title, Result.PASS)


def _is(given: Object, wanted: Wanted, name: str) -> bool:
    space, _, bare = name.rpartition("/")
    space = space or wanted.namespace
    own = text(given, "metadata", "name") or text(given, "metadata", "generateName")
    return (
        text(given, "kind") == wanted.kind.rpartition("/")[2]
        and own == bare
        and (not space or text(given, "metadata", "namespace") == space)
    )


def _of(answer: Answer, wanted: Wanted) -> bool:
    return not answer.rule or not wanted.rule or answer.rule in [f"{p}{wanted.rule}"[:63] for p in PREFIXES]


def _wrong(expected: str, wanted: Wanted, answered: Answered, answer: Answer, read: Objects) -> str:
    """Why it is not as wanted; empty where it is. A patch that has to fail may give another object."""
    differs = _differs(wanted, answered, answer, read)
    if expected == "fail":
        holds = answer.result in (Result.FAIL, Result.ERROR) or (bool(differs) and answer.result is not Result.UNKNOWN)
    else:
        holds = str(answer.result) == expected and not differs
    if holds:
        return ""
    got = f"{answer.result}{f' ({answer.message})' if answer.message else ''}"
    return f"wanted {expected}, got {got}{f'; {differs}' if differs else ''}"


def _differs(wanted: Wanted, answered: Answered, answer: Answer, read: Objects) -> str:
    path = wanted.patched_resources or wanted.patched_resource
    if path and not any(_same(o, answered.after) for o in read(path)):
        return f"the object is not as in {path}"
    path = wanted.generated_resource
    if path and not any(_same(o, made) for o in read(path) for made in answer.made):
        return f"what is generated is not as in {path}"
    return ""


def _same(expected: Object, found: Plain) -> bool:
    return tidy(dict(_placed(expected))) == tidy(found)


def tidy(value: Plain) -> Plain:
    """Without what is empty."""
    if isinstance(value, dict):
        kept = {k: tidy(v) for k, v in value.items()}
        return {k: v for k, v in kept.items() if v is not None and v not in ({}, [])}
    return [tidy(v) for v in value] if isinstance(value, list) else value
