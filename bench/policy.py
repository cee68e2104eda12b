"""Policies: microseconds of CPU for one answer, beside what parsing the request costs.

    python bench/policy.py [--rounds 2000]

Asks the rule of OPA's guide, expressions as ValidatingAdmissionPolicies have them, and, where MISTRUST_CORPORA names a
folder with the Gatekeeper library, each of its templates that is about Pods, with the first of its own constraints, and
then twenty of them together, the parsing of the request included. The request is a Pod of 8 KB as the API server sends
it. All in one run; the best of five rounds.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import cast

import msgspec

from mistrust.admission.gatekeeper.constraint import Constraint, constraint
from mistrust.admission.gatekeeper.template import template
from mistrust.admission.plain import mapping, text
from mistrust.admission.review import Review
from mistrust.kube.build import Plain
from mistrust.kube.errors import InputError
from mistrust.kube.yaml import documents
from mistrust.languages.cel.environment import environment
from mistrust.languages.cel.values import Value
from mistrust.languages.rego.compile import compiled
from mistrust.languages.rego.parse import parse
from mistrust.languages.rego.values import Value as RegoValue

TURNS = 5
GUIDE = """
package kubernetes.admission

deny contains msg if {
    input.request.kind.kind == "Pod"
    some container in input.request.object.spec.containers
    not startswith(container.image, "registry.example.com/")
    msg := sprintf("image '%v' comes from an untrusted registry", [container.image])
}

default allow := false

