"""One request: TLS, proxies, retries, bounds, redirects, refusals. Everything runs against real servers on loopback."""

from __future__ import annotations

import gzip
import ssl
import time
from pathlib import Path

import pytest

from mistrust.cluster.client import Client, Limits
from mistrust.cluster.connection import Connection
from mistrust.cluster.credentials import Credential, Pair, Static
from mistrust.cluster.kubeconfig import Cluster, User
from mistrust.cluster.proxy import bypassed, proxy
from mistrust.cluster.refusal import (
    ForbiddenError,
    NotFoundError,
    RefusedError,
    TooLargeError,
    UnauthorizedError,
    UnreachableError,
)
from mistrust.cluster.secret import Secret
from mistrust.cluster.tls import _private_file, tls
from mistrust.kube.errors import InputError, RemoteError, UnsupportedError
from tests.cluster.conftest import QUICK
from tests.cluster.loopback import ConnectProxy, Reply, reply, status


def ok(request):
    return Reply(b'{"kind":"Fine"}')


def client(limits=QUICK, environ=None, user=None, **cluster):
    return Client(Connection("test", Cluster(**cluster), user or User()), limits=limits, environ=environ or {})


# refusals


@pytest.mark.parametrize(
    ("code", "kind"), [(401, UnauthorizedError), (403, ForbiddenError), (404, NotFoundError), (409, RefusedError)]
)
def test_a_refusal_is_typed_and_quotes_the_server(client_of, code, kind):
    c, server = client_of(lambda r: status(code, "Reason", "because"))
    with pytest.raises(kind) as caught:
        c.get("/api/v1/pods")
    assert type(caught.value) is kind
    assert str(caught.value).startswith(f"{server.url}/api/v1/pods: the server answered {code} Reason: got because")
    assert len(server.heard) == 1, "it will not change by asking again"


def test_a_strangers_page_is_quoted_without_its_control_characters(client_of):
    c, _ = client_of(lambda r: Reply(b"\x1b[31m<h1>\nno\x00" + b"x" * 5000, 403))
    with pytest.raises(ForbiddenError) as caught:
        c.get("/api")
    assert caught.value.message.startswith("[31m<h1> no x")
    assert len(caught.value.message) <= 300
    assert caught.value.message.isprintable()


def test_a_refusal_without_end_is_not_read_to_the_end(client_of):
    def endless():
        while True:
            yield b"no" * 50_000

    c, _ = client_of(lambda r: Reply(endless(), 403), Limits(answer=60))
    with pytest.raises(ForbiddenError, match="nonono"):
        c.get("/api")


# retries


@pytest.mark.parametrize("code", [429, 500, 502, 503, 504])
def test_what_passes_is_asked_again(client_of, code):
    answers = [status(code, "Busy", "not now"), status(code, "Busy", "not now"), ok(None)]
    c, server = client_of(lambda r: answers.pop(0))
    assert c.get("/api") == b'{"kind":"Fine"}'
    assert len(server.heard) == 3


def test_attempts_are_bounded_and_the_last_refusal_is_the_error(client_of):
    c, server = client_of(lambda r: status(503, "ServiceUnavailable", "etcd is away"))
    with pytest.raises(RefusedError, match="etcd is away") as caught:
        c.get("/api")
    assert caught.value.code == 503
    assert len(server.heard) == QUICK.attempts


def test_retry_after_is_honoured(client_of):
    answers = [status(429, "TooManyRequests", "slow down", Retry_After="1"), ok(None)]
    c, _ = client_of(lambda r: answers.pop(0))
    began = time.monotonic()
    c.get("/api")
    assert time.monotonic() - began >= 1.0


def test_a_server_that_asks_for_an_hour_is_not_waited_for(client_of):
    c, server = client_of(lambda r: status(429, "TooManyRequests", "come back later", Retry_After="3600"))
    with pytest.raises(RefusedError, match="come back later"):
        c.get("/api")
    assert len(server.heard) == 1


