"""What an API server says instead of an answer, as typed errors."""

from __future__ import annotations

import msgspec

from mistrust.cluster.secret import printable
from mistrust.kube.errors import RemoteError


class UnreachableError(RemoteError):
    """No answer: the connection, its TLS or its proxy failed, or the answer broke off."""


class TooLargeError(RemoteError):
    """An answer is larger than the client is willing to hold."""


class RefusedError(RemoteError):
    """The server answered with a `Status` instead of what was asked for.

    `code` is the HTTP status, `reason` the machine-readable word (`Forbidden`, `Expired`), `message` the server's text.
    """

    def __init__(self, where: str, code: int, reason: str, message: str, do: str = "") -> None:
        super().__init__(f"the server answered {code} {reason}".rstrip(), where=where, got=message, do=do)
        self.code, self.reason, self.message = code, reason, message


class UnauthorizedError(RefusedError):
    """401: the credentials were not accepted."""


class ForbiddenError(RefusedError):
    """403: the credentials are good, and may not do this. On a list this is a gap in coverage, not the end."""


class NotFoundError(RefusedError):
    """404: no such object, or no such resource on this server."""


class GoneError(RefusedError):
    """410: the resourceVersion or the continue token is too old; list again."""


class Status(msgspec.Struct, frozen=True):
    """metav1.Status."""

    code: int = 0
    reason: str = ""
    message: str = ""


_KINDS: dict[int, tuple[type[RefusedError], str]] = {
    401: (UnauthorizedError, "sign in again, or check the user of this context"),
    403: (ForbiddenError, "ask for this right, or read the report knowing what it could not see"),
    404: (NotFoundError, ""),
    410: (GoneError, "list again"),
}


def refusal(where: str, code: int, body: bytes | msgspec.Raw) -> RefusedError:
    """The error for an HTTP answer `code` with `body`, or for a watch's ERROR event (0: its own code counts).

    A body that is no `Status` (a proxy's page) is quoted as it is, shortened and without control characters.
    """
    try:
        status = msgspec.json.decode(body, type=Status)
    except msgspec.DecodeError:
        status = Status(message=bytes(body)[:1000].decode("utf-8", "replace"))
    code = code or status.code
    kind, do = _KINDS.get(code, (RefusedError, ""))
    return kind(where, code, printable(status.reason, 60), printable(status.message), do)
