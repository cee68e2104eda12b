"""Every way to say who we are, with real files, real plugins and a real TLS server."""

from __future__ import annotations

import base64
import json
import os
import stat
import sys
import time
from pathlib import Path

import pytest

from mistrust.cluster.client import Client
from mistrust.cluster.connection import Connection
from mistrust.cluster.credentials import Credential, TokenFile, bearer, source
from mistrust.cluster.kubeconfig import Cluster, Exec, Extension, User, Variable
from mistrust.cluster.plugin import Plugin, PluginError
from mistrust.cluster.refusal import UnauthorizedError
from mistrust.cluster.secret import Secret
from mistrust.kube.errors import InputError
from tests.cluster.conftest import QUICK
from tests.cluster.loopback import Reply, status

V1 = "client.authentication.k8s.io/v1"
FAR = "2999-01-01T00:00:00Z"


def presented(user):
    """The Authorization header of a user of an https server."""
    found = source(Connection("t", Cluster(server="https://10.0.0.1"), user)).current()
    return found.authorization.reveal()


# tokens and passwords


def test_a_token_is_presented():
    assert presented(User(token=Secret("abc"))) == "Bearer abc"


def test_basic_authentication_is_presented_as_utf_8():
    header = presented(User(username="jo", password=Secret("pä:ss")))
    assert base64.b64decode(header.removeprefix("Basic ")).decode() == "jo:pä:ss"


def test_nobody_in_particular_presents_nothing():
    assert presented(User()) == ""


def test_a_token_file_is_read_again_and_survives_a_moment_of_absence(tmp_path):
    path = tmp_path / "token"
    path.write_text("one\n")
    tokens = TokenFile(path)
    assert tokens.current().authorization.reveal() == "Bearer one"
    before = tokens.current()
    path.write_text("two\n")
    assert tokens.current().authorization.reveal() == "Bearer two"
    assert tokens.renew(before)
    path.unlink()
    assert tokens.current().authorization.reveal() == "Bearer two"


def test_the_file_is_preferred_to_the_token_and_the_token_stands_in_for_the_file(tmp_path):
    user = User(token=Secret("fixed"), token_file=str(tmp_path / "token"))
    assert presented(user) == "Bearer fixed"
    (tmp_path / "token").write_text("fresh")
    assert presented(user) == "Bearer fresh"


@pytest.mark.parametrize("text", ["", "a b", "s3cr3t\r\nX: y", "s3crét"])
def test_a_token_that_no_header_can_hold_is_refused_without_quoting_it(text):
    with pytest.raises(InputError) as caught:
        bearer(Secret(text), "context 't'")
    assert "s3cr" not in str(caught.value)


def test_a_rotated_token_is_picked_up_after_a_401(serve, certificates, tmp_path):
    path = tmp_path / "token"
    path.write_text("old")

    def answer(request):
        path.write_text("new")  # the kubelet rotates it while the request is on its way
        fresh = request.headers["authorization"] == ["Bearer new"]
        return Reply() if fresh else status(401, "Unauthorized", "expired")

    server = serve(answer, certificates.server())
    cluster = Cluster(server=server.url, certificate_authority=str(certificates.path("ca.crt")))
    assert Client(Connection("t", cluster, User(token_file=str(path))), limits=QUICK, environ={}).get("/api")
    assert len(server.heard) == 2


def test_a_401_for_a_fixed_token_is_final(serve, certificates):
    server = serve(lambda r: status(401, "Unauthorized", "who?"), certificates.server())
    cluster = Cluster(server=server.url, certificate_authority=str(certificates.path("ca.crt")))
    with pytest.raises(UnauthorizedError, match=r"got who\?; sign in again") as caught:
        Client(Connection("t", cluster, User(token=Secret("s3cr3t"))), limits=QUICK, environ={}).get("/api")
    assert len(server.heard) == 1
    assert "s3cr3t" not in str(caught.value)


# exec plugins


@pytest.fixture
def plugin(tmp_path):
    """plugin(python source) -> the Exec of a real program that runs it."""

    def write(source_text, **fields):
        path = tmp_path / "login"
        path.write_text(f"#!{sys.executable}\nimport json, os, sys, time\n{source_text}\n")
        path.chmod(path.stat().st_mode | stat.S_IXUSR)
        return Exec(**{"command": str(path), "api_version": V1, "interactive_mode": "Never"} | fields)

    return write


