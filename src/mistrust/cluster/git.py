"""A revision of a git repository -> a snapshot: `git:REV[:PATH]`, read as a folder would be.

Only objects are read (`git rev-parse`, `ls-tree`, `cat-file`): nothing is checked out, so no hook, filter or attribute
of the repository runs. Links and submodules are not followed.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator, Sequence
from posixpath import dirname, join, normpath
from typing import Final

import msgspec

from mistrust.cluster.files import LARGEST, Progress, Reader, Source, enters, holds_objects, misplaced, nothing
from mistrust.cluster.saved import MAGIC, load
from mistrust.kube.decode import DEFAULT_NAMESPACE
from mistrust.kube.errors import InputError, UsageError
from mistrust.kube.meta import Object
from mistrust.kube.problem import Problem
from mistrust.kube.snapshot import Scope, snapshot
from mistrust.kube.version import Version

PREFIX: Final = "git:"
FORM: Final = "git:REV or git:REV:PATH, PATH from the root of the repository"
BARE: Final = ("-c", "core.fsmonitor=false", "-c", "core.hooksPath=/dev/null", "-c", "protocol.allow=never")
"""Whatever the repository's own configuration says."""
QUIET: Final = {
    "GIT_LITERAL_PATHSPECS": "1",
    "GIT_NO_LAZY_FETCH": "1",
    "GIT_NO_REPLACE_OBJECTS": "1",
    "GIT_OPTIONAL_LOCKS": "0",
    "GIT_TERMINAL_PROMPT": "0",
    "LC_ALL": "C",
}
LINK, SUBMODULE = "120000", "160000"


class Named(msgspec.Struct, frozen=True):
    """A revision, and a path in it."""

    revision: str
    path: str

    def __str__(self) -> str:
        return f"{self.revision}:{self.path}" if self.path else self.revision


class Entry(msgspec.Struct, frozen=True):
    """A file of a tree."""

    mode: str
    object: str
    path: str


def named(text: str) -> Named:
    """`git:main:deploy/` -> the revision and the path.

    Raises `UsageError` for what names no revision, or a path that leaves the repository.
    """
    revision, _, path = text.removeprefix(PREFIX).partition(":")
    clean = normpath(path) if path else ""
    if not revision or revision.startswith("-") or "\0" in text or clean.startswith(("/", "../")) or clean == "..":
        raise UsageError("not a revision", got=repr(text), wanted=FORM)
    return Named(revision, "" if clean == "." else clean)


def read_git(
    text: str,
    *,
    namespace: str = DEFAULT_NAMESPACE,
    version: Version | None = None,
    scope: Scope | None = None,
    progress: Progress = lambda _: None,
) -> Source:
    """Read the files of a revision of the repository that the current folder is in.

    A path that the revision does not have is an empty folder, and that is said: it may have come later.

    Raises `UsageError` for what is no `git:REV[:PATH]`, `InputError` where git, the repository or the revision is not
    there.
    """
    what = named(text)
    commit = _resolved(what.revision)
    listed = list(_listed(commit, what.path))
    if not listed and what.path:
        remark = Problem(f"nothing at {what.path} in this revision", str(what), blinds=False)
        return Source(snapshot((), (remark,), scope=scope or Scope.MANIFESTS, version=version, name=str(what)))
    files = [e for e in listed if e.mode not in (LINK, SUBMODULE) and _wanted(e.path, what.path)]
    objects: list[Object] = []
    problems: list[Problem] = []
    texts: dict[str, bytes] = {}
    known = Reader(namespace)
    for entry, data in _contents(files):
        progress(entry.path)
        if entry.path == what.path and data.startswith(MAGIC):
            return Source(load(data, entry.path))
        texts[entry.path] = data
        got, wrong = known.read(data, entry.path, explicit=entry.path == what.path)
        objects += got
        problems += wrong
    problems += _unfollowed(listed, what.path, texts.keys())
    if not objects and not problems:
        problems.append(nothing(str(what)))
    problems += misplaced(objects, namespace)
    return Source(snapshot(objects, problems, scope=scope, version=version, name=str(what)), texts)


def _wanted(path: str, root: str) -> bool:
    """Would it be read in a folder? What is asked for by name is."""
    if path == root:
        return True
    *folders, name = path.removeprefix(f"{root}/" if root else "").split("/")
    return holds_objects(name) and all(map(enters, folders))


