"""What is said about certificates, each beside the nearest certificate of which it is not said."""

from __future__ import annotations

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import dsa, ec, rsa
from cryptography.x509.oid import NameOID
from tests.certificates import DAY, NOW, made
from tests.layers.mesh.certificate_scene import (
    b64,
    chain,
    config,
    every,
    ingress,
    of,
    secret,
    served,
    told,
    webhook,
)  # fmt: skip

from mistrust.kube.pem import pem
from mistrust.layers.mesh.certificates.place import Use
from mistrust.layers.mesh.certificates.seen import certificates, unseen

HOST = "shop.example.com"
ROOT = made("root", ca=True, end=3650)
GOOD = made("web", names=[HOST], by=ROOT)


def door(*certificates, hosts=(HOST,)):
    """An Ingress and the Secret that it shows."""
    return ingress(*hosts), secret("web-tls", {"tls.crt": chain(*certificates), "tls.key": GOOD.private})


def test_a_good_certificate_is_nothing_to_talk_about():
    assert told(*door(GOOD, ROOT)) == {}


@pytest.mark.parametrize(("start", "end", "expected"), [
    (-90, -1, {"expired": "CN=web, a door from outside, ended on 2027-01-14"}),
    (-90, 29.5, {"expiring": "CN=web, a door from outside, ends on 2027-02-13, in 29 days"}),
    (-90, 1.5, {"expiring": "CN=web, a door from outside, ends on 2027-01-16, in 1 day"}),
    (-90, 31, {}),
    (-65, 25, {}),  # ninety days, of which cert-manager renews at sixty
    (-70, 20, {"expiring": "CN=web, a door from outside, ends on 2027-02-04, in 20 days"}),
    (-5, 2, {}),  # a week
    (-6, 1, {"expiring": "CN=web, a door from outside, ends on 2027-01-16, in 1 day"}),
    (2, 90, {"expired": "CN=web, a door from outside, is not valid yet"}),
])  # fmt: skip
def test_the_end_of_a_leaf(start, end, expected):
    assert told(*door(made("web", names=[HOST], by=ROOT, start=start, end=end))) == expected


def test_the_time_is_given_by_who_asks():
    assert told(*door(GOOD), now=NOW + 79 * DAY).keys() == {"expiring"}
    assert told(*door(GOOD), now=NOW + 81 * DAY).keys() == {"expired"}


@pytest.mark.parametrize(("end", "expected"), [(364, {"expiring"}), (366, set()), (-1, {"expired"})])
def test_a_root_of_a_mesh_takes_a_year_to_replace(end, expected):
    root = made("mesh", ca=True, start=-3000, end=end)
    for objects in (
        [config("istio-ca-root-cert", {"root-cert.pem": root.pem})],
        [config("linkerd-identity-trust-roots", {"ca-bundle.crt": root.pem})],
        [secret("cacerts", {"root-cert.pem": root.pem})],
        [secret("istio-ca-secret", {"ca-cert.pem": root.pem, "ca-key.pem": root.private})],
        [secret("cacerts", {"ca-cert.pem": root.pem})],  # an issuer that is its own root
    ):
        assert told(*objects).keys() == expected


def test_copies_of_a_root_in_every_namespace_are_one_certificate():
    root = made("mesh", ca=True, end=100)
    copies = [config("istio-ca-root-cert", {"root-cert.pem": root.pem}, namespace) for namespace in "abcde"]
    (fact,) = every(*copies)
    assert fact.subject == "ConfigMap a/istio-ca-root-cert"
    also = "(also in ConfigMap b/istio-ca-root-cert and 3 more)"
    assert fact.detail == f"CN=mesh, the root of the mesh {also}, ends on 2027-04-25, in 100 days"