def test_a_broken_answer_is_asked_for_again(client_of):
    cut = Reply(b'{"ki', headers={"Content-Length": "15"}, cut=True)
    chunked = Reply([b'{"ki'], cut=True)
    answers = [cut, chunked, ok(None)]
    c, _ = client_of(lambda r: answers.pop(0))
    assert c.get("/api") == b'{"kind":"Fine"}'


def test_a_server_that_is_not_there_is_an_error_that_says_where(serve):
    server = serve(ok)
    server.stop()
    with pytest.raises(UnreachableError, match=rf"{server.url}/api: no answer from the server: got .*refused"):
        client(server=server.url).get("/api")


def test_silence_is_bounded(client_of):
    def silent(request):
        time.sleep(1)
        return ok(request)

    c, _ = client_of(silent, Limits(read=0.05, attempts=2, backoff=0.001))
    with pytest.raises(UnreachableError, match="timed out"):
        c.get("/api")


# bounds


def test_a_drip_is_not_for_ever(client_of):
    def drip():
        while True:
            time.sleep(0.02)
            yield b"x"

    c, _ = client_of(lambda r: Reply(drip()), Limits(answer=0.2, attempts=1))
    with pytest.raises(UnreachableError, match=r"took more than 0\.2 seconds"):
        c.get("/api")


def test_compression_is_accepted_and_the_bound_is_on_what_comes_out(client_of):
    bomb = gzip.compress(b"x" * (64 << 20))
    bodies = {"/fine": gzip.compress(b'{"a":1}'), "/bomb": bomb}
    c, server = client_of(lambda r: Reply(bodies[r.path], headers={"Content-Encoding": "gzip"}), Limits(page=4 << 20))
    assert c.get("/fine") == b'{"a":1}'
    assert server.heard[0].headers["accept-encoding"] == ["gzip"]
    with pytest.raises(TooLargeError, match="at most 4 MiB"):
        c.get("/bomb")


def test_compression_can_be_turned_off_as_in_kubectl(serve):
    server = serve(ok)
    client(server=server.url, disable_compression=True).get("/api")
    assert "gzip" not in server.heard[0].headers["accept-encoding"][0]


# redirects


@pytest.mark.parametrize("code", [301, 302, 303, 307, 308])
def test_a_redirect_on_the_same_server_is_followed(client_of, code):
    c, server = client_of(lambda r: Reply(status=code, headers={"Location": "/new?a=b"}) if r.path == "/old" else ok(r))
    assert c.get("/old") == b'{"kind":"Fine"}'
    assert (server.heard[1].path, server.heard[1].query) == ("/new", {"a": "b"})


def test_a_redirect_to_another_server_is_an_error_and_no_request_goes_there(serve, certificates):
    stranger = serve(ok)
    server = serve(lambda r: Reply(status=302, headers={"Location": stranger.url + "/api"}), certificates.server())
    c = client(
        server=server.url, certificate_authority=str(certificates.path("ca.crt")), user=User(token=Secret("s3cr3t"))
    )
    with pytest.raises(RemoteError, match=f"redirects to another one: got 127.0.0.1:{stranger.port}"):
        c.get("/api")
    assert stranger.heard == []


@pytest.mark.parametrize("location", ["http://[", "//evil.example/api", "https://127.0.0.1/api", "file:///etc/passwd"])
def test_a_redirect_to_nowhere_or_elsewhere_is_an_error(client_of, location):
    c, server = client_of(lambda r: Reply(status=302, headers={"Location": location}))
    with pytest.raises(RemoteError, match="redirects to another one"):
        c.get("/api")
    assert len(server.heard) == 1


def test_a_loop_of_redirects_ends(client_of):
    c, server = client_of(lambda r: Reply(status=302, headers={"Location": "/again"}))
    with pytest.raises(RemoteError, match="without end"):
        c.get("/api")
    assert len(server.heard) < 6


# tls


def test_the_clusters_own_authority_is_trusted_from_a_file_and_from_data(serve, certificates):
    server = serve(ok, certificates.server())
    assert client(server=server.url, certificate_authority=str(certificates.path("ca.crt"))).get("/api")
    assert client(server=server.url, certificate_authority_data=certificates.data("ca.crt")).get("/api")
    leaf = client(server=server.url, certificate_authority_data=certificates.data("server.crt"))
    assert leaf.get("/api"), "as in Go, any certificate in the file is an anchor"


