"""The preconditions of every step, asked of the true authority.

Each example of the catalog is made true on a server, and its attacker sends the requests of the step
(`requests.table`). Where the step holds, a way has to succeed; where it fails, every way has to be refused.
"""

from __future__ import annotations

from collections.abc import Iterator
from uuid import uuid4

import pytest

from mistrust.catalog.load import explain, steps
from mistrust.kube.version import parse_version
from mistrust.paths.examples import evaluate
from mistrust.paths.step import Example, Step
from tests.controlplane.server import ControlPlane, start, until
from tests.live.requests.certificates import KUBELET, requested
from tests.live.requests.request import Outcome, Plain, filled
from tests.live.requests.table import ALLOWED_IN_VAIN, TRIED, UNTRIED
from tests.live.stage import ATTACKER, HOME, OWN, Attempts, stage, standings, succeeded
from tests.live.variants import variants

pytestmark = pytest.mark.slow

STEPS = [explain(step.id) for step in steps() if step.id in TRIED]
HOLDS = [pytest.param(s, i, id=f"{s.id}-{i}") for s in STEPS for i in range(len(s.holds))]
FAILS = [
    pytest.param(s, i, id=f"{s.id}-{i}") for s in STEPS for i in range(len(s.fails)) if (s.id, i) not in ALLOWED_IN_VAIN
]


@pytest.fixture(scope="module")
def now() -> Iterator[ControlPlane]:
    with start() as running:
        yield running


@pytest.fixture(scope="module")
def before() -> Iterator[ControlPlane]:
    """As old as this server can be."""
    with start("--emulated-version=1.34") as running:
        yield running


def server_for(version: str, request: pytest.FixtureRequest) -> ControlPlane:
    old = version and parse_version(version) < parse_version("1.35")
    found = request.getfixturevalue("before" if old else "now")
    assert isinstance(found, ControlPlane)
    return found


def shown(attempts: list[Attempts]) -> str:
    return "\n".join(str(each) for way in attempts for each in way)


def test_every_step_is_tried_or_said_to_be_out_of_reach() -> None:
    assert {s.id for s in steps()} == TRIED.keys() | UNTRIED.keys()
    assert not TRIED.keys() & UNTRIED.keys()


@pytest.mark.parametrize(("step", "number"), HOLDS)
def test_holds(step: Step, number: int, request: pytest.FixtureRequest) -> None:
    example, tried = step.holds[number], TRIED[step.id]
    server = server_for(example.kubernetes, request)
    attempts: list[Attempts] = []
    with stage(server, f"{step.id}-h{number}", tried, {ATTACKER: example}) as there:
        for way in there.tried(tried):
            attempts.append(way)
            if succeeded(way):
                return
    raise AssertionError(f"{example.why}\n{shown(attempts)}")


@pytest.mark.parametrize(("step", "number"), FAILS)
def test_fails(step: Step, number: int, request: pytest.FixtureRequest) -> None:
    example, tried = step.fails[number], TRIED[step.id]
    server = server_for(example.kubernetes, request)
    with stage(server, f"{step.id}-f{number}", tried, {ATTACKER: example}) as there:
        attempts = list(there.tried(tried))
    absent = step.where or step.kubernetes  # what is missing may be the object, or the resource of an older server
    wrong = [w for w in attempts if succeeded(w) or (w[-1].outcome is not Outcome.REFUSED and not absent)]
    assert not wrong, f"{example.why}\n{shown(wrong)}"


