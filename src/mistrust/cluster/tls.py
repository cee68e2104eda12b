"""Connections to the server: TLS is verified unless the kubeconfig says otherwise; keys never lie about in a file."""

from __future__ import annotations

import os
import ssl
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import unquote, urlsplit

import urllib3

from mistrust.cluster.credentials import Pair
from mistrust.cluster.kubeconfig import Cluster
from mistrust.cluster.proxy import proxy
from mistrust.kube.errors import InputError


def pool(cluster: Cluster, pair: Pair | None, environ: Mapping[str, str]) -> urllib3.PoolManager:
    """Connections to a cluster, through its proxy if it has one, presenting `pair` if there is one.

    Raises: InputError for certificates that cannot be used, UnsupportedError for a proxy that cannot.
    """
    context, name, via = tls(cluster, pair), cluster.tls_server_name or None, proxy(cluster, environ)
    if cluster.insecure_skip_tls_verify:
        urllib3.disable_warnings(urllib3.exceptions.InsecureRequestWarning)  # the client keeps a remark of its own
    if via is None:
        return urllib3.PoolManager(num_pools=1, maxsize=4, ssl_context=context, server_hostname=name)
    url, to_proxy = urlsplit(via.reveal()), tls(cluster, None)
    to_proxy.load_default_certs()
    login = f"{unquote(url.username)}:{unquote(url.password or '')}" if url.username else None
    return urllib3.ProxyManager(
        f"{url.scheme}://{url.netloc.rpartition('@')[2]}",
        num_pools=1,
        maxsize=4,
        proxy_headers=urllib3.make_headers(proxy_basic_auth=login) if login else None,
        proxy_ssl_context=to_proxy,
        ssl_context=context,
        server_hostname=name,
    )


def tls(cluster: Cluster, pair: Pair | None) -> ssl.SSLContext:
    """The TLS context for a cluster: at least TLS 1.2, the cluster's own authority instead of the system's.

    As in Go, every certificate of the authority file is a trust anchor, be it self-signed or not, and only subject
    alternative names count.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.hostname_checks_common_name = False
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    authority = cluster.authority()
    if cluster.insecure_skip_tls_verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    elif authority:
        try:
            context.load_verify_locations(cadata=authority.decode("ascii", "replace"))
        except ssl.SSLError:
            where = cluster.certificate_authority or "certificate-authority-data"
            raise InputError("no certificate to trust", where=where, wanted="PEM certificates") from None
    else:
        context.load_default_certs()
    if pair is not None:
        _present(context, pair)
    return context


def _present(context: ssl.SSLContext, pair: Pair) -> None:
    def no_password() -> str:
        raise InputError("the client key is encrypted", do="decrypt it: kubectl does not read it either")

    with _private_file(pair.certificate.rstrip() + b"\n" + pair.key.reveal().encode()) as path:
        try:
            context.load_cert_chain(path, password=no_password)
        except ssl.SSLError as error:
            what = f"the client certificate or its key cannot be used ({error.reason or 'not PEM'})"
            raise InputError(what, wanted="a PEM certificate and its own key") from None


@contextmanager
def _private_file(content: bytes) -> Iterator[str]:
    """A path that only this process can read, for OpenSSL, which takes nothing else; memory where Linux offers it."""
    if hasattr(os, "memfd_create") and Path("/proc/self/fd").is_dir():
        handle = os.memfd_create("client-certificate", os.MFD_CLOEXEC)
        try:
            with open(handle, "wb", closefd=False) as file:
                file.write(content)
            yield f"/proc/self/fd/{handle}"
        finally:
            os.close(handle)
        return
    with tempfile.TemporaryDirectory(prefix="mistrust-") as folder:  # 0700
        path = Path(folder) / "pair.pem"
        path.touch(0o600)
        path.write_bytes(content)
        yield str(path)
