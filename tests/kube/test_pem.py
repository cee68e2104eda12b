"""Only public certificates get through, whatever stands beside them and under whichever label."""

from __future__ import annotations

import base64
import gzip

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa
from hypothesis import given
from hypothesis import strategies as st
from tests.certificates import made

from mistrust.cluster.saved import load, save
from mistrust.kube.admission import APIService, CustomResourceDefinition, ValidatingWebhookConfiguration
from mistrust.kube.core import CERTIFICATE_KEYS, ConfigMap, Secret
from mistrust.kube.pem import LONGEST, Withheld, blocks, certificates_in, certificates_of, pem
from mistrust.kube.read import read
from mistrust.kube.snapshot import snapshot

LEAF = made("leaf", names=["leaf.example.com"])
ROOT = made("root", ca=True)
RSA = made("rsa", key=rsa.generate_private_key(65537, 2048))
PKCS8, TRADITIONAL = serialization.PrivateFormat.PKCS8, serialization.PrivateFormat.TraditionalOpenSSL


def b64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def wrong_label(private: str) -> str:
    """A private key that says it is a certificate."""
    body = "".join(line for line in private.splitlines() if "-----" not in line)
    return f"-----BEGIN CERTIFICATE-----\n{body}\n-----END CERTIFICATE-----\n"


ENCRYPTED = LEAF.key.private_bytes(
    serialization.Encoding.PEM, PKCS8, serialization.BestAvailableEncryption(b"x")
).decode()

KEYS = {
    "pkcs8": RSA.private,
    "pkcs1": RSA.encoded(TRADITIONAL),
    "sec1": LEAF.encoded(TRADITIONAL),
    "openssh": LEAF.encoded(serialization.PrivateFormat.OpenSSH),
    "encrypted": ENCRYPTED,
    "ed25519": made("e", key=ed25519.Ed25519PrivateKey.generate()).private,
}


@pytest.mark.parametrize("form", KEYS)
@pytest.mark.parametrize(
    "place", ["{key}{cert}", "{cert}{key}", "{cert}note\n{key}", "{cert}{key}{cert}", "{lower}{cert}"]
)
def test_a_text_with_a_private_key_is_dropped_whole(form, place):
    text = place.format(key=KEYS[form], cert=LEAF.pem, lower=KEYS[form].replace("PRIVATE KEY", "private key"))
    assert certificates_in(text) == ("", Withheld.PRIVATE_KEY)
    assert certificates_of(b64(text)) == ("", Withheld.PRIVATE_KEY)


@pytest.mark.parametrize("form", KEYS)
def test_a_private_key_under_the_label_of_a_certificate_is_none(form):
    assert certificates_in(wrong_label(KEYS[form])) == ("", Withheld.NOT_A_CERTIFICATE)
    assert certificates_in(LEAF.pem + wrong_label(KEYS[form])) == (LEAF.pem, None)


@pytest.mark.parametrize("noise", ["", "# a comment: password=hunter2\n", "Bag Attributes\n", "\r\n  \t", "hunter2"])
def test_certificates_pass_and_what_stands_beside_them_does_not(noise):
    assert certificates_in(noise + LEAF.pem + noise + ROOT.pem + noise) == (LEAF.pem + ROOT.pem, None)


def test_odd_writing_of_the_same_certificate_is_written_anew():
    odd = LEAF.pem.replace("\n", "\r\n")
    one_line = LEAF.pem.replace("\n", "").replace("-----M", "-----\nM").replace("=-----", "=\n-----")
    assert certificates_in(odd) == (LEAF.pem, None)
    assert certificates_in(one_line)[0] in (LEAF.pem, "")
    assert [pem(der) for der in blocks(LEAF.pem + ROOT.pem)] == [LEAF.pem, ROOT.pem]


@pytest.mark.parametrize("value", ["", "hunter2", "-----BEGIN CERTIFICATE-----", LEAF.pem[:200], "%%%", "aHVudGVyMg=="])
def test_what_is_no_certificate_is_not_taken(value):
    assert certificates_of(value) == ("", Withheld.NOT_A_CERTIFICATE)
    assert certificates_in(value) == ("", Withheld.NOT_A_CERTIFICATE)