def test_an_old_root_beside_its_successor_is_a_rotation_and_no_fault():
    old, new = made("old", ca=True, end=-1), made("new", ca=True, end=3000)
    assert told(config("istio-ca-root-cert", {"root-cert.pem": chain(old, new)})) == {}
    alone = config("istio-ca-root-cert", {"root-cert.pem": chain(old)}, "b")
    both = config("istio-ca-root-cert", {"root-cert.pem": chain(old, new)}, "a")
    assert told(both, alone).keys() == {"expired"}  # in b it is all there is


@pytest.mark.parametrize(("start", "end", "expected"), [
    (-200, 105, set()),
    (-210, 95, {"rotation-overdue"}),
    (-340, 25, {"expiring"}),
])  # fmt: skip
def test_an_issuer_of_a_mesh_is_rotated_in_time(start, end, expected):
    issuer = made("identity.linkerd.cluster.local", ca=True, by=ROOT, start=start, end=end)
    for objects in (
        [secret("linkerd-identity-issuer", {"crt.pem": issuer.pem, "key.pem": issuer.private}, "linkerd")],
        [secret("cacerts", {"ca-cert.pem": issuer.pem, "cert-chain.pem": chain(issuer, ROOT)}, "istio-system")],
    ):
        assert told(*objects).keys() == expected


def rsa_of(bits):
    return rsa.generate_private_key(65537, bits)


KEYS = [
    (rsa_of(1024), "has the weak key RSA 1024"),
    (rsa_of(2048), None),
    (ec.generate_private_key(ec.SECP192R1()), "has the weak key EC secp192r1"),
    (ec.generate_private_key(ec.SECP224R1()), None),
    (dsa.generate_private_key(2048), "has the weak key DSA 2048"),
]


@pytest.mark.parametrize(("key", "clause"), KEYS, ids=["rsa1024", "rsa2048", "p192", "p224", "dsa"])
def test_weak_keys(key, clause):
    found = told(*door(made("web", names=[HOST], by=ROOT, key=key)))
    assert found == ({"weak-key": f"CN=web, a door from outside, {clause}"} if clause else {})


SHA256_WITH_RSA, SHA1_WITH_RSA, MD5_WITH_RSA = (bytes.fromhex("2a864886f70d0101") + bytes([i]) for i in (11, 5, 4))
OLD_ROOT = made("old root", ca=True, end=3650, key=rsa_of(2048))


def signed_over(oid, *, by=OLD_ROOT, **given):
    """The library signs over no old digest any more, so the certificate is made to say that it was."""
    der = made(by=by, **given).certificate.public_bytes(serialization.Encoding.DER)
    return pem(der.replace(SHA256_WITH_RSA, oid))


@pytest.mark.parametrize(("oid", "clause"), [
    (SHA1_WITH_RSA, "is signed over SHA1"),
    (MD5_WITH_RSA, "is signed over MD5"),
    (SHA256_WITH_RSA, None),
])  # fmt: skip
def test_old_digests(oid, clause):
    found = told(ingress(HOST), secret("web-tls", {"tls.crt": signed_over(oid, name="web", names=[HOST])}))
    assert found == ({"weak-signature": f"CN=web, a door from outside, {clause}"} if clause else {})


def test_what_a_root_signs_itself_over_does_not_matter():
    root = signed_over(SHA1_WITH_RSA, name="old root", by=None, key=OLD_ROOT.key, ca=True, end=3650)
    assert told(config("kube-root-ca.crt", {"ca.crt": root})) == {}


@pytest.mark.parametrize(("names", "hosts", "missing"), [
    ([HOST], [HOST], None),
    (["*.example.com"], [HOST], None),
    (["*.example.com"], ["*.example.com"], None),
    ([HOST.upper()], [HOST], None),
    (["*.example.com"], ["a.shop.example.com"], "a.shop.example.com"),
    (["*.example.com"], ["example.com"], "example.com"),
    ([HOST], ["*.example.com"], "*.example.com"),
    (["other.example.com"], [HOST], HOST),
    ([HOST], [HOST, "api.example.com"], "api.example.com"),
])  # fmt: skip
def test_the_names_of_a_door(names, hosts, missing):
    found = told(*door(made("web", names=names, by=ROOT), hosts=hosts))
    told_names = f"but for {', '.join(names).lower()}"
    clause = f"CN=web, a door from outside, is not for {missing} (Ingress shop/web), {told_names}"
    assert found == ({"wrong-name": clause} if missing else {})


