"""The proxy on the way to a server, from the kubeconfig or from the environment."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from urllib.parse import urlsplit

from mistrust.cluster.kubeconfig import Cluster
from mistrust.cluster.secret import Secret
from mistrust.kube.errors import InputError, UnsupportedError


def proxy(cluster: Cluster, environ: Mapping[str, str]) -> Secret | None:
    """The proxy to the server: `proxy-url`, else HTTPS_PROXY or HTTP_PROXY unless NO_PROXY names the server.

    The environment is read as Go does (golang.org/x/net/http/httpproxy): loopback is never proxied, and NO_PROXY holds
    hosts, domain suffixes, addresses, CIDR blocks and `*`.

    Raises: UnsupportedError for a scheme other than http and https.
    """
    found, where = cluster.proxy_url, "proxy-url"
    if not found:
        target = urlsplit(cluster.server)
        port = target.port or (443 if target.scheme == "https" else 80)
        if bypassed(target.hostname or "", port, environ):
            return None
        where = "HTTPS_PROXY" if target.scheme == "https" else "HTTP_PROXY"
        found = Secret(environ.get(where) or environ.get(where.lower(), ""))
    if not found:
        return None
    text = found.reveal() if "://" in found.reveal() else f"http://{found.reveal()}"
    url = urlsplit(text)
    if url.scheme not in ("http", "https"):
        raise UnsupportedError(f"a {url.scheme} proxy", where=where, wanted="http or https")
    if not url.hostname:
        raise InputError("the proxy names no host", where=where)
    return Secret(text)


def bypassed(host: str, port: int, environ: Mapping[str, str]) -> bool:
    """True if the environment wants `host` reached without a proxy."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        address = None
    if host == "localhost" or (address is not None and address.is_loopback):
        return True
    for entry in (environ.get("NO_PROXY") or environ.get("no_proxy", "")).split(","):
        pattern = entry.strip().lower()
        if not pattern:
            continue
        if pattern == "*":
            return True
        if address is not None and _holds(pattern, address):
            return True
        name, _, wanted_port = pattern.partition(":") if pattern.count(":") == 1 else (pattern, "", "")
        if wanted_port and wanted_port != str(port):
            continue
        suffix = name.removeprefix("*")
        if suffix.startswith("."):
            if host.lower().endswith(suffix):
                return True
        elif host.lower() == suffix or (address is None and host.lower().endswith("." + suffix)):
            return True
    return False


def _holds(pattern: str, address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    try:
        return address in ipaddress.ip_network(pattern, strict=False)
    except ValueError:
        return False
