"""`mistrust can reach`, as a person types it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from mistrust.cli.main import run

SHOP = """\
apiVersion: v1
kind: Namespace
metadata: {name: shop}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: shop}
spec:
  template:
    metadata: {labels: {app: web}}
    spec: {containers: [{name: web, image: web, ports: [{name: http, containerPort: 8080}]}]}
---
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: db, namespace: shop}
spec:
  template:
    metadata: {labels: {app: db}}
    spec:
      containers:
      - name: db
        image: db
        ports: [{name: sql, containerPort: 5432}, {name: dns, containerPort: 53, protocol: UDP}]
---
apiVersion: v1
kind: Pod
metadata: {name: guest, namespace: shop, labels: {app: guest}}
spec: {containers: [{name: guest, image: guest}]}
status: {phase: Running, podIPs: [{ip: 10.0.0.9}]}
---
apiVersion: v1
kind: Service
metadata: {name: front, namespace: shop}
spec:
  type: LoadBalancer
  selector: {app: web}
  ports: [{name: web, port: 80, targetPort: http}]
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: db, namespace: shop}
spec:
  podSelector: {matchLabels: {app: db}}
  policyTypes: [Ingress]
  ingress:
  - from: [{podSelector: {matchLabels: {app: web}}}]
    ports: [{port: sql}]
