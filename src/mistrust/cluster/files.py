"""Folders, files, dumps, standard input and saved snapshots -> a snapshot."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from mistrust.cluster.saved import MAGIC, load
from mistrust.kube.core import ServiceAccount
from mistrust.kube.decode import DEFAULT_NAMESPACE
from mistrust.kube.errors import InputError, UsageError
from mistrust.kube.meta import Object
from mistrust.kube.problem import Problem
from mistrust.kube.rbac import ClusterRoleBinding, RoleBinding
from mistrust.kube.read import begins_json, read
from mistrust.kube.snapshot import Scope, Snapshot, snapshot
from mistrust.kube.version import Version

if TYPE_CHECKING:
    from mistrust.kube.shapes import Shapes

SUFFIXES = frozenset({".yaml", ".yml", ".json"})
STDIN = "-"
INSTEAD = "there is nothing to edit: write the changes into a folder with -o DIR"
LARGEST = 2 << 30
"""Bytes of one file; a larger one is refused, so that memory stays bounded."""


class Source(msgspec.Struct, frozen=True):
    """A snapshot and the texts that cannot be read a second time (standard input), for looking lines up."""

    snapshot: Snapshot
    texts: Mapping[str, bytes] = {}


Progress = Callable[[str], None]


def read_files(
    paths: Sequence[str],
    *,
    namespace: str = DEFAULT_NAMESPACE,
    version: Version | None = None,
    scope: Scope | None = None,
    progress: Progress = lambda _: None,
) -> Source:
    """Read every file that `paths` name; folders are walked in order of their names.

    Parameters: `namespace` for objects that name none; `version` and `scope` where the user states them.

    Raises `InputError` for a path that does not exist or cannot be read: a missing input is never an empty one.
    Raises `UsageError` for an empty path, or standard input twice.
    """
    objects: list[Object] = []
    problems: list[Problem] = []
    texts: dict[str, bytes] = {}
    for path in paths:
        if not path or (path == STDIN and paths.count(STDIN) > 1):
            raise UsageError("no such source", got=repr(path), wanted="a folder, a file or -, each once")
    if len(paths) == 1 and (saved := _saved(paths[0])) is not None:
        return Source(saved)
    known = Reader(namespace)
    for path in paths:
        found = 0
        for name, data in _texts(path, problems):
            progress(name)
            if path == STDIN or not Path(name).is_file():
                texts[name] = data
            got, wrong = known.read(data, name, explicit=name == path)
            found += len(got) + len(wrong)
            objects += got
            problems += wrong
        if not found:
            problems.append(nothing(path))
    problems += misplaced(objects, namespace)
    name = ", ".join(_title(p) for p in paths)
    return Source(snapshot(objects, problems, scope=scope, version=version, name=name), texts)


def read_texts(texts: Mapping[str, bytes], like: Snapshot, namespace: str = DEFAULT_NAMESPACE) -> Snapshot:
    """The snapshot of files that hold these texts, read as those of another snapshot were."""
    objects: list[Object] = []
    problems: list[Problem] = []
    for name, data in texts.items():
        got, wrong = read(data, name, namespace)
        objects += got
        problems += wrong
    return like.holding(objects, problems)


def manifests(paths: Sequence[str]) -> Mapping[str, bytes]:
    """The text of every file that `paths` name, by the name in the origins of its objects.

    Raises `InputError` as `read_files`; `UsageError` for standard input, a pipe and a saved snapshot, which are no
    files of manifests.
    """
    for path in paths:
        special = Path(path).exists() and not (Path(path).is_file() or Path(path).is_dir())
        if path == STDIN or special or _is_saved(path):
            raise UsageError("not a folder or a file of manifests", where=path, do=INSTEAD)
    if not paths:
        raise UsageError("a live cluster has no manifests", do=INSTEAD)
    return {name: data for path in paths for name, data in _texts(path, [])}


class Reader:
    """Reads texts with one memory for the shapes of their YAML."""

    def __init__(self, namespace: str) -> None:
        self._namespace = namespace
        self._known: Shapes | None = None

    def read(self, data: bytes, name: str, *, explicit: bool) -> tuple[list[Object], list[Problem]]:
        """The objects of one text and what was not understood; `explicit` says whether it was asked for by name."""
        if self._known is None and not begins_json(data):  # the YAML reader costs more to load than a dump to read
            from mistrust.kube.shapes import Shapes

            self._known = Shapes()
        got, wrong = read(data, name, self._namespace, self._known)
        return got, list(_remarks(wrong, explicit=explicit))


def nothing(path: str) -> Problem:
    """What is said of a source without objects."""
    return Problem("no Kubernetes objects", path, do="give a folder, a file, a dump or a saved snapshot")


def misplaced(objects: Sequence[Object], namespace: str) -> Iterator[Problem]:
    """Files that leave the namespace to `kubectl apply -n`, told apart by bindings that name it.

    Their service accounts would be somebody else's, and every path through them would be missed.
    """
    accounts = {(o.namespace, o.name) for o in objects if isinstance(o, ServiceAccount)}
    meant: dict[str, Object] = {}
    for o in objects:
        for s in o.subjects if isinstance(o, RoleBinding | ClusterRoleBinding) else ():
            here, there = (namespace, s.name) in accounts, (s.namespace, s.name) in accounts
            if s.kind == "ServiceAccount" and s.namespace not in ("", namespace) and here and not there:
                meant.setdefault(s.namespace, o)
    for wanted, binding in sorted(meant.items()):
        what = f"{binding.ref} names service accounts of {wanted}, which these files put into {namespace}"
        origin = binding.origin
        yield Problem(what, origin.file, origin.line, do=f"give -n {wanted} if that is where they will be applied")


def _texts(path: str, problems: list[Problem]) -> Iterator[tuple[str, bytes]]:
    if path == STDIN:
        yield STDIN, sys.stdin.buffer.read()
        return
    if not Path(path).is_dir():
        yield path, _bytes(path)
        return
    for name in _walk(path, problems):
        try:
            yield name, _bytes(name, walked=True)
        except InputError as error:
            problems.append(Problem(error.what, name, got=error.got))


def holds_objects(name: str) -> bool:
    """May a file of this name in a folder hold objects?"""
    return Path(name).suffix.lower() in SUFFIXES and not name.startswith(".")


def enters(folder: str) -> bool:
    """Is a folder of this name looked into?"""
    return not folder.startswith(".") and folder != "node_modules"


def _walk(folder: str, problems: list[Problem]) -> Iterator[str]:
    """Files that may hold objects, sorted; hidden folders are skipped, links are followed once."""
    seen: set[tuple[int, int]] = set()

    def unreadable(error: OSError) -> None:
        problems.append(Problem("folder cannot be read", str(error.filename), got=error.strerror or ""))

    for here, folders, files in os.walk(folder, followlinks=True, onerror=unreadable):
        stat = Path(here).stat()
        if (stat.st_dev, stat.st_ino) in seen:
            folders[:] = []
            continue
        seen.add((stat.st_dev, stat.st_ino))
        folders[:] = sorted(f for f in folders if enters(f))
        yield from (str(Path(here, file)) for file in sorted(files) if holds_objects(file))


def _bytes(path: str, *, walked: bool = False) -> bytes:
    """A file's bytes. A pipe is read only where it was named: in a folder it would wait for a writer for ever."""
    try:
        readable = Path(path).is_file() or (Path(path).is_fifo() and not walked)
        if not readable and Path(path).exists():
            raise InputError("not a regular file", where=path, do="give a folder, a file or -")
        with Path(path).open("rb") as file:
            data = file.read(LARGEST + 1)
    except OSError as error:
        raise InputError("cannot be read", where=path, got=error.strerror or str(error)) from None
    if len(data) > LARGEST:
        raise InputError("too large", where=path, wanted=f"at most {LARGEST >> 30} GiB", do="split the dump")
    return data


def _saved(path: str) -> Snapshot | None:
    return load(_bytes(path), path) if _is_saved(path) else None


def _is_saved(path: str) -> bool:
    if path == STDIN or not Path(path).is_file():
        return False
    with Path(path).open("rb") as file:
        return file.read(len(MAGIC)) == MAGIC


def _remarks(problems: Sequence[Problem], *, explicit: bool) -> Iterator[Problem]:
    """In a walked folder a file without any object (values.yaml) is a remark; asked for by name, a problem."""
    for p in problems:
        yield msgspec.structs.replace(p, blinds=True) if explicit and p.what == "not a Kubernetes object" else p


def _title(path: str) -> str:
    if path == STDIN:
        return "standard input"
    return Path(path).name or Path(path).resolve().name
