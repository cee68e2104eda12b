"""JSON Web Tokens (topdown/tokens.go; RFC 7515, 7519)."""

from __future__ import annotations

import hmac
import json
from collections.abc import Callable, Mapping
from typing import Final, cast

import msgspec

from mistrust.languages.rego.builtins.builtin import Builtin, Needs, contextual, pure
from mistrust.languages.rego.builtins.encoding import plain
from mistrust.languages.rego.builtins.keys import (
    ALGORITHMS,
    Jwk,
    keyed_digest,
    padded,
    private,
    signed,
    unpadded,
    verifies,
    verifying,
)
from mistrust.languages.rego.builtins.operands import amount, obj, text
from mistrust.languages.rego.errors import BuiltinError
from mistrust.languages.rego.runtime import Context
from mistrust.languages.rego.told import digits
from mistrust.languages.rego.values import Hashed, Value, number

SECOND: Final = 1_000_000_000
CONSTRAINTS: Final = ("cert", "secret", "alg", "iss", "time", "aud")
_FAILED: Final[list[Value]] = [False, {}, {}]
Object = dict[Hashed, Value]


class Token(msgspec.Struct, frozen=True):
    """A token, taken apart."""

    header: Object
    payload: bytes
    signed: bytes
    signature: bytes

    @property
    def algorithm(self) -> str:
        """What its header says of how it is signed."""
        found = self.header.get("alg", "")
        return found if isinstance(found, str) else ""


def _token(value: str) -> Token:
    if "." not in value:
        raise BuiltinError("encoded JWT had no period separators")
    parts = value.split(".")
    if len(parts) != 3:
        raise BuiltinError(f"encoded JWT must have 3 sections, found {len(parts)}")
    header, payload, signature = map(unpadded, parts)
    found = _json(header, "JWT header had invalid encoding")
    if not isinstance(found, dict):
        raise BuiltinError("JWT header is not an object")
    if "enc" in found:
        raise BuiltinError("JWT is a JWE object, which is not supported")
    return Token(found, payload, value.rpartition(".")[0].encode(), signature)


def _json(data: bytes, what: str) -> Value:
    try:
        return cast("Value", json.loads(data, parse_constant=_refused))
    except (ValueError, RecursionError) as error:
        raise BuiltinError(f"{what}: {error}") from None


def _refused(word: str) -> Value:
    raise ValueError(f"invalid character {word!r}")


def _payload(token: Token) -> Object:
    found = _json(token.payload, "JWT payload had invalid encoding")
    if not isinstance(found, dict):
        raise BuiltinError("JWT payload is not an object")
    return found


def _nested(token: Token) -> str | None:
    """The token that is inside, where the header says that one is."""
    kind = token.header.get("cty")
    return token.payload.decode("utf-8", "replace").strip('"') if kind == "JWT" else None


def decode(value: Value) -> Value:
    """Header, payload and signature, of which nothing is verified."""
    token = _token(text("io.jwt.decode", 1, value))
    while (inner := _nested(token)) is not None:
        token = _token(inner)
    return [token.header, _payload(token), token.signature.hex()]


def verify(algorithm: str) -> Callable[[Value, Value], Value]:
    """Is a token signed so, by one of these keys?"""
    name = f"io.jwt.verify_{algorithm.lower()}"

    def answer(value: Value, key: Value) -> Value:
        token, said = _token(text(name, 1, value)), text(name, 2, key)
        if algorithm.startswith("HS"):
            return hmac.compare_digest(keyed_digest(algorithm, said.encode(), token.signed), token.signature)
        return any(verifies(algorithm, k.key, token.signed, token.signature) for k in verifying(said))

    return answer


def decode_verify(c: Context, value: Value, constraints: Value) -> Value:
    """Header and payload, if all of the constraints hold: signature, algorithm, issuer, audience, time."""
    name = "io.jwt.decode_verify"
    wanted = obj(name, 2, constraints)
    _constraints(wanted)
    token = _token(text(name, 1, value))
    while True:
        if "crit" in token.header or not _signed(token, wanted):
            return _FAILED
        inner = _nested(token)
        if inner is None:
            break
        token = _token(inner)
    payload = _payload(token)
    if "iss" in wanted and payload.get("iss") != wanted["iss"]:
        return _FAILED
    if not _for(payload, wanted):
        return _FAILED
    now = amount(name, 2, wanted["time"]) if "time" in wanted else c.clock
    if not _in_time(payload, now):
        return _FAILED
    return [True, token.header, payload]


