"""Why something is not edited."""

from __future__ import annotations


class RefusedError(Exception):
    """A text that cannot be edited with certainty; the message says why, as one clause."""


class AwkwardError(Exception):
    """The entries of a value cannot be edited one by one: it is written anew."""
