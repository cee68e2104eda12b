"""Write what a new cluster holds before anyone asks for anything: its RBAC objects and its resources.

Run it where the version in go.mod changes: `python -m tests.controlplane.dump_defaults`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path

import msgspec

from tests.controlplane.build import version
from tests.controlplane.client import Client, Resource
from tests.controlplane.server import start

FOLDER = Path(__file__).resolve().parents[2] / "src" / "mistrust" / "catalog" / "kubernetes"
RBAC = "rbac.authorization.k8s.io/v1"
KINDS = {
    "ClusterRole": "clusterroles",
    "ClusterRoleBinding": "clusterrolebindings",
    "Role": "roles",
    "RoleBinding": "rolebindings",
}
# Written by the server, different at every start, and no part of what an object grants.
PASSING = {"uid", "resourceVersion", "creationTimestamp", "managedFields", "generation"}


def files(client: Client) -> dict[str, bytes]:
    """The contents of every generated file, by name."""
    return {"default-rbac.jsonl": default_rbac(client), "resources.json": resources(client.resources())}


def default_rbac(client: Client) -> bytes:
    """Every RBAC object, one a line, sorted by kind, namespace and name."""
    lines = [
        _compact({"apiVersion": RBAC, "kind": kind, **_lasting(item)})
        for kind, plural in KINDS.items()
        for item in _items(client, f"/apis/{RBAC}/{plural}")
    ]
    return b"".join(line + b"\n" for line in lines)


def resources(found: Iterable[Resource]) -> bytes:
    """Every resource and subresource of every API group, its versions taken together, one a line."""
    merged: dict[tuple[str, str], list[Resource]] = defaultdict(list)
    for each in found:
        merged[each.group, each.resource].append(each)
    lines = [
        _compact(
            {
                "group": group,
                "resource": resource,
                "kind": versions[0].kind,
                "namespaced": versions[0].namespaced,
                "verbs": sorted({verb for each in versions for verb in each.verbs}),
            }
        )
        for (group, resource), versions in sorted(merged.items())
    ]
    minor = ".".join(version().removeprefix("v").split(".")[:2])
    return b'{"kubernetes":"%s","resources":[\n%s\n]}\n' % (minor.encode(), b",\n".join(lines))


def _items(client: Client, path: str) -> list[Mapping[str, object]]:
    found = msgspec.json.decode(client.expect("GET", path).body, type=_List).items
    return sorted(found, key=lambda item: (_metadata(item).get("namespace", ""), _metadata(item)["name"]))


def _lasting(item: Mapping[str, object]) -> dict[str, object]:
    metadata = {key: value for key, value in _metadata(item).items() if key not in PASSING}
    return {**item, "metadata": metadata}


def _metadata(item: Mapping[str, object]) -> dict[str, str]:
    return msgspec.convert(item["metadata"], dict)


def _compact(value: object) -> bytes:
    return msgspec.json.encode(value, order="sorted")


class _List(msgspec.Struct):
    items: list[dict[str, object]]


if __name__ == "__main__":
    FOLDER.mkdir(parents=True, exist_ok=True)
    with start() as controlplane:
        for name, content in files(controlplane.admin).items():
            (FOLDER / name).write_bytes(content)
            print(f"{FOLDER / name}: {len(content)} bytes, Kubernetes {version()}")
