"""Certificates and keys as objects: Go's x509.Certificate as encoding/json writes it (topdown/crypto.go)."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Final

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from mistrust.languages.rego.builtins.builtin import Builtin, Needs, contextual, pure
from mistrust.languages.rego.builtins.operands import obj, text
from mistrust.languages.rego.errors import BuiltinError
from mistrust.languages.rego.runtime import Context
from mistrust.languages.rego.values import Hashed, Value

PEM: Final = re.compile(r"-----BEGIN ([A-Z0-9 ]+)-----\r?\n(.*?)-----END \1-----", re.S)
NAMES: Final = {
    "Country": NameOID.COUNTRY_NAME,
    "Organization": NameOID.ORGANIZATION_NAME,
    "OrganizationalUnit": NameOID.ORGANIZATIONAL_UNIT_NAME,
    "Locality": NameOID.LOCALITY_NAME,
    "Province": NameOID.STATE_OR_PROVINCE_NAME,
    "StreetAddress": NameOID.STREET_ADDRESS,
    "PostalCode": NameOID.POSTAL_CODE,
}
USAGES: Final = (
    "digital_signature",
    "content_commitment",
    "key_encipherment",
    "data_encipherment",
    "key_agreement",
    "key_cert_sign",
    "crl_sign",
)
EXTENDED: Final = {
    ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE: 0,
    ExtendedKeyUsageOID.SERVER_AUTH: 1,
    ExtendedKeyUsageOID.CLIENT_AUTH: 2,
    ExtendedKeyUsageOID.CODE_SIGNING: 3,
    ExtendedKeyUsageOID.EMAIL_PROTECTION: 4,
    ExtendedKeyUsageOID.TIME_STAMPING: 8,
    ExtendedKeyUsageOID.OCSP_SIGNING: 9,
}
Object = dict[Hashed, Value]


def _blocks(value: str, label: str) -> list[bytes]:
    """The DER of every PEM block of a kind; or of base64 of PEM or DER."""
    if "-----BEGIN" not in value:
        try:
            data = base64.b64decode(value, validate=True)
        except (binascii.Error, ValueError):
            raise BuiltinError("illegal base64") from None
        if b"-----BEGIN" not in data:
            return _several(data) if label == "CERTIFICATE" else [data]
        value = data.decode("utf-8", "replace")
    return [base64.b64decode("".join(body.split())) for kind, body in PEM.findall(value) if kind == label]


def _several(data: bytes) -> list[bytes]:
    """Certificates one after another: each says how long it is (X.690 8.1.3)."""
    found: list[bytes] = []
    while data:
        if len(data) < 4 or data[0] != 0x30 or data[1] != 0x82:
            raise BuiltinError("x509: malformed certificate")
        size = 4 + int.from_bytes(data[2:4])
        found.append(data[:size])
        data = data[size:]
    return found


def certificates(value: str) -> list[x509.Certificate]:
    """Certificates as PEM or DER, in base64 or not. Raises `BuiltinError` for none."""
    try:
        found = [x509.load_der_x509_certificate(der) for der in _blocks(value, "CERTIFICATE")]
    except (ValueError, UnsupportedAlgorithm) as error:
        raise BuiltinError(f"x509: malformed certificate: {error}") from None
    if not found:
        raise BuiltinError("x509: malformed certificate")
    return found


def parse_certificates(value: Value) -> Value:
    """The certificates of a text: PEM, or base64 of PEM or of DER."""
    return [certificate(c) for c in certificates(text("crypto.x509.parse_certificates", 1, value))]


def _name(name: x509.Name) -> Value:
    found: Object = {field: _words(name, oid) for field, oid in NAMES.items()}
    common, serial = _words(name, NameOID.COMMON_NAME), _words(name, NameOID.SERIAL_NUMBER)
    found["CommonName"] = common[-1] if common else ""
    found["SerialNumber"] = serial[-1] if serial else ""
    found["Names"] = [{"Type": [int(n) for n in a.oid.dotted_string.split(".")], "Value": _said(a.value)} for a in name]
    found["ExtraNames"] = None
    return found


def _said(value: str | bytes) -> str:
    return value if isinstance(value, str) else value.decode("utf-8", "replace")


def _words(name: x509.Name, oid: x509.ObjectIdentifier) -> list[Value] | None:
    return [_said(a.value) for a in name.get_attributes_for_oid(oid)] or None


def encoded(value: bytes) -> str:
    """Bytes as Go's JSON has them."""
    return base64.b64encode(value).decode()


