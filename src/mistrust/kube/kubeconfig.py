"""The public half of the kubeconfig that a snapshot was read with."""

from __future__ import annotations

from typing import ClassVar

import msgspec

from mistrust.kube.meta import Object
from mistrust.kube.pem import certificates_of


class KubeconfigInUse(Object, frozen=True, gc=False):
    """The context that was used: the authority that the server was checked against, the certificate that was shown.

    The reader of a live cluster adds it; it is not an object of the cluster. Keys never enter it.
    """

    GROUP: ClassVar[str] = "mistrust.dev"
    KIND: ClassVar[str] = "Kubeconfig"
    NAMESPACED: ClassVar[bool] = False
    certificate_authority: str = ""
    """Certificates as PEM; `clientCertificate` too."""
    client_certificate: str = ""

    def __post_init__(self) -> None:
        for name in ("certificate_authority", "client_certificate"):
            if value := getattr(self, name):
                msgspec.structs.force_setattr(self, name, certificates_of(value)[0])
