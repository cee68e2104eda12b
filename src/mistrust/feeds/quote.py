"""What a text begins with, said without a word of what may be secret in it."""

from __future__ import annotations

from mistrust.feeds.documents import LARGEST

_SHOWN = 8
_MAGIC = {
    b"BZh": "a bzip2 file",
    b"\xfd7zXZ": "an xz file",
    b"PK\x03\x04": "a zip archive",
    b"PAR1": "a Parquet file",
    b"SQLite format 3": "a SQLite database",
    b"\x7fELF": "a program",
    b"apiVersion:": "a Kubernetes manifest in YAML",
    b"---": "YAML",
}


def quote(text: bytes | None) -> str:
    """A line's size and its first eight characters: too few for a password, enough to know it again.

    >>> quote(b"Authorization: Bearer eyJhbGciOi")
    '32 bytes that begin with `Authoriz`'
    """
    if text is None:
        return f"more than {LARGEST >> 20} MiB without an end"
    for magic, name in _MAGIC.items():
        if text.startswith(magic):
            return name
    shown = "".join(c if c.isprintable() and c != "`" else "?" for c in text[:_SHOWN].decode("utf-8", "replace"))
    return f"{len(text)} bytes that begin with `{shown}`"