def test_what_is_public_of_a_connection_is_told_and_nothing_else(serve, certificates):
    user = User(
        client_certificate=str(certificates.path("client.crt")), client_key=str(certificates.path("client.key"))
    )
    c = client(server="https://localhost:1", certificate_authority_data=certificates.data("ca.crt"), user=user)
    shown = c.shown()
    assert shown.certificate_authority.count("BEGIN CERTIFICATE") == 1
    assert shown.client_certificate.count("BEGIN CERTIFICATE") == 1
    key = certificates.path("client.key").read_text().splitlines()[1]
    assert key not in repr(shown)
    assert "PRIVATE KEY" not in repr(shown)
    bare = client(server="https://localhost:1").shown()
    assert (bare.certificate_authority, bare.client_certificate) == ("", "")


@pytest.mark.parametrize("authority", ["", "stranger.crt"], ids=["the system's", "another one"])
def test_a_server_of_another_authority_is_refused_at_once(serve, certificates, authority):
    server = serve(ok, certificates.server())
    path = str(certificates.path(authority)) if authority else ""
    with pytest.raises(UnreachableError, match=r"issuer certificate|self-signed") as caught:
        client(server=server.url, certificate_authority=path, limits=Limits(backoff=60)).get("/api")
    assert server.heard == []
    assert caught.value.__cause__ is None


def test_the_name_is_verified_and_the_common_name_does_not_count(serve, certificates):
    server = serve(ok, certificates.server("named"))
    authority = str(certificates.path("ca.crt"))
    with pytest.raises(UnreachableError, match="IP address mismatch"):
        client(server=server.url, certificate_authority=authority).get("/api")
    named = client(server=server.url, certificate_authority=authority, tls_server_name="kubernetes.default.svc")
    assert named.get("/api")


def test_a_name_that_stands_in_the_common_name_alone_does_not_count(serve, certificates):
    server = serve(ok, certificates.server("common"))
    c = client(server=f"https://localhost:{server.port}", certificate_authority=str(certificates.path("ca.crt")))
    with pytest.raises(UnreachableError, match="Hostname mismatch"):
        c.get("/api")


def test_nothing_older_than_tls_1_2():
    assert tls(Cluster(server="https://10.0.0.1"), None).minimum_version == ssl.TLSVersion.TLSv1_2


def test_skipping_verification_works_and_leaves_a_remark(serve, certificates, recwarn):
    server = serve(ok, certificates.server())
    c = client(server=server.url, insecure_skip_tls_verify=True)
    assert c.get("/api")
    (remark,) = c.remarks
    assert "not verified" in remark.what
    assert not remark.blinds
    assert [w for w in recwarn if "Insecure" in w.category.__name__] == []


def test_plain_http_gets_no_credentials_and_leaves_a_remark(serve):
    server = serve(ok)
    c = client(server=server.url, user=User(token=Secret("s3cr3t")))
    c.get("/api")
    assert "authorization" not in server.heard[0].headers
    assert "neither encrypted" in c.remarks[0].what


@pytest.mark.parametrize("form", ["files", "data"])
def test_a_client_certificate_is_presented_and_leaves_no_file_behind(serve, certificates, form, tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    server = serve(ok, certificates.server(client_ca="ca.crt"))
    user = {
        "files": User(
            client_certificate=str(certificates.path("client.crt")), client_key=str(certificates.path("client.key"))
        ),
        "data": User(
            client_certificate_data=certificates.data("client.crt"),
            client_key_data=Secret(certificates.data("client.key")),
        ),
    }[form]
    c = client(server=server.url, certificate_authority=str(certificates.path("ca.crt")), user=user)
    c.get("/api")
    assert server.heard[0].client == "dev"
    assert list(tmp_path.iterdir()) == []


def test_without_memory_files_a_key_lies_in_a_private_folder_and_only_while_it_is_read(
    certificates, tmp_path, monkeypatch
):
    seen = []
    monkeypatch.delattr("os.memfd_create", raising=False)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with _private_file(b"key") as path:
        file = Path(path)
        seen = [file.read_bytes(), file.stat().st_mode & 0o777, file.parent.stat().st_mode & 0o777]
    assert seen == [b"key", 0o600, 0o700]
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("certificate", "key", "says"),
    [
        ("client.crt", "second.key", "KEY_VALUES_MISMATCH"),
        ("client.crt", "client.crt", "cannot be used"),
        ("client.key", "client.key", "cannot be used"),
        ("client.crt", "locked.key", "encrypted"),
    ],
)
def test_a_client_certificate_that_cannot_be_used_is_an_input_error(certificates, certificate, key, says):
    user = User(client_certificate=str(certificates.path(certificate)), client_key=str(certificates.path(key)))
    c = client(server="https://127.0.0.1:1", insecure_skip_tls_verify=True, user=user)
    with pytest.raises(InputError, match=says):
        c.get("/api")