def test_the_subject_is_no_name():
    assert told(*door(made(HOST, by=ROOT))) == {"no-name": f"CN={HOST}, a door from outside, names no host"}


def gateway(hosts, spec=""):
    return {
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": "Gateway",
        "metadata": {"name": "gw", "namespace": "shop"},
        "spec": {
            "listeners": [
                {"name": "a", "hostname": h, "tls": {"certificateRefs": [{"name": "web-tls"}], **(spec or {})}}
                for h in hosts
            ]
        },
    }


@pytest.mark.parametrize(("spec", "expected"), [({}, {"wrong-name"}), ({"mode": "Passthrough"}, set())])
def test_the_names_of_a_gateway(spec, expected):
    assert told(gateway(["api.example.com"], spec), door(GOOD)[1]).keys() == expected
    assert told(gateway([HOST], spec), door(GOOD)[1]).keys() == set()


def istio(mode="SIMPLE", host="shop/api.example.com"):
    tls = {"mode": mode, "credentialName": "web-tls"}
    return {
        "apiVersion": "networking.istio.io/v1",
        "kind": "Gateway",
        "metadata": {"name": "gw", "namespace": "shop"},
        "spec": {"selector": {"app": "hook"}, "servers": [{"hosts": [host], "tls": tls}]},
    }


@pytest.mark.parametrize(("mode", "host", "expected"), [
    ("SIMPLE", "shop/api.example.com", {"wrong-name"}),
    ("MUTUAL", "api.example.com", {"wrong-name"}),
    ("SIMPLE", HOST, set()),
    ("SIMPLE", "*", set()),
    ("PASSTHROUGH", "api.example.com", set()),
])  # fmt: skip
def test_the_names_of_an_istio_gateway_whose_secret_is_with_its_pods(mode, host, expected):
    assert told(istio(mode, host), door(GOOD)[1], *served()).keys() == expected


SERVICE = "hook.shop.svc"


@pytest.mark.parametrize(("names", "expected"), [
    ([SERVICE], set()),
    (["*.shop.svc"], set()),
    (["hook.shop"], {"wrong-name"}),
    ([], {"no-name"}),
])  # fmt: skip
def test_a_webhook_shows_the_name_of_its_service(names, expected):
    shown = secret("hook-tls", {"tls.crt": made("hook", names=names, by=ROOT).pem})
    assert told(webhook(ROOT.pem), shown, *served("hook-tls")).keys() == expected


def test_of_several_certificates_the_one_with_the_name_is_taken_for_the_shown_one():
    right = secret("a", {"tls.crt": made("hook", names=[SERVICE], by=ROOT).pem})
    wrong = secret("b", {"tls.crt": made("hook", names=["x"], by=ROOT).pem})
    other = secret("c", {"tls.crt": made("hook", names=["y"], by=ROOT).pem})
    assert told(webhook(ROOT.pem), right, wrong, *served("a", "b")) == {}
    assert told(webhook(ROOT.pem), wrong, other, *served("b", "c")) == {}  # nobody knows which is shown
    late = secret("a", {"tls.crt": made("hook", names=[SERVICE], by=ROOT, end=-1).pem})
    assert told(webhook(ROOT.pem), late, wrong, *served("a", "b")).keys() == {"expired"}


OTHER_KEY = ec.generate_private_key(ec.SECP256R1())


