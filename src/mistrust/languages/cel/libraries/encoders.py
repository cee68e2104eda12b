"""Base64 (cel-go/ext/encoders.go)."""

from __future__ import annotations

import base64
import binascii
from typing import Final

from mistrust.languages.cel.function import Functions, globals_of
from mistrust.languages.cel.values import CelError, Value, no_overload


def encode(a: Value) -> Value:
    """Bytes as base64."""
    if not isinstance(a, bytes):
        raise no_overload("base64.encode", a)
    return base64.b64encode(a).decode()


def decode(a: Value) -> Value:
    """What base64 stands for, padded or not."""
    if not isinstance(a, str):
        raise no_overload("base64.decode", a)
    try:
        return base64.b64decode(a.rstrip("=") + "=" * (-len(a.rstrip("=")) % 4), validate=True)
    except (binascii.Error, ValueError) as error:
        raise CelError(f"illegal base64 data: {error}") from None


ENCODERS: Final[Functions] = globals_of({"base64.encode": encode, "base64.decode": decode})
