"""Where certificates stand, and what they are for there."""

from __future__ import annotations

from enum import StrEnum

import msgspec

from mistrust.access.evidence import Evidence
from mistrust.kube.pem import Withheld


class Use(StrEnum):
    """What a certificate is for."""

    MESH_ROOT = "the root of the mesh"
    MESH_ISSUER = "the issuer of the mesh"
    CLUSTER_ROOT = "the cluster's own authority"
    BUNDLE = "a CA bundle"
    DOOR = "a door from outside"
    WEBHOOK = "a webhook's server"
    CLIENT = "a client of the API server"
    OTHER = "nothing that is known"

    @property
    def trusts(self) -> bool:
        """Are these certificates that others are checked against, any one of which will do?"""
        return self in (Use.MESH_ROOT, Use.CLUSTER_ROOT, Use.BUNDLE)

    @property
    def serves(self) -> bool:
        """Does somebody show it to prove a name?"""
        return self in (Use.DOOR, Use.WEBHOOK)


class Expected(msgspec.Struct, frozen=True):
    """A name that a certificate has to be for."""

    host: str
    whose: str
    """Who asks for it: `Ingress shop/web`."""
    evidence: Evidence


class Place(msgspec.Struct, frozen=True):
    """One text with certificates; of a chain the first is the one that is shown."""

    evidence: Evidence
    use: Use
    pem: str = ""
    withheld: Withheld | None = None
    expected: tuple[Expected, ...] = ()
