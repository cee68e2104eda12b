"""What policies find of objects as PolicyReports (wgpolicyk8s.io/v1alpha2) or OpenReports (openreports.io/v1alpha1).

One report for each namespace and one for the rest, so that a cluster holds few of them. What passes is not in them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

import msgspec

from mistrust.admission.finding import Action, Finding, Result
from mistrust.admission.plain import text
from mistrust.admission.review import Object

FORMS: Final = {
    "policyreport": ("wgpolicyk8s.io/v1alpha2", "PolicyReport", "ClusterPolicyReport"),
    "openreports": ("openreports.io/v1alpha1", "Report", "ClusterReport"),
}
MOST: Final = 1000
"""Results in one report; the summary counts all. etcd takes no object above 1.5 MiB."""
LONGEST: Final = 512
"""Bytes of a message."""
STATES: Final = ("fail", "warn", "error")


class Reference(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    """An object."""

    api_version: str
    kind: str
    name: str
    namespace: str = ""
    uid: str = ""


class Told(msgspec.Struct, frozen=True, omit_defaults=True):
    """One result."""

    policy: str
    result: str
    resources: tuple[Reference, ...]
    scored: bool
    message: str = ""
    rule: str = ""
    source: str = ""


def reports(found: Iterable[tuple[Object, Sequence[Finding]]], form: str) -> Mapping[str, object]:
    """A List of the reports. Parameters: `form` is one of `FORMS`."""
    told: dict[str, list[Told]] = {}
    for given, findings in found:
        of_namespace = told.setdefault(text(given, "metadata", "namespace"), [])
        of_namespace += [_told(given, f) for f in findings if f.result not in (Result.PASS, Result.SKIP)]
    items = [_report(space, results, form) for space, results in sorted(told.items()) if results]
    return {"apiVersion": "v1", "kind": "List", "items": items}


def _report(space: str, results: Sequence[Told], form: str) -> Mapping[str, object]:
    version, kind, cluster_kind = FORMS[form]
    metadata: dict[str, object] = {
        "name": "mistrust",
        "labels": {"app.kubernetes.io/managed-by": "mistrust"},
    }
    if space:
        metadata["namespace"] = space
    report: dict[str, object] = {
        "apiVersion": version,
        "kind": kind if space else cluster_kind,
        "metadata": metadata,
        "summary": {state: sum(r.result == state for r in results) for state in STATES},
        "results": results[:MOST],
    }
    if form == "openreports":
        report["source"] = "mistrust"
        report["configuration"] = {"limits": {"maxResults": MOST, "statusFilter": STATES}}
    return report


def _told(given: Object, finding: Finding) -> Told:
    reference = Reference(
        text(given, "apiVersion"),
        text(given, "kind"),
        text(given, "metadata", "name"),
        text(given, "metadata", "namespace"),
        text(given, "metadata", "uid"),
    )
    denies = finding.action is Action.DENY
    failed = "fail" if denies else "warn"
    result = failed if finding.result is Result.FAIL else "error"
    message = finding.message.encode(errors="replace")[:LONGEST].decode(errors="ignore")
    return Told(finding.policy, result, (reference,), denies, message, finding.rule, "mistrust")