@pytest.mark.parametrize("step", [pytest.param(s, id=s.id) for s in STEPS if s.needs])
def test_the_engine_and_the_server_agree_on_what_is_needed(step: Step, request: pytest.FixtureRequest) -> None:
    """Every verb and resource of which the step says that it suffices does, for a name too, and no need is idle."""
    tried = TRIED[step.id]
    version = "1.34" if step.kubernetes.startswith("<") else "1.37"
    fixed = step.scope not in ("namespace", "cluster")
    space = step.scope if fixed else HOME
    name = str(filled(tried.name, ns=HOME, own=OWN))
    there_is = (*step.holds[0].objects, *standings(tried, ns=space, home=HOME, name=name))
    asked: dict[str, Example] = {"nobody": Example(namespace=space, objects=there_is)}
    for i, (rules, local) in enumerate(variants(step, tried)):
        plain = filled(rules, ns=HOME, own=OWN)
        assert isinstance(plain, tuple)
        asked[f"attacker-{i}"] = Example(plain, space if local else "", there_is, version)
    wrong: list[str] = []
    with stage(server_for(version, request), f"{step.id}-n", tried, asked) as there:
        for attacker, example in asked.items():
            says, does = evaluate(step, example), list(there.tried(tried, attacker))
            if says is not any(map(succeeded, does)):
                wrong.append(f"the engine says {says}: {example.rules} in {example.namespace!r}\n{shown(does)}")
    assert not wrong, "\n".join(wrong)


def test_a_kubelets_certificate_approves_itself(now: ControlPlane) -> None:
    """By the controller, for whoever may `create` the virtual resource `certificatesigningrequests/nodeclient`."""
    group = "certificates.k8s.io"
    asking = {"apiGroups": [group], "resources": ["certificatesigningrequests"], "verbs": ["create", "get"]}
    approved = {**asking, "resources": ["certificatesigningrequests/nodeclient"]}
    examples = {"asking": Example((asking,)), "approved": Example((asking, approved))}
    path = f"/apis/{group}/v1/certificatesigningrequests"
    head: Plain = {"apiVersion": f"{group}/v1", "kind": "CertificateSigningRequest"}
    with stage(now, "kubelets", TRIED["self-approved-kubelet-certificate"], examples) as there:
        for name in examples:
            client = now.as_service_account(there.home, name)
            client.expect("POST", path, {**head, "metadata": {"name": f"kubelet-{name}"}, **requested(KUBELET)})
        until(
            lambda: bool(client.expect("GET", f"{path}/kubelet-approved").at("status", "certificate")), "it is signed"
        )
        assert client.expect("GET", f"{path}/kubelet-asking").at("status", "conditions") is None


NAMELESS = [
    pytest.param(verb, resource, group, step, id=f"{verb}-{resource}")
    for verb, resource, group, step in (
        ("create", "endpoints", "", "endpoint-injection"),
        ("create", "services", "", "external-ip"),
        ("deletecollection", "networkpolicies", "networking.k8s.io", "open-network"),
    )
]


@pytest.mark.xfail(reason="the engine takes the names of a rule for names that the request could have")
@pytest.mark.parametrize(("verb", "resource", "group", "step"), NAMELESS)
def test_a_request_without_a_name_needs_a_rule_without_names(
    now: ControlPlane, verb: str, resource: str, group: str, step: str
) -> None:
    rule: Plain = {"apiGroups": [group], "resources": [resource], "resourceNames": ["web"], "verbs": [verb]}
    judged(now, explain(step), Example((rule,), HOME))


@pytest.mark.xfail(reason="the engine takes a service account's name for a user's")
@pytest.mark.parametrize("step", ["impersonate-user", "impersonate-group", "impersonate-extra"])
def test_a_service_account_is_not_impersonated_as_a_user(now: ControlPlane, step: str) -> None:
    name = f"system:serviceaccount:{HOME}:attacker"
    user: Plain = {"apiGroups": [""], "resources": ["users"], "resourceNames": [name], "verbs": ["impersonate"]}
    others: Plain = {
        "apiGroups": ["", "authentication.k8s.io"],
        "resources": ["groups", "uids"],
        "verbs": ["impersonate"],
    }
    judged(now, explain(step), Example((user, others)))


def judged(server: ControlPlane, step: Step, example: Example) -> None:
    """The engine says what the server does."""
    with stage(server, f"{step.id}-{uuid4().hex[:8]}", TRIED[step.id], {ATTACKER: example}) as there:
        does = list(there.tried(TRIED[step.id]))
    assert evaluate(step, example) is any(map(succeeded, does)), shown(does)
