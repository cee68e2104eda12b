"""What a path asks for, as the API server reads it: rows in the shape of its own requestinfo_test.go."""

import pytest

from mistrust.feeds.audit.request_info import resource_of, selected


@pytest.mark.parametrize(
    ("path", "group", "resource", "namespace", "name", "subresource"),
    [
        ("/api/v1/namespaces", "", "namespaces", "", "", ""),
        ("/api/v1/namespaces/other", "", "namespaces", "other", "other", ""),
        ("/api/v1/namespaces/other/status", "", "namespaces", "other", "other", "status"),
        ("/api/v1/namespaces/other/finalize", "", "namespaces", "other", "other", "finalize"),
        ("/api/v1/namespaces/other/pods", "", "pods", "other", "", ""),
        ("/api/v1/namespaces/other/pods/foo", "", "pods", "other", "foo", ""),
        ("/api/v1/namespaces/other/pods/foo/proxy/sub/path", "", "pods", "other", "foo", "proxy"),
        ("/api/v1/pods", "", "pods", "", "", ""),
        ("/api/v1/nodes/n1/proxy/metrics", "", "nodes", "", "n1", "proxy"),
        ("/api/v1/watch/namespaces/other/pods", "", "pods", "other", "", ""),
        ("/api/v1/watch/pods", "", "pods", "", "", ""),
        ("/api/v1/proxy/namespaces/other/pods/foo/a", "", "pods", "other", "foo", ""),
        ("/apis/apps/v1/namespaces/other/deployments/d/scale", "apps", "deployments", "other", "d", "scale"),
        ("/apis/rbac.authorization.k8s.io/v1/clusterroles/x", "rbac.authorization.k8s.io", "clusterroles", "", "x", ""),
    ],
)
def test_paths_of_resources(path: str, group: str, resource: str, namespace: str, name: str, subresource: str):
    ref = resource_of(path)
    assert ref is not None
    assert (ref.api_group, ref.resource, ref.namespace, ref.name, ref.subresource) == (
        *(group, resource, namespace),
        *(name, subresource),
    )


@pytest.mark.parametrize(
    "path", ["/", "", "/api", "/api/v1", "/apis", "/apis/apps", "/apis/apps/v1", "/healthz/ping/a"]
)
def test_paths_of_no_resource(path: str):
    assert resource_of(path) is None


@pytest.mark.parametrize(
    ("selector", "name"),
    [
        ("metadata.name%3Dx", "x"),
        ("metadata.name%3D%3Dx", "x"),
        ("status.phase%3DRunning,metadata.name%3Dx", "x"),
        ("metadata.name!%3Dx", ""),
        ("metadata.namespace%3Dx", ""),
        ("metadata.name%3D", ""),
        ("metadata.name%3D..", ""),
        ("metadata.name%3Da%2Fb", ""),
    ],
)
def test_selectors(selector: str, name: str):
    assert selected(f"/api/v1/pods?watch=true&fieldSelector={selector}&limit=5") == name