def test_an_authority_without_certificates_is_an_input_error(tmp_path):
    (tmp_path / "ca.crt").write_text("nothing")
    with pytest.raises(InputError, match=r"ca\.crt: no certificate to trust"):
        client(server="https://127.0.0.1:1", certificate_authority=str(tmp_path / "ca.crt")).get("/api")


def test_a_new_client_certificate_is_used_for_the_next_request(serve, certificates):
    def pair(name):
        read = certificates.path
        return Pair(read(f"{name}.crt").read_bytes(), Secret(read(f"{name}.key").read_text()))

    server = serve(ok, certificates.server(client_ca="ca.crt"))
    rotating = Static(Credential(pair=pair("client")))
    to = Connection("t", Cluster(server=server.url, certificate_authority=str(certificates.path("ca.crt"))), User())
    c = Client(to, rotating, environ={})
    c.get("/api")
    rotating._credential = Credential(pair=pair("second"))
    c.get("/api")
    assert [r.client for r in server.heard] == ["dev", "dev2"]


# proxies


def test_a_proxy_carries_the_connection_and_gets_its_own_login_alone(serve, certificates):
    via = ConnectProxy()
    server = serve(ok, certificates.server())
    c = client(
        server=server.url,
        certificate_authority=str(certificates.path("ca.crt")),
        proxy_url=Secret(f"http://me:p%40ss@127.0.0.1:{via.port}"),
        user=User(token=Secret("s3cr3t")),
    )
    assert c.get("/api")
    via.stop()
    assert via.asked == [(f"127.0.0.1:{server.port}", "me:p@ss")]
    assert server.heard[0].headers["authorization"] == ["Bearer s3cr3t"]
    assert "proxy-authorization" not in server.heard[0].headers


@pytest.mark.parametrize("trusted", ["by the system", "by nobody"])
def test_an_encrypted_proxy_is_verified_by_the_systems_authorities(serve, certificates, monkeypatch, trusted):
    if trusted == "by the system":
        monkeypatch.setenv("SSL_CERT_FILE", str(certificates.path("stranger.crt")))
    via = ConnectProxy(certificates.server("proxy"))
    server = serve(ok, certificates.server())
    c = client(
        server=server.url,
        certificate_authority=str(certificates.path("ca.crt")),
        proxy_url=Secret(f"https://127.0.0.1:{via.port}"),
    )
    if trusted == "by the system":
        assert c.get("/api")
    else:
        with pytest.raises(UnreachableError, match=r"no way through the proxy: got .*issuer certificate"):
            c.get("/api")
    via.stop()
    assert len(server.heard) == (trusted == "by the system")


def test_a_proxy_that_is_away_is_named_without_its_password(certificates):
    c = client(server="https://10.0.0.1:6443", proxy_url=Secret("http://me:passw0rd@127.0.0.1:9"), limits=QUICK)
    with pytest.raises(UnreachableError) as caught:
        c.get("/api")
    assert "passw0rd" not in str(caught.value)


def test_a_socks_proxy_is_unsupported_and_said_so():
    with pytest.raises(UnsupportedError, match="proxy-url: a socks5 proxy"):
        client(server="https://10.0.0.1", proxy_url=Secret("socks5://127.0.0.1:1080")).get("/api")


