"""Private keys, and certificates with theirs (topdown/crypto.go)."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator, Mapping
from typing import Final

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from mistrust.languages.rego.builtins.builtin import Builtin, pure
from mistrust.languages.rego.builtins.certificates import PEM, Object, certificate, certificates, encoded
from mistrust.languages.rego.builtins.keys import padded
from mistrust.languages.rego.builtins.operands import text
from mistrust.languages.rego.errors import BuiltinError
from mistrust.languages.rego.values import Value


def parse_rsa_private_key(value: Value) -> Value:
    """An RSA key as a JSON Web Key."""
    given = text("crypto.x509.parse_rsa_private_key", 1, value)
    found = next(iter(_private_keys(given)), None)
    if not isinstance(found, rsa.RSAPrivateKey):
        raise BuiltinError("failed to parse a RSA private key")
    numbers = found.private_numbers()
    parts = {
        "n": numbers.public_numbers.n,
        "e": numbers.public_numbers.e,
        "d": numbers.d,
        "p": numbers.p,
        "q": numbers.q,
        "dp": numbers.dmp1,
        "dq": numbers.dmq1,
        "qi": numbers.iqmp,
    }
    words: Object = {k: padded(n.to_bytes((n.bit_length() + 7) // 8)) for k, n in parts.items()}
    return {"kty": "RSA", **words}


def _private_keys(value: str) -> Iterator[object]:
    if "-----BEGIN" not in value:
        try:
            value = base64.b64decode(value, validate=True).decode("utf-8", "replace")
        except (binascii.Error, ValueError):
            raise BuiltinError("illegal base64") from None
    for match in PEM.finditer(value):
        if match[1].endswith("PRIVATE KEY"):
            try:
                yield serialization.load_pem_private_key(match[0].encode(), None)
            except (ValueError, TypeError, UnsupportedAlgorithm) as error:
                raise BuiltinError(f"failed to parse a private key: {error}") from None


def parse_private_keys(value: Value) -> Value:
    """Every private key of a text, as an object."""
    given = text("crypto.parse_private_keys", 1, value)
    if not given:
        return None
    if "-----BEGIN" not in given:
        try:
            base64.b64decode(given, validate=True)
        except (binascii.Error, ValueError):
            return []
    return [_private(k) for k in _private_keys(given)]


def _private(key: object) -> Value:
    if isinstance(key, rsa.RSAPrivateKey):
        numbers = key.private_numbers()
        return {
            "N": numbers.public_numbers.n,
            "E": numbers.public_numbers.e,
            "D": numbers.d,
            "Primes": [numbers.p, numbers.q],
            "Precomputed": {"Dp": numbers.dmp1, "Dq": numbers.dmq1, "Qinv": numbers.iqmp, "CRTValues": []},
        }
    if isinstance(key, ec.EllipticCurvePrivateKey):
        point = key.private_numbers()
        return {
            "Curve": {},
            "X": point.public_numbers.x,
            "Y": point.public_numbers.y,
            "D": point.private_value,
        }
    raise BuiltinError("a private key of a kind that is not known")


def parse_keypair(cert: Value, key: Value) -> Value:
    """A certificate and its key as one object."""
    name = "crypto.x509.parse_keypair"
    chain = certificates(text(name, 1, cert))
    found = next(iter(_private_keys(text(name, 2, key))), None)
    if found is None:
        raise BuiltinError("tls: failed to find any PEM data in key input")
    der = [encoded(c.public_bytes(serialization.Encoding.DER)) for c in chain]
    return {"Certificate": list(der), "PrivateKey": _private(found), "Leaf": certificate(chain[0])}


PRIVATE_KEYS: Final[Mapping[str, Builtin]] = {
    "crypto.x509.parse_rsa_private_key": pure(parse_rsa_private_key),
    "crypto.x509.parse_keypair": pure(parse_keypair),
    "crypto.parse_private_keys": pure(parse_private_keys),
}
