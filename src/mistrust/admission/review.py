"""`Review`: what a policy is asked about (k8s.io/api/admission/v1 AdmissionRequest)."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from mistrust.admission.plain import mapping, text
from mistrust.kube.build import Plain
from mistrust.kube.errors import InputError

Object = Mapping[str, Plain]


class Review(msgspec.Struct, frozen=True):
    """One request."""

    request: dict[str, Plain]
    """As the API server sends it."""
    namespace: Object | None = None
    """The Namespace of the object, where it is known."""

    @property
    def object(self) -> Plain:
        """What is to be; None where it goes."""
        return self.request.get("object")

    @property
    def old(self) -> Plain:
        """What was; None where it comes."""
        return self.request.get("oldObject")

    @property
    def group_version_kind(self) -> tuple[str, str, str]:
        """Of the object."""
        kind = mapping(self.request, "kind")
        return text(kind, "group"), text(kind, "version"), text(kind, "kind")


def of_object(given: Object, namespace: Object | None = None) -> Review:
    """A review of an object as it stands, or of what an AdmissionReview in its place asks.

    Raises `InputError` for something that is no object, and for a deletion without what is deleted.
    """
    if text(given, "kind") == "AdmissionReview" and text(given, "apiVersion").startswith("admission.k8s.io/"):
        request = dict(mapping(given, "request"))
        if request.get("operation") == "DELETE":
            if request.get("oldObject") is None:
                raise InputError("a deletion without what is deleted", wanted="request.oldObject")
            request["object"] = request["oldObject"]
        return Review(request, namespace)
    version, kind = text(given, "apiVersion"), text(given, "kind")
    if not version or not kind:
        raise InputError("no object", wanted="apiVersion and kind")
    group, _, number = version.rpartition("/")
    metadata = mapping(given, "metadata")
    request = {
        "uid": "",
        "kind": {"group": group, "version": number, "kind": kind},
        "resource": {"group": "", "version": "", "resource": ""},
        "name": text(metadata, "name"),
        "namespace": text(metadata, "namespace"),
        "operation": "",
        "userInfo": {},
        "object": dict(given),
        "oldObject": None,
        "options": None,
    }
    return Review(request, namespace)
