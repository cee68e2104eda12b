"""A place in a list of tokens, from which parsers go on."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from itertools import count
from typing import Final, TypeVar

from mistrust.kube.errors import InputError
from mistrust.languages.rego.syntax import At
from mistrust.languages.rego.tokens import Token

DEEPEST: Final = 60
"""Terms inside terms: each takes a dozen calls, and Python's own stack holds a thousand."""
T = TypeVar("T")


class Cursor:
    """Where a parser is. Parameters: `keywords`, the words that are no names."""

    def __init__(self, found: Sequence[Token], file: str, keywords: Collection[str]) -> None:
        self.tokens, self.file, self.at = found, file, 0
        self.keywords = set(keywords)
        self.wild = count()
        """Numbers for what has no name."""
        self.depth = 0
        self._failed: set[tuple[int, str]] = set()
        self._furthest: tuple[int, InputError] | None = None

    @property
    def now(self) -> Token:
        """The token that comes next."""
        return self.tokens[self.at]

    def here(self, token: Token | None = None) -> At:
        """Where the next token stands."""
        token = token or self.now
        return At(self.file, token.line, token.column)

    def take(self, kind: str) -> bool:
        """Go over the next token if it is of this kind."""
        if self.now.kind == kind:
            self.at += 1
            return True
        return False

    def need(self, kind: str) -> Token:
        """Go over the next token. Raises `InputError` if it is of another kind."""
        token = self.now
        if token.kind != kind:
            raise self.wrong(kind)
        self.at += 1
        return token

    def wrong(self, wanted: str, token: Token | None = None) -> InputError:
        """The next token does not fit."""
        token = token or self.now
        got = "the end" if token.kind == "end" else repr(token.text)
        return InputError("not Rego", where=str(self.here(token)), got=got, wanted=wanted)

    def word(self, name: str) -> bool:
        """Is the next token this keyword, and not the head of a reference?"""
        return self.now.kind == "name" and self.now.text == name and name in self.keywords and not self._referred()

    def take_word(self, name: str) -> bool:
        """Go over this keyword if it comes next."""
        if self.word(name):
            self.at += 1
            return True
        return False

    def _referred(self) -> bool:
        """Is the next token followed by `.` without a space? Then a keyword is a name."""
        after = self.tokens[self.at + 1] if self.at + 1 < len(self.tokens) else self.now
        attached = after.kind == "." or (after.kind == "(" and self.now.text == "contains")
        return attached and not after.spaced and not after.fresh

    def attempt(self, parse: Callable[[], T], what: str) -> T | None:
        """What is parsed; None, and nothing taken, if that is an error. What failed once is not tried again there.

        Otherwise brackets in brackets would take twice as long with each level.
        """
        begin, depth = self.at, self.depth
        if (begin, what) in self._failed:
            return None
        try:
            return parse()
        except InputError as error:
            self._failed.add((begin, what))
            if self._furthest is None or self._furthest[0] < self.at:
                self._furthest = self.at, error
            self.at, self.depth = begin, depth
            return None

    def told(self, error: InputError) -> InputError:
        """The error to tell: that of an attempt, if it came further."""
        return self._furthest[1] if self._furthest is not None and self._furthest[0] >= self.at else error

    def deeper(self) -> None:
        """One level down. Raises `InputError` where that is too deep."""
        self.depth += 1
        if self.depth > DEEPEST:
            raise InputError("too deeply nested", where=str(self.here()), wanted=f"at most {DEEPEST} levels")
