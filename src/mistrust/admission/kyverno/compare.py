"""What came of a policy, beside what a test wants."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Final

import msgspec

from mistrust.admission.finding import Outcome, Result
from mistrust.admission.kyverno.answer import Answer
from mistrust.admission.plain import mapping, text
from mistrust.kube.build import Plain

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
    clone_source_resource: str = ""
    operation: str = ""
    resource_operation: str = ""

    @property
    def asked(self) -> str:
        """The operation that it is about; empty where it does not say."""
        return self.operation or self.resource_operation


class Answered(msgspec.Struct, frozen=True):
    """What one policy said of one resource."""

    policy: str
    resource: Object
    operation: str
    answers: tuple[Answer, ...]
    after: Plain
    failed: str = ""


def named(wanted: Wanted, name: str) -> str:
    """What a result is about."""
    return "/".join(p for p in (wanted.policy, wanted.rule, wanted.kind, name) if p)


def placed(given: Object) -> Object:
    """In the namespace `default` unless it is in another or in none."""
    if text(given, "kind") in CLUSTERED or text(given, "metadata", "namespace"):
        return given
    return {**given, "metadata": {**mapping(given, "metadata"), "namespace": "default"}}


def compared(wanted: Wanted, name: str, found: Sequence[Answered], read: Objects) -> Outcome:
    """Is a resource as a result wants it?"""
    asked = [a for a in found if a.policy == wanted.policy and a.operation == wanted.asked]
    about = [a for a in asked if _is(a.resource, wanted, name)]
    title = named(wanted, name)
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
    return tidy(dict(placed(expected))) == tidy(found)


def tidy(value: Plain) -> Plain:
    """Without what is empty."""
    if isinstance(value, dict):
        kept = {k: tidy(v) for k, v in value.items()}
        return {k: v for k, v in kept.items() if v is not None and v not in ({}, [])}
    return [tidy(v) for v in value] if isinstance(value, list) else value
