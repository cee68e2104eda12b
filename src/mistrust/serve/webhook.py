"""An AdmissionReview in, its answer out: within the time that the API server waits, and never open by accident."""

from __future__ import annotations

import datetime
import re
import time
from collections.abc import Awaitable, Sequence
from typing import Final

import msgspec

from mistrust.admission.answer import VERSION, Answer, Response, denials, response
from mistrust.admission.finding import Action, Finding
from mistrust.admission.plain import text
from mistrust.admission.policy import Policy, Question, ask, question
from mistrust.admission.review import Object
from mistrust.kube.build import Plain
from mistrust.kube.errors import InputError
from mistrust.serve.breakglass import Entry
from mistrust.serve.breakglass import lifted as entry_of
from mistrust.serve.budget import Budget
from mistrust.serve.http import JSON, TEXT, Reply, Request
from mistrust.serve.limits import Limits
from mistrust.serve.log import Log
from mistrust.serve.metrics import FINDINGS, OVERDUE, REVIEWS, Numbers
from mistrust.serve.record import Record

OPERATIONS: Final = frozenset(("CREATE", "UPDATE", "DELETE", "CONNECT"))
_SECONDS: Final = re.compile(r"([0-9]{1,4}(?:\.[0-9]{1,9})?)(ms|s|m)")
_UNITS: Final = {"ms": 1e-3, "s": 1.0, "m": 60.0}
TIMEOUT: Final = 10.0
"""Seconds, where the API server does not say."""


class Namespaces:
    """Where Namespaces are known from. This one knows none."""

    def known(self, name: str) -> Object | None:
        """A Namespace, at once."""
        del name
        return None

    def found(self, name: str) -> Awaitable[Object | None] | None:
        """A Namespace, after asking; None where there is nobody to ask."""
        del name
        return None


class Rules(msgspec.Struct, frozen=True):
    """What is decided by. Replaced as a whole."""

    policies: tuple[Policy, ...] | None = None
    """None until a folder was understood."""
    digest: str = ""
    entries: tuple[Entry, ...] = ()


class Webhook:
    """Answers reviews by the rules of the moment."""

    def __init__(
        self,
        numbers: Numbers,
        log: Log,
        *,
        namespaces: Namespaces | None = None,
        exempt: Sequence[str] = (),
        dry_run: bool = False,
        limits: Limits | None = None,
        record: Record | None = None,
    ) -> None:
        self.rules = Rules()
        self._numbers, self._log = numbers, log
        self._namespaces = namespaces or Namespaces()
        self._exempt, self._dry_run = frozenset(exempt), dry_run
        self._limits, self._record = limits or Limits(), record
        self._decoder: msgspec.json.Decoder[object] = msgspec.json.Decoder()
        self._encoder = msgspec.json.Encoder()

    def answer(self, asked: Request) -> Reply | Awaitable[Reply]:
        """The answer to one request. What is no review, or cannot be decided, is no 200: the API server then does as
        `failurePolicy` says.
        """
        try:
            return self._answer(asked)
        except Exception as error:
            return self._fault(error)

    def _answer(self, asked: Request) -> Reply | Awaitable[Reply]:
        if asked.head.content_type != JSON:
            return self._malformed(415, f"not {JSON}")
        try:
            request = self._request(asked.body)
        except InputError as error:
            return self._malformed(400, str(error))
        if self._record is not None:
            self._record.add(request)
        name = text(request, "namespace")
        if name and self._namespaces.known(name) is None:
            waiting = self._namespaces.found(name)
            if waiting is not None:
                return self._later(asked, request, waiting)
        return self._answered(asked, request, self._namespaces.known(name) if name else None)

    async def _later(self, asked: Request, request: dict[str, Plain], waiting: Awaitable[Object | None]) -> Reply:
        try:
            return self._answered(asked, request, await waiting)
        except Exception as error:
            return self._fault(error)

    def _fault(self, error: Exception) -> Reply:
        """A fault of ours is told, and lets nothing in."""
        self._log.event("fault", why=type(error).__name__)
        return Reply(b"a fault of the server\n", 500, TEXT)

    def _request(self, body: bytes) -> dict[str, Plain]:
        """The request of a review. Raises `InputError` for what is none."""
        try:
            review = self._decoder.decode(body)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise InputError("not JSON", got=str(error) or type(error).__name__) from None
        if not isinstance(review, dict) or review.get("kind") != "AdmissionReview":
            raise InputError("not an AdmissionReview")
        if review.get("apiVersion") != VERSION:
            raise InputError("an AdmissionReview of another version", wanted=VERSION)
        request = review.get("request")
        if not isinstance(request, dict) or not text(request, "uid"):
            raise InputError("an AdmissionReview without a request")
        if text(request, "operation") not in OPERATIONS or not text(request, "kind", "kind"):
            raise InputError("a request without operation or kind")
        return request

    def _answered(self, asked: Request, request: dict[str, Plain], namespace: Object | None) -> Reply:
        rules = self.rules
        if rules.policies is None:
            return Reply(b"no policies yet\n", 503, TEXT)
        try:
            about = question(request, namespace)
        except InputError as error:
            return self._malformed(400, str(error))
        findings: list[Finding] = []
        lifted, result = "", "exempt"
        if not about.namespace or about.namespace not in self._exempt:
            findings = self._findings(rules.policies, about, asked)
            lifted, result = self._lifted(rules, request, findings)
        reply = self._reply(response(text(request, "uid"), findings, lifted))
        took = time.monotonic() - asked.began
        self._numbers.add(REVIEWS[result])
        self._numbers.took(took)
        self._log.review(request, result, findings, took, lifted)
        return reply

    def _findings(self, policies: Sequence[Policy], about: Question, asked: Request) -> list[Finding]:
        end = asked.began + timeout(asked.head.parameter("timeout")) * self._limits.margin
        budget = Budget(min(self._limits.budget, end - time.monotonic()))
        try:
            found = ask(policies, about, budget)
        finally:
            budget.end()
        if budget.over:
            self._numbers.add(OVERDUE)
        kept = [f for f in found if f.action is not Action.NOTHING]
        for each in kept:
            name = FINDINGS.get((each.action, each.result))
            if name is not None:
                self._numbers.add(name)
        return kept

    def _lifted(self, rules: Rules, request: dict[str, Plain], findings: Sequence[Finding]) -> tuple[str, str]:
        """Why a denial is lifted, if it is, and the result."""
        if not denials(findings):
            return "", "allowed"
        entry = entry_of(rules.entries, request, datetime.datetime.now(datetime.UTC)) if rules.entries else None
        if entry is not None:
            return f"break-glass until {entry.until.isoformat()}: {entry.reason}", "lifted"
        return ("dry run: nothing is denied", "lifted") if self._dry_run else ("", "denied")

    def _reply(self, found: Response) -> Reply:
        return Reply(self._encoder.encode(Answer(found)))

    def _malformed(self, status: int, why: str) -> Reply:
        self._numbers.add(REVIEWS["malformed"])
        return Reply(f"{why}\n".encode(errors="replace"), status, TEXT)


def timeout(text_: str) -> float:
    """The seconds of `?timeout=`, a duration as Go writes it.

    >>> timeout("10s"), timeout("500ms"), timeout("1m30s"), timeout("")
    (10.0, 0.5, 90.0, 10.0)
    """
    parts = _SECONDS.findall(text_)
    if not parts or "".join(n + u for n, u in parts) != text_:
        return TIMEOUT
    return sum(float(number) * _UNITS[unit] for number, unit in parts)
