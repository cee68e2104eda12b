"""Whatever bytes stand where certificates do: an answer, never an exception, and no more time than they deserve."""

from __future__ import annotations

import random

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa
from hypothesis import given
from hypothesis import strategies as st
from tests.certificates import made
from tests.layers.mesh.certificate_scene import ingress, secret, told

from mistrust.kube.pem import pem
from mistrust.layers.mesh.certificates.names import covered, public
from mistrust.layers.mesh.certificates.x509 import X509, parsed, vouches

HOST = "shop.example.com"
SEEDS = [
    made("web", names=[HOST], ca=True),
    made("rsa", names=[HOST], key=rsa.generate_private_key(65537, 1024)),
    made("ed", key=ed25519.Ed25519PrivateKey.generate()),
]


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("seed", range(3))
def test_a_damaged_certificate_is_told_or_read(seed):
    """Ten thousand certificates with a few bytes changed, cut or doubled."""
    chance = random.Random(seed)
    der = SEEDS[seed].certificate.public_bytes(serialization.Encoding.DER)
    read = 0
    for _ in range(3400):
        broken = bytearray(der)
        for _ in range(chance.choice((1, 1, 2, 5))):
            at = chance.randrange(len(broken))
            broken[at : at + chance.choice((0, 1, 1, 1, 4))] = chance.randbytes(chance.choice((0, 1, 1, 1, 4)))
        found = parsed(bytes(broken))
        assert isinstance(found, (X509, str))
        if isinstance(found, X509):
            read += 1
            assert found.subject.isprintable()
            assert isinstance(vouches([found], [found]), bool)
            told(ingress(HOST), secret("web-tls", {"tls.crt": pem(bytes(broken))})) if read % 20 == 0 else None
        else:
            assert found.isprintable()
            assert found
    assert read > 300


@given(st.binary(max_size=400))
def test_any_bytes(data):
    assert isinstance(parsed(data), str)


def test_names_that_would_change_a_terminal_are_made_plain():
    loud = made("\x1b[31mred\nline\u202e")
    found = parsed(loud.certificate.public_bytes(serialization.Encoding.DER))
    assert isinstance(found, X509)
    assert found.subject.isprintable()
    assert "\x1b" not in found.subject
    assert len(parsed(made("x" * 64).certificate.public_bytes(serialization.Encoding.DER)).subject) <= 120


def test_thousands_of_certificates_in_one_place_are_looked_at_in_part():
    one = SEEDS[0].pem
    found = told(ingress(HOST), secret("web-tls", {"tls.crt": one * 300}))
    assert "self-signed" in found
    assert told(ingress(HOST), secret("web-tls", {"tls.crt": one * 3000})) == {
        "unreadable": "a door from outside: too large"
    }


def test_a_circle_of_signatures_ends():
    a = made("a", ca=True, by=SEEDS[0])
    b = made("b", ca=True, by=a)
    chain = [parsed(c.certificate.public_bytes(serialization.Encoding.DER)) for c in (b, a, b, a)]
    assert vouches([parsed(SEEDS[2].certificate.public_bytes(serialization.Encoding.DER))], chain) is False


@pytest.mark.parametrize(("host", "is_public"), [
    ("example.com", True), ("a.b.co.uk", True), ("*.example.com", True), ("example.com.", True),
    ("localhost", False), ("web", False), ("web.shop.svc", False), ("web.shop.svc.cluster.local", False),
    ("10.0.0.1", False), ("::1", False), ("printer.lan", False), ("", False),
])  # fmt: skip
def test_hosts_that_public_authorities_sign_for(host, is_public):
    assert public(host) is is_public


@pytest.mark.parametrize(("host", "name", "is_covered"), [
    ("a.example.com", "*.example.com", True),
    (".example.com", "*.example.com", False),
    ("example.com", "*.example.com", False),
    ("a.b.example.com", "*.example.com", False),
    ("*.example.com", "*.example.com", True),
    ("*.b.example.com", "*.example.com", False),
    ("a.example.com", "a*.example.com", False),
    ("A.Example.com.", "a.example.COM", True),
    ("", "", True),
])  # fmt: skip
def test_names_for_hosts(host, name, is_covered):
    assert covered(host, [name]) is is_covered
