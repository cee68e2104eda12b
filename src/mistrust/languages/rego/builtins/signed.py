"""Built-ins that need a library for certificates and keys: it is loaded when one of them is first called."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Final

from mistrust.languages.rego.builtins.builtin import Builtin, later


@cache
def loaded() -> Mapping[str, Builtin]:
    """The built-ins themselves."""
    from mistrust.languages.rego.builtins.certificates import CERTIFICATES
    from mistrust.languages.rego.builtins.private_keys import PRIVATE_KEYS
    from mistrust.languages.rego.builtins.tokens import TOKENS

    return {**CERTIFICATES, **PRIVATE_KEYS, **TOKENS}


_ARITIES: Final = {
    "crypto.x509.parse_certificates": 1,
    "crypto.x509.parse_certificate_request": 1,
    "crypto.x509.parse_rsa_private_key": 1,
    "crypto.x509.parse_keypair": 2,
    "crypto.parse_private_keys": 1,
    "io.jwt.decode": 1,
    "io.jwt.encode_sign": 3,
    "io.jwt.encode_sign_raw": 3,
    **{f"io.jwt.verify_{kind}{bits}": 2 for kind in ("rs", "ps", "es", "hs") for bits in (256, 384, 512)},
    "io.jwt.verify_eddsa": 2,
}
_TIMED: Final = {
    "crypto.x509.parse_and_verify_certificates": 1,
    "crypto.x509.parse_and_verify_certificates_with_options": 2,
    "io.jwt.decode_verify": 2,
}
SIGNED: Final[Mapping[str, Builtin]] = {
    **{name: later(loaded, name, arity) for name, arity in _ARITIES.items()},
    **{name: later(loaded, name, arity, clock=True) for name, arity in _TIMED.items()},
}