"""


@pytest.fixture
def shop(tmp_path: Path) -> str:
    file = tmp_path / "shop.yaml"
    file.write_text(SHOP)
    return str(file)


def say(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    code = run(["can", "reach", *words, "-q"])
    printed = capsys.readouterr()
    return code, printed.out, printed.err


def test_yes_with_the_rule_and_its_line(shop: str, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = say(capsys, "shop/web", "shop/db:5432", shop)

    assert code == 0
    assert out == (
        "yes  Deployment shop/web -> StatefulSet shop/db: TCP 5432\n"
        "     egress: no policy limits egress of Deployment shop/web; "
        "ingress: NetworkPolicy shop/db (spec.ingress[0]) allows it\n"
        f"     {shop}:46  NetworkPolicy shop/db  spec.ingress[0]\n"
    )


def test_no_and_who_isolates_it(shop: str, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = say(capsys, "shop/guest", "shop/db:sql", shop)

    assert code == 1
    assert out.splitlines()[0] == "no   Pod shop/guest -> StatefulSet shop/db: TCP 5432"
    assert "NetworkPolicy shop/db isolates it, and no rule allows this" in out
    assert f"{shop}:43  NetworkPolicy shop/db  spec.podSelector" in out


PORTS = (
    ("5432", 0, "TCP 5432"),
    ("tcp:5432", 0, "TCP 5432"),
    ("TCP/5432", 0, "TCP 5432"),
    ("sql", 0, "TCP 5432"),
    ("udp:53", 1, "UDP 53"),
    ("dns", 1, "UDP 53"),
    ("80", 1, "TCP 80"),
)


@pytest.mark.parametrize(("port", "code", "told"), PORTS)
def test_ports(port: str, code: int, told: str, shop: str, capsys: pytest.CaptureFixture[str]) -> None:
    answered, out, _ = say(capsys, "shop/web", f"shop/db:{port}", shop)
    assert (answered, out.splitlines()[0].rpartition(": ")[2]) == (code, told)


def test_without_a_port_every_port_is_answered(shop: str, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = say(capsys, "shop/web", "shop/db", shop)

    assert code == 0
    assert [line for line in out.splitlines() if not line.startswith(" ")] == [
        "yes  Deployment shop/web -> StatefulSet shop/db: TCP 5432",
        "no   Deployment shop/web -> StatefulSet shop/db: every port but TCP 5432",
    ]


ENDS = (
    ("Deployment shop/web", "Deployment shop/web"),
    ("shop/web", "Deployment shop/web"),
    ("web", "Deployment shop/web"),
    ("Pod shop/guest", "Pod shop/guest"),
    ("10.0.0.9", "Pod shop/guest"),
    ("192.0.2.1", "192.0.2.1"),
    ("node", "a node"),
    ("2001:db8::1", "2001:db8::1"),
)


@pytest.mark.parametrize(("name", "told"), ENDS)
def test_who_is_meant(name: str, told: str, shop: str, capsys: pytest.CaptureFixture[str]) -> None:
    _, out, _ = say(capsys, "-o", "json", name, "shop/db:5432", shop)
    assert json.loads(out)["from"] == told


def test_a_service_leads_to_the_port_of_its_pods(shop: str, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = say(capsys, "shop/guest", "Service shop/front:80", shop)

    assert code == 0
    assert out.splitlines()[0] == "yes  Pod shop/guest -> Service shop/front: TCP 8080"
    assert out.splitlines()[-1] == "Service shop/front: TCP 80 leads to 8080"


def test_the_internet_is_told_as_a_whole(shop: str, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = say(capsys, "shop/web", "internet:443", shop)
    assert (code, out) == (
        0,
        "yes  Deployment shop/web -> the Internet: TCP 443\n"
        "     egress: no policy limits egress of Deployment shop/web; "
        "ingress: the Internet is no pod, so no policy limits it\n",
    )


def test_pods_of_one_workload_are_not_one_pod(shop: str, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = say(capsys, "shop/db", "shop/db:5432", shop)
    assert (code, out.splitlines()[0]) == (1, "no   StatefulSet shop/db -> StatefulSet shop/db: TCP 5432")
    code, out, _ = say(capsys, "shop/guest", "shop/guest", shop)
    assert (code, out.splitlines()[1].strip()) == (0, "a pod always reaches itself")


SERVICES = """\
---
apiVersion: v1
kind: Service
metadata: {name: away, namespace: shop}
spec: {type: ExternalName, externalName: db.example.com}
---
apiVersion: v1
kind: Service
metadata: {name: two, namespace: shop}
spec: {selector: {app: web}, ports: [{port: 81, targetPort: 8080}, {port: 82, targetPort: nope}]}
---
apiVersion: v1
kind: Service
metadata: {name: bare, namespace: shop}
spec: {clusterIP: None, selector: {app: web}, ports: [{name: site, port: 80, targetPort: 8080}]}
"""


def test_services_of_every_sort(shop: str, capsys: pytest.CaptureFixture[str]) -> None:
    Path(shop).write_text(SHOP + SERVICES)

    def about(service: str) -> str:
        _, out, err = say(capsys, "shop/guest", service, shop)
        return out + err

    assert "Service shop/away is only another name: got db.example.com; ask for that" in about("shop/away")
    assert "-> Service shop/two: TCP 8080\n" in about("shop/two:81")
    assert "Service shop/two has no such port: got '80', wanted 81, 82" in about("shop/two:80")
    assert "no pod behind Service shop/two has the port: got 82 leads to nope" in about("shop/two:82")
    assert "-> Service shop/bare: TCP 80\n" in about("shop/bare:80")
    assert "-> Service shop/bare: TCP 8080\n" in about("shop/bare:site")
    assert "-> Service shop/bare: TCP 8080\n" in about("shop/bare")


def test_from_the_internet_a_door_is_needed_too(shop: str, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = say(capsys, "internet", "shop/web:8080", shop)
    assert code == 0
    assert "through Service shop/front (LoadBalancer)" in out

    code, out, _ = say(capsys, "internet", "shop/guest:8080", shop)
    assert code == 1
    assert "no Service, Ingress, route, hostPort or hostNetwork leads there from outside" in out

    code, out, _ = say(capsys, "internet", "shop/db:5432", shop)
    assert code == 1
    assert "NetworkPolicy shop/db isolates it" in out


def test_everything_that_one_may_reach(shop: str, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = say(capsys, "shop/web", shop)

    assert code == 0
    assert out == (
        "from Deployment shop/web\n  TCP 5432    StatefulSet shop/db\n  every port  Pod shop/guest\n"
        "  every port  0.0.0.0/0, ::/0\n"
    )
    assert say(capsys, "--from", "shop/web", shop)[1] == out


def test_everybody_who_may_reach_one(shop: str, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = say(capsys, "--to", "shop/db", shop)
    assert (code, out) == (0, "to StatefulSet shop/db\n  TCP 5432  Deployment shop/web\n")

    code, out, _ = say(capsys, "--from", "internet", "-o", "json", shop)
    told = {"peer": "Deployment shop/web, through Service shop/front (LoadBalancer)", "ports": "TCP 8080"}
    assert code == 0
    assert told.items() <= json.loads(out)["connections"][0].items()


def test_everybody_who_may_reach_one_port(shop: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert say(capsys, "--to", "shop/db:5432", shop)[:2] == (
        0,
        "to StatefulSet shop/db: TCP 5432\n  TCP 5432  Deployment shop/web\n",
    )
    assert say(capsys, "--to", "shop/db:80", shop)[:2] == (1, "to StatefulSet shop/db: TCP 80\nnobody\n")


def test_an_answer_that_hangs_on_the_plugin_is_unknown(shop: str, capsys: pytest.CaptureFixture[str]) -> None:
    policy = Path(shop).with_name("block.yaml")
    policy.write_text(
        "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: web, namespace: shop}\n"
        "spec:\n  podSelector: {matchLabels: {app: web}}\n  ingress: [{from: [{ipBlock: {cidr: 10.0.0.0/8}}]}]\n"
    )
    code, out, _ = say(capsys, "shop/guest", "shop/web:8080", str(Path(shop).parent))
    assert code == 3
    assert "it depends on the network plugin (upstream: allowed, cilium: denied)" in out

    for profile, expected in (("upstream", 0), ("calico", 0), ("cilium", 1)):
        assert say(capsys, "shop/guest", "shop/web:8080", str(Path(shop).parent), "--profile", profile)[0] == expected

    code, out, _ = say(capsys, "--to", "shop/web", str(Path(shop).parent))
    assert "Pod shop/guest   network plugins differ, or it hangs on what is not shown" in out


def test_what_the_mesh_refuses_is_no_connection(shop: str, capsys: pytest.CaptureFixture[str]) -> None:
    """The policies let it through, and say so; nothing comes of it."""
    refusing = Path(shop).with_name("refusing.yaml")
    refusing.write_text("""
