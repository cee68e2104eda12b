"""A certificate, and the steps that come to one.

The request and the certificate are of a key that nobody has: they are sent, never used.
"""

from __future__ import annotations

from base64 import b64encode

from tests.live.requests.objects import thing
from tests.live.requests.request import Plain, Tried, Ways, both, may, on

NODE_REQUEST = """\
-----BEGIN CERTIFICATE REQUEST-----
MIHxMIGYAgEAMDYxFTATBgNVBAoMDHN5c3RlbTpub2RlczEdMBsGA1UEAwwUc3lz
dGVtOm5vZGU6d29ya2VyLTEwWTATBgcqhkjOPQIBBggqhkjOPQMBBwNCAATfkiWu
YXrrucmMxXwr/fMaQPYwatftHPLbaW/MCqQC5qCAE6X9Y/B9dlsq8pqY5JUCYP4J
3cDkImp5pcPElZnQoAAwCgYIKoZIzj0EAwIDSAAwRQIhAJUCy5197D8cldDWt7Ij
+P7Ff9j8QomzqyEkMiF194y0AiAVhdK/2FhN2xp1h/BF1l5wPQKLh8o3JHYcQ7mH
1qRpCw==
-----END CERTIFICATE REQUEST-----
"""
"""For system:node:worker-1 of system:nodes."""

AUTHORITY = """\
-----BEGIN CERTIFICATE-----
MIIBfDCCASGgAwIBAgIUDq7dDJrgHT8+vh15KXiPqTcnox8wCgYIKoZIzj0EAwIw
EjEQMA4GA1UEAwwHYW55Ym9keTAgFw0yNjExMjMyMTA2MjFaGA8yMTI2MTAzMDIx
MDYyMVowEjEQMA4GA1UEAwwHYW55Ym9keTBZMBMGByqGSM49AgEGCCqGSM49AwEH
A0IABEnF7LfFlF6qgzHNhc3q73/HYcNHPCVsb/8nAqjg1FRZ/ozMW2/l81qMCoaO
5xghtX6vSj1rWemzpwr/yb+XIMGjUzBRMB0GA1UdDgQWBBRdi8tHH7xGIItL/OAP
R9IX4t5j6DAfBgNVHSMEGDAWgBRdi8tHH7xGIItL/OAPR9IX4t5j6DAPBgNVHRMB
Af8EBTADAQH/MAoGCCqGSM49BAMCA0kAMEYCIQCXqyd42j+dN8qsLplMVp5zPvvH
C9wOcmpgq2U6s55CkwIhAO5sUvSdRKl6URY+mArtBannR699LeUpAhAcbQzBnrqg
-----END CERTIFICATE-----
"""

ATTACKERS_AUTHORITY = """\
-----BEGIN CERTIFICATE-----
MIIBfTCCASOgAwIBAgIUCc9c8Kj+6WY6ChL4oiNIiHUUqOowCgYIKoZIzj0EAwIw
EzERMA8GA1UEAwwIYXR0YWNrZXIwIBcNMjYxMTIzMjExMzA2WhgPMjEyNjEwMzAy
MTEzMDZaMBMxETAPBgNVBAMMCGF0dGFja2VyMFkwEwYHKoZIzj0CAQYIKoZIzj0D
AQcDQgAE9zdrNuBfoOgUMtlXoj1p54hZxpp56hcBCG13vMRCA7Pml46TYYMkF4gi
It7F2rRoUyWljUJjX4rOHQCJQzUD1qNTMFEwHQYDVR0OBBYEFAR6dsiaa1e1vb1D
BkEt2JnsWkPOMB8GA1UdIwQYMBaAFAR6dsiaa1e1vb1DBkEt2JnsWkPOMA8GA1Ud
EwEB/wQFMAMBAf8wCgYIKoZIzj0EAwIDSAAwRQIgfPssHBHh1Tni0g+GdMq3u0AP
culSIGrbJ4qA6lzJkHACIQDMxDd81YIgNqd6ATBQfVG3lg6BSHjLwgg0IpS7ZoK1
Aw==
-----END CERTIFICATE-----
"""

GROUP = "certificates.k8s.io"
CLIENT = "kubernetes.io/kube-apiserver-client"
KUBELET = "kubernetes.io/kube-apiserver-client-kubelet"
SERVING = "kubernetes.io/kubelet-serving"


def encoded(text: str) -> str:
    return b64encode(text.encode()).decode()


def requested(signer: str, usage: str = "client auth") -> Plain:
    spec = {"request": encoded(NODE_REQUEST), "signerName": signer, "usages": ["digital signature", usage]}
    return {"spec": spec}


def asking(signer: str, usage: str = "client auth") -> Ways:
    requests = thing(f"{GROUP}/v1", "CertificateSigningRequest", "certificatesigningrequests")
    return on("create", requests, body={**requests.manifest, **requested(signer, usage)})


def approving(signer: str, usage: str = "client auth") -> Ways:
    requests = thing(
        f"{GROUP}/v1", "CertificateSigningRequest", "certificatesigningrequests", **requested(signer, usage)
    )
    approved = {"conditions": [{"type": "Approved", "status": "True", "reason": "Step", "message": "tried"}]}
    whole = {**requests.manifest, "status": approved}
    return on("update,patch", requests, "approval", patch={"status": approved}, body=whole)


THEIRS = thing(
    f"{GROUP}/v1", "CertificateSigningRequest", "certificatesigningrequests", **requested("example.com/mine")
)
ISSUED: Plain = {"status": {"certificate": encoded(AUTHORITY)}}
WIDENED: Plain = {"spec": {"signerName": "example.com/mesh", "trustBundle": AUTHORITY + ATTACKERS_AUTHORITY}}
BUNDLES = thing(
    f"{GROUP}/v1", "ClusterTrustBundle", "clustertrustbundles",
    spec={"signerName": "example.com/mesh", "trustBundle": AUTHORITY},
)  # fmt: skip

CERTIFICATES = {
    "fill-certificate-request": Tried(
        on("update,patch", THEIRS, "status", patch=ISSUED, body={**THEIRS.manifest, **ISSUED}),
        names={"signers": "example.com/mine"},
    ),
    "forge-trust-bundle": Tried(
        on("update,patch", BUNDLES, patch=WIDENED, body={**BUNDLES.manifest, **WIDENED}),
        name="example.com:mesh:roots",
        names={"signers": "example.com/mesh"},
        rest="workloads that mount the bundle",
    ),
    "self-approved-kubelet-certificate": Tried(
        both(asking(KUBELET), may("create", GROUP, "certificatesigningrequests/nodeclient")),
        rest="the controller that approves: test_a_kubelets_certificate_approves_itself",
    ),
    "sign-client-certificate": Tried(both(asking(CLIENT), approving(CLIENT)), names={"signers": CLIENT}),
    "sign-client-certificate-together": Tried(both(asking(CLIENT), approving(CLIENT)), names={"signers": CLIENT}),
    "sign-kubelet-client-certificate": Tried(both(asking(KUBELET), approving(KUBELET)), names={"signers": KUBELET}),
    "sign-kubelet-serving-certificate": Tried(
        both(asking(SERVING, "server auth"), approving(SERVING, "server auth")), names={"signers": SERVING}
    ),
}