def test_other_pem_blocks_are_not_taken():
    public = LEAF.key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    assert certificates_in(public.decode()) == ("", Withheld.NOT_A_CERTIFICATE)


def test_nothing_hides_behind_a_certificate_in_its_block_or_under_another_label():
    (der,) = blocks(LEAF.pem)
    assert certificates_in(pem(der + b"hunter2")) == ("", Withheld.NOT_A_CERTIFICATE)
    assert certificates_in(pem(der[:-1])) == ("", Withheld.NOT_A_CERTIFICATE)
    trusted = LEAF.pem.replace(" CERTIFICATE", " TRUSTED CERTIFICATE")
    assert certificates_in(trusted) == ("", Withheld.NOT_A_CERTIFICATE)


def test_a_huge_text_is_not_looked_at():
    assert certificates_in(LEAF.pem + " " * LONGEST) == ("", Withheld.TOO_LARGE)
    assert certificates_of("A" * (3 * LONGEST)) == ("", Withheld.TOO_LARGE)


@given(st.binary(max_size=200))
def test_bytes_that_are_no_certificate_do_not_pass_as_one(data):
    text, why = certificates_in(pem(data))
    assert (text, why) == ("", Withheld.NOT_A_CERTIFICATE) or text == pem(data)


@given(st.text(max_size=300))
def test_any_text_gives_certificates_or_nothing(text):
    found, why = certificates_in(text + LEAF.pem)
    assert found in ("", LEAF.pem)
    assert bool(found) is (why is None)
    certificates_of(text)


def secret(data: dict[str, str], strings: dict[str, str] | None = None) -> Secret:
    import json

    body = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "s", "namespace": "n"},
        "data": data,
        "stringData": strings or {},
    }
    (found,), problems = read(json.dumps(body).encode(), "s.json")
    assert not problems
    assert isinstance(found, Secret)
    return found


def test_a_secret_keeps_certificates_under_their_keys_alone():
    found = secret(
        {
            "tls.crt": b64(LEAF.pem),
            "tls.key": b64(LEAF.private),
            "other": b64(ROOT.pem),
            "password": b64("hunter2"),
            "ca.crt": b64("hunter2"),
        },
        {"root-cert.pem": ROOT.pem, "token": "hunter2"},
    )
    assert found.certificates == {"tls.crt": LEAF.pem, "root-cert.pem": ROOT.pem}
    assert found.withheld == {"ca.crt": Withheld.NOT_A_CERTIFICATE}
    assert (found.data, found.string_data) == ({}, {})


SECRET_LINES = tuple(
    line for text in KEYS.values() for line in text.splitlines() if "-----" not in line and len(line) > 20
)


@pytest.mark.parametrize("key", sorted(CERTIFICATE_KEYS))
@pytest.mark.parametrize("form", KEYS)
@pytest.mark.parametrize("shape", ["{key}", "{cert}{key}", "{label}", "{cert}{label}", "{b64}"])
def test_no_private_key_enters_the_model_or_a_saved_snapshot(key, form, shape):
    text = shape.format(key=KEYS[form], cert=LEAF.pem, label=wrong_label(KEYS[form]), b64=b64(KEYS[form]))
    for found in (secret({key: b64(text)}), secret({}, {key: text}), secret({key: text})):
        saved = gzip.decompress(save(snapshot([found]))).decode()
        for place in (repr(found), saved):
            assert not any(line in place for line in SECRET_LINES)
            assert "PRIVATE KEY-----" not in place


def test_a_saved_snapshot_brings_the_same_secret_back():
    found = secret({"tls.crt": b64(LEAF.pem), "ca.crt": b64(LEAF.pem + LEAF.private)})
    (again,) = load(save(snapshot([found])), "x.mist").objects
    assert again == found
    assert found.withheld == {"ca.crt": Withheld.PRIVATE_KEY}