def answer(api_version=V1, kind="ExecCredential", **given):
    return f"print({json.dumps({'apiVersion': api_version, 'kind': kind, 'status': given})!r})"


CLUSTER = Cluster(server="https://10.0.0.1")


def test_a_plugin_gives_a_token(plugin):
    assert Plugin(plugin(answer(token="abc")), CLUSTER).current() == Credential(Secret("Bearer abc"))


def test_a_plugin_gets_its_arguments_environment_and_the_question_without_a_shell(plugin):
    echo = (
        "info = json.loads(os.environ['KUBERNETES_EXEC_INFO'])\n"
        "said = [sys.argv[1:], os.environ['MODE'], os.environ['PATH'] != '', info, sys.stdin.read()]\n"
        f"print(json.dumps({{'apiVersion': {V1!r}, 'kind': 'ExecCredential',"
        " 'status': {'token': json.dumps(said).encode().hex()}}))"
    )
    found = plugin(echo, args=(Secret("$(id)"), Secret("a b")), env=(Variable("MODE", Secret("x;y")),))
    token = Plugin(found, CLUSTER).current().authorization.reveal().removeprefix("Bearer ")
    argv, mode, has_path, info, stdin = json.loads(bytes.fromhex(token))
    assert (argv, mode, has_path, stdin) == (["$(id)", "a b"], "x;y", True, "")
    assert info == {"kind": "ExecCredential", "apiVersion": V1, "spec": {"interactive": False}}


def test_a_plugin_learns_about_the_cluster_if_it_wants_to(plugin, tmp_path):
    (tmp_path / "ca.crt").write_bytes(b"ca")
    cluster = Cluster(
        server="https://10.0.0.1",
        tls_server_name="k",
        certificate_authority=str(tmp_path / "ca.crt"),
        extensions=(Extension("other", 1), Extension("client.authentication.k8s.io/exec", {"audience": "me"})),
    )
    said = tmp_path / "said"
    ask = f"open({str(said)!r}, 'w').write(os.environ['KUBERNETES_EXEC_INFO'])\n" + answer(token="t")
    Plugin(plugin(ask, provide_cluster_info=True), cluster).current()
    assert json.loads(said.read_text())["spec"]["cluster"] == {
        "server": "https://10.0.0.1",
        "tls-server-name": "k",
        "certificate-authority-data": base64.b64encode(b"ca").decode(),
        "config": {"audience": "me"},
    }


def counting(tmp_path, **given):
    """A plugin that notes each run."""
    return f"open({str(tmp_path / 'runs')!r}, 'a').write('x')\n{answer(**given)}"


def runs(tmp_path):
    return len((tmp_path / "runs").read_text())


def test_a_plugin_runs_once_until_its_credential_expires(plugin, tmp_path):
    clock = [1000.0]
    given = Plugin(
        plugin(counting(tmp_path, token="t", expirationTimestamp="1970-01-01T01:00:00Z")), CLUSTER, lambda: clock[0]
    )
    given.current()
    given.current()
    assert runs(tmp_path) == 1
    clock[0] = 3601.0
    given.current()
    assert runs(tmp_path) == 2


def test_a_plugin_without_an_expiry_runs_again_only_after_a_rejection(plugin, tmp_path):
    given = Plugin(plugin(counting(tmp_path, token="t")), CLUSTER, lambda: 1e12)
    rejected = given.current()
    assert given.current() is rejected
    assert not given.renew(rejected), "the same token again is no reason to ask the server again"
    assert runs(tmp_path) == 2
    given.renew(rejected)
    assert runs(tmp_path) == 2, "another thread has renewed it already"


def test_a_plugin_is_asked_again_when_the_server_rejects_its_token(plugin, serve, certificates, tmp_path):
    source_text = (
        f"path = {str(tmp_path / 'count')!r}\n"
        "n = len(open(path).read()) if os.path.exists(path) else 0\n"
        "open(path, 'a').write('x')\n"
        f"print(json.dumps({{'apiVersion': {V1!r}, 'kind': 'ExecCredential', 'status': {{'token': f't{{n}}'}}}}))"
    )
    server = serve(
        lambda r: Reply() if r.headers["authorization"] == ["Bearer t1"] else status(401, "Unauthorized", "no"),
        certificates.server(),
    )
    cluster = Cluster(server=server.url, certificate_authority=str(certificates.path("ca.crt")))
    Client(Connection("t", cluster, User(exec=plugin(source_text))), limits=QUICK, environ={}).get("/api")
    assert [r.headers["authorization"] for r in server.heard] == [["Bearer t0"], ["Bearer t1"]]


