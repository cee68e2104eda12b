"""What mounting a path of the node is worth: the table of places, asked for one path."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator
from functools import lru_cache

import msgspec

from mistrust.layers.pods.escapes.escape import Power
from mistrust.layers.pods.escapes.places import TABLE, Place

STRENGTH = {power: i for i, power in enumerate(Power)}

PREFERENCE = ("E6", "E4", "E7", "E11", "E12", "E8")
"""Which of several equal reasons below a path is told."""


class Worth(msgspec.Struct, frozen=True, gc=False):
    """What mounting a path of the node is worth."""

    code: str
    power: Power
    place: str
    """The place that makes it so: the path itself, one above, or one below."""
    what: str
    condition: str = ""


@lru_cache(maxsize=65536)
def worth(path: str, writable: bool) -> tuple[Worth, ...]:
    """What mounting a normal path is worth: nothing, one reason, or for a read-only mount what is read and a socket.

    >>> [w.code for w in worth("/var/lib", True)], [w.code for w in worth("/", False)], worth("/data", True)
    (['E4'], ['E6', 'E5'], ())
    """
    inside = max((p for p in TABLE if _covers(p, path)), key=lambda p: (len(p.path), p.exact), default=None)
    reasons = [*([inside] if inside is not None else []), *sorted(_below(path), key=_preference)]
    return tuple(_writing(reasons) if writable else _reading(reasons))


def _writing(reasons: list[Place]) -> Iterator[Worth]:
    best = min(
        (r for r in reasons if r.write is not None), key=lambda r: STRENGTH[r.write or Power.AMPLIFIER], default=None
    )
    if best is not None and best.write is not None:
        yield Worth(best.code, best.write, best.path, best.what, best.condition)


def _reading(reasons: list[Place]) -> Iterator[Worth]:
    socket = next((r for r in reasons if r.code == "E6"), None)
    if socket is not None:
        yield Worth(socket.code, Power.NODE, socket.path, socket.what)
    files = (r for r in reasons if r.code != "E6" and r.read is not None)
    best = min(files, key=lambda r: STRENGTH[r.read or Power.AMPLIFIER], default=None)
    if best is not None and best.read is not None:
        yield Worth(
            "E5" if best.code != "E12" else best.code, best.read, best.path, best.reads or best.what, best.condition
        )


def _covers(place: Place, path: str) -> bool:
    return path == place.path or (not place.exact and path.startswith(place.path + "/"))


def _below(path: str) -> Iterator[Place]:
    above = path.rstrip("/") + "/"
    return (p for p in TABLE if p.path != path and p.path.startswith(above))


def _preference(place: Place) -> int:
    return PREFERENCE.index(place.code) if place.code in PREFERENCE else len(PREFERENCE)


_WINDOWS = re.compile(r"^[A-Za-z]:[\\/]?|^\\\\[.?]\\|^//[.?]/")


def normal_path(path: str, sub: str = "") -> str:
    """A path of the node as the kernel would resolve it: `..` and slashes worked out, /var/run is /run.

    `/proc/1/root` is the root of the node. Windows paths are lower case with forward slashes: `c:`, `//./pipe/x`.

    >>> normal_path("/var/run//docker.sock/"), normal_path("/srv/../etc", "cron.d"), normal_path("C:\\\\")
    ('/run/docker.sock', '/etc/cron.d', 'c:')
    """
    if windows(path):
        return "/".join((path.replace("\\", "/").rstrip("/"), *([sub.strip("/")] if sub else []))).lower()
    plain = _resolved(f"{path}/{sub}")
    for alias, real in (("/proc/1/root", "/"), ("/var/run", "/run")):
        if plain == alias or plain.startswith(alias + "/"):
            plain = _resolved(real + plain.removeprefix(alias))
    return plain


def _resolved(path: str) -> str:
    return "/" + posixpath.normpath("/" + path).lstrip("/")


def windows(path: str) -> bool:
    """Is it a path of a Windows node?"""
    return _WINDOWS.match(path) is not None
