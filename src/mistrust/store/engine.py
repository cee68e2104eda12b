"""Which engine answers what is asked of the evidence: the embedded one, or one that a URL names."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final
from urllib.parse import unquote, urlsplit

from mistrust.kube.errors import Error, RemoteError, UnsupportedError, UsageError
from mistrust.store.backend import Backend

DATABASES: Final = ("clickhouse", "postgres", "postgresql")
"""Schemes of engines that keep a copy."""
SPARK: Final = "spark"
"""The scheme of the engine that reads the parts where they are."""
_URL: Final = re.compile(r"([a-z][a-z0-9+.-]*)://", re.ASCII)
_HIDDEN: Final = "***"
_MEMORY: Final = "128MB"
"""For one step of a query of PostgreSQL: with its default, summing up a month goes by way of the disk."""


def is_database(url: str) -> bool:
    """Does the engine keep a copy? Raises `UnsupportedError` for one that is not known, `UsageError` for half a URL."""
    found = _URL.match(url)
    scheme = found[1] if found else ""
    if scheme not in (*DATABASES, SPARK):
        wanted = ", ".join(f"{known}://" for known in (*DATABASES, SPARK))
        raise UnsupportedError("no engine for evidence", where=redacted(url), wanted=wanted)
    if redacted(url).endswith(_HIDDEN):
        do = "write %40 for @, %2F for /, %3F for ? and %23 for # in a name or a password"
        raise UsageError("not the URL of an engine", where=redacted(url), do=do)
    return scheme != SPARK


def redacted(url: str) -> str:
    """A URL without anybody's name, password or options, which may hold a password too.

    >>> redacted("postgres://me:secret@db.example:5432/seen?sslpassword=x")
    'postgres://db.example:5432/seen'
    >>> redacted("postgres://me:se/c@ret@db/seen")
    'postgres://***'
    """
    found = _URL.match(url)
    if not found:
        return _HIDDEN
    try:
        split = urlsplit(url)
        port = f":{split.port}" if split.port else ""
        host = split.hostname or ""
    except ValueError:
        return found[0] + _HIDDEN
    ats = url.count("@")
    if ats > 1 or (ats and "@" not in split.netloc):
        return found[0] + _HIDDEN
    return f"{found[0]}{host}{port}{split.path}"


def connect(url: str) -> Backend:
    """Raises `UsageError` where Ibis or the driver is not installed, `RemoteError` where nobody answers."""
    with told(url):
        import ibis

        backend: Backend = ibis.connect(url)
        if backend.name == "postgres":
            backend.raw_sql(f"SET work_mem = '{_MEMORY}'")
        return backend


@contextmanager
def told(url: str) -> Iterator[None]:
    """What drivers raise, as an error of ours, without the password."""
    try:
        yield
    except Error:
        raise
    except ImportError as error:
        do = "pip install 'mistrust[scale]'"
        raise UsageError("the engine needs more libraries", where=redacted(url), got=str(error), do=do) from None
    except Exception as error:
        got = f"{type(error).__name__}: {error}".partition("\n")[0]
        raise RemoteError("the engine cannot be used", where=redacted(url), got=_scrubbed(got, url)) from None


def _scrubbed(text: str, url: str) -> str:
    for secret in sorted(_secrets(url), key=len, reverse=True):
        text = text.replace(secret, _HIDDEN)
    return text


def _secrets(url: str) -> set[str]:
    """What stands before the last @, and every option's value: more than the secrets, never less."""
    said = url.partition("://")[2]
    login, at, _ = said.rpartition("@")
    words = {login, login.partition(":")[2]} if at else set()
    words |= {option.partition("=")[2] for option in said.partition("?")[2].split("&")}
    words.add(url)
    return {form for word in words for form in (word, unquote(word)) if len(form) > 1}
