"""Break-glass: for a while, and for a written reason, somebody is not denied. It is logged each time.

A file, and not an annotation or a token: who may write it is who runs the webhook, and not who is held up by it.
"""

from __future__ import annotations

import datetime
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import msgspec

from mistrust.admission.plain import mapping, text, texts
from mistrust.kube.build import Plain
from mistrust.kube.errors import InputError
from mistrust.kube.yaml import documents

FURTHEST: Final = datetime.timedelta(days=7)
"""How far away the end may be: what is longer is no emergency."""
EVERYBODY: Final = frozenset(("system:authenticated", "system:unauthenticated", "system:serviceaccounts"))


class Entry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Who, until when, and why."""

    until: datetime.datetime
    reason: str
    user: str = ""
    group: str = ""
    namespaces: list[str] = []
    """Where; everywhere if empty."""

    def covers(self, request: Mapping[str, Plain], now: datetime.datetime) -> bool:
        """Is it about this request?"""
        user = mapping(request, "userInfo")
        who = text(user, "username") == self.user if self.user else self.group in texts(user, "groups")
        return who and now < self.until and (not self.namespaces or text(request, "namespace") in self.namespaces)


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    entries: list[Entry] = []


def load(path: Path, now: datetime.datetime) -> tuple[Entry, ...]:
    """The entries of a file, those that have ended left out. Raises `InputError` for an unsafe one."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise InputError("cannot be read", where=str(path), got=error.strerror or str(error)) from None
    found, problems = documents(data, str(path))
    if problems or len(found) > 1:
        raise InputError(problems[0].what if problems else "several documents", where=str(path))
    try:
        entries = msgspec.convert(found[0].value if found else {}, _File, strict=False).entries
    except msgspec.ValidationError as error:
        raise InputError("not a list of entries", where=str(path), got=str(error)) from None
    for i, each in enumerate(entries):
        _check(each, f"{path}: entries[{i}]", now)
    return tuple(e for e in entries if now < e.until)


def _check(entry: Entry, where: str, now: datetime.datetime) -> None:
    if bool(entry.user) is bool(entry.group):
        raise InputError("an entry for nobody, or for two", where=where, wanted="a user or a group")
    if entry.group in EVERYBODY:
        raise InputError("an entry for everybody", where=where, got=entry.group)
    if not entry.reason.strip():
        raise InputError("an entry without a reason", where=where)
    if entry.until.tzinfo is None:
        raise InputError("a time without its zone", where=where, wanted="2026-01-31T18:00:00Z")
    if entry.until - now > FURTHEST:
        raise InputError("an end too far away", where=where, wanted=f"at most {FURTHEST.days} days")


def lifted(entries: Sequence[Entry], request: Mapping[str, Plain], now: datetime.datetime) -> Entry | None:
    """The entry that covers a request."""
    return next((e for e in entries if e.covers(request, now)), None)
