"""What of a live cluster is fetched beyond its lists: the few ConfigMaps whose data the model reads."""

from __future__ import annotations

import json

from mistrust.cluster.discovery import Resource
from mistrust.cluster.live import with_data
from mistrust.cluster.refusal import ForbiddenError
from mistrust.kube.core import ConfigMap
from mistrust.kube.meta import Metadata
from mistrust.kube.snapshot import Gap
from tests.certificates import made

MAPS = Resource("", "v1", "configmaps", "ConfigMap", True, ("get", "list"))

ROOT = made("root", ca=True)


def named(namespace: str, name: str) -> ConfigMap:
    return ConfigMap(metadata=Metadata(name=name, namespace=namespace))


def test_only_configmaps_with_data_that_is_read_are_fetched_and_copies_once() -> None:
    heard: list[str] = []

    def get(path: str) -> bytes:
        heard.append(path)
        *_, namespace, _, name = path.split("/")
        said = ("mesh", "said") if name == "istio" else ("root-cert.pem", ROOT.pem)
        data = {said[0]: said[1], "password": "hunter2"}
        return json.dumps({"metadata": {"name": name, "namespace": namespace}, "data": data}).encode()

    listed = [
        named("istio-system", "istio"),
        named("a", "istio-ca-root-cert"),
        named("b", "istio-ca-root-cert"),
        named("a", "settings"),
    ]
    gaps: list[Gap] = []
    found = with_data(get, MAPS, listed, gaps)
    assert heard == [
        "/api/v1/namespaces/istio-system/configmaps/istio",
        "/api/v1/namespaces/a/configmaps/istio-ca-root-cert",
    ]
    assert [o.data for o in found if isinstance(o, ConfigMap)] == [
        {"mesh": "said"},
        {"root-cert.pem": ROOT.pem},
        {},
        {},
    ]
    assert gaps == []


def test_data_that_may_not_be_read_is_a_gap() -> None:
    def get(path: str) -> bytes:
        raise ForbiddenError(path, 403, "Forbidden", "no")

    gaps: list[Gap] = []
    found = with_data(get, MAPS, [named("istio-system", "istio")], gaps)
    assert [o.name for o in found] == ["istio"]
    assert gaps == [Gap("ConfigMap", "the data of istio: the server answered 403 Forbidden", "istio-system")]
