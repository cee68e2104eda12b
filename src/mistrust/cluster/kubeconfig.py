"""Kubeconfig files as kubectl reads them: which files, what stands in them, and how they merge.

The meaning is client-go's: tools/clientcmd/loader.go and tools/clientcmd/api/v1/types.go.
"""

from __future__ import annotations

import base64
import binascii
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Protocol, TypeVar

import msgspec
from msgspec import field

from mistrust.cluster.secret import Secret
from mistrust.kube.decode import without_nulls
from mistrust.kube.errors import InputError


class Entry(msgspec.Struct, frozen=True, rename=lambda name: name.replace("_", "-")):
    """A part of a kubeconfig; fields that no client needs are not declared."""


class Extension(Entry, frozen=True):
    """Data for a third program, here for an exec plugin."""

    name: str = ""
    extension: object = None


class Cluster(Entry, frozen=True):
    """How to reach and to recognise an API server."""

    server: str = ""
    tls_server_name: str = ""
    insecure_skip_tls_verify: bool = False
    certificate_authority: str = ""
    certificate_authority_data: str = ""
    proxy_url: Secret = Secret("")
    disable_compression: bool = False
    extensions: tuple[Extension, ...] = ()

    def authority(self) -> bytes:
        """The PEM certificates to trust; empty for those of the system."""
        return data_or_file(self.certificate_authority_data, self.certificate_authority, "certificate-authority")


class Variable(Entry, frozen=True):
    """An environment variable of an exec plugin."""

    name: str
    value: Secret = Secret("")


class Exec(Entry, frozen=True):
    """A program that gives credentials (client.authentication.k8s.io)."""

    command: str = ""
    args: tuple[Secret, ...] = ()
    env: tuple[Variable, ...] = ()
    api_version: str = field(default="", name="apiVersion")
    install_hint: str = field(default="", name="installHint")
    provide_cluster_info: bool = field(default=False, name="provideClusterInfo")
    interactive_mode: str = field(default="", name="interactiveMode")


class User(Entry, frozen=True):
    """How to prove who one is, and whom to impersonate."""

    token: Secret = Secret("")
    token_file: str = field(default="", name="tokenFile")
    username: str = ""
    password: Secret = Secret("")
    client_certificate: str = ""
    client_certificate_data: str = ""
    client_key: str = ""
    client_key_data: Secret = Secret("")
    impersonate: str = field(default="", name="as")
    impersonate_uid: str = field(default="", name="as-uid")
    impersonate_groups: tuple[str, ...] = field(default=(), name="as-groups")
    impersonate_extra: Mapping[str, tuple[str, ...]] = field(default_factory=dict, name="as-user-extra")
    exec: Exec | None = None
    auth_provider: object = None


class Context(Entry, frozen=True):
    """A cluster, a user, and the namespace that is meant where none is said."""

    cluster: str = ""
    user: str = ""
    namespace: str = ""


class Named(Protocol):
    """An entry of one of the three lists."""

    @property
    def name(self) -> str:
        """Unique in its list."""


class NamedCluster(Entry, frozen=True):
    """An entry of `clusters`."""

    name: str
    cluster: Cluster = Cluster()


class NamedUser(Entry, frozen=True):
    """An entry of `users`."""

    name: str
    user: User = User()


class NamedContext(Entry, frozen=True):
    """An entry of `contexts`."""

    name: str
    context: Context = Context()


class Kubeconfig(Entry, frozen=True):
    """One file, or several merged."""

    kind: str = "Config"
    api_version: str = field(default="v1", name="apiVersion")
    current_context: str = ""
    clusters: tuple[NamedCluster, ...] = ()
    users: tuple[NamedUser, ...] = ()
    contexts: tuple[NamedContext, ...] = ()


def files(explicit: Path | None, environ: Mapping[str, str]) -> tuple[Path, ...]:
    """The files to read, in order: `--kubeconfig` alone, else those of KUBECONFIG, else ~/.kube/config.

    Raises: InputError for an explicit file that is not there.
    """
    if explicit is not None:
        if not explicit.exists():
            raise InputError("no such kubeconfig", where=str(explicit), do="check --kubeconfig")
        return (explicit,)
    listed = environ.get("KUBECONFIG", "")
    paths = [Path(p) for p in listed.split(os.pathsep) if p] if listed else [Path.home() / ".kube" / "config"]
    return tuple(p for p in dict.fromkeys(paths) if p.exists())


