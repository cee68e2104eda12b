"""Kubeconfig as kubectl reads it: which files, how they merge, what a context means, and what contradicts itself."""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mistrust.cluster.client import Client
from mistrust.cluster.connection import connection, in_cluster
from mistrust.cluster.kubeconfig import Context, Kubeconfig, NamedContext, data_or_file, files, load, merge
from mistrust.cluster.secret import Secret
from mistrust.kube.errors import InputError, UnsupportedError

NOWHERE = Path("/nonexistent")


def written(folder, name="config", **parts):
    """A kubeconfig with one context, cluster and user, changed by `cluster=`, `user=`, `context=`, or whole parts."""
    cluster = {"server": "https://10.0.0.1:6443"} | parts.pop("cluster", {})
    context = {"cluster": "c", "user": "u"} | parts.pop("context", {})
    value = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "prod",
        "contexts": [{"name": "prod", "context": context}],
        "clusters": [{"name": "c", "cluster": cluster}],
        "users": [{"name": "u", "user": parts.pop("user", {})}],
    } | parts
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value))  # JSON is YAML
    return path


# which files


def test_an_explicit_file_is_the_only_one_and_must_exist(tmp_path):
    path = written(tmp_path)
    assert files(path, {"KUBECONFIG": "/other"}) == (path,)
    with pytest.raises(InputError, match="no such kubeconfig"):
        files(tmp_path / "absent", {})


def test_the_environment_lists_files_and_absent_or_repeated_ones_do_not_count(tmp_path):
    a, b = written(tmp_path, "a"), written(tmp_path, "b")
    listed = os.pathsep.join(map(str, [a, "", tmp_path / "absent", b, a]))
    assert files(None, {"KUBECONFIG": listed}) == (a, b)


def test_the_home_folder_is_last(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    assert files(None, {}) == ()
    path = written(tmp_path / ".kube")
    assert files(None, {}) == (path,)
    assert files(None, {"KUBECONFIG": "/absent"}) == ()


# what stands in them


def test_paths_count_from_the_file_that_they_stand_in(tmp_path):
    user = {
        "client-certificate": "dev.crt",
        "client-key": "/abs/dev.key",
        "tokenFile": "../token",
        "exec": {"command": "./bin/login", "apiVersion": "client.authentication.k8s.io/v1beta1"},
    }
    config = load(written(tmp_path, "deep/config", user=user, cluster={"certificate-authority": "ca.crt"}))
    found = config.users[0].user
    assert config.clusters[0].cluster.certificate_authority == str(tmp_path / "deep/ca.crt")
    assert found.client_certificate == str(tmp_path / "deep/dev.crt")
    assert found.client_key == "/abs/dev.key"
    assert found.token_file == str(tmp_path / "token")
    assert found.exec.command == str(tmp_path / "deep/bin/login")


def test_a_plugin_without_a_folder_is_looked_up_in_path(tmp_path):
    user = {"exec": {"command": "login", "apiVersion": "client.authentication.k8s.io/v1beta1"}}
    assert load(written(tmp_path, user=user)).users[0].user.exec.command == "login"


def test_kubectl_writes_null_for_what_is_empty(tmp_path):
    path = tmp_path / "config"
    path.write_text("apiVersion: v1\nkind: Config\nclusters: null\nusers: null\ncontexts: null\ncurrent-context: ''\n")
    assert load(path) == Kubeconfig()


@pytest.mark.parametrize("text", ["", "# nothing\n", "{}"])
def test_an_empty_file_is_an_empty_kubeconfig(tmp_path, text):
    (tmp_path / "config").write_text(text)
    assert load(tmp_path / "config") == Kubeconfig()


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[1, 2]", "not a valid kubeconfig"),
        ("kind: Pod\napiVersion: v1\n", "not a kubeconfig: got v1 Pod"),
        ("users: [{name: u, user: {token: 7}}]", r"Expected `str`, got `int` - at `\$.users\[0\].user.token`"),
        ("users: [{name: u}, {name: u}]", "the name 'u' is given twice"),
        ("users: [{user: {}}]", "missing required field `name`"),
        ("a: [s3cr3t", "not YAML"),
        ("\tusers: s3cr3t", "not YAML"),
    ],
)
def test_what_is_no_kubeconfig_says_why_and_quotes_no_value(tmp_path, text, says):
    (tmp_path / "config").write_text(text)
    with pytest.raises(InputError, match=says) as caught:
        load(tmp_path / "config")
    assert "s3cr3t" not in str(caught.value)
    assert str(tmp_path / "config") in str(caught.value)


def test_data_may_be_wrapped_over_lines_as_go_allows():
    wrapped = base64.encodebytes(b"x" * 100).decode()
    assert wrapped.count("\n") == 2
    assert data_or_file(wrapped, "", "client-certificate") == b"x" * 100


# how they merge

