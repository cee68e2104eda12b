"""What one context means: the server, the user, and the contradictions that kubectl refuses.

The meaning is client-go's: tools/clientcmd/{client_config,validation}.go and rest/config.go (InClusterConfig).
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TypeVar
from urllib.parse import urlsplit

import msgspec

from mistrust.cluster.kubeconfig import Cluster, Exec, Named, User, files, load, merge
from mistrust.kube.errors import InputError, UnsupportedError

N = TypeVar("N", bound=Named)

SERVICE_ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")
"""Where a pod finds the credentials of its ServiceAccount."""


class Connection(msgspec.Struct, frozen=True):
    """Everything that is known about reaching one API server as one user."""

    name: str
    """The context; `in-cluster` inside a pod."""
    cluster: Cluster
    user: User
    namespace: str = "default"


def connection(
    context: str | None = None,
    kubeconfig: Path | None = None,
    environ: Mapping[str, str] = os.environ,
    service_account: Path = SERVICE_ACCOUNT,
) -> Connection:
    """What `kubectl --context --kubeconfig` would connect to; inside a pod that has no kubeconfig, its own cluster.

    kubectl falls back to http://localhost:8080; a server that nobody named is not guessed here.

    Raises: InputError for what does not exist or contradicts itself, UnsupportedError for `auth-provider`.
    """
    config = merge(load(path) for path in files(kubeconfig, environ))
    name = context or config.current_context
    if not name:
        if (inside := in_cluster(environ, service_account)) is not None:
            return inside
        names = ", ".join(sorted(c.name for c in config.contexts))
        got = f"contexts {names}" if names else "no kubeconfig"
        raise InputError("no context is chosen", got=got, do="use --context or --kubeconfig")
    chosen = _named(config.contexts, name, f"context {name!r}").context
    if not chosen.cluster:
        raise InputError("the context names no cluster", where=f"context {name!r}")
    cluster = _named(config.clusters, chosen.cluster, f"cluster {chosen.cluster!r} of context {name!r}").cluster
    user = User()  # a context without a user is anonymous
    if chosen.user:
        user = _named(config.users, chosen.user, f"user {chosen.user!r} of context {name!r}").user
    _check_cluster(chosen.cluster, cluster)
    _check_user(chosen.user, user)
    cluster = msgspec.structs.replace(cluster, server=_server(cluster.server, chosen.cluster))
    return Connection(name, cluster, user, chosen.namespace or "default")


def in_cluster(environ: Mapping[str, str], folder: Path = SERVICE_ACCOUNT) -> Connection | None:
    """The cluster that this process runs in; None outside of a pod (client-go rest.InClusterConfig)."""
    host, port = environ.get("KUBERNETES_SERVICE_HOST", ""), environ.get("KUBERNETES_SERVICE_PORT", "")
    token, authority, namespace = folder / "token", folder / "ca.crt", folder / "namespace"
    if not (host and port and token.is_file()):
        return None
    server = f"https://[{host}]:{port}" if ":" in host else f"https://{host}:{port}"
    cluster = Cluster(server=server, certificate_authority=str(authority) if authority.exists() else "")
    home = namespace.read_text().strip() if namespace.exists() else ""
    return Connection("in-cluster", cluster, User(token_file=str(token)), home or "default")


def _server(text: str, name: str) -> str:
    """The base of all URLs: no query, no slash at the end; without a scheme it is http, as with kubectl."""
    url = urlsplit(text if "://" in text else f"http://{text}")
    if url.scheme not in ("http", "https") or not url.hostname or "@" in url.netloc:
        raise InputError("the server's address", where=f"cluster {name!r}", wanted="https://host:port and no password")
    return f"{url.scheme}://{url.netloc}{url.path.rstrip('/')}"


def _named(entries: Iterable[N], name: str, what: str) -> N:
    found = {entry.name: entry for entry in entries}
    if name not in found:
        raise InputError(f"{what} does not exist", got=", ".join(sorted(found)) or "none", do="check the kubeconfig")
    return found[name]


def _check_cluster(name: str, cluster: Cluster) -> None:
    where = f"cluster {name!r}"
    if not cluster.server:
        raise InputError("the cluster has no server", where=where)
    if cluster.certificate_authority and cluster.certificate_authority_data:
        raise InputError("certificate-authority is given as file and as data", where=where, do="keep one")
    if cluster.insecure_skip_tls_verify and (cluster.certificate_authority or cluster.certificate_authority_data):
        raise InputError("a certificate-authority and insecure-skip-tls-verify are both given", where=where)


def _check_user(name: str, user: User) -> None:
    where = f"user {name!r}"
    certified = bool(user.client_certificate or user.client_certificate_data)
    impersonates = bool(user.impersonate_uid or user.impersonate_groups or user.impersonate_extra)
    wrong = [
        (bool(user.token and (user.username or user.password)), "token and username are both given"),
        (
            bool(user.client_certificate and user.client_certificate_data),
            "client-certificate is given twice, as file and data",
        ),
        (certified and bool(user.client_key and user.client_key_data), "client-key is given twice, as file and data"),
        (certified and not (user.client_key or user.client_key_data), "a client certificate without a client-key"),
        (impersonates and not user.impersonate, "as-uid, as-groups or as-user-extra without `as`"),
    ]
    for is_wrong, what in wrong:
        if is_wrong:
            raise InputError(what, where=where)
    if user.auth_provider is not None:
        raise UnsupportedError("auth-provider was removed in Kubernetes 1.26", where=where, do="use an exec plugin")
    if user.exec is not None:
        _check_exec(where, user.exec)


def _check_exec(where: str, plugin: Exec) -> None:
    if not plugin.command:
        raise InputError("the exec plugin has no command", where=where)
    if plugin.api_version not in _MODES:
        wanted = " or ".join(_MODES)
        raise InputError("the exec plugin's apiVersion", where=where, got=repr(plugin.api_version), wanted=wanted)
    mode = plugin.interactive_mode or _MODES[plugin.api_version]
    if mode not in ("Never", "IfAvailable", "Always"):
        raise InputError("interactiveMode", where=where, got=repr(mode), wanted="Never, IfAvailable or Always")


_GROUP = "client.authentication.k8s.io"
_MODES: Mapping[str, str] = {f"{_GROUP}/v1": "", f"{_GROUP}/v1beta1": "IfAvailable"}
"""API versions of exec plugins, and what an absent interactiveMode means there."""
