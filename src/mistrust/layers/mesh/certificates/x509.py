"""One certificate, read once: RFC 5280, by the library that is asked for only where there is a certificate."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from cryptography.x509 import Certificate, Name

LONG = 120
"""Characters of a name that are told."""
DEEPEST = 8
"""Certificates from a server's to a root."""


class X509(msgspec.Struct, frozen=True):
    """What a certificate says."""

    der: bytes
    fingerprint: str
    """SHA-256 of it, in hex."""
    subject: str
    issuer: str
    starts: int
    """Seconds since 1970 UTC; `ends` too."""
    ends: int
    until: str
    """The day on which it ends: `2027-01-15`."""
    key: str
    """`RSA 2048`, `EC secp256r1`, `Ed25519`; the words for why where it is not known."""
    key_id: str = ""
    """SHA-256 of the public key, in hex; empty where it is not known."""
    weak_key: bool = False
    digest: str = ""
    """What the signature is made over: `sha256`; empty where the algorithm has none of its own, or it is not known."""
    names: tuple[str, ...] = ()
    """DNS names that it is for, `*.example.com` among them; lower case."""
    addresses: tuple[str, ...] = ()
    ca: bool = False
    """May it sign others?"""
    self_signed: bool = False
    problem: str = ""
    """What of its extensions could not be read: then names and `ca` are not known."""

    @property
    def named(self) -> bool:
        """Does it name anything that it is for?"""
        return bool(self.names or self.addresses)


@lru_cache(maxsize=4096)
def parsed(der: bytes) -> X509 | str:
    """The certificate, or the words for why it is none. Nothing is raised, whatever the bytes."""
    try:
        with _quiet():
            return _read(der)
    except _refusals() as error:
        return _short(str(error)) or type(error).__name__


def _read(der: bytes) -> X509:
    from cryptography.hazmat.primitives.hashes import SHA256
    from cryptography.x509 import load_der_x509_certificate

    c = load_der_x509_certificate(der)
    starts, ends = c.not_valid_before_utc, c.not_valid_after_utc
    key, key_id, weak = _key(c)
    names, addresses, ca, problem = _extensions(c)
    return X509(
        der=der,
        fingerprint=c.fingerprint(SHA256()).hex(),
        subject=_name(c.subject),
        issuer=_name(c.issuer),
        starts=int(starts.timestamp()),
        ends=int(ends.timestamp()),
        until=ends.date().isoformat(),
        key=key,
        key_id=key_id,
        weak_key=weak,
        digest=_digest(c),
        names=names,
        addresses=addresses,
        ca=ca,
        self_signed=_issued(c, c) is not False,
        problem=problem,
    )


def vouches(bundle: Sequence[X509], chain: Sequence[X509]) -> bool:
    """Do the certificates of a bundle vouch for the first of a chain, as Go's x509.Verify finds out?

    A certificate that stands in the bundle itself is vouched for. Times and names are not looked at, and a signature
    by an algorithm that is not known here is taken for good.
    """
    from cryptography.x509 import load_der_x509_certificate

    with _quiet():
        anchors = [load_der_x509_certificate(c.der) for c in bundle]
        links = [load_der_x509_certificate(c.der) for c in chain]
    here, seen = links[:1], {c.der for c in chain[:1]}
    for _ in range(DEEPEST):
        if any(c == a or _issued(c, a) is not False for c in here for a in anchors):
            return True
        here = [
            parent
            for parent, known in zip(links, chain, strict=True)
            if known.der not in seen and any(_issued(c, parent) is not False for c in here)
        ]
        seen |= {known.der for parent, known in zip(links, chain, strict=True) if parent in here}
    return False


def _issued(child: Certificate, parent: Certificate) -> bool | None:
    """Did the parent's key sign the child? None where the algorithm is not known here."""
    from cryptography.exceptions import InvalidSignature

    if child.issuer != parent.subject:
        return False
    try:
        child.verify_directly_issued_by(parent)
    except InvalidSignature:
        return False
    except _refusals():
        return None
    return True


def _key(c: Certificate) -> tuple[str, str, bool]:
    from cryptography.hazmat.primitives.asymmetric.dsa import DSAPublicKey
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
    from cryptography.hazmat.primitives.hashes import SHA256, Hash
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    try:
        key = c.public_key()
        spki = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    except _refusals() as error:
        return f"a key that could not be read ({_short(str(error))})", "", False
    hashed = Hash(SHA256())
    hashed.update(spki)
    known = hashed.finalize().hex()
    if isinstance(key, RSAPublicKey):
        return f"RSA {key.key_size}", known, key.key_size < 2048
    if isinstance(key, EllipticCurvePublicKey):
        return f"EC {key.curve.name}", known, key.key_size < 224
    if isinstance(key, DSAPublicKey):
        return f"DSA {key.key_size}", known, True
    return type(key).__name__.removesuffix("PublicKey").strip("_"), known, False


def _digest(c: Certificate) -> str:
    try:
        algorithm = c.signature_hash_algorithm
    except _refusals():
        return ""
    return algorithm.name if algorithm is not None else ""


def _extensions(c: Certificate) -> tuple[tuple[str, ...], tuple[str, ...], bool, str]:
    from cryptography.x509 import BasicConstraints, DNSName, ExtensionNotFound, IPAddress
    from cryptography.x509 import SubjectAlternativeName as Alternative

    try:
        extensions = c.extensions
    except _refusals() as error:
        return (), (), False, _short(str(error)) or type(error).__name__
    try:
        alternative = extensions.get_extension_for_class(Alternative).value
        names = tuple(_short(n).lower() for n in alternative.get_values_for_type(DNSName))
        addresses = tuple(str(a) for a in alternative.get_values_for_type(IPAddress))
    except ExtensionNotFound:
        names, addresses = (), ()
    try:
        ca = extensions.get_extension_for_class(BasicConstraints).value.ca
    except ExtensionNotFound:
        ca = False
    return names, addresses, ca, ""


def _name(name: Name) -> str:
    return _short(name.rfc4514_string()) or "no subject"


def _short(text: str) -> str:
    line = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return line if len(line) <= LONG else line[: LONG - 1] + "…"


def _refusals() -> tuple[type[Exception], ...]:
    """Everything that the library raises about bytes that are not to its liking."""
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.x509 import DuplicateExtension, InvalidVersion, UnsupportedGeneralNameType

    return (
        ValueError,
        TypeError,
        OverflowError,
        UnsupportedAlgorithm,
        DuplicateExtension,
        InvalidVersion,
        UnsupportedGeneralNameType,
    )


@contextmanager
def _quiet() -> Iterator[None]:
    """The library warns on standard error of certificates that a later version will refuse; here they are read."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
