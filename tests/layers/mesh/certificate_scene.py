"""Objects with certificates, as plain values, and the facts about them."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping

from tests.certificates import NOW, Made

from mistrust.access.fact import Fact
from mistrust.kube.read import read
from mistrust.kube.snapshot import Snapshot, snapshot
from mistrust.layers.mesh.certificates.facts import facts

Plain = dict[str, object]


def of(*objects: Plain) -> Snapshot:
    found, problems = read(json.dumps({"apiVersion": "v1", "kind": "List", "items": list(objects)}).encode(), "c.json")
    assert not problems, [str(p) for p in problems]
    return snapshot(found)


def told(*objects: Plain, now: int = NOW) -> dict[str, str]:
    """The facts by name without `mesh.certificate-`: what is said, of how many objects it may be."""
    return {f.name.removeprefix("mesh.certificate-"): f.detail for f in every(*objects, now=now)}


def every(*objects: Plain, now: int = NOW) -> list[Fact]:
    found = list(facts(of(*objects), now))
    assert all(f.evidence for f in found)
    return found


def chain(*made: Made) -> str:
    return "".join(m.pem for m in made)


def b64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def secret(name: str, data: Mapping[str, str], namespace: str = "shop") -> Plain:
    encoded = {k: b64(v) for k, v in data.items()}
    return {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name, "namespace": namespace}, "data": encoded}


def config(name: str, data: Mapping[str, str], namespace: str = "shop") -> Plain:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "namespace": namespace}, "data": data}


def ingress(*hosts: str, name: str = "web", tls: str = "web-tls", namespace: str = "shop") -> Plain:
    spec = {"tls": [{"hosts": list(hosts), "secretName": tls}], "rules": [{"host": h} for h in hosts]}
    meta = {"name": name, "namespace": namespace}
    return {"apiVersion": "networking.k8s.io/v1", "kind": "Ingress", "metadata": meta, "spec": spec}


def webhook(bundle: str, service: str = "hook") -> Plain:
    client = {"caBundle": b64(bundle), "service": {"name": service, "namespace": "shop"}}
    return {
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "ValidatingWebhookConfiguration",
        "metadata": {"name": "hooks"},
        "webhooks": [{"name": "a.example.com", "clientConfig": client}],
    }


def served(*secrets: str) -> list[Plain]:
    """The Service `hook` and the Deployment behind it, with Secrets as files."""
    meta = {"name": "hook", "namespace": "shop"}
    labels = {"app": "hook"}
    spec = {
        "containers": [{"name": "c"}],
        "volumes": [{"name": f"v{i}", "secret": {"secretName": s}} for i, s in enumerate(secrets)],
    }
    return [
        {"apiVersion": "v1", "kind": "Service", "metadata": meta, "spec": {"selector": labels}},
        {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": meta,
            "spec": {"template": {"metadata": {"labels": labels}, "spec": spec}},
        },
    ]