@pytest.mark.parametrize(
    ("environ", "server", "found"),
    [
        ({"HTTPS_PROXY": "http://p:1"}, "https://10.0.0.1", "http://p:1"),
        ({"https_proxy": "p:1"}, "https://10.0.0.1", "http://p:1"),
        ({"HTTP_PROXY": "http://p:1"}, "https://10.0.0.1", None),
        ({"HTTP_PROXY": "http://p:1"}, "http://10.0.0.1", "http://p:1"),
        ({"HTTPS_PROXY": "http://p:1", "NO_PROXY": "10.0.0.0/8"}, "https://10.0.0.1", None),
        ({"HTTPS_PROXY": "http://p:1"}, "https://localhost:6443", None),
        ({"HTTPS_PROXY": "http://p:1"}, "https://[::1]:6443", None),
        ({}, "https://10.0.0.1", None),
    ],
)
def test_the_proxy_of_the_environment(environ, server, found):
    via = proxy(Cluster(server=server), environ)
    assert (via.reveal() if via else None) == found


def test_the_proxy_of_the_kubeconfig_is_first():
    environ = {"HTTPS_PROXY": "http://env:1", "NO_PROXY": "*"}
    via = proxy(Cluster(server="https://10.0.0.1", proxy_url=Secret("http://mine:1")), environ)
    assert via.reveal() == "http://mine:1"


@pytest.mark.parametrize(
    ("no_proxy", "host", "is_bypassed"),
    [
        ("*", "k8s.example.com", True),
        ("example.com", "k8s.example.com", True),
        ("example.com", "example.com", True),
        ("example.com", "badexample.com", False),
        (".example.com", "k8s.example.com", True),
        (".example.com", "example.com", False),
        ("*.example.com", "k8s.example.com", True),
        ("example.com:6443", "example.com", True),
        ("example.com:443", "example.com", False),
        ("other, EXAMPLE.com", "Example.com", True),
        ("10.0.0.0/24", "10.0.0.7", True),
        ("10.0.0.0/24", "10.0.1.7", False),
        ("10.0.0.7", "10.0.0.7", True),
        ("10.0.0.7:6443", "10.0.0.7", True),
        ("fd00::/8", "fd00::1", True),
        ("0.7", "10.0.0.7", False),
        ("", "10.0.0.7", False),
    ],
)
def test_no_proxy_as_go_reads_it(no_proxy, host, is_bypassed):
    assert bypassed(host, 6443, {"NO_PROXY": no_proxy}) is is_bypassed


# who we are


def test_impersonation_is_asked_for_with_every_group_and_an_escaped_key(serve, certificates):
    server = serve(ok, certificates.server())
    user = User(
        impersonate="jürgen",
        impersonate_uid="7",
        impersonate_groups=("devs", "ops"),
        impersonate_extra={"example.com/sco%pes": ("view", "dev%")},
    )
    client(server=server.url, certificate_authority=str(certificates.path("ca.crt")), user=user).get("/api")
    headers = server.heard[0].headers
    assert headers["impersonate-user"][0].encode("latin-1").decode() == "jürgen"
    assert headers["impersonate-uid"] == ["7"]
    assert headers["impersonate-group"] == ["devs", "ops"]
    assert headers["impersonate-extra-example.com%2fsco%25pes"] == ["view", "dev%"]


def test_an_impersonated_name_cannot_smuggle_a_header():
    with pytest.raises(InputError, match="control characters"):
        client(server="https://10.0.0.1", user=User(impersonate="dev\r\nImpersonate-Group: system:masters"))


def test_the_client_shows_where_and_never_what_it_knows():
    c = client(server="https://10.0.0.1", user=User(token=Secret("s3cr3t")))
    assert repr(c) == "Client('test', 'https://10.0.0.1')"
    assert "s3cr3t" not in repr(c._to) + repr(c._source.current())


# discovery

AGGREGATED = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"
POD = {
    "resource": "pods",
    "responseKind": {"group": "", "version": "", "kind": "Pod"},
    "scope": "Namespaced",
    "verbs": ["get", "list"],
    "subresources": [{"subresource": "exec", "responseKind": {"kind": "PodExecOptions"}, "verbs": ["create", "get"]}],
}