@pytest.mark.parametrize(("bundle", "shown", "fits"), [
    ("root", ["leaf"], True),
    ("root", ["leaf by middle", "middle"], True),
    ("root", ["leaf by middle"], False),
    ("middle", ["leaf by middle"], True),
    ("leaf", ["leaf"], True),
    ("other", ["leaf"], False),
    ("forged", ["leaf"], False),
    ("other root", ["leaf"], True),
])  # fmt: skip
def test_the_bundle_of_a_webhook_vouches_for_its_server(bundle, shown, fits):
    middle = made("middle", ca=True, by=ROOT)
    known = {
        "root": ROOT,
        "middle": middle,
        "other": made("other", ca=True),
        "forged": made("root", ca=True, key=OTHER_KEY),  # the same name, another key
        "leaf": made("hook", names=[SERVICE], by=ROOT),
        "leaf by middle": made("hook", names=[SERVICE], by=middle),
    }
    bundled = "".join(known[b].pem for b in bundle.split())
    served_pem = secret("hook-tls", {"tls.crt": chain(*(known[s] for s in shown))})
    found = told(webhook(bundled), served_pem, *served("hook-tls"))
    clause = f"its bundle does not vouch for what {SERVICE} shows (Secret shop/hook-tls)"
    assert {k: v for k, v in found.items() if k == "untrusted"} == ({} if fits else {"untrusted": clause})


def test_an_authority_that_serves():
    shown = secret("hook-tls", {"tls.crt": made("hook", names=[SERVICE], ca=True).pem})
    found = told(webhook(ROOT.pem), shown, *served("hook-tls"))
    assert found["authority-as-server"] == (
        "CN=hook, a webhook's server, may sign other certificates, and a server holds its key"
    )
    assert "self-signed" not in found


@pytest.mark.parametrize(("ca", "more"), [(True, " and may sign others"), (None, "")])
def test_a_door_that_nobody_vouches_for(ca, more):
    lonely = made("web", names=[HOST], ca=ca)
    assert told(*door(lonely)) == {"self-signed": f"CN=web, a door from outside, is signed by itself{more}"}


@pytest.mark.parametrize(("host", "end", "expected"), [
    (HOST, 388, {}),
    (HOST, 398, {"long-lived": f"CN=web, a door from outside, is valid for 408 days, for {HOST}"}),
    ("shop.internal", 398, {}),
    ("shop", 398, {}),
])  # fmt: skip
def test_a_public_name_for_longer_than_public_authorities_say(host, end, expected):
    assert told(*door(made("web", names=[host], by=ROOT, end=end), hosts=[host])) == expected


def test_what_signs_itself_is_not_blamed_for_living_long():
    assert told(*door(made("web", names=[HOST], end=3650))).keys() == {"self-signed"}


def test_one_key_in_two_places():
    key = ec.generate_private_key(ec.SECP256R1())
    one = secret("web-tls", {"tls.crt": made("web", names=[HOST], by=ROOT, key=key).pem})
    two = secret("api-tls", {"tls.crt": made("api", names=["api.example.com"], by=ROOT, key=key).pem})
    objects = [ingress(HOST), ingress("api.example.com", name="api", tls="api-tls"), one, two]
    assert told(*objects) == {"shared-key": "its key lies in Secret shop/web-tls as well"}
    assert told(*objects[:1], one, two) == {}  # nothing shows the other


@pytest.mark.parametrize("subject", ["testrootca@istio.io", "Kubernetes Ingress Controller Fake Certificate"])
def test_samples_that_come_with_the_software(subject):
    oid = NameOID.EMAIL_ADDRESS if "@" in subject else NameOID.COMMON_NAME
    sample = made("Root CA", more=[x509.NameAttribute(oid, subject)], ca=True, end=36500)
    assert told(secret("cacerts", {"root-cert.pem": sample.pem})).keys() == {"demo"}


@pytest.mark.parametrize("place", ["web-tls", "unused"])
def test_a_private_key_where_certificates_belong(place):
    both = secret(place, {"tls.crt": GOOD.pem + GOOD.private})
    assert told(ingress(HOST), both) == {"with-key": "private key where only public certificates belong"}
    assert told(config("kube-root-ca.crt", {"ca.crt": ROOT.pem + ROOT.private})).keys() == {"with-key"}
    assert told(config("cluster-info", {"kubeconfig": "token: x"})).keys() == {"with-key"}


