"""Files whose documents are edited, put in and taken out, each time read again to see that they say what was wanted."""

from __future__ import annotations

import posixpath
from collections.abc import Iterable, Mapping, Sequence

import msgspec

from mistrust.access.change import Note
from mistrust.access.evidence import FieldPath
from mistrust.kube.build import Plain
from mistrust.kube.decode import from_plain
from mistrust.kube.meta import Object
from mistrust.kube.problem import Origin
from mistrust.kube.read import json_spans
from mistrust.kube.yaml import documents
from mistrust.report.inplace.kustomize import NAMES, Kustomizations, relisted
from mistrust.report.inplace.notes import annotated
from mistrust.report.inplace.refusal import RefusedError
from mistrust.report.inplace.rewrite import rewritten, same
from mistrust.report.inplace.style import Style, block, style
from mistrust.report.inplace.text import Text
from mistrust.report.inplace.tree import tree

Mark = tuple[dict[str, list[str]], dict[str, str], dict[tuple[str, int], list[tuple[int, int]]], frozenset[Origin]]


class SpoiltError(Exception):
    """Files that cannot be written as a whole, and why."""

    def __init__(self, files: Iterable[str], why: str) -> None:
        super().__init__(why)
        self.files, self.why = tuple(files), why


class Folder:
    """Some files as they are to become. What raises RefusedError may have done a part of it: go `back`."""

    def __init__(self, files: Mapping[str, bytes], namespace: str, locked: Mapping[str, str]) -> None:
        self._files, self._namespace, self._locked = files, namespace, locked
        self._texts: dict[str, Text] = {}
        self._new: dict[str, str] = {}
        self._shifts: dict[tuple[str, int], list[tuple[int, int]]] = {}
        self._gone: frozenset[Origin] = frozenset()
        self._known: dict[tuple[str, int], tuple[str, list[Plain]]] = {}
        self._hands: dict[tuple[str, int], Style] = {}

    def mark(self) -> Mark:
        """A point to come back to."""
        parts = {name: list(text.parts) for name, text in self._texts.items()}
        return parts, dict(self._new), {place: list(shifts) for place, shifts in self._shifts.items()}, self._gone

    def back(self, mark: Mark) -> None:
        """Forget what was done since."""
        parts, self._new, self._shifts, self._gone = mark
        self._texts = {name: text for name, text in self._texts.items() if name in parts}
        for name, text in self._texts.items():
            text.parts = parts[name]

    def has(self, file: str) -> bool:
        """Is there such a file, or will there be?"""
        return file in self._files or file in self._new

    def holds(self, origin: Origin) -> bool:
        """Is what stood there not taken out?"""
        return origin not in self._gone

    def json(self, file: str) -> bool:
        """Is it JSON?"""
        return bool(json_spans(self._files[file]))

    def kind(self, origin: Origin) -> Plain:
        """The kind of the document that an object is in: its own, or that of a list."""
        value = self._value(origin)
        return value.get("kind") if isinstance(value, dict) else None

    def plain(self, origin: Origin) -> Plain:
        """What stands there now, as a plain value."""
        value = self._value(origin)
        if origin.item < 0:
            return value
        return self._items(value)[self._place(origin)]

    def read_as(self, origin: Origin, plain: Plain) -> Object | None:
        """How a plain value is read where it stands in that place."""
        root = self._value(origin) if origin.item >= 0 else None
        if isinstance(root, dict) and isinstance(plain, dict) and root.get("kind") != "List":
            implied = {"apiVersion": root.get("apiVersion"), "kind": str(root.get("kind")).removesuffix("List")}
            plain = {**implied, **plain}
        found = next(from_plain(plain, origin, self._namespace), None)
        return found if isinstance(found, Object) else None

    def say(self, origin: Origin, after: Plain, notes: Sequence[Note] = ()) -> None:
        """Let an object say something else."""
        value, path = self._value(origin), self._path(origin)
        wanted = after
        if origin.item >= 0:
            items, at = self._items(value), self._place(origin)
            wanted = self._with_items(value, [*items[:at], after, *items[at + 1 :]])
        self._write(origin, wanted, path, notes)

    def add(self, origin: Origin, plains: Sequence[Plain], notes: Sequence[Note] = ()) -> None:
        """Put objects behind another one: as items of its List, or as documents."""
        value = self._value(origin)
        if origin.item >= 0:
            if not isinstance(value, dict) or value.get("kind") != "List":
                raise RefusedError("a list of one kind cannot hold others")
            items, at = self._items(value), self._place(origin) + 1
            self._write(origin, self._with_items(value, [*items[:at], *plains, *items[at:]]), ())
            for n, _ in enumerate(plains):
                self._write(origin, self._value(origin), ("items", at + n), notes)
            self._shift(origin, len(plains))
            return
        text = self._text(origin.file)
        if text.json:
            raise RefusedError("a file of JSON holds one object")
        new = "".join(f"---\n{self._document(plain, notes, origin)}" for plain in plains)
        self._put(origin, text.document(origin.document) + new, [*self._said(origin), *plains])

    def remove(self, origin: Origin) -> None:
        """Take an object out; its document, too, where nothing else is in it."""
        self._unlocked(origin.file)
        self._gone |= {origin}
        if origin.item >= 0 and len(items := self._items(self._value(origin))) > 1:
            at = self._place(origin)
            self._write(origin, self._with_items(self._value(origin), [*items[:at], *items[at + 1 :]]), ())
            self._shift(origin, -1)
        else:
            self._text(origin.file).remove(origin.document)

    def create(self, file: str, plain: Plain, notes: Sequence[Note], like: Origin) -> None:
        """A new file, in the hand of an object."""
        self._unlocked(file)
        self._new[file] = self._document(plain, notes, like)

    def _document(self, plain: Plain, notes: Sequence[Note], like: Origin) -> str:
        text = annotated(block(plain, self._hand(like), 0) + "\n", (), notes)
        if not _equal(_values(text, json=False), [plain]):
            raise RefusedError("it cannot be written so that it is read as wanted")
        return text

    def _hand(self, like: Origin) -> Style:
        text = self._text(like.file)
        if text.json:
            return Style()
        key = like.file, like.document
        if key not in self._hands:
            old = text.document(like.document)
            self._hands[key] = style(old, tree(old))
        return self._hands[key]

    def written(self) -> Mapping[str, bytes | None]:
        """The files that change, None for those that go. Raises SpoiltError."""
        gone = [file for file, text in self._texts.items() if text.empty]
        for kustomization, after in list(relisted(self._kustomizations(), self._files, self._new, gone)):
            try:
                self._relist(kustomization, after)
            except RefusedError as error:
                raise SpoiltError((*self._new, *gone), f"{kustomization} would have to say so: {error}") from None
        out: dict[str, bytes | None] = {name: text.encode() for name, text in self._new.items()}
        for file, text in self._texts.items():
            if text.empty:
                out[file] = None
            elif (data := text.bytes()) != self._files[file]:
                try:
                    wanted = [value for part in text.documents() for value in _values(part, json=text.json)]
                    as_wanted = _equal(_file_values(data), wanted)
                except RefusedError as error:
                    raise SpoiltError([file], str(error)) from None
                if not as_wanted:
                    raise SpoiltError([file], "it would not be read as wanted")
                out[file] = data
        return dict(sorted(out.items()))

    def _relist(self, file: str, after: Plain) -> None:
        number = _first(self._files[file])
        assert number is not None
        self.say(Origin(file, number), after)

    def _kustomizations(self) -> Kustomizations:
        edited = {name: text.bytes() for name, text in self._texts.items() if posixpath.basename(name) in NAMES}
        return kustomizations({**self._files, **edited})

    def _text(self, file: str) -> Text:
        if file not in self._texts:
            self._texts[file] = Text(self._files[file])
        return self._texts[file]

    def _said(self, origin: Origin) -> list[Plain]:
        """What a document says now: one value, and those that were put behind it."""
        text, key = self._text(origin.file), (origin.file, origin.document)
        now = text.document(origin.document)
        known = self._known.get(key)
        if known is None or known[0] != now:
            known = self._known[key] = now, _values(now, json=text.json)
        if not known[1]:
            raise RefusedError("it is gone already")
        return known[1]

    def _value(self, origin: Origin) -> Plain:
        return self._said(origin)[0]

    def _items(self, value: Plain) -> Sequence[Plain]:
        items = value.get("items") if isinstance(value, dict) else None
        if not isinstance(items, list):
            raise RefusedError("the file has changed since it was read")
        return items

    def _with_items(self, value: Plain, items: list[Plain]) -> Plain:
        assert isinstance(value, dict)
        return {**value, "items": items}

    def _place(self, origin: Origin) -> int:
        """Where an item is now."""
        shifts = self._shifts.get((origin.file, origin.document), ())
        return origin.item + sum(by for at, by in shifts if at < origin.item)

    def _path(self, origin: Origin) -> FieldPath:
        return ("items", self._place(origin)) if origin.item >= 0 else ()

    def _shift(self, origin: Origin, by: int) -> None:
        self._shifts.setdefault((origin.file, origin.document), []).append((origin.item, by))

    def _write(self, origin: Origin, wanted: Plain, path: FieldPath, notes: Sequence[Note] = ()) -> None:
        text, values = self._text(origin.file), self._said(origin)
        new = rewritten(text.document(origin.document), values[0], wanted)
        if not text.json:
            new = annotated(new, path, notes)
        self._put(origin, new, [wanted, *values[1:]])

    def _put(self, origin: Origin, new: str, wanted: Sequence[Plain]) -> None:
        text = self._text(origin.file)
        self._unlocked(origin.file)
        values = _values(new, json=text.json)
        if not _equal(values, wanted):
            raise RefusedError("the edited text would not be read as wanted")
        text.put(origin.document, new)
        self._known[origin.file, origin.document] = new, values

    def _unlocked(self, file: str) -> None:
        if file in self._locked:
            raise RefusedError(self._locked[file])


def kustomizations(files: Mapping[str, bytes]) -> Kustomizations:
    """Every kustomization among some files."""
    names = sorted(name for name in files if posixpath.basename(name) in NAMES)
    return {name: values[0] for name in names if (values := _file_values(files[name], json=False))}


def _equal(a: Sequence[Plain], b: Sequence[Plain]) -> bool:
    return same(list(a), list(b))


def _values(text: str, *, json: bool) -> list[Plain]:
    """What some documents say."""
    return _file_values(text.encode(), json=json)


def _file_values(data: bytes, *, json: bool | None = None) -> list[Plain]:
    if spans := json_spans(data) if json is not False else []:
        try:
            return [msgspec.json.decode(data[slice(*s)]) for s in spans if isinstance(s, tuple)]
        except RecursionError:
            raise RefusedError("it is nested too deeply") from None
    return [d.value for d in documents(data)[0]]


def _first(data: bytes) -> int | None:
    """The number of the first document."""
    found, _ = documents(data)
    return found[0].index if found else None
