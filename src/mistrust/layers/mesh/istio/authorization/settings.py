"""What the mesh's settings mean for authorization: its own trust domains, and its external authorizers."""

from __future__ import annotations

from mistrust.layers.mesh.istio.authorization.principals import TrustDomains
from mistrust.layers.mesh.istio.authorization.server import Provider
from mistrust.layers.mesh.istio.config import TRUST_DOMAIN, Config


def trust_domains(config: Config) -> TrustDomains:
    """The names of the mesh's trust domain."""
    names = (config.mesh.trust_domain or TRUST_DOMAIN, *config.mesh.trust_domain_aliases)
    return TrustDomains(tuple(dict.fromkeys(names)), known=config.read is not None)


def providers(config: Config) -> dict[str, Provider] | None:
    """The external authorizers of the mesh; None where its settings were not seen."""
    if config.read is None:
        return None
    kinds = {p.name: p for p in config.mesh.extension_providers}
    return {
        name: Provider.GRPC if p.envoy_ext_authz_grpc is not None else Provider.HTTP
        for name, p in kinds.items()
        if p.envoy_ext_authz_grpc is not None or p.envoy_ext_authz_http is not None
    }