apiVersion: v1
kind: Namespace
metadata: {name: shop, labels: {istio-injection: enabled}}
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: nobody, namespace: shop}
spec: {}
""")
    assert run(["can", "reach", "shop/web", "shop/db:5432", shop, "-q"]) == 0
    capsys.readouterr()
    assert run(["can", "reach", "shop/web", "shop/db:5432", shop, str(refusing), "-q"]) == 1
    out = capsys.readouterr().out
    assert out.startswith("no   ")
    assert "     policies: " in out
    assert "authorization denied" in out


def test_the_mesh_is_part_of_the_answer(shop: str, capsys: pytest.CaptureFixture[str]) -> None:
    strict = Path(shop).with_name("mesh.yaml")
    strict.write_text(
        "apiVersion: v1\nkind: Namespace\nmetadata: {name: shop, labels: {istio-injection: enabled}}\n---\n"
        "apiVersion: security.istio.io/v1\nkind: PeerAuthentication\n"
        "metadata: {name: default, namespace: shop}\nspec: {mtls: {mode: STRICT}}\n"
    )
    service = "apiVersion: v1\nkind: Service\nmetadata: {name: db, namespace: shop}\nspec: {selector: {app: db}, "
    Path(shop).write_text(SHOP.partition("---\n")[2] + f"---\n{service}ports: [{{name: tcp-sql, port: 5432}}]}}\n")
    _, out, _ = say(capsys, "shop/web", "shop/db:5432", str(Path(shop).parent))
    assert "     mesh: mtls-enforced, identity workload, authorization none" in out
    assert f"{strict}:8  PeerAuthentication shop/default" in out


REFUSED = (
    (("nobody", "shop/db"), "there is nobody of this name"),
    (("shop/wep", "shop/db"), "did you mean Deployment shop/web?"),
    (("shop/web", "shop/db:70000"), "not a port: got '70000', wanted 1 to 65535"),
    (("shop/web", "shop/db:mysql"), "StatefulSet shop/db has no port of this name: got 'mysql', wanted a number, or"),
    (("shop/web", "Service shop/front:81"), "Service shop/front has no such port: got '81', wanted web 80"),
    (("shop/web:80", "shop/db"), "only the target has a port: got 'shop/web:80'; say shop/web alone"),
    (("shop/web", "shop/db", "-o", "csv"), "no such output format here"),
    ((), "the question is not complete"),
)  # fmt: skip


@pytest.mark.parametrize(("words", "said"), REFUSED)
def test_questions_that_cannot_be_asked(
    words: tuple[str, ...], said: str, shop: str, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, err = say(capsys, *words, *([shop] if words else []))
    assert (code, out) == (2, "")
    assert said in err


def test_all_in_a_form_of_np_guard(shop: str, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = say(capsys, "--all", "--profile", "np-guard", shop)
    assert (code, err) == (0, "")
    assert out == (
        "0.0.0.0-255.255.255.255[External] => shop/guest[Pod] : All Connections\n"
        "0.0.0.0-255.255.255.255[External] => shop/web[Deployment] : All Connections\n"
        "shop/db[StatefulSet] => 0.0.0.0-255.255.255.255[External] : All Connections\n"
        "shop/db[StatefulSet] => shop/guest[Pod] : All Connections\n"
        "shop/db[StatefulSet] => shop/web[Deployment] : All Connections\n"
        "shop/guest[Pod] => 0.0.0.0-255.255.255.255[External] : All Connections\n"
        "shop/guest[Pod] => shop/web[Deployment] : All Connections\n"
        "shop/web[Deployment] => 0.0.0.0-255.255.255.255[External] : All Connections\n"
        "shop/web[Deployment] => shop/db[StatefulSet] : TCP 5432\n"
        "shop/web[Deployment] => shop/guest[Pod] : All Connections\n"
    )
    code, out, _ = say(capsys, "--all", "--focus", "db", "--direction", "ingress", "-o", "csv", shop)
    assert out == "src,dst,conn\nshop/web[Deployment],shop/db[StatefulSet],TCP 5432\n"
    code, out, _ = say(capsys, "--all", "--focus", "db", "--focus-peer", "web", "--port", "tcp:5432", shop)
    assert out == (
        "Permitted connections on TCP 5432:\nshop/db[StatefulSet] => shop/web[Deployment]\n"
        "shop/web[Deployment] => shop/db[StatefulSet]\n"
    )


def test_what_is_not_read_is_said_and_the_code_is_3(shop: str, capsys: pytest.CaptureFixture[str]) -> None:
    Path(shop).with_name("more.yaml").write_text(
        "apiVersion: projectcalico.org/v3\nkind: NetworkPolicy\nmetadata: {name: x, namespace: shop}\n---\n"
        "apiVersion: kubevirt.io/v1\nkind: VirtualMachine\nmetadata: {name: vm, namespace: shop}\n"
    )
    code, _, err = say(capsys, "--all", "--profile", "upstream", str(Path(shop).parent))
    assert code == 3
    assert "NetworkPolicy shop/x (projectcalico.org) is not read" in err
    assert "1 VirtualMachine (KubeVirt): not among the connections" in err
    assert say(capsys, "shop/web", "shop/guest:80", str(Path(shop).parent))[0] == 3


def test_a_policy_that_the_server_refuses_is_said(shop: str, capsys: pytest.CaptureFixture[str]) -> None:
    Path(shop).write_text(SHOP.replace("port: sql", "port: 10, endPort: 1"))
    code, _, err = say(capsys, "--all", "--profile", "upstream", shop)
    assert code == 3
    assert "NetworkPolicy shop/db: TCP 10 to 1 is no range of ports; the API server refuses it" in err
    assert "of the connections may be denied as well" in err


def test_an_input_without_pods_is_said(shop: str, capsys: pytest.CaptureFixture[str]) -> None:
    Path(shop).write_text("apiVersion: v1\nkind: Namespace\nmetadata: {name: shop}\n")
    assert say(capsys, "--all", "--profile", "upstream", shop) == (
        0,
        "",
        "mistrust: nothing here sends or answers traffic: there is no pod and no pod template\n",
    )


def test_policies_of_one_priority_that_contradict_each_other_are_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def wide(name: str, action: str) -> str:
        rule = f"ingress: [{{action: {action}, from: [{{namespaces: {{}}}}]}}]"
        spec = f"spec: {{priority: 5, subject: {{namespaces: {{}}}}, {rule}}}"
        kind = "apiVersion: policy.networking.k8s.io/v1alpha1\nkind: AdminNetworkPolicy"
        return f"---\n{kind}\nmetadata: {{name: {name}}}\n{spec}\n"

    pods = "".join(
        f"---\napiVersion: v1\nkind: Pod\nmetadata: {{name: {n}, namespace: shop}}\n"
        "spec: {containers: [{name: c, image: i}]}\n"
        for n in ("web", "db")
    )
    (tmp_path / "all.yaml").write_text(pods + wide("open", "Allow") + wide("shut", "Deny"))
    code, _, said = say(capsys, "--all", str(tmp_path))
    assert code == 3
    assert "AdminNetworkPolicy open and AdminNetworkPolicy shut contradict each other" in said
    code, told, _ = say(capsys, "shop/web", "shop/db", str(tmp_path))
    assert code == 3
    assert told.startswith("unknown Pod shop/web -> Pod shop/db: every port\n")
