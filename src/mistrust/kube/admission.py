"""Objects that decide what may enter the cluster, and the API's own extensions."""

from __future__ import annotations

from typing import ClassVar

import msgspec
from msgspec import field

from mistrust.kube.meta import Object, Value
from mistrust.kube.pem import Withheld, certificates_of
from mistrust.kube.selectors import LabelSelector


class WebhookService(Value, frozen=True, gc=False):
    """The Service that answers a webhook."""

    name: str = ""
    namespace: str = ""


class Bundled(Value, frozen=True, gc=False):
    """A Service to call, and its `caBundle`: the certificates that it is checked against."""

    service: WebhookService | None = None
    ca_bundle: str = ""
    """Certificates as PEM; empty where there are none, or it is `withheld`."""
    withheld: Withheld | None = field(name="mistrust.dev/withheld", default=None)

    def __post_init__(self) -> None:
        if self.ca_bundle:
            text, why = certificates_of(self.ca_bundle)
            msgspec.structs.force_setattr(self, "ca_bundle", text)
            msgspec.structs.force_setattr(self, "withheld", why)


class WebhookClient(Bundled, frozen=True, gc=False):
    """Where a webhook is."""

    url: str | None = None


class WebhookRule(Value, frozen=True, gc=False):
    """What a webhook is asked about."""

    operations: tuple[str, ...] = ()
    api_groups: tuple[str, ...] = ()
    resources: tuple[str, ...] = ()
    scope: str = "*"


class Webhook(Value, frozen=True, gc=False):
    """One webhook."""

    name: str = ""
    client_config: WebhookClient = WebhookClient()
    rules: tuple[WebhookRule, ...] = ()
    failure_policy: str = "Fail"
    namespace_selector: LabelSelector | None = None
    object_selector: LabelSelector | None = None


class ValidatingWebhookConfiguration(Object, frozen=True, gc=False):
    """Validating webhooks."""

    GROUP: ClassVar[str] = "admissionregistration.k8s.io"
    KIND: ClassVar[str] = "ValidatingWebhookConfiguration"
    NAMESPACED: ClassVar[bool] = False
    webhooks: tuple[Webhook, ...] = ()


class MutatingWebhookConfiguration(Object, frozen=True, gc=False):
    """Mutating webhooks."""

    GROUP: ClassVar[str] = "admissionregistration.k8s.io"
    KIND: ClassVar[str] = "MutatingWebhookConfiguration"
    NAMESPACED: ClassVar[bool] = False
    webhooks: tuple[Webhook, ...] = ()


class ValidatingAdmissionPolicy(Object, frozen=True, gc=False):
    """A policy in CEL; counted here, evaluated by a later room."""

    GROUP: ClassVar[str] = "admissionregistration.k8s.io"
    KIND: ClassVar[str] = "ValidatingAdmissionPolicy"
    NAMESPACED: ClassVar[bool] = False


class APIServiceSpec(Bundled, frozen=True, gc=False):
    """`spec` of an APIService."""

    group: str = ""
    insecure_skip_tls_verify: bool = field(name="insecureSkipTLSVerify", default=False)


class APIService(Object, frozen=True, gc=False):
    """An aggregated API."""

    GROUP: ClassVar[str] = "apiregistration.k8s.io"
    KIND: ClassVar[str] = "APIService"
    NAMESPACED: ClassVar[bool] = False
    spec: APIServiceSpec = APIServiceSpec()


class ResourceNames(Value, frozen=True, gc=False):
    """`spec.names`."""

    plural: str = ""
    kind: str = ""


class ConversionWebhook(Value, frozen=True, gc=False):
    """`spec.conversion.webhook`."""

    client_config: WebhookClient = WebhookClient()


class Conversion(Value, frozen=True, gc=False):
    """How objects of one version become those of another."""

    strategy: str = ""
    webhook: ConversionWebhook | None = None


class DefinitionSpec(Value, frozen=True, gc=False):
    """`spec` of a CustomResourceDefinition; schemas are not read."""

    group: str = ""
    names: ResourceNames = ResourceNames()
    scope: str = ""
    conversion: Conversion | None = None


class CustomResourceDefinition(Object, frozen=True, gc=False):
    """A kind that this cluster adds."""

    GROUP: ClassVar[str] = "apiextensions.k8s.io"
    KIND: ClassVar[str] = "CustomResourceDefinition"
    NAMESPACED: ClassVar[bool] = False
    spec: DefinitionSpec = DefinitionSpec()
