"""What was decided, as lines of JSON: who, what and which policies, never what is inside of an object.

Messages of policies may quote objects, so they are not logged; the API server tells them to whoever asked.
"""

from __future__ import annotations

import datetime
import sys
from collections.abc import Mapping, Sequence
from typing import BinaryIO, Literal

import msgspec

from mistrust.admission.finding import Finding
from mistrust.admission.plain import mapping, text
from mistrust.kube.build import Plain

Chosen = Literal["all", "findings", "none"]


class Log:
    """Lines on standard output."""

    def __init__(self, chosen: Chosen, stream: BinaryIO | None = None) -> None:
        self._chosen = chosen
        self._stream = sys.stdout.buffer if stream is None else stream
        self._encoder = msgspec.json.Encoder()

    def event(self, event: str, /, **more: str | float) -> None:
        """Something that happened to the server."""
        self._write({"time": _now(), "event": event, **more})

    def review(
        self, request: Mapping[str, Plain], result: str, findings: Sequence[Finding], seconds: float, lifted: str
    ) -> None:
        """One review that was answered."""
        if self._chosen == "none" or (self._chosen == "findings" and not findings and not lifted):
            return
        kind = mapping(request, "kind")
        line: dict[str, object] = {
            "time": _now(),
            "event": "review",
            "uid": text(request, "uid"),
            "result": result,
            "operation": text(request, "operation"),
            "user": text(request, "userInfo", "username"),
            "group": text(kind, "group"),
            "kind": text(kind, "kind"),
            "namespace": text(request, "namespace"),
            "name": text(request, "name"),
            "dryRun": request.get("dryRun") is True,
            "seconds": round(seconds, 6),
        }
        if lifted:
            line["lifted"] = lifted
        line["findings"] = [
            {"policy": f.policy, "rule": f.rule, "result": f.result, "action": f.action} for f in findings[:50]
        ]
        self._write(line)

    def _write(self, line: Mapping[str, object]) -> None:
        try:
            self._stream.write(self._encoder.encode(line) + b"\n")
            self._stream.flush()
        except OSError:  # nobody reads any more; reviews are still to be answered
            pass


def _now() -> str:
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