def test_aggregated_discovery_takes_two_requests(client_of):
    def answer(request):
        assert AGGREGATED in request.headers["accept"][0]
        if request.path == "/api":
            groups = [{"metadata": {}, "versions": [{"version": "v1", "resources": [POD], "freshness": "Current"}]}]
        else:
            orphan = {"resource": "things", "subresources": [{"subresource": "scale", "verbs": ["get"]}]}
            node = {"resource": "nodes", "responseKind": {"kind": "NodeMetrics"}, "scope": "Cluster", "verbs": ["list"]}
            groups = [
                {
                    "metadata": {"name": "metrics.k8s.io"},
                    "versions": [{"version": "v1beta1", "resources": [node, orphan]}],
                },
                {"metadata": {"name": "gone.io"}, "versions": [{"version": "v1", "freshness": "Stale"}]},
            ]
        return reply({"kind": "APIGroupDiscoveryList", "apiVersion": "apidiscovery.k8s.io/v2", "items": groups})

    c, server = client_of(answer)
    found = c.discover()
    assert [(r.api_version, r.name, r.kind, r.namespaced) for r in found.resources] == [
        ("v1", "pods", "Pod", True),
        ("v1", "pods/exec", "PodExecOptions", True),
        ("metrics.k8s.io/v1beta1", "nodes", "NodeMetrics", False),
        ("metrics.k8s.io/v1beta1", "things/scale", "", False),
    ]
    assert found.resources[0].path() == "/api/v1/pods"
    assert found.resources[0].path("shop") == "/api/v1/namespaces/shop/pods"
    assert found.resources[2].path() == "/apis/metrics.k8s.io/v1beta1/nodes"
    (problem,) = found.problems
    assert problem.what == "the resources of gone.io/v1 are not known"
    assert problem.blinds
    assert len(server.heard) == 2


def test_an_older_server_is_walked_preferred_version_first_and_a_dead_group_is_a_problem(client_of):
    def group(name, *versions, preferred=""):
        return {
            "name": name,
            "versions": [{"version": v} for v in versions],
            "preferredVersion": {"version": preferred},
        }

    def resources(name, kind):
        return {"resources": [{"name": name, "kind": kind, "namespaced": True, "verbs": None}]}

    answers = {
        "/api": {"kind": "APIVersions", "versions": ["v1"]},
        "/apis": {
            "kind": "APIGroupList",
            "groups": [
                group("apps", "v1beta1", "v1", preferred="v1"),
                group("removed.io", "v1"),
                group("dead.io", "v1"),
                group("empty.io", "v1"),
            ],
        },
        "/api/v1": resources("pods/exec", "PodExecOptions"),
        "/apis/apps/v1": resources("deployments", "Deployment"),
        "/apis/apps/v1beta1": resources("deployments", "Deployment"),
        "/apis/empty.io/v1": {"resources": None},
    }
    refused = {
        "/apis/removed.io/v1": status(404, "NotFound", "no"),
        "/apis/dead.io/v1": status(503, "", "no endpoints"),
    }
    c, _ = client_of(lambda r: refused[r.path] if r.path in refused else reply(answers[r.path]))
    found = c.discover()
    assert [(r.api_version, r.name) for r in found.resources] == [
        ("v1", "pods/exec"),
        ("apps/v1", "deployments"),
        ("apps/v1beta1", "deployments"),
    ]
    assert [(p.what, p.got) for p in found.problems] == [("the resources of dead.io/v1 are not known", "no endpoints")]


def test_the_version_of_the_server(client_of):
    c, _ = client_of(lambda r: reply({"major": "1", "minor": "34+", "gitVersion": "v1.34.1-gke.1"}))
    assert c.version().git_version == "v1.34.1-gke.1"


def test_another_kind_of_server_is_recognised(client_of):
    c, _ = client_of(lambda r: Reply(b"<html>"))
    with pytest.raises(RemoteError, match="not a Kubernetes API server"):
        c.discover()
