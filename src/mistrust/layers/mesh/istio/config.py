"""The mesh-wide settings that decide: MeshConfig, from the ConfigMap that istiod itself reads.

Source: istio.io/api mesh/v1alpha1/config.proto; the defaults are those of pkg/config/mesh/mesh.go.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from mistrust.kube.core import ConfigMap
from mistrust.kube.meta import Present, Value
from mistrust.kube.snapshot import Snapshot
from mistrust.kube.yaml import documents

ROOT_NAMESPACE = "istio-system"
TRUST_DOMAIN = "cluster.local"
NAME = "istio"
HBONE = "ISTIO_META_ENABLE_HBONE"


class ProxyConfig(Value, frozen=True, gc=False):
    """`defaultConfig`."""

    proxy_metadata: Mapping[str, str] = {}


class OutboundTrafficPolicy(Value, frozen=True, gc=False):
    """`outboundTrafficPolicy`."""

    mode: str = ""


class ExtensionProvider(Value, frozen=True, gc=False):
    """An external service that policies name; only authorizers are of interest."""

    name: str = ""
    envoy_ext_authz_http: Present | None = None
    envoy_ext_authz_grpc: Present | None = None


class PathNormalization(Value, frozen=True, gc=False):
    """`pathNormalization`: how the proxies rewrite a path before they ask policies about it."""

    normalization: str = ""


class MeshConfig(Value, frozen=True, gc=False):
    """The fields of MeshConfig that decide about mTLS and authorization."""

    root_namespace: str = ROOT_NAMESPACE
    trust_domain: str = TRUST_DOMAIN
    trust_domain_aliases: tuple[str, ...] = ()
    enable_auto_mtls: bool | None = None
    outbound_traffic_policy: OutboundTrafficPolicy = OutboundTrafficPolicy()
    default_config: ProxyConfig = ProxyConfig()
    extension_providers: tuple[ExtensionProvider, ...] = ()
    path_normalization: PathNormalization = PathNormalization()


class Config(msgspec.Struct, frozen=True):
    """The settings, where they were read, and what had to be assumed."""

    mesh: MeshConfig = MeshConfig()
    read: ConfigMap | None = None
    assumed: str = ""

    @property
    def root(self) -> str:
        """The namespace whose policies hold for the whole mesh."""
        return self.mesh.root_namespace or ROOT_NAMESPACE

    @property
    def auto(self) -> bool:
        """Do clients choose mutual TLS by themselves where the server has a proxy? On unless switched off."""
        return self.mesh.enable_auto_mtls is not False

    @property
    def hbone(self) -> bool | None:
        """Do sidecars speak HBONE with ambient? The ambient profile switches it on; None: not known."""
        if self.read is None:
            return None
        return self.mesh.default_config.proxy_metadata.get(HBONE) == "true"

    @property
    def registry_only(self) -> bool:
        """Does a sidecar refuse what the mesh does not know?"""
        return self.mesh.outbound_traffic_policy.mode == "REGISTRY_ONLY"


def config(snapshot: Snapshot) -> Config:
    """The settings of the mesh in this snapshot; Istio's defaults where they are not to be seen."""
    held = [m for m in snapshot.of(ConfigMap) if "mesh" in m.data]
    held.sort(key=lambda m: (m.name != NAME, m.name, m.namespace))
    unreadable = ""
    read: list[tuple[ConfigMap, MeshConfig]] = []
    for found in held:
        try:
            plain = [d.value for d in documents(found.data["mesh"].encode())[0]]
            read.append((found, msgspec.convert(plain[0] if plain else {}, MeshConfig)))
        except msgspec.ValidationError as error:
            unreadable = f"{found.ref} could not be understood ({error}): Istio's defaults are assumed"
    if not read:
        absent = f"there is no ConfigMap {NAME} with the settings of the mesh: Istio's defaults are assumed"
        return Config(assumed=unreadable or absent)
    first, mesh = read[0]
    differing = [str(other.ref) for other, settings in read[1:] if settings != mesh]
    said = f"revisions differ in their settings: those of {first.ref} are taken, not those of " if differing else ""
    return Config(mesh, first, unreadable or said + ", ".join(differing))
