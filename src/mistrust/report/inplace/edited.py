"""Changes applied to the text of manifests: all of a change, or nothing of it and why."""

from __future__ import annotations

import posixpath
from collections import Counter
from collections.abc import Collection, Mapping, Sequence

import msgspec
from msgspec import structs

from mistrust.access.change import Change
from mistrust.access.edited import changed
from mistrust.kube.build import Plain
from mistrust.kube.decode import DEFAULT_NAMESPACE, from_plain
from mistrust.kube.meta import Object, Ref
from mistrust.kube.problem import Origin
from mistrust.kube.read import read
from mistrust.report.inplace.folder import Folder, SpoiltError, kustomizations
from mistrust.report.inplace.kustomize import patches
from mistrust.report.inplace.refusal import RefusedError
from mistrust.report.inplace.wanted import plain, wanted
from mistrust.report.manifests import API_VERSIONS, manifest

ELSEWHERE = "it was not read from a file of manifests: there is nothing to edit"
SERVED = "an API server wrote it: what is edited are the manifests that it comes from"
STALE = "the file has changed since it was read"
LAID_OVER = "kustomize lays it over other files: read what kustomize builds"
UNLIKE = "it cannot be written so that it is read as wanted"
TWICE = "another change is about it, too"


class Refused(msgspec.Struct, frozen=True):
    """A change that is not written."""

    change: Change
    because: str

    def __str__(self) -> str:
        old = self.change.old
        named = [str(o.ref) for o in self.change.new] if old is None else [str(old.ref)]
        where = f"{old.origin.file}: " if old is not None and old.origin.file else ""
        return f"not written {', '.join(named)}: {where}{self.because}"


class Edited(msgspec.Struct, frozen=True):
    """What becomes of some files."""

    files: Mapping[str, bytes | None]
    """By name those that change, new ones too; None for one that goes."""
    done: tuple[Change, ...]
    refused: tuple[Refused, ...]


def edited(
    files: Mapping[str, bytes],
    changes: Sequence[Change],
    *,
    namespace: str = DEFAULT_NAMESPACE,
    named: Collection[str] = (),
    fixed: Mapping[str, str] | None = None,
) -> Edited:
    """The files after the changes.

    Parameters: `files` are all manifests of the source by the names in the origins of objects, `namespace` is that of
    objects without one; `named` are files that the source names itself, so that a new file beside them is not part
    of it; `fixed` are files that may not be written, each with the reason.

    Every line that a change is not about stays as it is, byte for byte. Each edited document was read again and says
    exactly what was wanted.
    """
    locked = dict(fixed or {})
    while True:
        work = _Work(files, namespace, frozenset(named), locked)
        done: list[Change] = []
        refused: list[Refused] = []
        for change in changes:
            mark = work.folder.mark()
            try:
                work.do(change)
                done.append(change)
            except (RefusedError, RecursionError) as error:
                work.folder.back(mark)
                deep = isinstance(error, RecursionError)
                refused.append(Refused(change, "it is nested too deeply" if deep else str(error)))
        try:
            return Edited(work.folder.written(), tuple(done), tuple(refused))
        except SpoiltError as error:
            locked |= dict.fromkeys(error.files, error.why)


