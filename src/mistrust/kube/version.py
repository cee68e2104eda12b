"""Kubernetes versions: the same object means different things in different minors."""

from __future__ import annotations

import re

import msgspec

from mistrust.kube.errors import UsageError


class Version(msgspec.Struct, frozen=True, order=True, gc=False):
    """A minor version of Kubernetes. Compares by (major, minor)."""

    major: int
    minor: int

    def __str__(self) -> str:
        return f"{self.major}.{self.minor}"


LATEST = Version(1, 37)
"""The newest minor whose meaning is known here."""

_FORM = re.compile(r"^v?(\d+)\.(\d+)(?:[.+-].*)?$")


def parse_version(text: str) -> Version:
    """`v1.31.4-gke.1` -> 1.31.

    Raises `UsageError` for text that is not a version.
    """
    match = _FORM.match(text)
    if match is None:
        raise UsageError("not a Kubernetes version", got=repr(text), wanted="something like 1.34")
    return Version(int(match[1]), int(match[2]))
