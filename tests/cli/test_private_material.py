"""What is private in the input is in no report and in no saved snapshot, whatever the form."""

from __future__ import annotations

import base64
import gzip
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization

from mistrust.cli.main import run
from tests.certificates import made

LEAF = made("web", names=["web.example.com"])
TRADITIONAL = LEAF.encoded(serialization.PrivateFormat.TraditionalOpenSSL)
PRIVATE = {line for text in (LEAF.private, TRADITIONAL) for line in text.splitlines() if "-----" not in line}
FORMS = ("text", "json", "sarif", "junit", "md", "csv", "html")


def b64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def manifests() -> str:
    both, label = LEAF.pem + LEAF.private, TRADITIONAL.replace("EC PRIVATE KEY", "CERTIFICATE")
    return f"""
apiVersion: v1
kind: Secret
metadata: {{name: web-tls, namespace: shop}}
data: {{tls.crt: {b64(both)}, tls.key: {b64(LEAF.private)}, ca.crt: {b64(label)}, password: {b64("hunter2")}}}
---
apiVersion: v1
kind: Secret
metadata: {{name: good-tls, namespace: shop}}
data: {{tls.crt: {b64(LEAF.pem)}, tls.key: {b64(LEAF.private)}}}
stringData: {{root-cert.pem: hunter2, token: hunter2}}
---
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {{name: web, namespace: shop}}
spec: {{tls: [{{secretName: web-tls, hosts: [web.example.com]}}, {{secretName: good-tls, hosts: [web.example.com]}}]}}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    place = tmp_path / "in"
    place.mkdir()
    (place / "all.yaml").write_text(manifests())
    return place


def clean(text: str) -> None:
    for word in (*PRIVATE, *(b64(line) for line in PRIVATE), "hunter2", b64("hunter2"), "PRIVATE KEY-----"):
        assert word not in text


@pytest.mark.parametrize("form", FORMS)
def test_no_report_has_it(folder, tmp_path, form, capsys):
    out = tmp_path / "out"
    run(["check", str(folder), "-o", f"{form}={out}"])
    told = capsys.readouterr()
    text = out.read_text()
    clean(text + told.out + told.err)
    if form not in ("text",):
        assert "MT-CERT-013" in text  # the key among certificates is said


def test_no_snapshot_has_it(folder, tmp_path, capsys):
    saved = tmp_path / "s.mist"
    run(["snapshot", str(folder), "-f", str(saved)])
    text = gzip.decompress(saved.read_bytes()).decode()
    clean(text + capsys.readouterr().out)
    assert "BEGIN CERTIFICATE" in text
