"""One policy of any kind, ready to be asked about a request, and what comes of asking several within some time."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext

import msgspec

from mistrust.admission.finding import Action, Finding, Result
from mistrust.admission.plain import text
from mistrust.admission.review import Object, Review
from mistrust.kube.build import Plain
from mistrust.kube.errors import Error, InputError


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


Attempt = Callable[[], Policy | None]
Reader = Callable[[Sequence[tuple[str, Object]]], Iterator[tuple[str, Object, Attempt]]]
"""Of objects with their places: each that it reads, with what compiles it, in order; None for what is not asked."""


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


def unknown(asked: Question) -> str:
    """Why a policy that asks for the Namespace has no answer."""
    return f"the Namespace {asked.namespace} is not known, and the policy asks for it"
