"""Manifests edited where they are: which may be, what is written to disk and how."""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from tempfile import mkstemp
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from mistrust.access.change import Change
    from mistrust.cli.prove import AnyProof
    from mistrust.kube.meta import Object
    from mistrust.kube.snapshot import Snapshot
    from mistrust.report.inplace.edited import Edited, Refused
    from mistrust.report.screen import Style

APART = "another change of its namespace could not be written, and the proof needs both"
TOLD = 5
"""How many refusals for one reason are told."""
_STYLES: Mapping[str, Style] = {"+": "green", "-": "red", "@": "blue"}


class Place(NamedTuple):
    """The manifests of a source as they were read."""

    sources: Sequence[str]
    namespace: str
    texts: Mapping[str, bytes]

    def edited(self, changes: Sequence[Change]) -> Edited:
        """The files after the changes, nothing written yet."""
        from mistrust.report.inplace.edited import edited

        named = [source for source in self.sources if not Path(source).is_dir()]
        fixed = dict(_fixed(self.sources, self.texts))
        return edited(self.texts, changes, namespace=self.namespace, named=named, fixed=fixed)

    def proved(
        self, changes: Sequence[Change], old: Snapshot, prove: Callable[[Snapshot], dict[str, AnyProof]]
    ) -> tuple[Edited, dict[str, AnyProof]]:
        """The files after the changes, and the proof of what they say then.

        Where it fails and not all of the changes can be written, those of the namespaces concerned are left out.
        """
        from msgspec import structs

        from mistrust.report.inplace.edited import Refused

        edit = self.edited(changes)
        found = prove(self._after(edit, old))
        if edit.refused and not all(p.holds for p in found.values()):
            spoilt = {o.namespace for r in edit.refused for o in _objects(r.change)}
            left = [Refused(c, APART) for c in edit.done if not spoilt.isdisjoint(o.namespace for o in _objects(c))]
            refused = (*edit.refused, *left)
            gone = {id(r.change) for r in refused}
            edit = self.edited([c for c in changes if id(c) not in gone])
            edit = structs.replace(edit, refused=(*refused, *edit.refused))
            found = prove(self._after(edit, old))
        return edit, found

    def _after(self, edit: Edited, old: Snapshot) -> Snapshot:
        from mistrust.cluster.files import read_texts

        texts = {**self.texts, **edit.files}
        return read_texts({n: data for n, data in texts.items() if data is not None}, old, self.namespace)

    def told(self, edit: Edited, *, written: bool) -> Iterator[str]:
        """What became of each file, and what was not written."""
        for name, data in edit.files.items() if written else ():
            yield f"{'removed' if data is None else 'edited' if name in self.texts else 'new'} {name}"
        if written and any(
            (folder / ".git").exists() for name in edit.files for folder in Path(name).resolve().parents
        ):
            yield "git diff shows every line of it"
        reasons: dict[str, list[Refused]] = {}
        for each in edit.refused:
            reasons.setdefault(each.because, []).append(each)
        for alike in reasons.values():
            yield from map(str, alike[:TOLD])
            if len(alike) > TOLD:
                yield f"not written: {len(alike) - TOLD:,} more, for the same reason"

    def show(self, edit: Edited) -> None:
        """Print a patch: in colour, and with nothing that acts on a terminal, where there is one.

        Names are those below the working directory, or else below the source.
        """
        from mistrust.cli.terminal import terminal_screen
        from mistrust.report.inplace.patch import patch

        texts = ((self._shown(name), self.texts.get(name), data) for name, data in edit.files.items())
        lines = b"".join(line for each in texts for line in patch(*each))
        if not sys.stdout.isatty():
            sys.stdout.flush()
            sys.stdout.buffer.write(lines)
            return
        screen = terminal_screen()
        for line in lines.decode("utf-8", "replace").split("\n")[:-1]:
            style = "bold" if line.startswith(("+++ ", "--- ")) else _STYLES.get(line[:1], "plain")
            sys.stdout.write(screen.paint(screen.clean(line.removesuffix("\r")), style) + "\n")

    def _shown(self, name: str) -> str:
        path = Path(os.path.normpath(Path(name).absolute()))
        for root in (Path.cwd(), *(Path(source).absolute() for source in self.sources)):
            if path.is_relative_to(root) and path != root:
                return path.relative_to(root).as_posix()
        return path.name

    def write(self, edit: Edited) -> None:
        """Write all files, each at once.

        Raises `InputError`, and writes nothing, where one of them is no longer what was read; `UsageError` where one
        cannot be written.
        """
        from mistrust.kube.errors import InputError, UsageError

        for name in edit.files:
            if _bytes(Path(name)) != self.texts.get(name):
                raise InputError("changed while it was read", where=name, do="nothing was written: run it again")
        ready: dict[str, Path] = {}
        done: list[str] = []
        try:
            for name, data in edit.files.items():
                if data is not None:
                    ready[name] = _beside(Path(name).resolve(), data)
            for name in list(ready):
                ready[name].replace(Path(name).resolve())
                del ready[name]
                done.append(name)
            for name in (n for n, data in edit.files.items() if data is None):
                Path(name).unlink()
                done.append(name)
            for folder in {Path(name).resolve().parent for name in edit.files}:
                _settle(folder)
        except OSError as error:
            where, written = str(error.filename2 or error.filename or ""), ", ".join(done) or "nothing"
            got = error.strerror or str(error)
            raise UsageError("cannot be written", where=where, got=got, do=f"written were {written}") from None
        finally:
            for temporary in ready.values():
                temporary.unlink(missing_ok=True)


def place(sources: Sequence[str], namespace: str) -> Place:
    """The manifests of a source. Raises `UsageError` for one that has none."""
    from mistrust.cluster.files import manifests

    return Place(sources, namespace, manifests(sources))


def _objects(change: Change) -> Iterator[Object]:
    yield from change.new
    if change.old is not None:
        yield change.old


def _fixed(sources: Sequence[str], texts: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Files that may not be written, and why."""
    roots = [Path(source).resolve() for source in sources]
    seen: dict[Path, str] = {}
    for name in texts:
        path = Path(name).resolve()
        if not path.is_file():
            yield name, "it is not a regular file"
        elif not any(path.is_relative_to(root) for root in roots):
            yield name, f"a link out of what is edited, to {path}"
        elif (other := seen.setdefault(path, name)) != name:
            yield name, f"it is {other} under another name"
        elif not os.access(path, os.W_OK) or not os.access(path.parent, os.W_OK):
            yield name, "it may not be written"


def _bytes(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except OSError:
        return None


def _beside(path: Path, data: bytes) -> Path:
    """A finished file that only has to take the place of another one."""
    mode = stat.S_IMODE(path.stat().st_mode) if path.exists() else 0o666 & ~_umask()
    descriptor, name = mkstemp(prefix=f".{path.name[:99]}.", dir=path.parent)
    try:
        with os.fdopen(descriptor, "wb") as file:
            os.fchmod(descriptor, mode)
            file.write(data)
            file.flush()
            os.fsync(descriptor)
    except BaseException:
        Path(name).unlink()
        raise
    return Path(name)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def _settle(folder: Path) -> None:
    """Let the names survive a power cut."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
