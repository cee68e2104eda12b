"""The catalog as renderers are given it: every check and step by id, its prose read when it is asked for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache

from mistrust.catalog.check import Check
from mistrust.catalog.load import checks, explain, steps, structure
from mistrust.report.assessment import Entry


class Entries(Mapping[str, Entry]):
    """Checks and steps by id."""

    def __init__(self) -> None:
        self._known: dict[str, Entry] = {}

    def __getitem__(self, name: str) -> Entry:
        if name not in self._known:
            if name not in self:
                raise KeyError(name)
            found = explain(name)
            severity = found.severity if isinstance(found, Check) else None
            self._known[name] = Entry(found.title, found.prose, severity, found.references)
        return self._known[name]

    def __contains__(self, name: object) -> bool:
        return name in _ids()

    def __iter__(self) -> Iterator[str]:
        return iter(_ids())

    def __len__(self) -> int:
        return len(_ids())


def entry_named(wanted: str) -> tuple[str, Entry] | None:
    """The entry of this id, in any case; None if there is none."""
    name = next((n for n in Entries() if n.lower() == wanted.lower()), None)
    return (name, Entries()[name]) if name is not None else None


@cache
def _ids() -> dict[str, None]:
    return {**{c.id: None for c in checks()}, **{s.id: None for s in (*steps(), *structure())}}