def _key(key: object) -> Value:
    if isinstance(key, rsa.RSAPublicKey):
        numbers = key.public_numbers()
        return {"N": numbers.n, "E": numbers.e}
    if isinstance(key, ec.EllipticCurvePublicKey):
        point = key.public_numbers()
        return {"Curve": {}, "X": point.x, "Y": point.y}
    if isinstance(key, ed25519.Ed25519PublicKey):
        raw = serialization.Encoding.Raw, serialization.PublicFormat.Raw
        return encoded(key.public_bytes(*raw))
    return None


def _extension(c: x509.Certificate | x509.CertificateSigningRequest, kind: type[x509.ExtensionType]) -> object:
    try:
        return c.extensions.get_extension_for_class(kind).value
    except (x509.ExtensionNotFound, ValueError):
        return None


def _alternatives(c: x509.Certificate | x509.CertificateSigningRequest) -> Object:
    names = _extension(c, x509.SubjectAlternativeName)
    known = names if isinstance(names, x509.SubjectAlternativeName) else None
    uris = known.get_values_for_type(x509.UniformResourceIdentifier) if known is not None else []
    return {
        "DNSNames": list(known.get_values_for_type(x509.DNSName)) or None if known is not None else None,
        "EmailAddresses": list(known.get_values_for_type(x509.RFC822Name)) or None if known is not None else None,
        "IPAddresses": [str(a) for a in known.get_values_for_type(x509.IPAddress)] or None
        if known is not None
        else None,
        "URIs": [_url(u) for u in uris] or None,
        "URIStrings": list(uris) or None,
    }


def _url(uri: str) -> Value:
    scheme, _, rest = uri.partition("://")
    host, slash, path = rest.partition("/")
    return {
        "Scheme": scheme,
        "Opaque": "",
        "User": None,
        "Host": host,
        "Path": slash + path,
        "RawPath": "",
        "OmitHost": False,
        "ForceQuery": False,
        "RawQuery": "",
        "Fragment": "",
        "RawFragment": "",
    }


def _extensions(c: x509.Certificate | x509.CertificateSigningRequest) -> list[Value]:
    return [
        {
            "Id": [int(n) for n in e.oid.dotted_string.split(".")],
            "Critical": e.critical,
            "Value": encoded(e.value.public_bytes()),
        }
        for e in c.extensions
    ]


ALGORITHM: Final = {
    ("rsaEncryption", "sha1"): 3,
    ("rsaEncryption", "sha256"): 4,
    ("rsaEncryption", "sha384"): 5,
    ("rsaEncryption", "sha512"): 6,
    ("ec", "sha1"): 9,
    ("ec", "sha256"): 10,
    ("ec", "sha384"): 11,
    ("ec", "sha512"): 12,
}
"""x509.SignatureAlgorithm."""
KINDS: Final = ((rsa.RSAPublicKey, 1), (ec.EllipticCurvePublicKey, 3), (ed25519.Ed25519PublicKey, 4))
"""x509.PublicKeyAlgorithm."""


def _algorithm(c: x509.Certificate | x509.CertificateSigningRequest) -> int:
    digest = c.signature_hash_algorithm
    if digest is None:
        return 16
    kind = "ec" if "ecdsa" in c.signature_algorithm_oid._name.lower() else "rsaEncryption"
    return ALGORITHM.get((kind, digest.name), 0)


def _kind(key: object) -> int:
    return next((n for kind, n in KINDS if isinstance(key, kind)), 0)


