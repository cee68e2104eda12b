"""Every policy of some objects, whatever its kind, asked about one request in one way."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from typing import Final

import msgspec

from mistrust.admission.finding import Action, Finding, Result
from mistrust.admission.gatekeeper.constraint import ACTIONS as ENFORCED
from mistrust.admission.gatekeeper.constraint import WEBHOOK, Constraint, constraint
from mistrust.admission.gatekeeper.template import Template, template
from mistrust.admission.plain import mapping, text
from mistrust.admission.review import Object, Review
from mistrust.admission.vap.policy import ACTIONS, Binding, ParamKind, binding, findings, policy
from mistrust.admission.vap.policy import Policy as Validating
from mistrust.admission.vap.rules import Match, matches
from mistrust.kube.build import Plain
from mistrust.kube.errors import Error, InputError
from mistrust.kube.selectors import LabelSelector

FAILURE_POLICY: Final = "mistrust.dev/failure-policy"
"""Annotation of a constraint: `Ignore` lets pass what it cannot decide. Everything else denies it."""
POLICY_GROUPS: Final = ("gatekeeper.sh", "kyverno.io", "admissionregistration.k8s.io")
"""Groups of which an object that nothing reads is a policy that would not be asked."""
UNHAD: Final = ("data.inventory", 'data["inventory', "http.send", "external_data", "time.now_ns", "net.lookup")
"""What Rego may ask for and is not there: the policy would find nothing, and so let everything pass."""
NAME_LABEL: Final = "kubernetes.io/metadata.name"
STRICTEST: Final = (Action.DENY, Action.WARN, Action.AUDIT)


class OverdueError(BaseException):
    """The time for the answer is over. Not an `Exception`, so that no evaluation takes it for a failure of its own."""


class Question(msgspec.Struct, frozen=True):
    """One request, as the API server sends it, and as Gatekeeper shows it: what goes stands where what comes would."""

    sent: Review
    shown: Review

    @property
    def namespace(self) -> str:
        """The namespace of a request about something inside one; empty for others, Namespaces included."""
        inside = self.sent.group_version_kind[2] != "Namespace" or self.sent.group_version_kind[0] != ""
        return text(self.sent.request, "namespace") if inside else ""


class Policy(msgspec.Struct, frozen=True):
    """One policy, ready to be asked."""

    name: str
    unanswered: Action
    """What leads to where it has no answer: what a violation leads to, or nothing where the policy says to ignore."""
    ask: Callable[[Question], Iterable[Finding]]

    def failed(self, why: str, result: Result = Result.ERROR) -> Finding:
        """It has no answer."""
        return Finding(self.name, result, why, action=self.unanswered)


class Policies(msgspec.Struct, frozen=True):
    """All of them, or what keeps them from being asked."""

    policies: tuple[Policy, ...] = ()
    problems: tuple[str, ...] = ()


def question(request: Mapping[str, Plain], namespace: Object | None = None) -> Question:
    """A request, to be asked about. Raises `InputError` for a deletion without what is deleted."""
    sent = dict(request)
    shown = sent
    if text(sent, "operation") == "DELETE":
        if sent.get("oldObject") is None:
            raise InputError("a deletion without what is deleted", wanted="request.oldObject")
        shown = {**sent, "object": sent["oldObject"]}
    return Question(Review(sent, namespace), Review(shown, namespace))


def ask(
    policies: Iterable[Policy], asked: Question, bound: AbstractContextManager[object] | None = None
) -> list[Finding]:
    """What all of them find. One that fails, or that has no time left, is an error and no pass.

    Parameters: `bound` raises `OverdueError` inside of its block when the time is over.
    """
    found: list[Finding] = []
    left = iter(policies)
    current: Policy | None = None
    try:
        with bound or nullcontext():
            for current in left:
                found += _asked(current, asked)
    except OverdueError:
        if current is not None:
            found.append(current.failed("did not finish in time"))
        found += [each.failed("was not asked: the time was over") for each in left]
    return found


def _asked(one: Policy, asked: Question) -> list[Finding]:
    try:
        return list(one.ask(asked))
    except Error as error:
        return [one.failed(str(error))]
    except Exception as error:  # a fault of ours, or of what was sent: deep objects, say; never a pass
        return [one.failed(f"a fault: {type(error).__name__}: {error}")]


def compiled(objects: Sequence[tuple[str, Object]]) -> Policies:
    """The policies among some objects, each with the place where it stands; problems are told, none is left out."""
    problems: list[str] = []
    made: list[Policy] = []
    read: set[int] = set()
    for reader in READERS:
        for place, given, attempt in reader(objects):
            read.add(id(given))
            try:
                one = attempt()
            except Error as error:
                problems.append(f"{place}: {error}")
                continue
            except RecursionError:
                problems.append(f"{place}: a policy that is nested too deep")
                continue
            if one is not None:
                made.append(one)
    for place, given in objects:
        group = text(given, "apiVersion").rpartition("/")[0]
        if id(given) not in read and any(group == g or group.endswith(f".{g}") for g in POLICY_GROUPS):
            problems.append(f"{place}: not understood as a policy: {group} {text(given, 'kind')}")
    return Policies(tuple(made), tuple(problems))


Attempt = Callable[[], Policy | None]
Reader = Callable[[Sequence[tuple[str, Object]]], Iterator[tuple[str, Object, Attempt]]]


def gatekeeper(objects: Sequence[tuple[str, Object]]) -> Iterator[tuple[str, Object, Attempt]]:
    """Templates, then their constraints."""
    templates: dict[str, Template] = {}
    sources: dict[str, bytes] = {}

    def compiled_template(given: Object) -> None:
        source = msgspec.json.encode(mapping(given, "spec"))
        for word in UNHAD:
            if msgspec.json.encode(word)[1:-1] in source:
                raise InputError(f"a template that asks for {word}, which is not there", do="leave it out")
        made = template(given)
        if made.kind in templates:
            raise InputError("two templates of one kind", got=made.kind)
        templates[made.kind] = made
        sources[made.kind] = source

    def compiled_constraint(given: Object) -> Policy:
        made = constraint(given, templates)
        return _constraint(made, given, needs=b"namespaceObject" in sources[made.template.kind])

    for place, given in objects:
        if text(given, "apiVersion").startswith("templates.gatekeeper.sh/"):
            yield place, given, partial(compiled_template, given)
    for place, given in objects:
        if text(given, "apiVersion").startswith("constraints.gatekeeper.sh/"):
            yield place, given, partial(compiled_constraint, given)


def _constraint(made: Constraint, given: Object, *, needs: bool) -> Policy:
    action = made.action(WEBHOOK)
    if made.spec.enforcement_action not in (*ENFORCED, "scoped"):
        raise InputError("an enforcementAction that nobody knows", got=made.spec.enforcement_action)
    ignores = text(given, "metadata", "annotations", FAILURE_POLICY) == "Ignore"
    name = f"{made.template.kind} {made.name}"
    unanswered = Action.AUDIT if ignores else action

    def asks(asked: Question) -> Iterator[Finding]:
        if needs and asked.namespace and asked.shown.namespace is None and made.asked(asked.shown):
            yield Finding(name, Result.UNKNOWN, _unknown(asked), action=unanswered)
            return
        for each in made.findings(asked.shown, {}, WEBHOOK):
            if each.result is Result.ERROR:
                yield msgspec.structs.replace(each, action=unanswered)
            else:
                yield msgspec.structs.replace(each, message=f"[{made.name}] {each.message}")

    return Policy(name, unanswered, asks)


def validating(objects: Sequence[tuple[str, Object]]) -> Iterator[tuple[str, Object, Attempt]]:
    """ValidatingAdmissionPolicies, with all their bindings; parameters are among the objects."""
    bindings: list[Binding] = []
    names = {text(o, "metadata", "name") for _, o in objects if _is_validating(o, "ValidatingAdmissionPolicy")}

    def params(kind: ParamKind, namespace: str) -> Iterator[Object]:
        for _, each in objects:
            if text(each, "apiVersion") == kind.api_version and text(each, "kind") == kind.kind:
                space = text(each, "metadata", "namespace")
                if not space or space == namespace:
                    yield each

    def bound(given: Object) -> None:
        made = binding(given)
        if made.spec.policy_name not in names:
            raise InputError("a binding without its policy", where=made.name, got=made.spec.policy_name)
        bindings.append(made)

    def asked(given: Object) -> Policy | None:
        made = policy(given)
        mine = [b for b in bindings if b.spec.policy_name == made.name]
        return _validating(made, mine, params, b"namespaceObject" in msgspec.json.encode(given)) if mine else None

    for place, given in objects:
        if _is_validating(given, "ValidatingAdmissionPolicyBinding"):
            yield place, given, partial(bound, given)
    for place, given in objects:
        if _is_validating(given, "ValidatingAdmissionPolicy"):
            yield place, given, partial(asked, given)


def _is_validating(given: Object, kind: str) -> bool:
    return text(given, "kind") == kind and text(given, "apiVersion").startswith("admissionregistration.k8s.io/")


def _validating(
    made: Validating, bindings: Sequence[Binding], params: Callable[[ParamKind, str], Iterable[Object]], needs: bool
) -> Policy:
    name = f"ValidatingAdmissionPolicy {made.name}"
    actions = {ACTIONS.get(a) for b in bindings for a in b.spec.validation_actions or ["Deny"]}
    strictest = next((a for a in STRICTEST if a in actions), Action.DENY)
    unanswered = Action.AUDIT if made.spec.failure_policy == "Ignore" else strictest
    of_policy, of_bindings = made.spec.match_constraints, [b.spec.match_resources for b in bindings]
    selects = any(map(_selects, (of_policy, *of_bindings)))
    about, loose = _anywhere(of_policy), _of_any_version(of_policy)
    narrow = [(m, _of_any_version(m), m is not of_policy) for m in (of_policy, *of_bindings) if _versions(m)]
    named = [versions for m, _, _ in narrow for versions in _versions(m)]
    common = named[0].intersection(*named) if named else frozenset[str]()

    def asks(asked: Question) -> Iterable[Finding]:
        sent = asked.sent
        if asked.namespace and sent.namespace is None and (needs or selects) and matches(about, sent, every=False):
            return [Finding(name, Result.UNKNOWN, _unknown(asked), action=unanswered)]
        if (
            narrow
            and sent.group_version_kind[1] not in common
            and any(
                not matches(match, sent, every=every) and matches(wide, sent, every=every)
                for match, wide, every in narrow
            )
        ):
            said = _converted(asked)
            return [Finding(name, Result.UNKNOWN, said, action=unanswered)] if matches(loose, sent, every=False) else ()
        return findings(made, bindings, sent, params)

    return Policy(name, unanswered, asks)


def _unknown(asked: Question) -> str:
    return f"the Namespace {asked.namespace} is not known, and the policy asks for it"


def _selects(match: Match | None) -> bool:
    """Does it ask for labels of Namespaces that are not known from their names?"""
    selector = match.namespace_selector if match is not None else None
    if selector is None or selector == LabelSelector():
        return False
    keys = {*selector.match_labels, *(r.key for r in selector.match_expressions)}
    return keys != {NAME_LABEL}


def _converted(asked: Question) -> str:
    version = "/".join(part for part in asked.sent.group_version_kind[:2] if part)
    return f"the object is of {version}, and the policy is about another version of its kind"


def _versions(match: Match | None) -> list[frozenset[str]]:
    """The versions that each of its rules names, and to which the API server would convert objects of others."""
    rules = match.resource_rules if match is not None and match.match_policy != "Exact" else []
    return [frozenset(rule.api_versions) for rule in rules if "*" not in rule.api_versions]


def _of_any_version(match: Match | None) -> Match | None:
    if match is None:
        return None
    rules = [msgspec.structs.replace(rule, api_versions=["*"]) for rule in match.resource_rules]
    return msgspec.structs.replace(match, resource_rules=rules)


def _anywhere(match: Match | None) -> Match | None:
    return msgspec.structs.replace(match, namespace_selector=None) if match is not None else None


READERS: Final[tuple[Reader, ...]] = (gatekeeper, validating)
"""Who reads which kinds of policies."""