def test_something_else_where_a_certificate_is_shown():
    clause = "a door from outside: not a certificate"
    assert told(ingress(HOST), secret("web-tls", {"tls.crt": "hunter2"})) == {"unreadable": clause}
    assert told(secret("web-tls", {"tls.crt": "hunter2"})) == {}


def test_an_aggregated_api_that_is_not_checked():
    service = {
        "apiVersion": "apiregistration.k8s.io/v1",
        "kind": "APIService",
        "metadata": {"name": "v1beta1.metrics.k8s.io"},
        "spec": {"group": "metrics.k8s.io", "insecureSkipTLSVerify": True, "service": {"name": "m", "namespace": "n"}},
    }
    assert told(service).keys() == {"unchecked"}
    service["spec"]["insecureSkipTLSVerify"] = False
    assert told(service) == {}


def test_bundles_of_webhooks_conversions_and_aggregated_apis_end_too():
    old = b64(made("old", ca=True, end=-1).pem)
    conversion = {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": "x.y"},
        "spec": {"conversion": {"strategy": "Webhook", "webhook": {"clientConfig": {"caBundle": old}}}},
    }
    aggregated = {
        "apiVersion": "apiregistration.k8s.io/v1",
        "kind": "APIService",
        "metadata": {"name": "v1.x"},
        "spec": {"caBundle": old},
    }
    for o in (webhook(made("old", ca=True, end=-1).pem), conversion, aggregated):
        assert told(o).keys() == {"expired"}


def test_the_kubeconfig_in_use():
    used = {
        "apiVersion": "mistrust.dev/v1",
        "kind": "Kubeconfig",
        "metadata": {"name": "prod"},
        "certificateAuthority": ROOT.pem,
        "clientCertificate": made("jane", by=ROOT, start=-300, end=10).pem,
    }
    (fact,) = every(used)
    assert (fact.subject, fact.detail) == (
        "Kubeconfig prod",
        "CN=jane, a client of the API server, ends on 2027-01-25, in 10 days",
    )


def test_many_certificates_of_one_object_are_one_fact():
    old = chain(*(made(f"old {i}", names=[HOST], by=ROOT, end=-1) for i in range(6)))
    (fact,) = [f for f in every(ingress(HOST), secret("web-tls", {"tls.crt": old})) if f.name.endswith("expired")]
    assert fact.detail.count("ended on") == 3
    assert fact.detail.endswith("; and 3 more")


def test_certificates_lists_each_with_its_use_and_places():
    found = certificates(of(*door(GOOD, ROOT), config("kube-root-ca.crt", {"ca.crt": ROOT.pem})))
    assert [(s.x509.subject, s.use, s.leaf) for s in found] == [
        ("CN=root", Use.CLUSTER_ROOT, False),
        ("CN=web", Use.DOOR, True),
        ("CN=root", Use.DOOR, False),
    ]
    assert [str(p) for p in found[1].places] == ['Secret shop/web-tls data["tls.crt"]']


def test_of_a_live_cluster_it_is_said_that_secrets_were_not_read():
    live = secret("web-tls", {})
    live["metadata"]["uid"] = "u"
    (remark,) = unseen(of(ingress(HOST), live))
    assert (remark.what, remark.got, remark.blinds) == (
        "the certificates in 1 Secret were not read",
        "Secret shop/web-tls",
        False,
    )
    assert unseen(of(*door(GOOD))) == ()


def test_the_order_of_the_input_changes_nothing():
    old = made("old", ca=True, end=-1)
    objects = [
        *door(made("web", names=["x.example.com"], by=ROOT, end=3)),
        ingress("a.example.com", name="other"),
        *(config("istio-ca-root-cert", {"root-cert.pem": old.pem}, n) for n in "cab"),
        webhook(old.pem),
        *served("web-tls"),
    ]
    one, two = ({(f.name, f.subject, f.detail) for f in every(*o)} for o in (objects, objects[::-1]))
    assert one == two
    assert len(one) >= 4