def _time(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def certificate(c: x509.Certificate) -> Value:
    """A certificate as an object."""
    key = c.public_key()
    basic, usage = _extension(c, x509.BasicConstraints), _extension(c, x509.KeyUsage)
    extended = _extension(c, x509.ExtendedKeyUsage)
    subject, authority = _extension(c, x509.SubjectKeyIdentifier), _extension(c, x509.AuthorityKeyIdentifier)
    bits = 0
    if isinstance(usage, x509.KeyUsage):
        bits = sum(1 << i for i, name in enumerate(USAGES) if getattr(usage, name))
    long = basic.path_length if isinstance(basic, x509.BasicConstraints) else None
    info = serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    der = c.public_bytes(serialization.Encoding.DER)
    return {
        "Raw": encoded(der),
        "RawTBSCertificate": encoded(c.tbs_certificate_bytes),
        "RawSubjectPublicKeyInfo": encoded(key.public_bytes(*info)),
        "RawSubject": encoded(c.subject.public_bytes()),
        "RawIssuer": encoded(c.issuer.public_bytes()),
        "Signature": encoded(c.signature),
        "SignatureAlgorithm": _algorithm(c),
        "PublicKeyAlgorithm": _kind(key),
        "PublicKey": _key(key),
        "Version": c.version.value + 1,
        "SerialNumber": c.serial_number,
        "Issuer": _name(c.issuer),
        "Subject": _name(c.subject),
        "NotBefore": _time(c.not_valid_before_utc),
        "NotAfter": _time(c.not_valid_after_utc),
        "KeyUsage": bits,
        "Extensions": _extensions(c),
        "ExtraExtensions": None,
        "ExtKeyUsage": [EXTENDED[o] for o in extended if o in EXTENDED] or None
        if isinstance(extended, x509.ExtendedKeyUsage)
        else None,
        "BasicConstraintsValid": basic is not None,
        "IsCA": isinstance(basic, x509.BasicConstraints) and basic.ca,
        "MaxPathLen": -1 if long is None else long,
        "MaxPathLenZero": long == 0,
        "SubjectKeyId": encoded(subject.digest) if isinstance(subject, x509.SubjectKeyIdentifier) else None,
        "AuthorityKeyId": encoded(authority.key_identifier or b"")
        if isinstance(authority, x509.AuthorityKeyIdentifier)
        else None,
        **_alternatives(c),
    }


def parse_certificate_request(value: Value) -> Value:
    """A request for a certificate as an object."""
    given = text("crypto.x509.parse_certificate_request", 1, value)
    found = _blocks(given, "CERTIFICATE REQUEST") or _blocks(given, "NEW CERTIFICATE REQUEST")
    if not found:
        raise BuiltinError("invalid PEM-encoded certificate signing request")
    try:
        request = x509.load_der_x509_csr(found[0])
    except (ValueError, UnsupportedAlgorithm) as error:
        raise BuiltinError(f"asn1: structure error: {error}") from None
    key = request.public_key()
    return {
        "Raw": encoded(request.public_bytes(serialization.Encoding.DER)),
        "Version": 0,
        "Signature": encoded(request.signature),
        "SignatureAlgorithm": _algorithm(request),
        "PublicKeyAlgorithm": _kind(key),
        "PublicKey": _key(key),
        "Subject": _name(request.subject),
        "Extensions": _extensions(request) or None,
        "ExtraExtensions": None,
        **_alternatives(request),
    }


def parse_and_verify(c: Context, value: Value) -> Value:
    """Does a chain, from the root to the leaf, hold now? With its certificates, the leaf first."""
    chain = certificates(text("crypto.x509.parse_and_verify_certificates", 1, value))
    return _verified(chain, c.clock)


def parse_and_verify_with_options(c: Context, value: Value, options: Value) -> Value:
    """The same at another time, or for a name."""
    name = "crypto.x509.parse_and_verify_certificates_with_options"
    chain, wanted = certificates(text(name, 1, value)), obj(name, 2, options)
    for option in wanted:
        if option not in ("DNSName", "CurrentTime", "MaxConstraintComparisons", "KeyUsages"):
            raise BuiltinError(f"invalid key option: {option}")
    now = wanted.get("CurrentTime", c.clock)
    found = _verified(chain, now if isinstance(now, int) else c.clock)
    named = wanted.get("DNSName")
    if isinstance(named, str) and not _covers(chain[-1], named):
        return [False, []]
    return found


def _covers(leaf: x509.Certificate, name: str) -> bool:
    known = _alternatives(leaf)["DNSNames"]
    return isinstance(known, list) and any(
        name == n or (isinstance(n, str) and n.startswith("*.") and name.partition(".")[2] == n[2:]) for n in known
    )


def _verified(chain: Sequence[x509.Certificate], now: int) -> Value:
    failed: list[Value] = [False, []]
    if len(chain) < 2:
        raise BuiltinError("must supply at least two certificates to be able to verify")
    at = datetime.fromtimestamp(now / 1_000_000_000, UTC)
    for i, each in enumerate(chain):
        if not each.not_valid_before_utc <= at <= each.not_valid_after_utc:
            return failed
        issuer = chain[max(i - 1, 0)]
        basic = _extension(issuer, x509.BasicConstraints)
        if not (isinstance(basic, x509.BasicConstraints) and basic.ca):
            return failed
        try:
            each.verify_directly_issued_by(issuer)
        except (InvalidSignature, ValueError, TypeError):
            if i:
                return failed
    return [True, [certificate(each) for each in reversed(chain)]]


CERTIFICATES: Final[Mapping[str, Builtin]] = {
    "crypto.x509.parse_certificates": pure(parse_certificates),
    "crypto.x509.parse_certificate_request": pure(parse_certificate_request),
    "crypto.x509.parse_and_verify_certificates": contextual(parse_and_verify, Needs.CLOCK),
    "crypto.x509.parse_and_verify_certificates_with_options": contextual(parse_and_verify_with_options, Needs.CLOCK),
}