allow if count(deny) == 0
"""
EXPRESSIONS = (
    "object.metadata.labels['app'] == 'web' && object.kind == 'Pod'",
    "object.spec.containers.all(c, params.repos.exists(r, c.image.startsWith(r)))",
    "object.spec.containers.all(c, has(c.securityContext) && has(c.securityContext.runAsNonRoot)"
    " && c.securityContext.runAsNonRoot && !has(c.securityContext.privileged))",
    "object.spec.containers.all(c, !c.securityContext.capabilities.drop.all(d, d != 'ALL'))",
    "object.spec.?securityContext.?seccompProfile.?type.orValue('Unconfined') == 'RuntimeDefault'",
    "object.metadata.name.matches('^[a-z][a-z0-9-]*$')",
    "object.spec.containers.all(c, quantity(c.resources.limits.memory).isLessThan(quantity('4Gi')))",
)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=2000)
    rounds = parser.parse_args().rounds
    body = json.dumps(review()).encode()
    given = cast("dict[str, Plain]", msgspec.json.decode(body))
    request = mapping(given, "request")
    parsing = timed(lambda: msgspec.json.decode(body), rounds)
    print(f"{len(body)} bytes: parsed in {parsing:.1f} us, by json in {timed(lambda: json.loads(body), rounds):.1f} us")
    shown("the guide's rule", guided(given, rounds), parsing)
    for expression in EXPRESSIONS:
        shown(expression[:60], asked(expression, request, rounds), parsing)
    found = sorted(library(Review(dict(request)), rounds))
    for micros, name in found:
        shown(name, micros, parsing)
    if len(found) > 19:
        micros = [m for m, _ in found]
        print(f"median {statistics.median(micros):.1f} us; any 20 of them and the parsing, on average", end=" ")
        print(f"{parsing + 20 * statistics.mean(micros):.0f} us; the 20 quickest {parsing + sum(micros[:20]):.0f} us")
    else:
        print("the Gatekeeper library is not here: MISTRUST_CORPORA names its folder")
    return 0


def shown(name: str, micros: float, parsing: float) -> None:
    print(f"{name:62} {micros:8.2f} us {micros / parsing:6.2f} of the parsing")


def timed(run: Callable[[], object], rounds: int) -> float:
    """Microseconds of CPU of one run."""
    run()
    best = float("inf")
    for _ in range(TURNS):
        before = time.process_time()
        for _ in range(rounds):
            run()
        best = min(best, time.process_time() - before)
    return best / rounds * 1e6


def guided(given: Mapping[str, Plain], rounds: int) -> float:
    query = compiled([parse(GUIDE)]).query("data.kubernetes.admission.allow = x")
    whole = cast("RegoValue", given)
    assert query.ask(whole) == [{"x": True}]
    return timed(lambda: query.ask(whole), rounds)


def asked(expression: str, request: Mapping[str, Plain], rounds: int) -> float:
    names = cast(
        "dict[str, Value]", {"object": request["object"], "params": {"repos": ["a/", "registry.example.com/"]}}
    )
    program = environment(variables=("object", "params")).compile(expression)
    assert program.evaluate(names) is True, expression
    return timed(lambda: program.evaluate(names), rounds)


def library(asks: Review, rounds: int) -> Iterator[tuple[float, str]]:
    """The time of each template about Pods, with its name; what it finds is counted."""
    for file in sorted(Path(os.environ.get("MISTRUST_CORPORA", "."), "gatekeeper").rglob("template.yaml")):
        [made] = read(file)
        kind = text(made, "spec", "crd", "spec", "names", "kind")
        samples = [o for f in sorted(file.parent.rglob("constraint.yaml")) for o in read(f) if o.get("kind") == kind]
        if not samples:
            continue
        compiled_template = template(made)
        bound = constraint(samples[0], {kind: compiled_template})
        if about(bound, asks):
            found = len(list(bound.findings(asks, {})))
            yield timed(lambda bound=bound: list(bound.findings(asks, {})), rounds // 10), f"{kind} ({found} found)"  # type: ignore[misc]


def about(bound: Constraint, asks: Review) -> bool:
    try:
        return bound.asked(asks)
    except InputError:
        return False


def read(file: Path) -> list[Mapping[str, Plain]]:
    found, _ = documents(file.read_bytes(), file.name)
    return [cast("Mapping[str, Plain]", d.value) for d in found]


def container(name: str) -> dict[str, object]:
    probe = {"httpGet": {"path": "/healthz", "port": 8080, "scheme": "HTTP"}, "periodSeconds": 10, "timeoutSeconds": 1}
    return {
        "name": name,
        "image": f"registry.example.com/team/{name}@sha256:{'0123456789abcdef' * 4}",
        "imagePullPolicy": "IfNotPresent",
        "args": [f"--{flag}={flag}-value" for flag in ("listen", "upstream", "log-level", "cache", "region", "tenant")],
        "ports": [{"containerPort": 8080, "name": "http", "protocol": "TCP"}],
        "env": [{"name": f"{name.upper()}_{i}", "value": f"value-{i}" * 3} for i in range(10)],
        "resources": {"limits": {"cpu": "500m", "memory": "512Mi"}, "requests": {"cpu": "100m", "memory": "256Mi"}},
        "livenessProbe": probe,
        "readinessProbe": probe,
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": 1000,
            "readOnlyRootFilesystem": True,
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
        },
        "volumeMounts": [{"name": v, "mountPath": f"/{v}"} for v in ("config", "tmp", "token")],
    }


def review() -> dict[str, object]:
    """A request to create a Pod with two containers, as the API server sends it."""
    fields = {f"f:field-{i}": {".": {}, "f:name": {}, "f:value": {}} for i in range(40)}
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": "web-7d4b9c6f5-x2x7p",
            "generateName": "web-7d4b9c6f5-",
            "namespace": "shop",
            "labels": {"app": "web", "pod-template-hash": "7d4b9c6f5", "team": "shop", "owner": "user.agilebank.demo"},
            "annotations": {"example.com/revision": "7", "example.com/config": "a" * 64},
            "managedFields": [{"manager": "kube-controller-manager", "operation": "Update", "fieldsV1": fields}],
        },
        "spec": {
            "initContainers": [container("init")],
            "containers": [container("web"), container("proxy")],
            "securityContext": {"runAsNonRoot": True, "fsGroup": 2000, "seccompProfile": {"type": "RuntimeDefault"}},
            "serviceAccountName": "web",
            "volumes": [
                {"name": "config", "configMap": {"name": "web"}},
                {"name": "tmp", "emptyDir": {}},
                {"name": "token", "projected": {"sources": [{"serviceAccountToken": {"path": "token"}}]}},
            ],
        },
    }
    request = {
        "uid": "705ab4f5-6393-11e8-b7cc-42010a800002",
        "kind": {"group": "", "version": "v1", "kind": "Pod"},
        "resource": {"group": "", "version": "v1", "resource": "pods"},
        "name": "web-7d4b9c6f5-x2x7p",
        "namespace": "shop",
        "operation": "CREATE",
        "userInfo": {"username": "system:serviceaccount:kube-system:replicaset-controller", "groups": ["system:nodes"]},
        "object": pod,
        "oldObject": None,
        "dryRun": False,
        "options": {"kind": "CreateOptions", "apiVersion": "meta.k8s.io/v1"},
    }
    return {"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": request}


if __name__ == "__main__":
    raise SystemExit(main())
