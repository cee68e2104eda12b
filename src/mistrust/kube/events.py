"""The events of a YAML text by libyaml, and where it stops being YAML."""

from __future__ import annotations

import re
from collections.abc import Iterator

from yaml._yaml import CParser
from yaml.error import MarkedYAMLError
from yaml.events import Event
from yaml.reader import ReaderError

_INNER_MARK = re.compile("(?<=[\n\r\x85\u2028\u2029])\ufeff")


class UnreadableError(Exception):
    """A document that kubectl refuses, or that passes a bound. `index` counts characters from its start."""

    def __init__(self, got: str, index: int = 0) -> None:
        super().__init__(got)
        self.got, self.index = got, index


def events(text: str) -> Iterator[Event]:
    """The events of a text in order. Raises UnreadableError, in libyaml's own words, where it stops being YAML."""
    if "\ufeff" in text and (inner := _INNER_MARK.search(text, 1)):  # libyaml skips it, goyaml.v2 reads it as a letter
        raise UnreadableError("a byte order mark at the start of a line", inner.start())
    parser = CParser(text)
    try:
        yield from iter(parser.get_event, None)
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise UnreadableError(error.problem or "no YAML", mark.index if mark else 0) from None
    except ReaderError as error:
        raise UnreadableError(error.reason, len(text.encode()[: error.position].decode(errors="ignore"))) from None


def index(event: Event) -> int:
    """The character of the text where an event starts."""
    return event.start_mark.index if event.start_mark else 0
