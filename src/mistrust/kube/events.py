"""One YAML document from libyaml's events, built as goyaml.v2 builds it and bounded against hostile text.

Upstream: sigs.k8s.io/yaml goyaml.v2/decode.go (mappings, merges, aliases) and yaml.go (keys, JSON).
"""

from __future__ import annotations

from collections.abc import Iterator

from yaml._yaml import CParser
from yaml.error import MarkedYAMLError, YAMLError
from yaml.events import (
    AliasEvent,
    DocumentEndEvent,
    Event,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
    StreamEndEvent,
)

from mistrust.kube.scalars import Scalar, key, resolve, tagged, value

Plain = None | bool | int | float | str | list["Plain"] | dict[str, "Plain"]

DEPTH = 200
"""Deepest nesting that is read, aliases followed. The deepest schemas of real clusters stay below 80."""

MERGE = bytes(b"<<").decode()
"""The key of a merge, compared by identity: a quoted "<<" is an ordinary key."""


class Unreadable(Exception):
    """A document that kubectl would refuse, or that passes a bound. `index` counts characters from its start."""

    def __init__(self, got: str, index: int = 0) -> None:
        super().__init__(got)
        self.got, self.index = got, index


class Budget:
    """How many nodes the aliases of one file may still add."""

    def __init__(self, nodes: int) -> None:
        self.nodes = nodes


class Values(dict[str, Scalar]):
    """Plain scalars by their text, resolved once."""

    def __missing__(self, text: str) -> Scalar:
        self[text] = found = value(resolve(text))
        return found


class Keys(dict[str, str]):
    """Field names by their plain text, resolved once."""

    def __missing__(self, text: str) -> str:
        self[text] = found = MERGE if text == "<<" else key(resolve(text))
        return found


class Anchor:
    """What an alias may repeat: a scalar before JSON, or a container with its number of nodes once it is closed."""

    __slots__ = ("node", "nodes")

    def __init__(self, node: Plain, nodes: int) -> None:
        self.node, self.nodes = node, nodes


class Reading(NamedTuple):
    """A document, and what kubectl drops in silence after it."""

    start: int
    value: Plain
    dropped: Unreadable | None


def events(text: str) -> Iterator[Event]:
    """The events of a text, in order. Raises Unreadable with libyaml's own words where it stops being YAML."""
    parser = CParser(text)
    try:
        yield from iter(parser.get_event, None)
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise Unreadable(error.problem or "no YAML", mark.index if mark else 0) from None
    except ReaderError as error:
        raise Unreadable(error.reason, len(text.encode()[: error.position].decode(errors="ignore"))) from None


def read(text: str, values: Values, keys: Keys, budget: Budget) -> Reading:
    """The first document of a text as kubectl decodes it.

    Raises Unreadable.
    """
    stream = events(text)
    event = next(stream)
    try:
        for event in stream:
            if isinstance(event, StreamEndEvent):
                return Reading(0, None, None)
            if not isinstance(event, DocumentStartEvent):
                break
        start = event.start_mark.index
        root = _node(event, stream, values, keys, budget)
    except ValueError as error:
        raise Unreadable(str(error), event.start_mark.index) from None
    return Reading(start, root, _dropped(stream))