def load(path: Path) -> Kubeconfig:
    """One file, its relative paths made absolute from the folder that it stands in.

    Raises: InputError for a file that cannot be read or is no kubeconfig; no message quotes its values.
    """
    value = _read(path)
    try:
        config = msgspec.convert(without_nulls({} if value is None else value), Kubeconfig, dec_hook=_secret)
    except msgspec.ValidationError as error:
        raise InputError("not a valid kubeconfig", where=str(path), got=str(error)) from None
    if (config.kind or "Config", config.api_version or "v1") != ("Config", "v1"):
        raise InputError("not a kubeconfig", where=str(path), got=f"{config.api_version} {config.kind}")
    for names in (config.clusters, config.users, config.contexts):
        _refuse_twins(path, [n.name for n in names])
    folder = path.absolute().parent
    return msgspec.structs.replace(
        config,
        clusters=tuple(NamedCluster(c.name, _settled_cluster(c.cluster, folder)) for c in config.clusters),
        users=tuple(NamedUser(u.name, _settled_user(u.user, folder)) for u in config.users),
    )


def merge(configs: Iterable[Kubeconfig]) -> Kubeconfig:
    """Several files as one: the first file that has a name decides all of it, and the first current-context counts."""
    kept = tuple(configs)
    return Kubeconfig(
        current_context=next((c.current_context for c in kept if c.current_context), ""),
        clusters=_first(n for c in kept for n in c.clusters),
        users=_first(n for c in kept for n in c.users),
        contexts=_first(n for c in kept for n in c.contexts),
    )


def data_or_file(data: str, file: str, what: str) -> bytes:
    """The bytes of a `-data` field (base64), or else of the file beside it; empty where neither is given."""
    if data:
        try:
            return base64.b64decode(data.translate({10: None, 13: None}), validate=True)
        except (binascii.Error, ValueError):
            raise InputError(f"{what}-data is not base64") from None
    return read_file(Path(file), what) if file else b""


def read_file(path: Path, what: str) -> bytes:
    """The bytes of a file that a kubeconfig names."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise InputError(f"cannot read the {what}", where=str(path), got=error.strerror or "") from None


def _read(path: Path) -> object:
    """The first YAML document, all that kubectl reads. A problem is told by its line: its text may be a token."""
    from mistrust.kube.yaml import documents

    found, problems = documents(read_file(path, "kubeconfig"), str(path))
    if problems and problems[0].blinds:
        raise InputError("not YAML", where=f"{path}:{problems[0].line}")
    return found[0].value if found else None


def _secret(target: type, value: object) -> object:
    if target is Secret and isinstance(value, str):
        return Secret(value)
    if target is Secret:
        raise ValueError(f"Expected `str`, got `{type(value).__name__}`")
    return value


def _settled_cluster(cluster: Cluster, folder: Path) -> Cluster:
    return msgspec.structs.replace(cluster, certificate_authority=_from(folder, cluster.certificate_authority))


def _settled_user(user: User, folder: Path) -> User:
    plugin = user.exec
    if plugin is not None and os.sep in plugin.command:  # a bare name is looked up in PATH
        plugin = msgspec.structs.replace(plugin, command=_from(folder, plugin.command))
    return msgspec.structs.replace(
        user,
        client_certificate=_from(folder, user.client_certificate),
        client_key=_from(folder, user.client_key),
        token_file=_from(folder, user.token_file),
        exec=plugin,
    )


def _from(folder: Path, path: str) -> str:
    return os.path.normpath(folder / path) if path else ""


N = TypeVar("N", bound=Named)


def _first(entries: Iterable[N]) -> tuple[N, ...]:
    kept: dict[str, N] = {}
    for entry in entries:
        kept.setdefault(entry.name, entry)
    return tuple(kept.values())


def _refuse_twins(path: Path, names: list[str]) -> None:
    for name in names:
        if names.count(name) > 1:
            raise InputError(f"the name {name!r} is given twice", where=str(path), do="keep one")
