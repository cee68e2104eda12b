"""Names that a certificate is for, as Go's x509.Certificate.VerifyHostname reads them; the subject is no name."""

from __future__ import annotations

from collections.abc import Iterable

PRIVATE = frozenset(
    {
        "local",
        "localhost",
        "internal",
        "intranet",
        "lan",
        "home",
        "corp",
        "private",
        "test",
        "example",
        "invalid",
        "svc",
    }
)
"""Last labels that no public authority signs for (RFC 2606, RFC 6762, and what companies use)."""


def covered(host: str, names: Iterable[str]) -> bool:
    """Is one of the names this host's? A `*` stands for one whole first label.

    >>> covered("shop.example.com", ["*.example.com"]), covered("a.b.example.com", ["*.example.com"])
    (True, False)
    """
    wanted = host.lower().rstrip(".")
    first, dot, rest = wanted.partition(".")
    for name in names:
        given = name.lower().rstrip(".")
        if given == wanted or (given.startswith("*.") and bool(first) and dot and given[2:] == rest and first != "*"):
            return True
    return False


def public(host: str) -> bool:
    """May the host have a certificate of a public authority, as far as its name shows?"""
    labels = host.lower().rstrip(".").split(".")
    return len(labels) > 1 and labels[-1] not in PRIVATE and not labels[-1].isdecimal() and ":" not in host