class _Work:
    def __init__(
        self, files: Mapping[str, bytes], namespace: str, named: frozenset[str], locked: Mapping[str, str]
    ) -> None:
        self._namespace, self._named = namespace, named
        laid_over = patches(kustomizations(files))
        self._locked = {f: LAID_OVER for f in files if posixpath.normpath(f) in laid_over} | dict(locked)
        self.folder = Folder(files, namespace, self._locked)
        self._copies: dict[Ref, list[Object]] = {}
        self._neighbours: dict[tuple[bool, str], list[Object]] = {}
        for o in (o for name, data in files.items() for o in read(data, name, namespace)[0]):
            self._copies.setdefault(o.ref, []).append(o)
            self._neighbours.setdefault((o.NAMESPACED, o.namespace), []).append(o)

    def do(self, change: Change) -> None:
        """Write one change. Raises RefusedError."""
        if change.old is None:
            for o in change.new:
                self._place(change, o)
            return
        old = change.old
        if old.live:
            raise RefusedError(SERVED)
        if not self.folder.has(old.origin.file):
            raise RefusedError(ELSEWHERE)
        copies = [o for o in self._copies.get(old.ref, ()) if _same(o, old) and (old.name or o.origin == old.origin)]
        if all(o.origin != old.origin for o in copies):
            raise RefusedError(STALE)
        for number, copy in enumerate(copies):
            new = [o for o in change.new if o.ref == old.ref or not number]
            self._replace(change, old, copy.origin, new)

    def _replace(self, change: Change, old: Object, origin: Origin, new: Sequence[Object]) -> None:
        """Write in the place of one copy what becomes of it."""
        written = self.folder.plain(origin)
        now = self.folder.read_as(origin, written)
        if now is None or not _same(now, old):
            raise RefusedError(TWICE)
        like = written if old.NAMESPACED else None
        heir = next((o for o in new if o.ref == old.ref), None)
        others = [o for o in new if o is not heir]
        if heir is not None:
            self._say(change, origin, _edited(written, change) if change.edits else wanted(written, old, heir), heir)
        elif others and (origin.item < 0 or self.folder.kind(origin) == "List"):
            heir, *others = others
            self._say(change, origin, self._manifest(heir, like), heir)
        if others and self.folder.json(origin.file) and origin.item < 0:
            for o in others:
                self._beside(change, o, origin, None)
        elif others:
            self.folder.add(origin, [self._manifest(o, like) for o in others], change.notes)
        if heir is None:
            self.folder.remove(origin)

    def _say(self, change: Change, origin: Origin, after: Plain, o: Object) -> None:
        read_as = self.folder.read_as(origin, after)
        if read_as is None or not _same(read_as, o):
            raise RefusedError(UNLIKE)
        self.folder.say(origin, after, change.notes)

    def _place(self, change: Change, o: Object) -> None:
        """Write an object that takes nobody's place, where its neighbours are."""
        all_near = self._neighbours.get((o.NAMESPACED, o.namespace), ())
        near = [c for c in all_near if c.origin.file not in self._locked and self.folder.holds(c.origin)]
        kin = Counter(c.origin.file for c in near if c.ref.kind == o.ref.kind)
        most = Counter(c.origin.file for c in near)
        neighbour = max(near, key=lambda c: (kin[c.origin.file], most[c.origin.file]), default=None)
        if neighbour is None:
            raise RefusedError(f"no file to write it beside holds others of {o.namespace or 'the cluster'}")
        like = self.folder.plain(neighbour.origin)
        if neighbour.origin.file in self._named:
            self.folder.add(neighbour.origin, [self._manifest(o, like)], change.notes)
        else:
            self._beside(change, o, neighbour.origin, like)

    def _beside(self, change: Change, o: Object, near: Origin, like: Plain) -> None:
        if near.file in self._named:
            raise RefusedError("a new file beside it would not be part of what is read: name the folder")
        self.folder.create(self._name(near.file, o), self._manifest(o, like), change.notes, near)

    def _name(self, near: str, o: Object) -> str:
        """A name of its own in the folder of another file."""
        folder = posixpath.dirname(near)
        for words in ((o.KIND, o.name), (o.KIND, o.namespace, o.name), *((o.KIND, o.name, n) for n in range(2, 1000))):
            name = "".join(c if c.isalnum() or c in "-_." else "-" for c in "-".join(map(str, words)).lower())
            if not self.folder.has(path := posixpath.join(folder, f"{name}.yaml")):
                return path
        raise RefusedError("every name for a new file is taken")

    def _manifest(self, o: Object, like: Plain) -> Plain:
        """An object written out; without its namespace where its neighbour leaves that to kubectl, too."""
        if type(o) not in API_VERSIONS:
            raise RefusedError(f"a new {o.KIND} cannot be written")
        made = manifest(o)
        metadata, other = made["metadata"], like.get("metadata") if isinstance(like, dict) else None
        implied = o.namespace == self._namespace and isinstance(other, dict) and "namespace" not in other
        if implied and isinstance(metadata, dict):
            metadata.pop("namespace", None)
        written = plain(made)
        read_as = next(from_plain(written, o.origin, self._namespace), None)
        if not isinstance(read_as, Object) or not _same(read_as, o):
            raise RefusedError(UNLIKE)
        return written


def _edited(written: Plain, change: Change) -> Plain:
    value: object = written
    try:
        for edit in change.edits:
            value = changed(value, edit.path, edit)
    except ValueError as error:
        raise RefusedError(str(error)) from None
    return plain(value)


def _same(a: Object, b: Object) -> bool:
    return type(a) is type(b) and structs.replace(a, origin=b.origin) == b
