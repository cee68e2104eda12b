"""What `mistrust tighten -o` wrote, read back over the snapshot that it was written for."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final

from mistrust.cluster.files import read_files
from mistrust.kube.problem import Problem
from mistrust.kube.snapshot import Snapshot, snapshot

PARTS: Final = ("changed", "new", "deleted")
PROOF: Final = "proof.json"


def is_proposal(path: str) -> bool:
    """Is this a folder that `tighten -o` wrote?"""
    folder = Path(path)
    return (folder / PROOF).is_file() and (folder / "kustomization.yaml").is_file()


def proposed(path: str, current: Snapshot, namespace: str, progress: Callable[[str], None]) -> Snapshot:
    """The current snapshot with what the folder changes, adds and deletes.

    What it would patch in another way than by whole objects is not applied, and is said to be so.
    """
    folder = Path(path)
    parts = {
        part: read_files([str(folder / part)], namespace=namespace, progress=progress).snapshot
        for part in PARTS
        if (folder / part).is_dir()
    }
    gone = {o.ref for part in ("changed", "deleted") if part in parts for o in parts[part].objects}
    put = [o for part in ("changed", "new") if part in parts for o in parts[part].objects]
    known = {o.ref for o in current.objects}
    problems = [p for each in parts.values() for p in each.problems]
    problems += [
        Problem(f"{ref} is to be changed or deleted, and is not in the current version", path)
        for ref in sorted(gone - known)
    ]
    problems += [
        Problem("a patch was not applied", str(patch), do="build the folder with kustomize, and give what comes out")
        for patch in sorted((folder / "patches").glob("*"))
        if not (folder / "changed" / patch.name).is_file()
    ]
    return snapshot(
        [*(o for o in current.objects if o.ref not in gone), *put],
        [*current.problems, *problems],
        gaps=current.gaps,
        scope=current.scope,
        version=current.version,
        name=folder.name,
    )
