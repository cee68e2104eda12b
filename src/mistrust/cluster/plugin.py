"""Credentials from an exec plugin: a program that prints an ExecCredential (client.authentication.k8s.io).

The protocol is client-go's plugin/pkg/client/auth/exec/exec.go. Unlike there, a plugin that hangs is stopped.
"""

from __future__ import annotations

import base64
import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Annotated

import msgspec

from mistrust.cluster.credentials import NONE, Credential, Pair, bearer
from mistrust.cluster.kubeconfig import Cluster, Exec
from mistrust.cluster.secret import Secret, printable
from mistrust.kube.errors import RemoteError

PATIENCE = 60.0
"""Seconds that a plugin may take on its own."""
PATIENCE_WITH_PERSON = 600.0
"""Seconds that a plugin may take when it can ask a person."""


class PluginError(RemoteError):
    """An exec plugin failed, hung, or printed something else than credentials."""


class _Given(msgspec.Struct, frozen=True, rename="camel"):
    expiration_timestamp: Annotated[datetime, msgspec.Meta(tz=True)] | None = None
    token: str = ""
    client_certificate_data: str = ""
    client_key_data: str = ""


class _Answer(msgspec.Struct, frozen=True, rename="camel"):
    api_version: str = ""
    kind: str = ""
    status: _Given | None = None


class Plugin:
    """Runs the plugin when a credential is first needed, when it has expired, and after the server rejected it.

    `clock` gives Unix seconds; `patience` is how long the plugin may take, in seconds, where no person is asked.
    """

    def __init__(
        self, plugin: Exec, cluster: Cluster, clock: Callable[[], float] = time.time, patience: float = PATIENCE
    ) -> None:
        self._plugin, self._cluster, self._clock, self._patience = plugin, cluster, clock, patience
        self._lock = threading.Lock()
        self._credential: Credential | None = None
        self._expires: float | None = None

    def current(self) -> Credential:
        """What to present now.

        Raises: PluginError that names the plugin and quotes the last line of its standard error.
        """
        with self._lock:
            if self._credential is None or (self._expires is not None and self._clock() > self._expires):
                self._run()
            assert self._credential is not None
            return self._credential

    def renew(self, rejected: Credential) -> bool:
        """Run the plugin again, unless another thread already has."""
        with self._lock:
            if self._credential is rejected:
                self._run()
            return self._credential != rejected

    def _run(self) -> None:
        interactive = self._interactive()
        given = self._given(self._output(interactive))
        pair = None
        if given.client_certificate_data or given.client_key_data:
            if not (given.client_certificate_data and given.client_key_data):
                raise self._failure("gave a certificate or a key, not both")
            pair = Pair(given.client_certificate_data.encode(), Secret(given.client_key_data))
        if pair is None and not given.token:
            raise self._failure("gave neither a token nor a certificate")
        where = f"exec plugin {self._plugin.command}"
        self._credential = Credential(bearer(Secret(given.token), where) if given.token else NONE, pair)
        self._expires = given.expiration_timestamp.timestamp() if given.expiration_timestamp else None

    def _interactive(self) -> bool:
        terminal = sys.stdin is not None and sys.stdin.isatty()
        mode = self._plugin.interactive_mode or "IfAvailable"
        if mode == "Always" and not terminal:
            raise self._failure("must ask a person, and standard input is not a terminal")
        return terminal and mode != "Never"

    def _output(self, interactive: bool) -> bytes:
        """Standard output of one run.

        With a person at the terminal the plugin talks to them as it does under kubectl. Without one it gets a session
        of its own, so that its children stop with it, and its standard error is kept for the error message.
        """
        argv = [self._plugin.command, *(a.reveal() for a in self._plugin.args)]
        try:
            process = subprocess.Popen(
                argv,
                env=self._environment(interactive),
                stdin=None if interactive else subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=None if interactive else subprocess.PIPE,
                start_new_session=not interactive,
            )
        except OSError as error:
            why = "was not found" if isinstance(error, FileNotFoundError) else f"did not start ({error.strerror})"
            raise self._failure(why) from None
        patience = PATIENCE_WITH_PERSON if interactive else self._patience
        try:
            output, said = process.communicate(timeout=patience)
        except subprocess.TimeoutExpired as late:
            _stop(process, group=not interactive)
            raise self._failure(f"did not answer within {patience:g} seconds", late.stderr) from None
        if process.returncode:
            raise self._failure(f"failed with exit code {process.returncode}", said)
        return output

    def _environment(self, interactive: bool) -> Mapping[str, str]:
        spec: dict[str, object] = {"interactive": interactive}
        if self._plugin.provide_cluster_info:
            spec["cluster"] = _described(self._cluster)
        asked = {"kind": "ExecCredential", "apiVersion": self._plugin.api_version, "spec": spec}
        given = {v.name: v.value.reveal() for v in self._plugin.env}
        return {**os.environ, **given, "KUBERNETES_EXEC_INFO": msgspec.json.encode(asked).decode()}

    def _given(self, output: bytes) -> _Given:
        try:
            answer = msgspec.json.decode(output, type=_Answer)
        except msgspec.DecodeError as error:
            raise self._failure(f"did not print an ExecCredential ({error})") from None
        if (answer.kind, answer.api_version) != ("ExecCredential", self._plugin.api_version):
            raise self._failure(f"printed {printable(answer.api_version)!r}, not {self._plugin.api_version!r}")
        if answer.status is None:
            raise self._failure("printed no status")
        return answer.status

    def _failure(self, what: str, said: bytes | None = None) -> PluginError:
        lines = [line for line in (said or b"")[-4096:].decode("utf-8", "replace").splitlines() if line.strip()]
        last, hint = printable(lines[-1]) if lines else "", printable(self._plugin.install_hint)
        return PluginError(f"the exec plugin {self._plugin.command} {what}", got=last, do=hint)


def _described(cluster: Cluster) -> Mapping[str, object]:
    """clientauthentication.Cluster: what a plugin may need to know of the server, without what is empty."""
    config = [e.extension for e in cluster.extensions if e.name == "client.authentication.k8s.io/exec"]
    fields: dict[str, object] = {
        "server": cluster.server,
        "tls-server-name": cluster.tls_server_name,
        "insecure-skip-tls-verify": cluster.insecure_skip_tls_verify,
        "certificate-authority-data": base64.b64encode(cluster.authority()).decode(),
        "proxy-url": cluster.proxy_url.reveal(),
        "disable-compression": cluster.disable_compression,
        "config": config[0] if config else None,
    }
    return {k: v for k, v in fields.items() if v}


def _stop(process: subprocess.Popen[bytes], group: bool) -> None:
    if group:
        os.killpg(process.pid, signal.SIGKILL)
    process.kill()
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.communicate(timeout=1)  # a grandchild in a session of its own may still hold the pipes
