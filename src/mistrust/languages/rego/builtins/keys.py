"""Keys, from PEM, from JSON Web Keys (RFC 7517) and from certificates, and what they sign (RFC 7518)."""

from __future__ import annotations

import base64
import binascii
import hmac
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

import msgspec
from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa, utils

from mistrust.languages.rego.errors import BuiltinError

HASHES: Final[Mapping[str, type[hashes.HashAlgorithm]]] = {
    "256": hashes.SHA256,
    "384": hashes.SHA384,
    "512": hashes.SHA512,
}
CURVES: Final[Mapping[str, tuple[type[ec.EllipticCurve], int]]] = {
    "P-256": (ec.SECP256R1, 32),
    "P-384": (ec.SECP384R1, 48),
    "P-521": (ec.SECP521R1, 66),
}
SIZES: Final = {"256": 32, "384": 48, "512": 66}
"""Bytes of each half of an ECDSA signature, by algorithm."""
ALGORITHMS: Final = (
    *(f"{family}{size}" for family in ("HS", "RS", "PS", "ES") for size in HASHES),
    "EdDSA",
)
_PEM: Final = re.compile(r"-----BEGIN ([A-Z0-9 ]+)-----.*?-----END \1-----[ \t]*\r?\n?", re.S)

Public = rsa.RSAPublicKey | ec.EllipticCurvePublicKey | ed25519.Ed25519PublicKey
Private = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey


class Keyed(msgspec.Struct, frozen=True):
    """A public key, and what is said about it."""

    key: Public
    id: str = ""
    algorithm: str = ""


class Jwk(msgspec.Struct, frozen=True):
    """A JSON Web Key."""

    kty: str = ""
    kid: str = ""
    alg: str = ""
    crv: str = ""
    k: str = ""
    n: str = ""
    e: str = ""
    x: str = ""
    y: str = ""
    d: str = ""
    p: str = ""
    q: str = ""


class Jwks(msgspec.Struct, frozen=True):
    """Several of them."""

    keys: list[Jwk]


