"""Something that a proof of a layer has to show beside uses kept and nothing gained."""

from __future__ import annotations

import msgspec


class Obligation(msgspec.Struct, frozen=True):
    """One question about a new version, answered."""

    name: str
    """`isolation`."""
    holds: bool | None
    """None: it hangs on something that was not seen."""
    because: str
    """One clause: what was shown, or how far it is from that."""
    witnesses: tuple[str, ...] = ()
    """What speaks against it."""
