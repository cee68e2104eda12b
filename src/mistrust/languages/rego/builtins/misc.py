"""Versions, identifiers, chance and digests (topdown/{semver,uuid,numbers,crypto}.go)."""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
import uuid
from collections.abc import Callable, Mapping
from typing import Final

from mistrust.languages.rego.builtins.builtin import Builtin, Needs, contextual, pure
from mistrust.languages.rego.builtins.operands import failed, text, whole
from mistrust.languages.rego.runtime import Context
from mistrust.languages.rego.values import Value

_SEMVER: Final = re.compile(
    r"(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)"
    r"(?:-((?:0|[1-9]\d*|\d*[A-Za-z-][0-9A-Za-z-]*)(?:\.(?:0|[1-9]\d*|\d*[A-Za-z-][0-9A-Za-z-]*))*))?"
    r"(?:\+[0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*)?"
)


def semver_is_valid(value: Value) -> Value:
    """Is it a version of semver.org?"""
    return isinstance(value, str) and _SEMVER.fullmatch(value) is not None


def semver_compare(a: Value, b: Value) -> Value:
    """-1, 0 or 1."""
    one, other = _version(1, a), _version(2, b)
    return (one > other) - (one < other)


def _version(at: int, value: Value) -> tuple[tuple[int, ...], bool, tuple[tuple[bool, int, str], ...]]:
    name = "semver.compare"
    match = _SEMVER.fullmatch(text(name, at, value))
    if match is None:
        raise failed(name, f'operand {at}: string "{value}" is not a valid SemVer')
    parts = (match[4] or "").split(".") if match[4] else []
    early = tuple((not p.isdecimal(), int(p) if p.isdecimal() else 0, p) for p in parts)
    return tuple(int(n) for n in match.group(1, 2, 3)), not parts, early


def uuid_parse(value: Value) -> Value:
    """What an identifier of RFC 4122 says about itself."""
    name = "uuid.parse"
    given = text(name, 1, value)
    body = given.removeprefix("urn:uuid:").strip("{}")
    if not re.fullmatch(r"[0-9a-fA-F]{8}(-?)[0-9a-fA-F]{4}\1[0-9a-fA-F]{4}\1[0-9a-fA-F]{4}\1[0-9a-fA-F]{12}", body):
        raise failed(name, "invalid UUID format")
    found = uuid.UUID(body)
    variant = {uuid.RFC_4122: "RFC4122", uuid.RESERVED_NCS: "Reserved", uuid.RESERVED_MICROSOFT: "Microsoft"}
    version = found.bytes[6] >> 4
    out: dict[str, Value] = {"variant": variant.get(found.variant, "Future"), "version": version}
    if version in (1, 2):
        node = found.bytes[10:]
        scope, cast = "local" if node[0] & 2 else "global", "multicast" if node[0] & 1 else "unicast"
        out["nodeid"] = "-".join(f"{b:02x}" for b in node)
        out["macvariables"] = f"{scope}:{cast}"
        out["clocksequence"] = found.clock_seq
        out["time"] = (found.time - 0x01B21DD213814000) * 100
    if version == 2:
        out["id"] = int.from_bytes(found.bytes[:4])
        out["domain"] = {0: "Person", 1: "Group", 2: "Org"}.get(found.bytes[9], f"Domain{found.bytes[9]}")
        out["clocksequence"] = found.clock_seq
    return out  # type: ignore[return-value]


def uuid_rfc4122(c: Context, value: Value) -> Value:
    """A random identifier, the same for the same argument within an evaluation."""
    known = f"uuid:{value!r}"
    return c.kept.setdefault(known, str(uuid.uuid4()))


def rand_intn(c: Context, key: Value, most: Value) -> Value:
    """A random whole number below another, the same for the same arguments within an evaluation."""
    limit = abs(whole("rand.intn", 2, most))
    known = f"rand:{text('rand.intn', 1, key)!r}:{limit}"
    return c.kept.setdefault(known, secrets.randbelow(limit) if limit else 0)


def opa_runtime() -> Value:
    """What the process that runs policies tells of itself: nothing."""
    return {}


def digest(name: str) -> Callable[[Value], Value]:
    """A digest in hexadecimal."""

    def answer(value: Value) -> Value:
        return hashlib.new(name, text(f"crypto.{name}", 1, value).encode(), usedforsecurity=False).hexdigest()

    return answer


def keyed(name: str) -> Callable[[Value, Value], Value]:
    """A keyed digest in hexadecimal."""

    def answer(value: Value, key: Value) -> Value:
        called = f"crypto.hmac.{name}"
        return hmac.new(text(called, 2, key).encode(), text(called, 1, value).encode(), name).hexdigest()

    return answer


def hmac_equal(a: Value, b: Value) -> Value:
    """Are two digests the same, found out in the same time whatever they are?"""
    return hmac.compare_digest(text("crypto.hmac.equal", 1, a).encode(), text("crypto.hmac.equal", 2, b).encode())


MISC: Final[Mapping[str, Builtin]] = {
    "semver.compare": pure(semver_compare),
    "semver.is_valid": pure(semver_is_valid),
    "uuid.parse": pure(uuid_parse),
    "uuid.rfc4122": contextual(uuid_rfc4122, Needs.CHANCE),
    "rand.intn": contextual(rand_intn, Needs.CHANCE),
    "opa.runtime": pure(opa_runtime),
    "crypto.md5": pure(digest("md5")),
    "crypto.sha1": pure(digest("sha1")),
    "crypto.sha256": pure(digest("sha256")),
    "crypto.hmac.md5": pure(keyed("md5")),
    "crypto.hmac.sha1": pure(keyed("sha1")),
    "crypto.hmac.sha256": pure(keyed("sha256")),
    "crypto.hmac.sha512": pure(keyed("sha512")),
    "crypto.hmac.equal": pure(hmac_equal),
}
