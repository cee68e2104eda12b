"""What `mistrust tighten -o` wrote, read back over the snapshot that it was written for."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final, NamedTuple

import msgspec

from mistrust.cluster.files import read_files
from mistrust.kube.decode import from_plain
from mistrust.kube.errors import InputError
from mistrust.kube.meta import Object, Ref
from mistrust.kube.problem import Origin, Problem
from mistrust.kube.snapshot import Snapshot, snapshot
from mistrust.kube.yaml import documents

NAMED: Final = frozenset({"containers", "initContainers", "ephemeralContainers", "volumes"})
"""Lists whose items a strategic merge tells by `name` (patchMergeKey in k8s.io/api/core/v1/types.go)."""
Plain = dict[str, object]
PARTS: Final = ("changed", "new", "deleted")
PROOF: Final = "proof.json"


def is_proposal(path: str) -> bool:
    """Is this a folder that `tighten -o` wrote?"""
    folder = Path(path)
    return (folder / PROOF).is_file() and (folder / "kustomization.yaml").is_file()


def proposed(path: str, current: Snapshot, namespace: str, progress: Callable[[str], None]) -> Snapshot:
    """The current snapshot with what the folder changes, adds and deletes, fields of objects included.

    A patch that is not understood is not applied, and is said to be so.

    Raises `InputError` for a file of fields that is none.
    """
    folder = Path(path)
    parts = {
        part: read_files([str(folder / part)], namespace=namespace, progress=progress).snapshot
        for part in PARTS
        if (folder / part).is_dir()
    }
    fields = {patch.ref: patch for patch in _patches(folder / "fields", namespace)}
    gone = {o.ref for part in ("changed", "deleted") if part in parts for o in parts[part].objects}
    put = [o for part in ("changed", "new") if part in parts for o in parts[part].objects]
    known = {o.ref for o in current.objects}
    problems = [p for each in parts.values() for p in each.problems]
    problems += [
        Problem(f"{ref} is to be changed or deleted, and is not in the current version", path)
        for ref in sorted((gone | fields.keys()) - known)
    ]
    problems += [
        Problem("a patch was not applied", str(patch), do="build the folder with kustomize, and give what comes out")
        for patch in sorted((folder / "patches").glob("*"))
        if not (folder / "changed" / patch.name).is_file()
    ]
    return snapshot(
        [*(_merged(o, fields.get(o.ref)) for o in current.objects if o.ref not in gone), *put],
        [*current.problems, *problems],
        gaps=current.gaps,
        scope=current.scope,
        version=current.version,
        name=folder.name,
    )


class _Patch(NamedTuple):
    """Some fields of an object."""

    ref: Ref
    head: Plain
    fields: Plain


def _patches(folder: Path, namespace: str) -> Iterator[_Patch]:
    for file in sorted(folder.glob("*.yaml")):
        found, problems = documents(file.read_bytes(), str(file))
        for document in found:
            origin = Origin(str(file), document.index, -1, document.line)
            read = next(iter(from_plain(document.value, origin, namespace)), None)
            if problems or not isinstance(document.value, dict) or not isinstance(read, Object):
                raise InputError("not fields of an object", where=str(file), do="write the folder again")
            whole: Plain = dict(document.value)
            head = {key: whole[key] for key in ("apiVersion", "kind")}
            yield _Patch(read.ref, head, {key: value for key, value in whole.items() if key not in head})


def _merged(o: Object, patch: _Patch | None) -> Object:
    """The object with these fields. Raises `InputError` where they do not fit it."""
    if patch is None:
        return o
    whole = msgspec.json.decode(msgspec.json.encode(o))
    whole.pop("mistrust.dev/origin", None)
    (made,) = from_plain({**patch.head, **_merge(whole, patch.fields)}, o.origin, o.namespace)
    if not isinstance(made, Object):
        raise InputError("fields that do not fit the object", where=str(o.ref), got=str(made))
    return made


def _merge(old: Plain, new: Plain) -> Plain:
    """A strategic merge patch: k8s.io/apimachinery/pkg/util/strategicpatch/patch.go, as far as we write it."""
    out = dict(old)
    for key, value in new.items():
        before = old.get(key)
        if value is None:
            out.pop(key, None)
        elif isinstance(value, dict):
            out[key] = _merge(before if isinstance(before, dict) else {}, value)
        elif key in NAMED and isinstance(value, list) and isinstance(before, list):
            said = {item.get("name"): item for item in value if isinstance(item, dict)}
            both = [(item, said.get(item.get("name"), {})) for item in before if isinstance(item, dict)]
            out[key] = [_merge(item, more) for item, more in both if more.get("$patch") != "delete"]
        else:
            out[key] = value
    return out
