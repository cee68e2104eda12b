"""References to images, taken apart as Kyverno does (kyverno/pkg/utils/image)."""

from __future__ import annotations

import re
from typing import Final

import msgspec

from mistrust.kube.build import Plain

_REFERENCE: Final = re.compile(
    r"(?P<name>[a-zA-Z0-9][a-zA-Z0-9._\-/:\[\]]*?)(?::(?P<tag>[\w][\w.-]{0,127}))?(?:@(?P<digest>[a-z0-9+._-]+:[0-9a-fA-F]{32,}))?",
    re.ASCII,
)
LONGEST: Final = 1024


class Image(msgspec.Struct, frozen=True):
    """An image."""

    registry: str
    path: str
    tag: str = ""
    digest: str = ""

    @property
    def name(self) -> str:
        """The last part of the path."""
        return self.path.rpartition("/")[2]

    @property
    def reference(self) -> str:
        """The whole of it."""
        end = f"@{self.digest}" if self.digest else f":{self.tag}"
        return f"{self.registry}/{self.path}{end}"

    def plain(self) -> dict[str, Plain]:
        """As policies see it."""
        found: dict[str, Plain] = {"registry": self.registry, "path": self.path, "name": self.name}
        if self.tag:
            found["tag"] = self.tag
        if self.digest:
            found["digest"] = self.digest
        return {**found, "reference": self.reference, "referenceWithTag": f"{self.registry}/{self.path}:{self.tag}"}


def image(text: str) -> Image | None:
    """An image; None for what names none.

    >>> image("nginx").reference, image("ghcr.io/a/b:v1").plain()["name"]
    ('docker.io/nginx:latest', 'b')
    """
    found = _REFERENCE.fullmatch(text) if len(text) <= LONGEST else None
    if found is None:
        return None
    name, tag, digest = found["name"], found["tag"] or "", found["digest"] or ""
    first, slash, rest = name.partition("/")
    if not slash or not ("." in first or ":" in first or first == "localhost"):
        first, rest = "docker.io", name
    if not rest:
        return None
    return Image(first, rest, tag or ("" if digest else "latest"), digest)