def _unfollowed(listed: Sequence[Entry], root: str, read: object) -> Iterator[Problem]:
    """Links and submodules. What a link leads to inside of what was read is no loss."""
    known = {e.path for e in listed}
    folders = {join(*path.split("/")[:depth]) for path in known for depth in range(1, path.count("/") + 1)}
    links = [e for e in listed if e.mode == LINK and _leads(e.path, root)]
    for entry, data in _contents(links):
        target = normpath(join(dirname(entry.path), data.decode("utf-8", "surrogateescape")))
        lost = target not in known and target not in folders
        yield Problem("a link is not followed", entry.path, got=f"a link to {target}", blinds=lost)
    for entry in listed:
        if entry.mode == SUBMODULE and _leads(entry.path, root):
            yield Problem("a submodule is not read", entry.path, do="give its folder, or a revision of its own")


def _leads(path: str, root: str) -> bool:
    """May a link or a submodule hold objects: is it a file of such a name, or may it be a folder?"""
    *folders, name = path.removeprefix(f"{root}/" if root else "").split("/")
    return all(map(enters, folders)) and (holds_objects(name) or ("." not in name and enters(name)))


def _resolved(revision: str) -> str:
    """The commit that a revision names."""
    try:
        return _git("rev-parse", "--verify", "--quiet", f"{revision}^{{commit}}").decode().strip()
    except subprocess.CalledProcessError as error:
        said = _said(error)
        if said:
            raise InputError("git cannot read here", where=f"{PREFIX}{revision}", got=said) from None
        do = "fetch it first; a shallow clone has few revisions"
        raise InputError("no such revision", where=f"{PREFIX}{revision}", do=do) from None


def _listed(commit: str, path: str) -> Iterator[Entry]:
    """Every file under a path, in order of their names."""
    try:
        out = _git("ls-tree", "-r", "-z", "--full-tree", commit, "--", *([path] if path else []))
    except subprocess.CalledProcessError as error:
        raise InputError("git cannot list the files", where=f"{PREFIX}{commit}:{path}", got=_said(error)) from None
    for line in out.split(b"\0"):
        if line:
            head, _, name = line.partition(b"\t")
            mode, _, number = head.decode().split(" ")
            yield Entry(mode, number, os.fsdecode(name))


def _contents(entries: Sequence[Entry]) -> Iterator[tuple[Entry, bytes]]:
    """The bytes of files, as they are stored.

    Raises `InputError` for a file that is larger than one may be, or that the repository has lost.
    """
    if not entries:
        return
    wanted = "".join(f"{e.object}\n" for e in entries).encode()
    sizes = _git("cat-file", "--batch-check=%(objecttype) %(objectsize)", data=wanted).decode().splitlines()
    for entry, told in zip(entries, sizes, strict=True):
        kind, _, size = told.partition(" ")
        if kind != "blob":
            raise InputError("not in the repository", where=entry.path, got=told, do="fetch it first")
        if int(size) > LARGEST:
            raise InputError("too large", where=entry.path, wanted=f"at most {LARGEST >> 30} GiB", do="split the dump")
    out = memoryview(_git("cat-file", "--batch=%(objectsize)", data=wanted))
    at = 0
    for entry in entries:
        end = bytes(out[at : at + 32]).index(b"\n") + at
        length = int(bytes(out[at:end]))
        yield entry, bytes(out[end + 1 : end + 1 + length])
        at = end + length + 2


def _git(*words: str, data: bytes = b"") -> bytes:
    """What git prints; nothing of the environment but who and where we are is passed on.

    Raises `InputError` where there is no git, `CalledProcessError` where it fails.
    """
    environment = {k: v for k, v in os.environ.items() if not k.startswith("GIT_")} | QUIET
    try:
        done = subprocess.run(
            ["git", *BARE, *words], input=data, capture_output=True, check=True, env=environment, timeout=600
        )
    except FileNotFoundError:
        raise InputError("git is not installed", do="install it, or give a folder") from None
    except subprocess.TimeoutExpired:
        raise InputError("git does not answer", got=" ".join(words)) from None
    return done.stdout


def _said(error: subprocess.CalledProcessError) -> str:
    text: str = error.stderr.decode("utf-8", "backslashreplace").strip()
    return text.splitlines()[0].removeprefix("fatal: ") if text else ""
