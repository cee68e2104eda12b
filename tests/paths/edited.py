"""A cluster after edits, as a person would make them one after another in the files."""

from __future__ import annotations

import copy
from collections.abc import Iterable

import yaml
from tests.paths.cluster import Plain

from mistrust.access.fact import Edit


def edited(objects: list[Plain], edits: Iterable[Edit]) -> list[Plain]:
    """The objects after the edits; `Origin.document` is the index of the object."""
    changed: list[Plain | None] = list(copy.deepcopy(objects))
    for edit in edits:
        at = edit.origin.document
        if not edit.path and edit.op == "add":
            changed.append(yaml.safe_load(edit.value))
            continue
        if not edit.path:
            assert edit.op == "remove"
            changed[at] = None
            continue
        here: object = changed[at]
        for key in edit.path[:-1]:
            if isinstance(here, dict) and key not in here:
                here[key] = {}
            here = here[key]  # type: ignore[index]
        last = edit.path[-1]
        match edit.op:
            case "set":
                here[last] = yaml.safe_load(edit.value)  # type: ignore[index]
            case "add":
                here[last].append(yaml.safe_load(edit.value))  # type: ignore[index]
            case "remove":
                del here[last]  # type: ignore[attr-defined]
    return [o for o in changed if o is not None]
