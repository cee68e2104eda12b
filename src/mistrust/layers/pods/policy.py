"""What the labels of a namespace ask of its pods (k8s.io/pod-security-admission/api/helpers.go PolicyToEvaluate)."""

from __future__ import annotations

import re
from collections.abc import Mapping

import msgspec

from mistrust.kube.version import Version
from mistrust.layers.pods.level import Level

PREFIX = "pod-security.kubernetes.io/"
ENFORCE, AUDIT, WARN = PREFIX + "enforce", PREFIX + "audit", PREFIX + "warn"
LEVELS: Mapping[str, Level] = {str(level): level for level in Level}
_VERSION = re.compile(r"v1\.(0|[1-9][0-9]*)")


class Mode(msgspec.Struct, frozen=True, gc=False):
    """One of the three modes: a level, and the minor whose meaning it has."""

    level: Level = Level.PRIVILEGED
    version: Version | None = None
    """None is `latest`: the API server's own minor."""

    def __str__(self) -> str:
        return f"{self.level}:{'latest' if self.version is None else f'v{self.version}'}"


class Policy(msgspec.Struct, frozen=True, gc=False):
    """What a namespace asks of its pods."""

    enforce: Mode = Mode()
    audit: Mode = Mode()
    warn: Mode = Mode()
    invalid: tuple[str, ...] = ()
    """Labels whose value is not understood. `enforce` is then `restricted`, `audit` and `warn` do nothing."""


def policy(labels: Mapping[str, str], default: Policy | None = None) -> Policy:
    """The policy of a namespace with these labels.

    `default` is what the API server's AdmissionConfiguration says; without one everything is privileged. An API server
    takes no new invalid label, but honours an old one: a level that is not understood enforces `restricted`.

    >>> str(policy({"pod-security.kubernetes.io/enforce": "baseline"}).enforce)
    'baseline:latest'
    """
    default = default or Policy()
    invalid: list[str] = []

    def mode(label: str, unset: Mode, mistaken: Level) -> Mode:
        level, version = unset.level, unset.version
        if label in labels:
            level = LEVELS.get(labels[label], mistaken)
            if labels[label] not in LEVELS:
                invalid.append(label)
        if f"{label}-version" in labels:
            text = labels[f"{label}-version"]
            match = _VERSION.fullmatch(text)
            version = Version(1, int(match[1])) if match else None
            if match is None and text != "latest":
                invalid.append(f"{label}-version")
        return Mode(level, version)

    enforce = mode(ENFORCE, default.enforce, Level.RESTRICTED)
    audit = mode(AUDIT, default.audit, Level.PRIVILEGED)
    warn = mode(WARN, default.warn, Level.PRIVILEGED)
    understood = labels.get(ENFORCE) in LEVELS
    if understood and WARN not in labels and enforce.level > warn.level:
        warn = Mode(enforce.level, warn.version if f"{WARN}-version" in labels else enforce.version)
    return Policy(enforce, audit, warn, tuple(invalid))
