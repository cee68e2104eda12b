"""Random RBAC with all that is nasty in it, and the slow, obvious meaning of it.

`slow_allows` is written from the description of the authorizer, over objects as they are written: it shares no line
with the code under test.
"""

from __future__ import annotations

from typing import cast

import msgspec
from hypothesis import strategies as st
from tests.layers.identity.objects import Plain, binding, role

from mistrust.layers.identity.lookup import Request

VERBS = ("get", "list", "create", "GET", "get*", "*", "impersonate")
GROUPS = ("", "apps", "x.io", "*", "app*")
RESOURCES = (
    "pods",
    "pods/log",
    "pods/exec",
    "pods/*",
    "*/",
    "*/*",
    "*/log",
    "*",
    "nodes",
    "deployments/scale",
    "pod",
    "",
)
NAMES = ("", "*", "n1", "n2", "n*")
URLS = ("*", "/", "/healthz", "/healthz/*", "/healthz*", "/x/*/z", "/apis/**", "/apis/foo", "", "**")
PATHS = ("/", "/healthz", "/healthz/etcd", "/healthzz", "/x/y/z", "/x/*/z", "/apis/", "/apis/foo", "/apis/**", "*")
SPACES = ("a", "b")
USERS = ("u1", "u2", "system:serviceaccount:a:s", "system:serviceaccount:b:s")
SUBJECTS = ("User/u1", "User/u2", "User/system:serviceaccount:a:s", "Group/g1", "Group/system:serviceaccounts:a")
ACCOUNTS = ("ServiceAccount/s", "ServiceAccount/a/s", "ServiceAccount/b/s", "Robot/u1")


def some(values: tuple[str, ...], least: int = 1) -> st.SearchStrategy[list[str]]:
    return st.lists(st.sampled_from(values), min_size=least, max_size=2)


def resource_rules() -> st.SearchStrategy[Plain]:
    parts = {"verbs": some(VERBS), "apiGroups": some(GROUPS), "resources": some(RESOURCES)}
    return st.one_of(st.fixed_dictionaries(parts), st.fixed_dictionaries({**parts, "resourceNames": some(NAMES)})).map(
        lambda found: cast(Plain, found)
    )


def url_rules() -> st.SearchStrategy[Plain]:
    return st.fixed_dictionaries({"verbs": some(VERBS), "nonResourceURLs": some(URLS)}).map(lambda f: cast(Plain, f))


def rules() -> st.SearchStrategy[list[Plain]]:
    return st.lists(st.one_of(resource_rules(), resource_rules(), url_rules()), max_size=2)


ROLES = (("r0", ""), ("r1", ""), ("r0", "a"), ("r0", "b"))
TARGETS = ("ClusterRole/r0", "ClusterRole/r1", "Role/r0", "ClusterRole/missing")


@st.composite
def worlds(draw: st.DrawFn) -> list[Plain]:
    """Roles and bindings of every kind, dangling ones included."""
    found = [role(name, *draw(rules()), namespace=space) for name, space in ROLES]
    for i in range(draw(st.integers(1, 4))):
        subjects = draw(some((*SUBJECTS, *ACCOUNTS), 0))
        target, space = draw(st.sampled_from(TARGETS)), draw(st.sampled_from(("", *SPACES)))
        found.append(binding(f"b{i}", target, *subjects, namespace=space))
    return found


@st.composite
def requests(draw: st.DrawFn) -> Request:
    """Any request, allowed by luck only."""
    groups = tuple(draw(some(("g1", "g2", "system:serviceaccounts:a"), 0)))
    verb, space = draw(st.sampled_from(VERBS)), draw(st.sampled_from(("", *SPACES, "c")))
    user = draw(st.sampled_from(USERS))
    if draw(st.integers(0, 3)) == 0:
        return Request(user, groups, verb, path=draw(st.sampled_from(PATHS)), namespace=space)
    resource, _, sub = draw(st.sampled_from((*RESOURCES, "pods/status"))).partition("/")
    if draw(st.integers(0, 9)) == 0:  # a review may write the subresource into the resource
        resource, sub = f"{resource}/{sub}", ""
    return Request(
        user, groups, verb, draw(st.sampled_from(GROUPS)), resource, sub, space, draw(st.sampled_from(NAMES))
    )


