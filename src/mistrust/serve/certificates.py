"""Certificates to serve with: given ones, read again when they change, or our own, renewed long before their end.

What changes is put into the one TLS context of a server: new connections get the new certificate, open ones stay.
"""

from __future__ import annotations

import datetime
import ipaddress
import os
import ssl
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import msgspec
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from mistrust.kube.errors import InputError, UsageError

CERTIFICATE, KEY = "ca.crt", "ca.key"
AUTHORITY_DAYS, SERVING_DAYS = 3650.0, 30.0
BEFORE: Final = datetime.timedelta(minutes=5)
"""Clocks differ: a certificate is valid a little before it is made."""


class Pair(msgspec.Struct, frozen=True):
    """A certificate (or a chain of them) and its key, in PEM."""

    certificate: bytes
    key: bytes

    @property
    def expires(self) -> float:
        """The end of the first certificate, in seconds since 1970."""
        return x509.load_pem_x509_certificate(self.certificate).not_valid_after_utc.timestamp()

    @property
    def renewed(self) -> float:
        """When it should be replaced: with a third of its life left."""
        begins = x509.load_pem_x509_certificate(self.certificate).not_valid_before_utc.timestamp()
        return self.expires - (self.expires - begins) / 3


def authority(folder: Path) -> Pair:
    """The authority that a folder holds; made where the folder has none.

    Raises `UsageError` where it can neither be read nor made, and `InputError` for files that are none.
    """
    certificate, key = folder / CERTIFICATE, folder / KEY
    try:
        if not certificate.exists() and not key.exists():
            folder.mkdir(parents=True, exist_ok=True)
            made = _authority()
            _write(key, made.key, 0o600)
            _write(certificate, made.certificate, 0o644)
        found = Pair(certificate.read_bytes(), key.read_bytes())
    except OSError as error:
        where = str(error.filename or folder)
        raise UsageError("no authority", where=where, got=error.strerror or str(error)) from None
    check(found, str(folder))
    return found


def issued(by: Pair, hosts: Sequence[str], days: float = SERVING_DAYS) -> Pair:
    """A certificate to serve with, signed by an authority. It does not outlive it."""
    parent = x509.load_pem_x509_certificate(by.certificate)
    signer = _private(by.key)
    key = ec.generate_private_key(ec.SECP256R1())
    now = datetime.datetime.now(datetime.UTC)
    built = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "mistrust")]))
        .issuer_name(parent.subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - BEFORE)
        .not_valid_after(min(now + datetime.timedelta(days=days), parent.not_valid_after_utc))
        .add_extension(x509.SubjectAlternativeName([_name(h) for h in hosts]), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .sign(signer, hashes.SHA256())
    )
    return Pair(built.public_bytes(serialization.Encoding.PEM), _pem(key))


def given(certificate: Path, key: Path) -> Pair:
    """A pair of files. Raises `UsageError` for those that cannot be read, `InputError` for those that do not fit."""
    return from_files(certificate, key)(None)


def check(pair: Pair, where: str) -> None:
    """Raises `InputError` for a pair that cannot be served with."""
    try:
        _ = pair.expires
        use(context(), pair)
    except (ssl.SSLError, ValueError) as error:
        raise InputError("not a certificate with its key", where=where, got=str(error)) from None


def context(clients: Path | None = None) -> ssl.SSLContext:
    """A context to serve with: TLS 1.2 or newer, HTTP/1.1.

    One connection of HTTP/2 would tie all reviews of an API server to one worker. Parameters: `clients`, authorities
    of the clients, where they must have certificates.
    """
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.minimum_version = ssl.TLSVersion.TLSv1_2
    made.set_alpn_protocols(["http/1.1"])
    if clients is not None:
        try:
            made.load_verify_locations(clients)
        except (OSError, ssl.SSLError) as error:
            raise UsageError("not authorities of clients", where=str(clients), got=str(error)) from None
        made.verify_mode = ssl.CERT_REQUIRED
    return made


def use(tls: ssl.SSLContext, pair: Pair) -> None:
    """Serve new connections with a pair that was checked."""
    with _file(pair.key + b"\n" + pair.certificate) as path:
        tls.load_cert_chain(path)


Source = Callable[[Pair | None], Pair]
"""Answers the pair to serve with now, given the one in use. Raises `Error` for one that is no good."""


class Keeper:
    """Keeps a context's certificate fresh."""

    def __init__(self, tls: ssl.SSLContext, source: Source) -> None:
        self._tls, self._source = tls, source
        self.pair = source(None)
        use(tls, self.pair)

    def refresh(self) -> bool:
        """True if there is another one now. Raises `Error`, and keeps the old, where the new one is no good."""
        found = self._source(self.pair)
        if found == self.pair:
            return False
        use(self._tls, found)
        self.pair = found
        return True


def from_files(certificate: Path, key: Path) -> Source:
    """The pair of two files, whatever they hold by now."""

    def source(current: Pair | None) -> Pair:
        try:
            found = Pair(certificate.read_bytes(), key.read_bytes())
        except OSError as error:
            raise UsageError("cannot be read", where=str(error.filename), got=error.strerror or str(error)) from None
        if found != current:
            check(found, str(certificate))
        return found

    return source


def from_authority(
    by: Pair, hosts: Sequence[str], days: float = SERVING_DAYS, clock: Callable[[], float] | None = None
) -> Source:
    """One of our own, until a third of its life is left."""

    def source(current: Pair | None) -> Pair:
        now = clock() if clock is not None else datetime.datetime.now(datetime.UTC).timestamp()
        return current if current is not None and now < current.renewed else issued(by, hosts, days)

    return source


def _authority() -> Pair:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "mistrust webhook authority")])
    now = datetime.datetime.now(datetime.UTC)
    built = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - BEFORE)
        .not_valid_after(now + datetime.timedelta(days=AUTHORITY_DAYS))
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    return Pair(built.public_bytes(serialization.Encoding.PEM), _pem(key))


def _private(key: bytes) -> ec.EllipticCurvePrivateKey:
    found = serialization.load_pem_private_key(key, None)
    if not isinstance(found, ec.EllipticCurvePrivateKey):
        raise InputError("a key of another kind", wanted="an elliptic curve's")
    return found


def _pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    form = serialization.PrivateFormat.PKCS8
    return key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption())


def _name(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def _write(path: Path, data: bytes, mode: int) -> None:
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:
        file.write(data)


@contextmanager
def _file(data: bytes) -> Iterator[str]:
    """A name for bytes that OpenSSL wants to read from a file; in memory where the system can do so."""
    if hasattr(os, "memfd_create") and Path("/proc/self/fd").exists():
        with os.fdopen(os.memfd_create("certificate"), "wb") as memory:
            memory.write(data)
            memory.flush()
            yield f"/proc/self/fd/{memory.fileno()}"
        return
    with tempfile.NamedTemporaryFile() as file:
        file.write(data)
        file.flush()
        yield file.name
