"""Named formats (k8s.io/apiserver pkg/cel/library/format.go): `format.dns1123Label().validate(text)`."""

from __future__ import annotations

import base64
import binascii
import re
import uuid
from collections.abc import Callable, Iterator, Mapping
from datetime import date
from typing import Final

from mistrust.languages.cel.function import Answer, Functions, globals_of, members
from mistrust.languages.cel.libraries.urls import is_url
from mistrust.languages.cel.times import timestamp
from mistrust.languages.cel.values import NONE, CelError, Opaque, Optional, Type, Value, no_overload

LABEL: Final = r"[a-z0-9]([-a-z0-9]*[a-z0-9])?"
LABEL_SAID: Final = (
    "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', "
    "and must start and end with an alphanumeric character"
)
SUBDOMAIN: Final = rf"{LABEL}(\.{LABEL})*"
SUBDOMAIN_SAID: Final = (
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', "
    "and must start and end with an alphanumeric character"
)
QUALIFIED: Final = r"([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]"
QUALIFIED_SAID: Final = (
    "name part must consist of alphanumeric characters, '-', '_' or '.', "
    "and must start and end with an alphanumeric character"
)
Check = Callable[[str], Iterator[str]]


class Format(Opaque):
    """A form that texts may have."""

    __slots__ = ("check", "name")
    kind = Type("kubernetes.NamedFormat")

    def __init__(self, name: str, check: Check) -> None:
        self.name, self.check = name, check

    def same(self, other: Opaque) -> bool:
        """Is it the same form?"""
        return isinstance(other, Format) and other.name == self.name


def _of(pattern: str, longest: int, said: str) -> Check:
    form = re.compile(pattern)

    def check(text: str) -> Iterator[str]:
        if len(text) > longest:
            yield f"must be no more than {longest} characters"
        if len(text) <= 4096 and not form.fullmatch(text):
            yield said

    return check


def _prefix(check: Check) -> Check:
    def prefixed(text: str) -> Iterator[str]:
        yield from check(text[:-1] + "a" if text.endswith("-") else text)

    return prefixed


def _qualified(text: str) -> Iterator[str]:
    prefix, slash, name = text.rpartition("/")
    if slash and not prefix:
        yield "prefix part must be non-empty"
    elif slash:
        yield from (f"prefix part {said}" for said in CHECKS["dns1123Subdomain"](prefix))
    if not name:
        yield "name part must be non-empty"
    elif len(name) > 63:
        yield "name part must be no more than 63 characters"
    if name and not re.fullmatch(QUALIFIED, name[:4096]):
        yield QUALIFIED_SAID


def _uri(text: str) -> Iterator[str]:
    if not is_url(text):
        yield "invalid URI"


def _uuid(text: str) -> Iterator[str]:
    try:
        if not re.fullmatch(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}", text):
            raise ValueError(text)
        uuid.UUID(text)
    except ValueError:
        yield "does not match the UUID format"


def _byte(text: str) -> Iterator[str]:
    try:
        base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        yield "invalid base64"


def _date(text: str) -> Iterator[str]:
    try:
        if not re.fullmatch(r"\d{4}-\d\d-\d\d", text):
            raise ValueError(text)
        date.fromisoformat(text)
    except ValueError:
        yield "invalid date"


def _datetime(text: str) -> Iterator[str]:
    try:
        timestamp(text)
    except CelError:
        yield "invalid datetime"


CHECKS: Final[Mapping[str, Check]] = {
    "dns1123Label": _of(LABEL, 63, LABEL_SAID),
    "dns1123Subdomain": _of(SUBDOMAIN, 253, SUBDOMAIN_SAID),
    "dns1035Label": _of(r"[a-z]([-a-z0-9]*[a-z0-9])?", 63, "a DNS-1035 label must begin with a letter"),
    "qualifiedName": _qualified,
    "dns1123LabelPrefix": _prefix(_of(LABEL, 63, LABEL_SAID)),
    "dns1123SubdomainPrefix": _prefix(_of(SUBDOMAIN, 253, SUBDOMAIN_SAID)),
    "dns1035LabelPrefix": _prefix(_of(r"[a-z]([-a-z0-9]*[a-z0-9])?", 63, "a DNS-1035 label must begin with a letter")),
    "labelValue": _of(rf"({QUALIFIED})?", 63, f"a valid label must be an empty string or {QUALIFIED_SAID}"),
    "uri": _uri,
    "uuid": _uuid,
    "byte": _byte,
    "date": _date,
    "datetime": _datetime,
}


def named(a: Value) -> Value:
    """The form with a name, if there is one."""
    if not isinstance(a, str):
        raise no_overload("format.named", a)
    return Optional(Format(a, CHECKS[a])) if a in CHECKS else NONE


def _given(name: str) -> Answer:
    def answer() -> Value:
        return Format(name, CHECKS[name])

    return answer


def validate(a: Value, text: Value) -> Value:
    """What is wrong with a text, if anything is."""
    if not isinstance(a, Format) or not isinstance(text, str):
        raise no_overload("validate", a, text)
    found: list[Value] = [*a.check(text)]
    return Optional(found) if found else NONE


FORMATS: Final[Functions] = {
    **globals_of({"format.named": named, **{f"format.{name}": _given(name) for name in CHECKS}}),
    **members({"validate": validate}),
}
