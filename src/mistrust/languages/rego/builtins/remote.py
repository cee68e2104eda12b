"""What would reach the network, and what signs requests for it (topdown/{http,providers}.go).

Arguments are checked as OPA checks them; nothing is sent, because no policy has been granted the network.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final
from urllib.parse import quote, urlsplit

from mistrust.languages.rego.builtins.builtin import Builtin, Needs, pure
from mistrust.languages.rego.builtins.encoding import written
from mistrust.languages.rego.builtins.operands import obj, whole
from mistrust.languages.rego.errors import BuiltinError, OperandError
from mistrust.languages.rego.told import told
from mistrust.languages.rego.values import Hashed, Set, Value, unkey

Object = dict[Hashed, Value]
HTTP_KEYS: Final = frozenset(
    (
        *("method", "url", "body", "enable_redirect", "force_json_decode", "force_yaml_decode", "headers", "raw_body"),
        *("tls_use_system_certs", "tls_ca_cert", "tls_ca_cert_file", "tls_ca_cert_env_variable", "tls_client_cert"),
        *("tls_client_cert_file", "tls_client_cert_env_variable", "tls_client_key", "tls_client_key_file"),
        *("tls_client_key_env_variable", "tls_insecure_skip_verify", "tls_server_name", "timeout", "cache"),
        *("force_cache", "force_cache_duration_seconds", "raise_error", "caching_mode", "max_retry_attempts"),
        *("cache_ignored_headers",),
    )
)
AWS_KEYS: Final = ("aws_access_key", "aws_region", "aws_secret_access_key", "aws_service")
UNSIGNED: Final = "UNSIGNED-PAYLOAD"


def http_send(request: Value) -> Value:
    """Send a request: refused."""
    given = obj("http.send", 1, request)
    unknown = Set(unkey(k) for k in given if k not in HTTP_KEYS)
    if len(unknown):
        raise OperandError(f"invalid request parameters(s): {told(unknown)}")
    missing = Set(k for k in ("method", "url") if k not in given)
    if len(missing):
        raise OperandError(f"missing required request parameters(s): {told(missing)}")
    raise BuiltinError("http.send: the network is not granted to policies")


def sign_req(request: Value, config: Value, at: Value) -> Value:
    """A request, signed for AWS: signature version 4."""
    name = "providers.aws.sign_req"
    asked, known = obj(name, 1, request), obj(name, 2, config)
    _needed(asked, ("method", "url"), f"{name}: operand 1 %s required request parameters(s): ")
    _needed(known, AWS_KEYS, f"{name}: operand 2 %s required AWS config parameters(s): ")
    unsigned = known.get("disable_payload_signing", False)
    if not isinstance(unsigned, bool):
        raise OperandError(f"{name}: operand 2 invalid value for 'disable_payload_signing' in AWS config")
    moment = datetime.fromtimestamp(whole(name, 3, at) // 1_000_000_000, UTC)
    headers = _signed(
        asked, {k: str(known[k]) for k in (*AWS_KEYS, "aws_session_token") if k in known}, moment, unsigned
    )
    return {**asked, "headers": {**headers}}


def _needed(given: Object, names: tuple[str, ...], said: str) -> None:
    missing = Set(n for n in names if n not in given)
    if len(missing):
        raise OperandError(said % "missing" + told(missing))
    wrong = Set(n for n in names if not isinstance(given[n], str))
    if len(wrong):
        raise OperandError(said % "invalid values for" + told(wrong))


def _body(asked: Object) -> bytes:
    raw = asked.get("raw_body")
    if isinstance(raw, str):
        return raw.encode()
    return written(asked["body"]).encode() if "body" in asked else b""


def _signed(asked: Object, known: Mapping[str, str], moment: datetime, unsigned: bool) -> Object:
    url = urlsplit(str(asked["url"]))
    given = asked.get("headers")
    own: Object = {str(unkey(k)).lower(): v for k, v in given.items()} if isinstance(given, dict) else {}
    digest = UNSIGNED if unsigned else hashlib.sha256(_body(asked)).hexdigest()
    day, stamp = f"{moment:%Y%m%d}", f"{moment:%Y%m%dT%H%M%SZ}"
    headers: Object = {**own, "host": url.netloc, "x-amz-content-sha256": digest, "x-amz-date": stamp}
    if "aws_session_token" in known:
        headers["x-amz-security-token"] = known["aws_session_token"]
    apart = ("authorization", "user-agent", "x-amzn-trace-id")
    signed = {k: _text(own.get(k, headers[k])) for k in sorted(map(str, headers)) if k not in apart}
    names = ";".join(signed)
    canonical = "\n".join(
        (
            str(asked["method"]),
            quote(url.path, safe="/-_.~%"),
            "&".join(sorted(url.query.split("&"))),
            *(f"{k}:{v}" for k, v in signed.items()),
            "",
            names,
            digest,
        )
    )
    scope = f"{day}/{known['aws_region']}/{known['aws_service']}/aws4_request"
    said = f"AWS4-HMAC-SHA256\n{stamp}\n{scope}\n{hashlib.sha256(canonical.encode()).hexdigest()}"
    key = f"AWS4{known['aws_secret_access_key']}".encode()
    for part in (day, known["aws_region"], known["aws_service"], "aws4_request"):
        key = hmac.new(key, part.encode(), "sha256").digest()
    signature = hmac.new(key, said.encode(), "sha256").hexdigest()
    credential = f"{known['aws_access_key']}/{scope}"
    authorization = f"AWS4-HMAC-SHA256 Credential={credential},SignedHeaders={names},Signature={signature}"
    return {**headers, "Authorization": authorization}


def _text(value: Value) -> str:
    return value if isinstance(value, str) else told(value)


REMOTE: Final[Mapping[str, Builtin]] = {
    "http.send": Builtin(http_send, 1, Needs.NETWORK),
    "providers.aws.sign_req": pure(sign_req),
}