def _constraints(wanted: Object) -> None:
    for k, v in wanted.items():
        if k not in CONSTRAINTS:
            raise BuiltinError(f"unknown token validation constraint: {k}")
        if k == "time" and not number(v):
            raise BuiltinError("token time constraint: must be a number")
        if k != "time" and not isinstance(v, str):
            raise BuiltinError(f"token {k} constraint: must be a string")
    if ("cert" in wanted) + ("secret" in wanted) != 1:
        raise BuiltinError("duplicate key constraints" if "cert" in wanted else "no key constraint")


def _signed(token: Token, wanted: Object) -> bool:
    algorithm = token.algorithm
    if algorithm not in ALGORITHMS or wanted.get("alg", algorithm) != algorithm:
        return False
    secret = wanted.get("secret")
    if isinstance(secret, str):
        if not algorithm.startswith("HS"):
            return False
        return hmac.compare_digest(keyed_digest(algorithm, secret.encode(), token.signed), token.signature)
    keys = verifying(str(wanted["cert"]))
    named = token.header.get("kid")
    by_name = [k for k in keys if k.id and k.id == named]
    for each in by_name or keys:
        if each.algorithm and each.algorithm != algorithm:
            continue
        if verifies(algorithm, each.key, token.signed, token.signature):
            return True
    return False


def _for(payload: Object, wanted: Object) -> bool:
    """Does the audience fit? A token that names one is for nobody else, nor for nobody."""
    said = payload.get("aud")
    if said is None:
        return "aud" not in wanted
    several = said if isinstance(said, list) else [said]
    return "aud" in wanted and wanted["aud"] in several


def _in_time(payload: Object, now: float) -> bool:
    for claim in ("nbf", "exp"):
        if claim in payload and not number(payload[claim]):
            raise BuiltinError(f"{claim} value must be a number")
    after, before = payload.get("nbf"), payload.get("exp")
    if number(after) and now < _nanoseconds(after):
        return False
    return not (number(before) and now >= _nanoseconds(before))


def _nanoseconds(seconds: float) -> int:
    """Exactly, as far as a number of seconds says it."""
    if type(seconds) is int:
        return seconds * SECOND
    whole, _, rest = f"{seconds:.9f}".partition(".")
    return int(whole) * SECOND + int(rest)


def encode_sign(header: Value, payload: Value, key: Value) -> Value:
    """A token of objects."""
    name = "io.jwt.encode_sign"
    parts = (
        json.dumps(plain(obj(name, i, v)), separators=(",", ":")) for i, v in ((1, header), (2, payload), (3, key))
    )
    return _encoded(*(_whole(part) for part in parts))


def _whole(part: str) -> str:
    """JSON with keys in order and whole numbers as such."""
    return _written(json.loads(part))


def _written(value: object) -> str:
    if isinstance(value, dict):
        return f"{{{','.join(f'{json.dumps(k)}:{_written(v)}' for k, v in sorted(value.items()))}}}"
    if isinstance(value, list):
        return f"[{','.join(map(_written, value))}]"
    return digits(value) if isinstance(value, float) else json.dumps(value, ensure_ascii=False)


def encode_sign_raw(header: Value, payload: Value, key: Value) -> Value:
    """A token of texts, as they are."""
    name = "io.jwt.encode_sign_raw"
    return _encoded(text(name, 1, header), text(name, 2, payload), text(name, 3, key))


def _encoded(header: str, payload: str, key: str) -> str:
    try:
        head = json.loads(header)
        algorithm = head["alg"]
    except (ValueError, KeyError, TypeError) as error:
        raise BuiltinError(f"missing or invalid 'alg' header: {error}") from None
    if algorithm not in ALGORITHMS:
        raise BuiltinError(f"unknown JWS algorithm: {algorithm}")
    if head.get("typ", "JWT") == "JWT":
        try:
            json.loads(payload)
        except ValueError:
            raise BuiltinError("type is JWT but payload is not JSON") from None
    try:
        jwk = msgspec.json.decode(key, type=Jwk)
    except msgspec.MsgspecError as error:
        raise BuiltinError(f"failed to parse a JWK key: {error}") from None
    body = f"{padded(header.encode())}.{padded(payload.encode())}"
    return f"{body}.{padded(signed(algorithm, private(jwk), body.encode()))}"


TOKENS: Final[Mapping[str, Builtin]] = {
    "io.jwt.decode": pure(decode),
    "io.jwt.decode_verify": contextual(decode_verify, Needs.CLOCK),
    "io.jwt.encode_sign": pure(encode_sign),
    "io.jwt.encode_sign_raw": pure(encode_sign_raw),
    **{f"io.jwt.verify_{a.lower()}": pure(verify(a)) for a in ALGORITHMS},
}
