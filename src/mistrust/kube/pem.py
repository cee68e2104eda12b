"""Public certificates out of texts that may hold anything; nothing else gets through.

What passes is written anew from its own bytes, and those bytes must have the outer form of an X.509 certificate (RFC
5280: a sequence of a sequence, a sequence and a bit string). A private key in any of its encodings has another form, so
it does not pass under the label of a certificate either.
"""

from __future__ import annotations

import base64
import binascii
import re
from enum import StrEnum

LONGEST = 1 << 18
"""Characters of a text that is looked at; the largest bundle of public roots has fewer."""

_BLOCK = re.compile(r"-----BEGIN ([A-Z0-9 ]{1,40})-----([A-Za-z0-9+/=\s]*)-----END \1-----")
_KEY = re.compile(
    r"-----BEGIN [A-Z0-9 ]{0,30}PRIVATE KEY.*?(?:-----END [A-Z0-9 ]{0,30}PRIVATE KEY[A-Z ]{0,10}-----|\Z)",
    re.DOTALL | re.IGNORECASE,
)
_CREDENTIALS = re.compile(r"client-key|token|password|exec\b|auth-provider")
_SEQUENCE, _BIT_STRING = 0x30, 0x03


class Withheld(StrEnum):
    """Why a text was not taken, or not whole."""

    PRIVATE_KEY = "private key"
    NOT_A_CERTIFICATE = "not a certificate"
    TOO_LARGE = "too large"
    CREDENTIALS = "credentials"


def certificates_in(text: str) -> tuple[str, Withheld | None]:
    """The certificates of a PEM text, as PEM, and why there are none.

    A text with a private key is dropped whole. What is no certificate beside one that is (comments, parameters) is left
    out without a word.
    """
    if has_private_key(text):
        return "", Withheld.PRIVATE_KEY
    if len(text) > LONGEST:
        return "", Withheld.TOO_LARGE
    blocks = [der for der in map(_certificate, _BLOCK.finditer(text)) if der]
    return "".join(map(pem, blocks)), None if blocks else Withheld.NOT_A_CERTIFICATE


def certificates_of(value: str) -> tuple[str, Withheld | None]:
    """The same for a value in base64, as the API writes bytes; a value that is PEM already is taken as such."""
    if value.lstrip().startswith("-----BEGIN "):
        return certificates_in(value)
    if len(value) > 2 * LONGEST:
        return "", Withheld.TOO_LARGE
    try:
        text = base64.b64decode("".join(value.split()), validate=True).decode("latin-1")
    except (binascii.Error, ValueError):
        return "", Withheld.NOT_A_CERTIFICATE
    return certificates_in(text)


def has_private_key(text: str) -> bool:
    """Does the text hold a private key, or say that it does?"""
    return "PRIVATE KEY" in text.upper()


def without_private_keys(text: str) -> tuple[str, Withheld | None]:
    """A text of settings without the private keys in it."""
    rest = _KEY.sub("", text)
    return rest, Withheld.PRIVATE_KEY if rest != text else None


def without_credentials(kubeconfig: str) -> tuple[str, Withheld | None]:
    """A kubeconfig if it holds nothing but what is public; else nothing of it."""
    return ("", Withheld.CREDENTIALS) if _CREDENTIALS.search(kubeconfig) else without_private_keys(kubeconfig)


def blocks(text: str) -> list[bytes]:
    """The certificates of a text that passed, in DER."""
    return [der for der in map(_certificate, _BLOCK.finditer(text)) if der]


def pem(der: bytes) -> str:
    """A certificate as PEM (RFC 7468)."""
    body = base64.b64encode(der).decode()
    lines = "\n".join(body[i : i + 64] for i in range(0, len(body), 64))
    return f"-----BEGIN CERTIFICATE-----\n{lines}\n-----END CERTIFICATE-----\n"


def _certificate(block: re.Match[str]) -> bytes | None:
    if block[1] != "CERTIFICATE":
        return None
    try:
        der = base64.b64decode("".join(block[2].split()), validate=True)
    except (binascii.Error, ValueError):
        return None
    return der if _has_form(der) else None


def _has_form(der: bytes) -> bool:
    whole = _element(der, 0)
    if whole is None or whole[0] != _SEQUENCE or whole[2] != len(der):
        return False
    here = whole[1]
    kinds: list[int] = []
    while here < len(der):
        inner = _element(der, here)
        if inner is None or len(kinds) == 3:
            return False
        kinds.append(inner[0])
        here = inner[2]
    return kinds == [_SEQUENCE, _SEQUENCE, _BIT_STRING]


def _element(der: bytes, here: int) -> tuple[int, int, int] | None:
    """The tag of the element at `here`, where its content begins, and where it ends; None for what is not DER."""
    if here + 2 > len(der):
        return None
    tag, length, start = der[here], der[here + 1], here + 2
    if length & 0x80:
        size = length & 0x7F
        if not 1 <= size <= 4 or start + size > len(der):
            return None
        length, start = int.from_bytes(der[start : start + size], "big"), start + size
    return (tag, start, start + length) if start + length <= len(der) else None
