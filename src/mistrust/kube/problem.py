"""Where an object came from, and what could not be understood there."""

from __future__ import annotations

import msgspec


class Origin(msgspec.Struct, frozen=True, gc=False):
    """The text an object was read from. Lines inside it are looked up when they are printed, not carried."""

    file: str = ""
    """Path as given on the command line, `-` for standard input, a server's name for a live cluster."""
    document: int = 0
    """Index of the YAML document, or of the concatenated JSON value, in the file; from 0."""
    item: int = -1
    """Index in a List's `items`; -1 for an object that is a document of its own."""
    line: int = 0
    """First line of the document, from 1; 0 where lines mean nothing (a live cluster)."""


class Problem(msgspec.Struct, frozen=True, gc=False):
    """Something that was not understood, and what the analysis did about it; reports print them."""

    what: str
    """One clause: "not YAML", "unknown kind", "spec.containers is not a list"."""
    file: str
    line: int = 0
    """From 1; 0 for the whole file."""
    got: str = ""
    wanted: str = ""
    do: str = ""
    blinds: bool = True
    """True where an access may hide behind it (a document that was not read); False for a remark (a duplicate)."""

    def __str__(self) -> str:
        where = f"{self.file}:{self.line}" if self.line else self.file
        parts = [f"{where}: {self.what}"]
        parts += [f"{word} {text}" for word, text in (("got", self.got), ("wanted", self.wanted)) if text]
        return ", ".join(parts) + (f"; {self.do}" if self.do else "")
