"""The one root of every error a person is meant to read, and its four kinds by who must act."""

from __future__ import annotations

from functools import partial


class Error(Exception):
    """Something a person must act on: what, where, got, wanted, do.

    The command line prints it without a traceback. `what` is one clause without a full stop; the other parts are left
    out when they are empty.

    >>> print(InputError("not a Kubernetes object", where="app.yaml:3", got="a list", wanted="a mapping", do="fix it"))
    app.yaml:3: not a Kubernetes object: got a list, wanted a mapping; fix it
    """

    def __init__(self, what: str, *, where: str = "", got: str = "", wanted: str = "", do: str = "") -> None:
        super().__init__(what)
        self.what, self.where, self.got, self.wanted, self.do = what, where, got, wanted, do

    def __reduce__(self) -> tuple[partial[Error], tuple[str]]:
        """It may come from another process."""
        return partial(type(self), where=self.where, got=self.got, wanted=self.wanted, do=self.do), (self.what,)

    def __str__(self) -> str:
        head = f"{self.where}: {self.what}" if self.where else self.what
        contrast = ", ".join(f"{word} {part}" for word, part in (("got", self.got), ("wanted", self.wanted)) if part)
        text = f"{head}: {contrast}" if contrast else head
        return f"{text}; {self.do}" if self.do else text


class UsageError(Error):
    """The command line or the configuration must change (exit code 2)."""


class InputError(Error):
    """What was given to read must change (exit code 3)."""


class RemoteError(Error):
    """A server answered wrongly, or not at all (exit code 3)."""


class UnsupportedError(Error):
    """Valid, but not understood by this version; never skipped in silence (exit code 3)."""
