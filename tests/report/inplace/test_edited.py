"""Changes in files: what is edited, what goes with what goes, where what is new comes, and what is refused."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import pytest
from msgspec import structs

from mistrust.access.change import Change, Note
from mistrust.access.edited import edited as object_after
from mistrust.access.fact import Edit
from mistrust.kube.meta import Metadata, Object
from mistrust.kube.network import NetworkPolicy, NetworkPolicySpec
from mistrust.kube.pods import Pod, PodSpec
from mistrust.kube.rbac import ClusterRoleBinding, Role, RoleBinding
from mistrust.kube.read import read
from mistrust.report.inplace.edited import Edited, edited
from mistrust.report.inplace.wanted import wanted

ROLE = """\
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: NAME, namespace: shop}
rules:
- apiGroups: [""]
  resources: [pods]
  verbs: [get, list]
"""
POLICY = """\
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: NAME, namespace: shop}
spec:
  podSelector: {}
"""


def role(name: str = "web") -> str:
    return ROLE.replace("NAME", name)


def policy(name: str = "web") -> str:
    return POLICY.replace("NAME", name)


@dataclass
class Files:
    data: dict[str, bytes]

    @classmethod
    def of(cls, **texts: str) -> Files:
        return cls({f"{name}.yaml": textwrap.dedent(text).encode() for name, text in texts.items()})

    @property
    def objects(self) -> list[Object]:
        return [o for name, data in self.data.items() for o in read(data, name)[0]]

    def find(self, kind: type[Object], name: str) -> Object:
        return next(o for o in self.objects if isinstance(o, kind) and o.name == name)

    def after(self, *changes: Change, named: tuple[str, ...] = (), fixed: Mapping[str, str] | None = None) -> Edited:
        return edited(self.data, changes, named=named, fixed=fixed)

    def less(self, name: str = "web", notes: tuple[Note, ...] = ()) -> Change:
        """The role may get, and no more."""
        old = self.find(Role, name)
        assert isinstance(old, Role)
        return Change(
            old, (structs.replace(old, rules=(structs.replace(old.rules[0], verbs=("get",)),)),), "less", notes
        )

    def gone(self, name: str, kind: type[Object] = Role) -> Change:
        return Change(self.find(kind, name), (), "unused")


def new_policy(name: str = "new", namespace: str = "shop") -> Change:
    spec = NetworkPolicySpec(policy_types=("Ingress",))
    return Change(None, (NetworkPolicy(metadata=Metadata(name=name, namespace=namespace), spec=spec),), "used")


def text(result: Edited, name: str) -> str:
    assert not result.refused, [str(r) for r in result.refused]
    data = result.files[name]
    assert data is not None
    return data.decode()


LESS = ("[get, list]", "[get]")


def test_one_document_of_many_is_edited_and_the_rest_stays_byte_for_byte() -> None:
    whole = f"# all\n---\n# a\n{role('a')}--- # b\n{role('b')}...\n---\n\n---\n{role('c')}"
    files = Files({"x.yaml": whole.encode()})
    changed = role("b").replace(*LESS)
    assert text(files.after(files.less("b")), "x.yaml") == whole.replace(role("b"), changed)


@pytest.mark.parametrize(
    "form",
    [
        lambda t: t.replace(b"\n", b"\r\n"),
        lambda t: b"\xef\xbb\xbf" + t,
        lambda t: t.removesuffix(b"\n"),
        lambda t: t.replace(b"\n", b"\r\n", 3),
        lambda t: t.replace(b"\n", b"\r\n").replace(b"\r\n", b"\n", 2),
    ],
    ids=["returns", "mark", "no end", "few returns", "most returns"],
)
def test_lines_end_as_they_did(form: Callable[[bytes], bytes]) -> None:
    whole = f"{role('a')}---\n{role('b')}".encode()
    files = Files({"x.yaml": form(whole)})
    less = role("b").replace(*LESS)
    assert files.after(files.less("b")).files["x.yaml"] == form(f"{role('a')}---\n{less}".encode())


def test_an_item_of_a_list_is_edited_where_it_stands() -> None:
    items = "".join(textwrap.indent(f"# {n}\n{role(n)}", "  ").replace("  api", "- api", 1) for n in "abc")
    files = Files({"x.yaml": f"kind: List\napiVersion: v1\nitems:\n{items}".replace("  #", "#").encode()})
    result = files.after(files.less("c"), files.gone("a"), files.less("b"))
    after = text(result, "x.yaml")
    assert "# a" not in after
    assert after.count("verbs: [get]") == 2
    assert "# b\n- api" in after


def test_a_list_in_json_keeps_its_form() -> None:
    roles = [
        '{\n            "apiVersion": "rbac.authorization.k8s.io/v1",\n            "kind": "Role",\n'
        f'            "metadata": {{"name": "{n}", "namespace": "shop"}},\n'
        '            "rules": [{"apiGroups": [""], "resources": ["pods"], "verbs": ["get", "list"]}]\n        }'
        for n in "ab"
    ]
    head, foot = '{\n    "apiVersion": "v1",\n    "items": [\n        ', '\n    ],\n    "kind": "List"\n}\n'
    files = Files({"x.json": f"{head}{roles[0]},\n        {roles[1]}{foot}".encode()})
    less = roles[1].replace('"get", "list"', '"get"')
    notes = (Note("used: web get pods", "rules[0]"),)
    assert text(files.after(files.less("b", notes)), "x.json") == f"{head}{roles[0]},\n        {less}{foot}"
    assert text(files.after(files.gone("a")), "x.json") == f"{head}{roles[1]}{foot}"


def test_a_document_goes_with_its_separator_and_its_comments() -> None:
    files = Files({"x.yaml": f"# a\n{role('a')}---\n# b\n{role('b')}---\n# c\n{role('c')}".encode()})
    assert text(files.after(files.gone("a")), "x.yaml") == f"# b\n{role('b')}---\n# c\n{role('c')}"
    assert text(files.after(files.gone("b")), "x.yaml") == f"# a\n{role('a')}---\n# c\n{role('c')}"
    assert text(files.after(files.gone("c")), "x.yaml") == f"# a\n{role('a')}---\n# b\n{role('b')}"


def test_the_separator_of_the_next_one_stays_where_the_file_began_with_one() -> None:
    files = Files({"x.yaml": f"---\n{role('a')}--- # b\n{role('b')}".encode()})
    assert text(files.after(files.gone("a")), "x.yaml") == f"--- # b\n{role('b')}"


def test_what_heads_the_file_stays_when_its_first_document_goes() -> None:
    files = Files({"x.yaml": f"# All rights reserved\n\n# a\n{role('a')}---\n{role('b')}".encode()})
    assert text(files.after(files.gone("a")), "x.yaml") == f"# All rights reserved\n\n---\n{role('b')}"


def test_what_is_last_now_ends_as_it_did() -> None:
    files = Files({"x.yaml": f"{role('a')}---\n{role('b')}".removesuffix("\n").encode()})
    assert text(files.after(files.gone("b")), "x.yaml") == role("a")


def test_a_file_with_nothing_left_goes() -> None:
    files = Files({"x.yaml": f"# a\n{role('a')}---\n# b\n{role('b')}".encode()})
    assert files.after(files.gone("a"), files.gone("b")).files == {"x.yaml": None}


def test_the_same_object_twice_is_edited_twice() -> None:
    files = Files.of(x=role(), y=f"# copy\n{role()}")
    result = files.after(files.less())
    assert text(result, "x.yaml") == role().replace(*LESS)
    assert text(result, "y.yaml") == "# copy\n" + role().replace(*LESS)
    assert files.after(files.gone("web")).files == {"x.yaml": None, "y.yaml": None}


def test_a_binding_for_the_cluster_becomes_one_for_each_namespace_in_its_place() -> None:
    files = Files.of(
        x="""\
        # backup reads
        apiVersion: rbac.authorization.k8s.io/v1
        kind: ClusterRoleBinding
        metadata: {name: backup}
        roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: view}  # all of it
        subjects: [{kind: ServiceAccount, name: backup, namespace: ops}]
        ---
        kind: Other
        apiVersion: v1
        """
    )
    old = files.find(ClusterRoleBinding, "backup")
    assert isinstance(old, ClusterRoleBinding)
    new = [
        RoleBinding(metadata=Metadata(name="backup", namespace=n), role_ref=old.role_ref, subjects=old.subjects)
        for n in ("a", "b")
    ]
    assert text(files.after(Change(old, tuple(new), "used in a, b alone")), "x.yaml") == textwrap.dedent(
        """\
        # backup reads
        apiVersion: rbac.authorization.k8s.io/v1
        kind: RoleBinding
        metadata: {name: backup, namespace: a}
        roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: view}  # all of it
        subjects: [{kind: ServiceAccount, name: backup, namespace: ops}]
        ---
        apiVersion: rbac.authorization.k8s.io/v1
        kind: RoleBinding
        metadata: {name: backup, namespace: b}
        roleRef: {kind: ClusterRole, name: view, apiGroup: rbac.authorization.k8s.io}
        subjects: [{kind: ServiceAccount, name: backup, namespace: ops}]
        ---
        kind: Other
        apiVersion: v1
        """
    )


def test_notes_stand_above_what_rests_on_them_and_are_written_once() -> None:
    files = Files.of(x=f"# the shop\n{role()}")
    notes = (
        Note("used: web get pods (3 times)"),
        Note("web -> cart", "rules[0].verbs"),
        Note("and 3 more", "rules[0]"),
    )
    once = text(files.after(files.less(notes=notes)), "x.yaml")
    assert once == (
        "# the shop\n# used: web get pods (3 times)\n"
        + role()
        .replace(*LESS)
        .replace("- api", "# rests on: and 3 more\n- api")
        .replace("  verbs", "  # rests on: web -> cart\n  verbs")
    )
    again = Files({"x.yaml": once.encode()})
    same = again.find(Role, "web")
    assert again.after(Change(same, (same,), "", notes)).files == {}
    other = again.after(Change(same, (same,), "", (Note("used: web get pods (4 times)"),)))
    assert text(other, "x.yaml") == once.replace("3 times", "4 times")


def test_a_new_object_is_a_file_beside_its_neighbours_and_in_their_kustomization() -> None:
    files = Files.of(**{"base/net": policy(), "base/roles": role(), "other/x": role("x")})
    files.data["base/kustomization.yaml"] = b"resources:\n  - roles.yaml  # who\n  - net.yaml\nnamePrefix: x\n"
    files.data["prod/kustomization.yaml"] = b"resources: [../base]\n"
    result = files.after(new_policy())
    assert sorted(result.files) == ["base/kustomization.yaml", "base/networkpolicy-new.yaml"]
    assert text(result, "base/kustomization.yaml") == (
        "resources:\n  - roles.yaml  # who\n  - net.yaml\n  - networkpolicy-new.yaml\nnamePrefix: x\n"
    )
    (new,), _ = read(text(result, "base/networkpolicy-new.yaml").encode(), "")
    assert new.ref == new_policy().new[0].ref


def test_a_new_object_is_listed_in_the_kustomization_of_its_folder_but_in_none_that_lists_another_folder() -> None:
    files = Files.of(net=policy())
    files.data["kustomization.yaml"] = b"resources:\n- base/roles.yaml\n"
    files.data["prod/kustomization.yaml"] = b"resources:\n- ../base\n"
    result = files.after(new_policy())
    assert sorted(result.files) == ["kustomization.yaml", "networkpolicy-new.yaml"]
    assert text(result, "kustomization.yaml") == "resources:\n- base/roles.yaml\n- networkpolicy-new.yaml\n"


def test_two_new_objects_are_both_listed() -> None:
    files = Files.of(net=policy())
    files.data["kustomization.yaml"] = b"resources: [./net.yaml]\n"
    result = files.after(new_policy("a"), new_policy("b"))
    listed = "resources: [./net.yaml, ./networkpolicy-a.yaml, ./networkpolicy-b.yaml]\n"
    assert text(result, "kustomization.yaml") == listed


def test_a_file_that_goes_is_listed_no_more() -> None:
    files = Files.of(**{"base/net": policy(), "base/roles": role()})
    files.data["kustomization.yaml"] = b"resources:\n# who\n- base/roles.yaml\n# whom\n- base/net.yaml\n"
    result = files.after(files.gone("web", NetworkPolicy))
    assert result.files["base/net.yaml"] is None
    assert text(result, "kustomization.yaml") == "resources:\n# who\n- base/roles.yaml\n"


def test_a_name_that_is_taken_gets_the_namespace() -> None:
    files = Files.of(**{"networkpolicy-new": policy()})
    assert list(files.after(new_policy()).files) == ["networkpolicy-shop-new.yaml"]


def test_a_new_object_comes_into_the_file_where_no_folder_was_named() -> None:
    files = Files.of(x=f"{policy()}---\n{role()}")
    after = text(files.after(new_policy(), named=("x.yaml",)), "x.yaml")
    assert [o.ref.name for o in read(after.encode(), "")[0]] == ["web", "new", "web"]


def test_a_namespace_that_is_left_to_kubectl_stays_so() -> None:
    files = Files.of(x=policy().replace(", namespace: shop", ""))
    assert "namespace" not in text(files.after(new_policy(namespace="default")), "networkpolicy-new.yaml")
    files = Files.of(x=policy().replace("shop", "default"))
    assert "namespace: default" in text(files.after(new_policy(namespace="default")), "networkpolicy-new.yaml")


def test_fields_that_nobody_reads_stay_where_all_that_is_read_goes() -> None:
    written = {"spec": {"hostPID": True, "dnsPolicy": "None"}}
    assert wanted(written, Pod(spec=PodSpec(host_pid=True)), Pod()) == {"spec": {"dnsPolicy": "None"}}


def test_fields_that_nobody_reads_stay_in_a_workload() -> None:
    files = Files.of(
        x="""\
        apiVersion: apps/v1
        kind: Deployment
        metadata: {name: web, namespace: shop}
        spec:
          strategy: {type: Recreate}  # one at a time
          template:
            spec:
              containers:
                - name: web
                  terminationMessagePath: /x
        """
    )
    (old,) = files.objects
    path = ("spec", "template", "spec", "automountServiceAccountToken")
    edits = (Edit(old.ref, old.origin, "set", path, "false"),)
    result = files.after(Change(old, (object_after(old, edits),), "unused", edits=edits))
    before = files.data["x.yaml"].decode()
    assert text(result, "x.yaml") == before + "      automountServiceAccountToken: false\n"


SERVED = role().replace("namespace: shop", "namespace: shop, uid: 1-2")
REFUSED = [
    ({"x.yaml": SERVED}, "an API server wrote it"),
    ({"x.yaml": role().replace("verbs: [get, list]", "verbs: &v [get, list]") + "x: *v\n"}, "repeated elsewhere.*&v"),
    ({"x.yaml": role().replace("kind: Role", "kind: Role\nkind: Role")}, "written twice"),
    ({"x.yaml": f"# \udcff\n{role()}"}, "not UTF-8"),
    ({"x.yaml": role(), "kustomization.yaml": "patches: [{path: x.yaml}]"}, "kustomize lays it over"),
]


@pytest.mark.parametrize(("texts", "why"), REFUSED, ids=[why for _, why in REFUSED])
def test_what_cannot_be_edited_is_said(texts: dict[str, str], why: str) -> None:
    files = Files({name: t.encode("utf-8", "surrogateescape") for name, t in texts.items()})
    result = files.after(files.less())
    assert result.files == {}
    (refused,) = result.refused
    assert re.search(why, str(refused)), refused


def test_what_is_nested_too_deeply_is_refused() -> None:
    deep = '{"a": ' * 900 + "1" + "}" * 900
    head = '{"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role", "metadata": {"name": "web"}, "x": '
    files = Files({"x.json": (head + deep + ', "rules": [{"verbs": ["get", "list"]}]}').encode()})
    (refused,) = files.after(files.less()).refused
    assert "nested too deeply" in str(refused)


def test_a_document_beside_a_template_is_edited() -> None:
    files = Files.of(x=f"{role()}---\nkind: {{{{ .Values.kind }}}}\n")
    assert text(files.after(files.less()), "x.yaml") == files.data["x.yaml"].decode().replace(*LESS)


def test_what_was_not_read_from_these_files_is_refused() -> None:
    files = Files.of(x=role())
    change = files.less()
    for data, why in (({}, "not read from a file"), ({"x.yaml": role("b").encode()}, "changed since")):
        (refused,) = edited(data, [change]).refused
        assert why in str(refused)


def test_two_changes_of_one_object_are_one_too_many() -> None:
    files = Files.of(x=role())
    result = files.after(files.less(), files.gone("web"))
    assert result.files["x.yaml"] == role().replace(*LESS).encode()
    assert [str(r) for r in result.refused] == ["not written Role shop/web: x.yaml: another change is about it, too"]


def test_a_change_is_written_whole_or_not_at_all() -> None:
    files = Files.of(x=role(), y=role())
    result = files.after(files.less(), fixed={"y.yaml": "a link to elsewhere"})
    assert (result.files, result.done) == ({}, ())
    assert "a link to elsewhere" in str(result.refused[0])


def test_no_file_comes_or_goes_where_the_kustomization_cannot_say_so() -> None:
    files = Files.of(x=role(), y=policy())
    files.data["kustomization.yaml"] = b"resources: &all [x.yaml]\ncopy: *all\n"
    for change in (files.gone("web"), new_policy()):
        result = files.after(change)
        assert result.files == {}
        assert "kustomization.yaml would have to say so: " in str(result.refused[0])


def test_a_new_object_without_neighbours_is_refused() -> None:
    files = Files.of(x=role())
    (refused,) = files.after(new_policy(namespace="elsewhere")).refused
    assert str(refused) == (
        "not written NetworkPolicy elsewhere/new: no file to write it beside holds others of elsewhere"
    )
