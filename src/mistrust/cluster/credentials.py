"""Who we say we are: the Authorization header and the client certificate, from every source that kubectl knows."""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Protocol

import msgspec

from mistrust.cluster.connection import Connection
from mistrust.cluster.kubeconfig import User, data_or_file, read_file
from mistrust.cluster.secret import Secret
from mistrust.kube.errors import InputError

TOKEN = frozenset("!#$&'*+-.^_`|~") | frozenset("0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")
"""What a header name may hold (RFC 9110 token) and needs no escape."""


NONE = Secret("")


class Pair(msgspec.Struct, frozen=True):
    """A client certificate (with its chain) and its private key, both PEM."""

    certificate: bytes
    key: Secret


class Credential(msgspec.Struct, frozen=True):
    """What one request presents. Empty for an anonymous user."""

    authorization: Secret = NONE
    """The value of the Authorization header."""
    pair: Pair | None = None


class Source(Protocol):
    """Where credentials come from; it may change its mind between two requests."""

    def current(self) -> Credential:
        """What to present now."""

    def renew(self, rejected: Credential) -> bool:
        """After a 401: True if `current` is now something else than what was rejected."""


class Static:
    """Credentials that never change."""

    def __init__(self, credential: Credential) -> None:
        self._credential = credential

    def current(self) -> Credential:
        """What to present now."""
        return self._credential

    def renew(self, rejected: Credential) -> bool:
        """Never."""
        return False


class TokenFile:
    """A token that something else rewrites (the kubelet, every hour). An unreadable file leaves the last good token."""

    def __init__(self, path: Path, pair: Pair | None = None, fallback: Secret = NONE) -> None:
        self._path, self._pair, self._last = path, pair, fallback

    def current(self) -> Credential:
        """The token as the file has it now."""
        try:
            text = read_file(self._path, "tokenFile").decode("ascii", "replace").strip()
        except InputError:
            if not self._last:
                raise
            text = ""
        if text:
            self._last = Secret(text)
        return Credential(bearer(self._last, str(self._path)), self._pair)

    def renew(self, rejected: Credential) -> bool:
        """True if the file has a new token."""
        return self.current().authorization != rejected.authorization


def source(connection: Connection) -> Source:
    """The credentials of a connection, by client-go's precedence: a plugin runs only where nothing else is given.

    A plain http server gets none, as with kubectl.

    Raises: InputError for files that are absent or wrong.
    """
    from mistrust.cluster.plugin import Plugin

    user, where = connection.user, f"context {connection.name!r}"
    if not connection.cluster.server.startswith("https://"):
        return Static(Credential())
    pair = _pair(user)
    if user.token_file:
        return TokenFile(Path(user.token_file), pair, user.token)
    if user.token:
        return Static(Credential(bearer(user.token, where), pair))
    if user.username or user.password:
        text = f"{user.username}:{user.password.reveal()}"
        return Static(Credential(Secret("Basic " + base64.b64encode(text.encode()).decode()), pair))
    if user.exec is not None and pair is None:
        return Plugin(user.exec, connection.cluster)
    return Static(Credential(pair=pair))


def bearer(token: Secret, where: str) -> Secret:
    """The Authorization header of a token.

    Raises: InputError for a token that no header can hold, before http.client would quote it in its own error.
    """
    text = token.reveal()
    if not text or not text.isascii() or not text.isprintable() or " " in text:
        raise InputError("the token is empty or holds characters that no token has", where=where)
    return Secret("Bearer " + text)


def impersonation(user: User) -> Iterator[tuple[str, str]]:
    """The headers that ask to act as someone else (client-go transport/round_trippers.go)."""
    if user.impersonate:
        yield "Impersonate-User", _header(user.impersonate)
    if user.impersonate_uid:
        yield "Impersonate-Uid", _header(user.impersonate_uid)
    for group in user.impersonate_groups:
        yield "Impersonate-Group", _header(group)
    extra: Mapping[str, tuple[str, ...]] = user.impersonate_extra
    for key, values in extra.items():
        name = "".join(chr(b) if chr(b) in TOKEN else f"%{b:02X}" for b in key.encode())
        for value in values:
            yield f"Impersonate-Extra-{name}", _header(value)


def _header(value: str) -> str:
    if not value.isprintable():
        raise InputError("an impersonated name holds control characters", got=ascii(value))
    return value.encode().decode("latin-1")  # http.client writes latin-1; the bytes on the wire are UTF-8, as in Go


def _pair(user: User) -> Pair | None:
    certificate = data_or_file(user.client_certificate_data, user.client_certificate, "client-certificate")
    if not certificate:
        return None
    key = data_or_file(user.client_key_data.reveal(), user.client_key, "client-key")
    return Pair(certificate, Secret(key.decode("ascii", "replace")))
