"""Certificates made for a test: `made("web.example.com")` and what hangs on it."""

from __future__ import annotations

import datetime
from collections.abc import Sequence

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed25519, rsa
from cryptography.x509.oid import NameOID

NOW = 1_800_000_000
"""2027-01-15 08:00 UTC: when the tests take place."""
DAY = 86400

Key = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey | dsa.DSAPrivateKey
P256 = ec.generate_private_key(ec.SECP256R1())


class Made:
    """A certificate with its key."""

    def __init__(self, certificate: x509.Certificate, key: Key) -> None:
        self.certificate, self.key = certificate, key

    @property
    def pem(self) -> str:
        return self.certificate.public_bytes(serialization.Encoding.PEM).decode()

    @property
    def private(self) -> str:
        """The private key, PKCS#8."""
        return self.encoded(serialization.PrivateFormat.PKCS8)

    def encoded(self, form: serialization.PrivateFormat) -> str:
        return self.key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption()).decode()


def made(
    name: str = "web",
    *,
    names: Sequence[str] = (),
    by: Made | None = None,
    key: Key = P256,
    start: float = -10,
    end: float = 80,
    ca: bool | None = None,
    digest: hashes.HashAlgorithm | None = None,
    more: Sequence[x509.NameAttribute] = (),
) -> Made:
    """A certificate valid from `start` to `end` days from NOW; signed by itself, or by another."""

    def at(days: float) -> datetime.datetime:
        return datetime.datetime.fromtimestamp(NOW + days * DAY, datetime.UTC)

    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name), *more])
    built = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(by.certificate.subject if by else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(at(start))
        .not_valid_after(at(end))
    )
    if ca is not None:
        built = built.add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
    if names:
        built = built.add_extension(x509.SubjectAlternativeName([x509.DNSName(n) for n in names]), critical=False)
    signer = by.key if by else key
    if digest is None and not isinstance(signer, ed25519.Ed25519PrivateKey):
        digest = hashes.SHA256()
    return Made(built.sign(signer, digest), key)