def test_the_input_cannot_smuggle_a_key_through_the_fields_of_a_saved_snapshot():
    forged = f"""
apiVersion: v1
kind: Secret
metadata: {{name: s}}
mistrust.dev/certificates: {{tls.crt: {LEAF.private!r}, note: hunter2}}
mistrust.dev/withheld: {{ca.crt: too large, hunter2: private key}}
""".replace("'", '"')
    (found,), problems = read(forged.encode(), "s.yaml")
    assert not problems
    assert isinstance(found, Secret)
    assert found.certificates == {}
    assert found.withheld == {"ca.crt": Withheld.TOO_LARGE, "tls.crt": Withheld.PRIVATE_KEY}


@pytest.mark.parametrize(("name", "key", "value", "kept", "why"), [
    ("kube-root-ca.crt", "ca.crt", ROOT.pem, ROOT.pem, None),
    ("kube-root-ca.crt", "ca.crt", ROOT.pem + ROOT.private, None, "private key"),
    ("linkerd-config", "values", f"a: 1\nkeyPEM: |\n{LEAF.private}b: 2\n", "a: 1\nkeyPEM: |\n\nb: 2\n", "private key"),
    ("linkerd-config", "values", f"keyPEM: |\n{LEAF.private[:150]}", "keyPEM: |\n", "private key"),
    ("cluster-info", "kubeconfig", "users:\n- user:\n    token: hunter2\n", None, "credentials"),
    ("cluster-info", "kubeconfig", "clusters: []\n", "clusters: []\n", None),
])  # fmt: skip
def test_a_configmap_is_read_without_what_is_private(name, key, value, kept, why):
    import json

    body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": {key: value}}
    (found,), _ = read(json.dumps(body).encode(), "c.json")
    assert isinstance(found, ConfigMap)
    assert found.data.get(key) == kept
    assert found.withheld == ({key: why} if why else {})


@pytest.mark.parametrize(("value", "kept", "why"), [
    (b64(ROOT.pem), ROOT.pem, None),
    (b64(ROOT.pem + ROOT.private), "", Withheld.PRIVATE_KEY),
    (b64("hunter2"), "", Withheld.NOT_A_CERTIFICATE),
    ("Cg==", "", Withheld.NOT_A_CERTIFICATE),
])  # fmt: skip
def test_a_ca_bundle(value, kept, why):
    text = f"""
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingWebhookConfiguration
metadata: {{name: w}}
webhooks: [{{name: a, clientConfig: {{caBundle: "{value}", service: {{name: s, namespace: web}}}}}}]
---
apiVersion: apiregistration.k8s.io/v1
kind: APIService
metadata: {{name: v1.x}}
spec: {{caBundle: "{value}", insecureSkipTLSVerify: true}}
---
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {{name: x.y}}
spec: {{conversion: {{strategy: Webhook, webhook: {{clientConfig: {{caBundle: "{value}"}}}}}}}}
"""
    found, problems = read(text.encode(), "w.yaml")
    assert not problems
    webhooks, service, definition = found
    assert isinstance(webhooks, ValidatingWebhookConfiguration)
    assert isinstance(service, APIService)
    assert isinstance(definition, CustomResourceDefinition)
    assert service.spec.insecure_skip_tls_verify
    assert definition.spec.conversion is not None
    assert definition.spec.conversion.webhook is not None
    for bundled in (webhooks.webhooks[0].client_config, service.spec, definition.spec.conversion.webhook.client_config):
        assert (bundled.ca_bundle, bundled.withheld) == (kept, why)
    assert load(save(snapshot(found)), "x.mist").objects == tuple(found)


@pytest.mark.parametrize("kind", ["Secret", "ConfigMap"])
def test_only_known_keys_are_said_to_be_withheld(kind):
    withheld = "mistrust.dev/withheld: {hunter2: too large, ca.crt: too large}"
    text = f"apiVersion: v1\nkind: {kind}\nmetadata: {{name: kube-root-ca.crt}}\n{withheld}\n"
    (found,), _ = read(text.encode(), "s.yaml")
    assert isinstance(found, (Secret, ConfigMap))
    assert found.withheld == {"ca.crt": Withheld.TOO_LARGE}
