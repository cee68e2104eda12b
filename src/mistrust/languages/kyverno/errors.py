"""Why an expression of Kyverno has no value."""

from __future__ import annotations


class KyvernoError(Exception):
    """An expression has no value: what it is about is not there, or of another type."""


class FinalError(KyvernoError):
    """One that no default and no other alternative makes good."""


class ExceededError(FinalError):
    """It would be too large, or take too long."""


class UnknownError(FinalError):
    """It has one, and what it takes to tell is not at hand: a cluster, a registry, a clock."""