contexts = st.lists(st.tuples(st.sampled_from("abcd"), st.sampled_from(["x", "y", "z"])), unique_by=lambda c: c[0])
configs = st.lists(
    st.builds(
        lambda current, cs: Kubeconfig(
            current_context=current, contexts=tuple(NamedContext(n, Context(cluster=c)) for n, c in cs)
        ),
        st.sampled_from(["", "a", "b"]),
        contexts,
    ),
    max_size=4,
)


@given(configs)
def test_the_first_file_that_has_a_name_decides_all_of_it(given_configs):
    merged = merge(given_configs)
    for name in "abcd":
        holders = [c for config in given_configs for c in config.contexts if c.name == name]
        assert [c for c in merged.contexts if c.name == name] == holders[:1]
    assert merged.current_context == next((c.current_context for c in given_configs if c.current_context), "")


CA = base64.b64encode(b"ca").decode()
parts = st.fixed_dictionaries(
    {},
    optional={
        "current-context": st.sampled_from(["one", "two"]),
        "contexts": st.dictionaries(
            st.sampled_from(["one", "two"]),
            st.fixed_dictionaries(
                {"cluster": st.sampled_from("cd"), "user": st.sampled_from("uv")},
                optional={"namespace": st.just("shop")},
            ),
        ),
        "clusters": st.dictionaries(
            st.sampled_from("cd"),
            st.fixed_dictionaries(
                {"server": st.sampled_from(["https://x", "https://y"])},
                optional={"certificate-authority-data": st.just(CA), "tls-server-name": st.just("k")},
            ),
        ),
        "users": st.dictionaries(
            st.sampled_from("uv"),
            st.fixed_dictionaries(
                {}, optional={"token": st.sampled_from(["t", "s"]), "as": st.just("x"), "username": st.just("n")}
            ),
        ),
    },
)


def as_file(part):
    """The dictionaries above as a kubeconfig's lists of names."""
    lists = {k: [{"name": n, k[:-1]: v} for n, v in part[k].items()] for k in part if k != "current-context"}
    return part | lists


@pytest.mark.skipif(shutil.which("kubectl") is None, reason="kubectl is not here")
@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(parts, min_size=2, max_size=3))
def test_files_merge_as_kubectl_merges_them(tmp_path, several):
    paths = []
    for i, part in enumerate(several):
        paths.append(tmp_path / f"{i}.yaml")
        paths[-1].write_text(json.dumps(as_file(part)))
    environ = os.environ | {"KUBECONFIG": os.pathsep.join(map(str, paths)), "HOME": str(tmp_path)}
    said = subprocess.run(
        ["kubectl", "config", "view", "--raw", "-o", "json"], env=environ, capture_output=True, check=True
    )
    theirs = json.loads(said.stdout)
    ours = merge(load(p) for p in files(None, environ))
    assert ours.current_context == theirs["current-context"]
    for their_list, our_list, key in (
        (theirs["contexts"], ours.contexts, "context"),
        (theirs["clusters"], ours.clusters, "cluster"),
        (theirs["users"], ours.users, "user"),
    ):
        assert {e["name"]: e[key] for e in their_list or ()} == {e.name: shown(getattr(e, key)) for e in our_list}


def shown(entry):
    """The fields that are set, under kubectl's names."""
    names = dict(zip(entry.__struct_fields__, entry.__struct_encode_fields__, strict=True))
    values = {names[f]: getattr(entry, f) for f in names}
    return {k: v.reveal() if isinstance(v, Secret) else v for k, v in values.items() if v}


# what a context means


def test_the_current_context_is_chosen_unless_another_is_named(tmp_path):
    path = written(
        tmp_path,
        contexts=[
            {"name": "prod", "context": {"cluster": "c", "user": "u"}},
            {"name": "dev", "context": {"cluster": "c", "namespace": "team"}},
        ],
    )
    assert connection(None, path, {}).name == "prod"
    dev = connection("dev", path, {})
    assert (dev.namespace, dev.user.token) == ("team", Secret(""))
    assert connection(None, path, {}).namespace == "default"


