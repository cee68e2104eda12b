"""Certificates for tests: one authority, and leaves that carry a SPIFFE ID."""

from __future__ import annotations

import datetime
import ssl
from functools import cache
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

DAY = datetime.timedelta(days=1)


class Authority:
    """Signs what it is asked to. All leaves share one key, because only their names are of interest."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.leaf_key = ec.generate_private_key(ec.SECP256R1())
        self.name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "test authority")])
        constraints = x509.BasicConstraints(ca=True, path_length=0)
        self.certificate = self._builder(self.name, self.key).add_extension(constraints, critical=True)
        self.pem = self.certificate.sign(self.key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
        self.key_file = folder / "leaf.key"
        self.key_file.write_bytes(
            self.leaf_key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
        )
        self.ca_file = folder / "ca.pem"
        self.ca_file.write_bytes(self.pem)
        self.context = cache(self._context)

    def leaf(self, spiffe: str) -> Path:
        """A file with the certificate of one identity."""
        names = x509.SubjectAlternativeName([x509.UniformResourceIdentifier(spiffe)])
        signed = (
            self._builder(x509.Name([]), self.leaf_key)
            .add_extension(names, critical=True)
            .sign(self.key, hashes.SHA256())
        )
        file = self.folder / f"{abs(hash(spiffe))}.pem"
        file.write_bytes(signed.public_bytes(serialization.Encoding.PEM))
        return file

    def _builder(self, subject: x509.Name, key: ec.EllipticCurvePrivateKey) -> x509.CertificateBuilder:
        now = datetime.datetime.now(datetime.UTC)
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self.name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - DAY)
            .not_valid_after(now + DAY)
        )

    def _context(self, spiffe: str) -> ssl.SSLContext:
        """A client that proves to be this."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.load_verify_locations(self.ca_file)
        context.load_cert_chain(self.leaf(spiffe), self.key_file)
        return context