def test_a_plugin_can_give_a_client_certificate(plugin, serve, certificates):
    given = {
        "clientCertificateData": certificates.path("client.crt").read_text(),
        "clientKeyData": certificates.path("client.key").read_text(),
        "expirationTimestamp": FAR,
    }
    server = serve(lambda r: Reply(), certificates.server(client_ca="ca.crt"))
    cluster = Cluster(server=server.url, certificate_authority=str(certificates.path("ca.crt")))
    Client(Connection("t", cluster, User(exec=plugin(answer(**given)))), limits=QUICK, environ={}).get("/api")
    assert server.heard[0].client == "dev"
    assert "authorization" not in server.heard[0].headers


def test_a_given_token_or_certificate_keeps_the_plugin_from_running(plugin, certificates):
    dead = plugin("sys.exit(1)")
    assert presented(User(token=Secret("mine"), exec=dead)) == "Bearer mine"
    pair = (str(certificates.path("client.crt")), str(certificates.path("client.key")))
    assert presented(User(client_certificate=pair[0], client_key=pair[1], exec=dead)) == ""


@pytest.mark.parametrize(
    ("source_text", "says"),
    [
        ("print('log', file=sys.stderr); sys.exit('token \\x1b[1mexpired\\n')", "exit code 1: got token .1mexpired"),
        ("print('not json')", "did not print an ExecCredential"),
        (answer(api_version=f"{V1}beta1", token="t"), f"printed '{V1}beta1'"),
        (answer(kind="Pod", token="t"), "printed"),
        (answer(), "gave neither a token nor a certificate"),
        (answer(clientCertificateData="x"), "gave a certificate or a key, not both"),
        (answer(token="t", expirationTimestamp="tomorrow"), "did not print an ExecCredential"),
        (f"print({json.dumps({'apiVersion': V1, 'kind': 'ExecCredential'})!r})", "printed no status"),
    ],
)  # fmt: skip
def test_a_plugin_that_fails_is_named_with_its_last_words(plugin, source_text, says):
    found = plugin(source_text, install_hint="brew install login")
    with pytest.raises(PluginError, match=says) as caught:
        Plugin(found, CLUSTER).current()
    text = str(caught.value)
    assert found.command in text
    assert text.endswith("; brew install login")
    assert "log" not in caught.value.got
    assert text.isprintable()


def test_a_plugin_that_is_not_installed_says_how_to_install_it():
    absent = Exec(command="no-such-login", api_version=V1, interactive_mode="Never", install_hint="brew install it")
    with pytest.raises(PluginError, match="the exec plugin no-such-login was not found; brew install it"):
        Plugin(absent, CLUSTER).current()


def test_a_plugin_that_hangs_is_stopped_with_its_children_and_quoted(plugin, tmp_path):
    hang = (
        "import subprocess\n"
        "print('waiting for the browser', file=sys.stderr, flush=True)\n"
        f"child = subprocess.Popen(['sleep', '60'])\nopen({str(tmp_path / 'child')!r}, 'w').write(str(child.pid))\n"
        "time.sleep(60)"
    )
    began = time.monotonic()
    with pytest.raises(PluginError, match=r"did not answer within 1 seconds: got waiting for the browser"):
        Plugin(plugin(hang), CLUSTER, patience=1.0).current()
    assert time.monotonic() - began < 10
    child = int((tmp_path / "child").read_text())
    assert not alive(child)


def alive(pid):
    """True for a running process; one that was killed may still wait for its parent."""
    for _ in range(50):
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except OSError:
            return False
        if state == "Z":
            return False
        time.sleep(0.05)
    return True


def test_a_plugin_that_needs_a_person_does_not_run_without_one(plugin):
    if os.isatty(0):
        pytest.skip("there is a person")
    with pytest.raises(PluginError, match="must ask a person, and standard input is not a terminal"):
        Plugin(plugin(answer(token="t"), interactive_mode="Always"), CLUSTER).current()


def test_no_secret_of_a_plugin_is_printed(plugin):
    found = Plugin(plugin(answer(token="s3cr3t"), args=(Secret("s3cr3t"),)), CLUSTER)
    found.current()
    assert "s3cr3t" not in repr(found.current()) + repr(vars(found))
