"""Reviews as they come, kept in a file of JSON lines for `mistrust policy replay`.

They hold whole objects: the file is for its owner alone, and Secrets go in without their data.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

import msgspec

from mistrust.admission.answer import VERSION
from mistrust.admission.plain import mapping, text
from mistrust.kube.build import Plain
from mistrust.kube.errors import UsageError
from mistrust.kube.meta import CARRIES_SECRETS

LARGEST: Final = 256 << 20
"""Bytes of the file, after which nothing more is kept."""
HIDDEN: Final = ("data", "stringData")


class Record:
    """Appends reviews. Workers may share a file. Raises `UsageError` for one that cannot be written."""

    def __init__(self, path: Path, said: Callable[[str], None], largest: int = LARGEST) -> None:
        self._said, self._largest = said, largest
        try:
            self._file: int | None = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        except OSError as error:
            raise UsageError("cannot be written", where=str(path), got=error.strerror or str(error)) from None

    def add(self, request: Mapping[str, Plain]) -> None:
        """Keep a review. A disk that is full is no reason not to answer."""
        if self._file is None:
            return
        review = {"apiVersion": VERSION, "kind": "AdmissionReview", "request": without_data(request)}
        line = msgspec.json.encode(review) + b"\n"
        try:
            if os.fstat(self._file).st_size + len(line) > self._largest:
                self._stop(f"it has {self._largest >> 20} MiB")
            elif os.write(self._file, line) != len(line):
                self._stop("a line was cut")
        except OSError as error:
            self._stop(error.strerror or str(error))

    def _stop(self, why: str) -> None:
        if self._file is not None:
            os.close(self._file)
        self._file = None
        self._said(why)


def without_data(request: Mapping[str, Plain]) -> Mapping[str, Plain]:
    """The same; of a Secret its keys, without what they hold."""
    kind = mapping(request, "kind")
    if text(kind, "kind") != "Secret" or text(kind, "group"):
        return request
    return {**request, "object": _emptied(request.get("object")), "oldObject": _emptied(request.get("oldObject"))}


def _emptied(given: Plain) -> Plain:
    if not isinstance(given, dict):
        return given
    emptied: dict[str, Plain] = {name: dict.fromkeys(mapping(given, name), "") for name in HIDDEN if name in given}
    annotations = {k: v for k, v in mapping(given, "metadata", "annotations").items() if k != CARRIES_SECRETS}
    return {**given, **emptied, "metadata": {**mapping(given, "metadata"), "annotations": annotations}}