@pytest.mark.parametrize(
    ("server", "base"),
    [
        ("https://10.0.0.1:6443/", "https://10.0.0.1:6443"),
        ("https://rancher/k8s/clusters/c-1/?x=1#y", "https://rancher/k8s/clusters/c-1"),
        ("HTTPS://[fd00::1]", "https://[fd00::1]"),
        ("10.0.0.1:8080", "http://10.0.0.1:8080"),
    ],
)
def test_the_servers_address(tmp_path, server, base):
    assert connection(None, written(tmp_path, cluster={"server": server}), {}).cluster.server == base


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"current-context": "gone"}, "context 'gone' does not exist: got prod"),
        ({"context": {"cluster": "gone"}}, "cluster 'gone' of context 'prod' does not exist"),
        ({"context": {"user": "gone"}}, "user 'gone' of context 'prod' does not exist"),
        ({"context": {"cluster": ""}}, "the context names no cluster"),
        ({"current-context": ""}, "no context is chosen: got contexts prod"),
        ({"cluster": {"server": ""}}, "the cluster has no server"),
        ({"cluster": {"server": "ftp://x"}}, "the server's address"),
        ({"cluster": {"server": "https://me:pass@x"}}, "the server's address"),
        ({"cluster": {"certificate-authority": "a", "certificate-authority-data": CA}}, "given as file and as data"),
        ({"cluster": {"insecure-skip-tls-verify": True, "certificate-authority-data": CA}}, "are both given"),
        ({"user": {"token": "t", "username": "n"}}, "token and username are both given"),
        ({"user": {"client-certificate": "a", "client-certificate-data": CA, "client-key": "k"}}, "given twice"),
        ({"user": {"client-certificate": "a", "client-key": "k", "client-key-data": CA}}, "client-key is given twice"),
        ({"user": {"client-certificate": "a"}}, "a client certificate without a client-key"),
        ({"user": {"as-groups": ["g"]}}, "without `as`"),
        ({"user": {"exec": {"command": "", "apiVersion": "x"}}}, "has no command"),
        ({"user": {"exec": {"command": "x", "apiVersion": "client.authentication.k8s.io/v1alpha1"}}}, "apiVersion"),
        ({"user": {"exec": {"command": "x", "apiVersion": "client.authentication.k8s.io/v1"}}}, "interactiveMode"),
    ],
)
def test_what_contradicts_itself_is_refused_as_by_kubectl(tmp_path, change, says):
    with pytest.raises(InputError, match=says):
        connection(None, written(tmp_path, **change), {}, NOWHERE)


def test_auth_provider_is_unsupported_and_says_what_to_do(tmp_path):
    path = written(tmp_path, user={"auth-provider": {"name": "gcp"}})
    with pytest.raises(UnsupportedError, match=r"user 'u': auth-provider was removed .*; use an exec plugin"):
        connection(None, path, {})


@pytest.mark.parametrize("user", [{"client-certificate-data": "%%", "client-key-data": CA}, {"tokenFile": "absent"}])
def test_credentials_that_cannot_be_read_are_input_errors(tmp_path, user):
    with pytest.raises(InputError, match=r"client-certificate-data is not base64|absent: cannot read the tokenFile"):
        Client(connection(None, written(tmp_path, user=user), {})).get("/api")


def test_nothing_that_is_printed_shows_a_secret(tmp_path):
    user = {"username": "n", "password": "s3cr3t", "client-key-data": "s3cr3t"}
    user["exec"] = {"command": "x", "args": ["s3cr3t"], "env": [{"name": "A", "value": "s3cr3t"}]}
    shown_text = repr(load(written(tmp_path, user=user, cluster={"proxy-url": "http://me:s3cr3t@proxy"})))
    assert "s3cr3t" not in shown_text
    assert "Secret(hidden)" in shown_text


# inside a pod


@pytest.fixture
def pod(tmp_path):
    folder = tmp_path / "serviceaccount"
    folder.mkdir()
    for name, text in (("token", "t0ken\n"), ("ca.crt", "ca"), ("namespace", "shop\n")):
        (folder / name).write_text(text)
    return folder


INSIDE = {"KUBERNETES_SERVICE_HOST": "10.96.0.1", "KUBERNETES_SERVICE_PORT": "443", "KUBECONFIG": "/absent"}


def test_a_pod_without_a_kubeconfig_reaches_its_own_cluster(pod):
    found = connection(None, None, INSIDE, pod)
    assert (found.name, found.cluster.server, found.namespace) == ("in-cluster", "https://10.96.0.1:443", "shop")
    assert found.user.token_file == str(pod / "token")
    assert found.cluster.certificate_authority == str(pod / "ca.crt")


def test_a_kubeconfig_is_preferred_to_the_pod(pod, tmp_path):
    assert connection(None, written(tmp_path), INSIDE, pod).name == "prod"


def test_a_named_context_is_never_replaced_by_the_pod(pod):
    with pytest.raises(InputError, match="context 'prod' does not exist"):
        connection("prod", None, INSIDE, pod)


@pytest.mark.parametrize("missing", ["KUBERNETES_SERVICE_HOST", "KUBERNETES_SERVICE_PORT"])
def test_outside_of_a_pod_there_is_no_cluster(pod, missing):
    assert in_cluster({k: v for k, v in INSIDE.items() if k != missing}, pod) is None
    assert in_cluster(INSIDE, NOWHERE) is None
    with pytest.raises(InputError, match="no context is chosen: got no kubeconfig"):
        connection(None, None, {"KUBECONFIG": "/absent"}, NOWHERE)


def test_an_address_of_version_6_is_put_in_brackets(pod):
    assert in_cluster(INSIDE | {"KUBERNETES_SERVICE_HOST": "fd00::1"}, pod).cluster.server == "https://[fd00::1]:443"
