"""Authorities: of the meshes, of the cluster, and those that the API server checks webhooks and other APIs against."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from mistrust.access.evidence import at
from mistrust.kube.admission import (
    APIService,
    Bundled,
    CustomResourceDefinition,
    MutatingWebhookConfiguration,
    ValidatingWebhookConfiguration,
    WebhookService,
)
from mistrust.kube.core import ConfigMap, Secret
from mistrust.kube.kubeconfig import KubeconfigInUse
from mistrust.kube.meta import Object
from mistrust.kube.snapshot import Snapshot
from mistrust.layers.mesh.certificates.place import Place, Use

IN_CONFIG_MAPS: Mapping[tuple[str, str], Use] = {
    ("istio-ca-root-cert", "root-cert.pem"): Use.MESH_ROOT,
    ("linkerd-identity-trust-roots", "ca-bundle.crt"): Use.MESH_ROOT,
    ("kube-root-ca.crt", "ca.crt"): Use.CLUSTER_ROOT,
}
"""ConfigMaps by name and key; Kubernetes and Istio copy theirs into every namespace."""

IN_SECRETS: Mapping[tuple[str, str], Use] = {
    ("cacerts", "root-cert.pem"): Use.MESH_ROOT,
    ("cacerts", "ca.crt"): Use.MESH_ROOT,
    ("cacerts", "ca-cert.pem"): Use.MESH_ISSUER,
    ("cacerts", "tls.crt"): Use.MESH_ISSUER,
    ("cacerts", "cert-chain.pem"): Use.MESH_ISSUER,
    ("istio-ca-secret", "root-cert.pem"): Use.MESH_ROOT,
    ("istio-ca-secret", "ca-cert.pem"): Use.MESH_ROOT,
    ("linkerd-identity-issuer", "ca.crt"): Use.MESH_ROOT,
    ("linkerd-identity-issuer", "crt.pem"): Use.MESH_ISSUER,
    ("linkerd-identity-issuer", "tls.crt"): Use.MESH_ISSUER,
    ("linkerd-trust-anchor", "tls.crt"): Use.MESH_ROOT,
}
"""Secrets by name and key; `istio-ca-secret` holds the root that istiod signed itself."""


def roots(snapshot: Snapshot) -> Iterator[Place]:
    """Every authority of the meshes and of the cluster, and the certificate that this client shows."""
    for config in snapshot.of(ConfigMap):
        for (name, key), use in IN_CONFIG_MAPS.items():
            if config.name == name and (key in config.data or key in config.withheld):
                where = at(config, f'data["{key}"]')
                yield Place(where, use, config.data.get(key, ""), config.withheld.get(key))
    for secret in snapshot.of(Secret):
        for (name, key), use in IN_SECRETS.items():
            if secret.name == name and (key in secret.certificates or key in secret.withheld):
                yield in_secret(secret, key, use)
    for used in snapshot.of(KubeconfigInUse):
        if used.certificate_authority:
            yield Place(at(used, "certificateAuthority"), Use.CLUSTER_ROOT, used.certificate_authority)
        if used.client_certificate:
            yield Place(at(used, "clientCertificate"), Use.CLIENT, used.client_certificate)


def in_secret(secret: Secret, key: str, use: Use) -> Place:
    """The certificates under one key of a Secret."""
    return Place(at(secret, f'data["{key}"]'), use, secret.certificates.get(key, ""), secret.withheld.get(key))


def bundles(snapshot: Snapshot) -> Iterator[tuple[Place, WebhookService | None]]:
    """Every CA bundle, with the Service whose certificate is checked against it."""
    configurations: tuple[ValidatingWebhookConfiguration | MutatingWebhookConfiguration, ...] = (
        *snapshot.of(ValidatingWebhookConfiguration),
        *snapshot.of(MutatingWebhookConfiguration),
    )
    for configuration in configurations:
        for i, webhook in enumerate(configuration.webhooks):
            yield from _bundle(configuration, webhook.client_config, f"webhooks[{i}].clientConfig.caBundle")
    for definition in snapshot.of(CustomResourceDefinition):
        conversion = definition.spec.conversion
        if conversion is not None and conversion.webhook is not None:
            where = "spec.conversion.webhook.clientConfig.caBundle"
            yield from _bundle(definition, conversion.webhook.client_config, where)
    for service in snapshot.of(APIService):
        yield from _bundle(service, service.spec, "spec.caBundle")


def _bundle(source: Object, part: Bundled, path: str) -> Iterator[tuple[Place, WebhookService | None]]:
    service = part.service
    if part.ca_bundle or part.withheld or service:
        yield Place(at(source, path), Use.BUNDLE, part.ca_bundle, part.withheld), service
