"""Why an expression of Kyverno has no value."""

from __future__ import annotations


class KyvernoError(Exception):
    """An expression has no value: what it is about is not there, or of another type."""


class UnknownError(KyvernoError):
    """It has one, and what it takes to tell is not at hand: a cluster, a registry, a clock."""