@st.composite
def asked(draw: st.DrawFn) -> tuple[list[Plain], list[Request]]:
    """A world, and requests that its rules nearly or really allow: what is written, and one part of it changed."""
    world = draw(worlds())
    found = draw(st.lists(requests(), max_size=3))
    given = [item for item in world if "subjects" in item and item["subjects"] and _rules_of(world, item)]
    for item in given:
        for rule in _rules_of(world, item):
            for subject in cast("list[dict[str, str]]", item["subjects"])[:1]:
                exact = _as_written(rule, subject, _metadata(item).get("namespace", ""), draw)
                other = draw(requests())
                part = draw(st.sampled_from(("user", "groups", "verb", "group", "resource", "namespace", "name")))
                found += [exact, msgspec.structs.replace(exact, **{part: getattr(other, part)})]
    return world, found or [draw(requests())]


def _as_written(rule: dict[str, list[str]], subject: dict[str, str], space: str, draw: st.DrawFn) -> Request:
    home = subject.get("namespace") or space
    name = subject["name"] if subject["kind"] != "ServiceAccount" else f"system:serviceaccount:{home}:{subject['name']}"
    who: dict[str, object] = {"groups": (name,)} if subject["kind"] == "Group" else {"user": name}
    verb = draw(st.sampled_from(rule["verbs"]))
    if "nonResourceURLs" in rule:
        path = draw(st.sampled_from(rule["nonResourceURLs"])).replace("*", draw(st.sampled_from(("", "x", "*"))))
        return msgspec.structs.replace(Request(verb=verb, path=path), **who)
    resource, _, sub = draw(st.sampled_from(rule["resources"])).partition("/")
    resource = "pods" if resource == "*" and draw(st.booleans()) else resource
    group = draw(st.sampled_from(rule["apiGroups"]))
    where = space or draw(st.sampled_from(("", "a")))
    what = draw(st.sampled_from(rule.get("resourceNames", NAMES)))
    return msgspec.structs.replace(Request("", (), verb, group, resource, sub, where, what), **who)


def slow_allows(world: list[Plain], request: Request) -> bool:
    """Does some rule of some binding allow it?"""
    return any(
        _applies(cast(Plain, item), request) and any(_permits(r, request) for r in _rules_of(world, item))
        for item in world
        if str(item["kind"]).endswith("Binding")
    )


def _applies(item: Plain, request: Request) -> bool:
    space = _metadata(item).get("namespace", "")
    if item["kind"] == "RoleBinding" and (
        request.path is not None or not request.namespace or space != request.namespace
    ):
        return False
    return any(_is(s, request, space) for s in cast("list[dict[str, str]]", item["subjects"]))


def _is(subject: dict[str, str], request: Request, space: str) -> bool:
    match subject["kind"]:
        case "User":
            return subject["name"] == request.user
        case "Group":
            return subject["name"] in request.groups
        case "ServiceAccount":
            home = subject.get("namespace") or space
            return home != "" and request.user == f"system:serviceaccount:{home}:{subject['name']}"
        case _:
            return False


def _rules_of(world: list[Plain], item: Plain) -> list[dict[str, list[str]]]:
    ref = cast("dict[str, str]", item["roleRef"])
    space = _metadata(item).get("namespace", "") if ref["kind"] == "Role" else ""
    for found in world:
        named = found["kind"], _metadata(found)["name"], _metadata(found).get("namespace", "")
        if named == (ref["kind"], ref["name"], space):
            return cast("list[dict[str, list[str]]]", found["rules"])
    return []


def _permits(rule: dict[str, list[str]], request: Request) -> bool:
    if not ("*" in rule["verbs"] or request.verb in rule["verbs"]):
        return False
    if request.path is not None:
        return any(
            url == request.path or (url[-1:] == "*" and request.path.startswith(url.rstrip("*")))
            for url in rule.get("nonResourceURLs", [])
        )
    groups, resources = rule.get("apiGroups", []), rule.get("resources", [])
    combined = request.resource + ("/" + request.subresource if request.subresource else "")
    return (
        ("*" in groups or request.group in groups)
        and any(
            r in ("*", combined) or (request.subresource != "" and r == "*/" + request.subresource) for r in resources
        )
        and (not rule.get("resourceNames") or request.name in rule["resourceNames"])
    )


def _metadata(item: Plain) -> dict[str, str]:
    return cast("dict[str, str]", item["metadata"])