def unpadded(text: str) -> bytes:
    """What base64 for URLs stands for. Raises `BuiltinError` for something else."""
    try:
        return base64.b64decode(text.rstrip("=") + "=" * (-len(text.rstrip("=")) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError) as error:
        raise BuiltinError(f"illegal base64 data: {error}") from None


def padded(data: bytes) -> str:
    """Base64 for URLs without padding."""
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def _number(text: str) -> int:
    return int.from_bytes(unpadded(text))


def verifying(text: str) -> Sequence[Keyed]:
    """The public keys in a certificate, in PEM, in a JSON Web Key or in a set of them.

    Raises `BuiltinError` where there are none.
    """
    if text.lstrip().startswith("{"):
        return list(_web_keys(text))
    match = _PEM.match(text)
    if match is None:
        raise BuiltinError("failed to parse a JWK key (set)")
    if text[match.end() :].strip():
        raise BuiltinError("extra data after a PEM certificate block")
    return [Keyed(_from_pem(match[0], match[1]))]


def _from_pem(text: str, label: str) -> Public:
    try:
        if label == "CERTIFICATE":
            found = x509.load_pem_x509_certificate(text.encode()).public_key()
        elif label in ("PUBLIC KEY", "RSA PUBLIC KEY"):
            found = serialization.load_pem_public_key(text.encode())  # type: ignore[assignment]
        else:
            raise BuiltinError("failed to extract a Key from the PEM certificate")
    except (ValueError, UnsupportedAlgorithm):
        raise BuiltinError(f"failed to parse a PEM {'certificate' if label == 'CERTIFICATE' else 'key'}") from None
    if not isinstance(found, Public):
        raise BuiltinError("failed to extract a Key from the PEM certificate")
    return found


def _web_keys(text: str) -> Iterator[Keyed]:
    try:
        whole = json.loads(text)
        several = msgspec.convert(whole, Jwks).keys if "keys" in whole else [msgspec.convert(whole, Jwk)]
    except (ValueError, msgspec.ValidationError):
        raise BuiltinError("failed to parse a JWK key (set)") from None
    for jwk in several:
        found = public(jwk)
        if found is not None:
            yield Keyed(found, jwk.kid, jwk.alg)


def public(jwk: Jwk) -> Public | None:
    """The public key that it says; None for a secret. Raises `BuiltinError` for none."""
    try:
        match jwk.kty:
            case "RSA":
                return rsa.RSAPublicNumbers(_number(jwk.e), _number(jwk.n)).public_key()
            case "EC" if jwk.crv in CURVES:
                return ec.EllipticCurvePublicNumbers(_number(jwk.x), _number(jwk.y), CURVES[jwk.crv][0]()).public_key()
            case "OKP" if jwk.crv == "Ed25519":
                return ed25519.Ed25519PublicKey.from_public_bytes(unpadded(jwk.x))
            case "oct":
                return None
    except ValueError as error:
        raise BuiltinError(f"failed to parse a JWK key: {error}") from None
    raise BuiltinError(f"failed to parse a JWK key: {jwk.kty} {jwk.crv}")


def private(jwk: Jwk) -> Private | bytes:
    """The key that it says, to sign with. Raises `BuiltinError` for none."""
    try:
        match jwk.kty:
            case "oct":
                return unpadded(jwk.k)
            case "RSA":
                n, e, d = _number(jwk.n), _number(jwk.e), _number(jwk.d)
                p, q = (_number(jwk.p), _number(jwk.q)) if jwk.p and jwk.q else rsa.rsa_recover_prime_factors(n, e, d)
                return rsa.RSAPrivateNumbers(
                    p,
                    q,
                    d,
                    rsa.rsa_crt_dmp1(d, p),
                    rsa.rsa_crt_dmq1(d, q),
                    rsa.rsa_crt_iqmp(p, q),
                    rsa.RSAPublicNumbers(e, n),
                ).private_key()
            case "EC" if jwk.crv in CURVES:
                return ec.derive_private_key(_number(jwk.d), CURVES[jwk.crv][0]())
            case "OKP" if jwk.crv == "Ed25519":
                return ed25519.Ed25519PrivateKey.from_private_bytes(unpadded(jwk.d))
    except (ValueError, ZeroDivisionError) as error:
        raise BuiltinError(f"failed to parse a JWK key: {error}") from None
    raise BuiltinError(f"failed to parse a JWK key: {jwk.kty} {jwk.crv}")


def signed(algorithm: str, key: Private | bytes, data: bytes) -> bytes:
    """The signature of data. Raises `BuiltinError` for a key of another kind than the algorithm's."""
    family, size = algorithm[:2], algorithm[2:]
    if family == "HS" and isinstance(key, bytes):
        return hmac.new(key, data, f"sha{size}").digest()
    if family in ("RS", "PS") and isinstance(key, rsa.RSAPrivateKey):
        return key.sign(data, _padding(family, size), HASHES[size]())
    if family == "ES" and isinstance(key, ec.EllipticCurvePrivateKey):
        r, s = utils.decode_dss_signature(key.sign(data, ec.ECDSA(HASHES[size]())))
        return r.to_bytes(SIZES[size]) + s.to_bytes(SIZES[size])
    if algorithm == "EdDSA" and isinstance(key, ed25519.Ed25519PrivateKey):
        return key.sign(data)
    raise BuiltinError(f"the key does not fit the algorithm {algorithm}")


def verifies(algorithm: str, key: Public, data: bytes, signature: bytes) -> bool:
    """Is this the signature of data?"""
    family, size = algorithm[:2], algorithm[2:]
    try:
        if family in ("RS", "PS") and isinstance(key, rsa.RSAPublicKey):
            key.verify(signature, data, _padding(family, size), HASHES[size]())
        elif family == "ES" and isinstance(key, ec.EllipticCurvePublicKey):
            half = len(signature) // 2
            if len(signature) != 2 * ((key.curve.key_size + 7) // 8):
                return False
            r, s = int.from_bytes(signature[:half]), int.from_bytes(signature[half:])
            key.verify(utils.encode_dss_signature(r, s), data, ec.ECDSA(HASHES[size]()))
        elif algorithm == "EdDSA" and isinstance(key, ed25519.Ed25519PublicKey):
            key.verify(signature, data)
        else:
            return False
    except InvalidSignature:
        return False
    return True


def keyed_digest(algorithm: str, secret: bytes, data: bytes) -> bytes:
    """The keyed digest of HS256 and its like."""
    return hmac.new(secret, data, f"sha{algorithm[2:]}").digest()


def _padding(family: str, size: str) -> padding.AsymmetricPadding:
    if family == "RS":
        return padding.PKCS1v15()
    return padding.PSS(padding.MGF1(HASHES[size]()), padding.PSS.DIGEST_LENGTH)
