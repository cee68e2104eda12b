"""What changes under a running server: policies, certificates, break-glass; and its end, under load."""

from __future__ import annotations

import datetime
import os
import signal
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from mistrust.cli.main import run
from mistrust.serve.certificates import Pair, authority, issued
from tests.serve.policies import OWNER, REPLICAS, config_map, deployment, folder, review
from tests.serve.serving import Serving, serving, until


@contextmanager
def load(server: Serving, connections: int = 3) -> Iterator[dict[str, int]]:
    """Ask without end, over connections that stay: one object that is never let in, one that always is."""
    count = {"right": 0, "let in": 0, "kept out": 0, "lost": 0}
    stop = threading.Event()

    def ask() -> None:
        client = server.client()
        while not stop.is_set():
            try:
                bad = server.ask(review(config_map()), client)["allowed"]
                good = server.ask(review(config_map(owner="ann")), client)["allowed"]
            except (OSError, ssl.SSLError, AssertionError):
                count["lost"] += 1
                return
            count["let in"] += bool(bad)
            count["kept out"] += not good
            count["right"] += 1
        client.close()

    threads = [threading.Thread(target=ask) for _ in range(connections)]
    for thread in threads:
        thread.start()
    until(lambda: count["right"] > 20 or count["lost"], "reviews are answered")
    try:
        yield count
        before = count["right"]
        until(lambda: count["right"] > before + 20 or count["lost"], "reviews are still answered")
    finally:
        stop.set()
        for thread in threads:
            thread.join()


def shown(server: Serving) -> int:
    """The serial number of the certificate that a new connection gets."""
    client = server.client()
    client.connect()
    found = client.sock.getpeercert()  # type: ignore[attr-defined]
    client.close()
    return int(found["serialNumber"], 16)


def test_policies_change_as_a_whole_and_a_bad_folder_changes_nothing(tmp_path: Path) -> None:
    policies = folder(tmp_path / "p", owner=OWNER)
    with serving(policies, tmp_path / "ca") as server, load(server.ready()) as count:
        assert server.ask(review(deployment(9)))["allowed"] is True
        folder(policies, replicas=REPLICAS)
        until(lambda: server.metric("mistrust_policies") == 2, "both policies are asked")
        assert server.ask(review(deployment(9)))["allowed"] is False
        folder(policies, owner=OWNER, replicas="a: [")
        until(lambda: server.metric('mistrust_reload_failing{what="policies"}') == 1, "the new folder is refused")
        assert server.ask(review(deployment(9)))["allowed"] is False
        assert server.health("/readyz")[0] == 200
        folder(policies, owner=OWNER, replicas=REPLICAS)
        until(lambda: server.metric('mistrust_reload_failing{what="policies"}') == 0, "the folder is good again")
        policies.rename(tmp_path / "away")
        until(lambda: server.metric('mistrust_reload_failing{what="policies"}') == 1, "a lost folder is refused")
        (tmp_path / "away").rename(policies)
        until(lambda: server.metric('mistrust_reload_failing{what="policies"}') == 0, "it is back as it was")
        for path in policies.iterdir():
            path.unlink()
        until(lambda: server.metric('mistrust_reload_failing{what="policies"}') == 1, "an empty folder is refused")
    assert (count["let in"], count["kept out"], count["lost"]) == (0, 0, 0)
    refused = [str(line["why"]) for line in server.events("refused")]
    assert "replicas.yaml" in refused[0]
    assert "cannot be read" in refused[1]
    assert "no policies" in refused[2]


def test_a_config_map_that_is_mounted_is_followed(tmp_path: Path) -> None:
    """The kubelet writes a hidden folder, and turns one link."""
    mount = tmp_path / "p"
    folder(mount / "..1", owner=OWNER)
    (mount / "..data").symlink_to("..1")
    (mount / "owner.yaml").symlink_to("..data/owner.yaml")
    with serving(mount, tmp_path / "ca") as server:
        assert server.ready().ask(review(config_map()))["allowed"] is False
        folder(mount / "..2", owner=OWNER.replace("[owner]}", "[manager]}"))
        (mount / "..new").symlink_to("..2")
        (mount / "..new").rename(mount / "..data")
        until(lambda: server.ask(review(config_map(owner="ann")))["allowed"] is False, "the new one is asked")
        assert server.ask(review(config_map(manager="bob")))["allowed"] is True


def test_given_certificates_are_read_again_and_open_connections_stay(tmp_path: Path) -> None:
    certificate, key = tmp_path / "tls.crt", tmp_path / "tls.key"
    by = authority(tmp_path / "ca")

    def write(pair: Pair) -> None:
        certificate.write_bytes(pair.certificate)
        key.write_bytes(pair.key)

    write(issued(by, ["localhost"]))
    flags = ("--tls-cert", str(certificate), "--tls-key", str(key))
    with serving(folder(tmp_path / "p", owner=OWNER), tmp_path / "ca", *flags) as server:
        with load(server.ready()) as count:
            first = shown(server)
            other = issued(by, ["localhost"])
            certificate.write_bytes(other.certificate)  # and not yet its key
            until(lambda: server.metric('mistrust_reload_failing{what="certificate"}') == 1, "half a pair is refused")
            assert shown(server) == first
            write(other)
            until(lambda: shown(server) != first, "the new certificate is shown")
            assert server.metric("mistrust_certificate_expires_timestamp_seconds") == other.expires
        assert (count["let in"], count["kept out"], count["lost"]) == (0, 0, 0)


def test_who_asks_can_be_made_to_show_a_certificate(tmp_path: Path) -> None:
    ca = str(tmp_path / "ca" / "ca.crt")
    pair = issued(authority(tmp_path / "ca"), ["apiserver"])
    (tmp_path / "client.pem").write_bytes(pair.key + pair.certificate)
    with serving(folder(tmp_path / "p", owner=OWNER), tmp_path / "ca", "--client-ca", ca) as server:
        server.ready()
        with pytest.raises((ssl.SSLError, ConnectionError)):
            server.ask(review(config_map()))


def test_break_glass_lifts_denials_for_one_user_until_it_ends(tmp_path: Path) -> None:
    file = tmp_path / "glass.yaml"
    file.write_text("entries: []\n")
    until_ = (datetime.datetime.now(datetime.UTC) + datetime.timedelta(hours=1)).isoformat()
    flags = ("--break-glass", str(file))
    with serving(folder(tmp_path / "p", owner=OWNER), tmp_path / "ca", *flags) as server:
        assert server.ready().ask(review(config_map()))["allowed"] is False
        file.write_text(f"entries:\n- {{user: ann, until: '{until_}', reason: INC-7 database down}}\n")
        until(lambda: server.ask(review(config_map()))["allowed"] is True, "the entry is in force")
        said = server.ask(review(config_map()))["warnings"]
        assert "INC-7 database down" in str(said)
        assert "would be denied: [owner] the label owner is missing" in str(said)
        other = review(config_map(), userInfo={"username": "bob"})
        assert server.ask(other)["allowed"] is False
        until(lambda: any("INC-7" in str(line.get("lifted")) for line in server.lines), "it is logged")
        file.write_text("entries:\n- {group: 'system:authenticated', until: 2020-01-01T00:00:00Z, reason: x}\n")
        until(lambda: server.metric('mistrust_reload_failing{what="break-glass"}') == 1, "an unsafe file is refused")
        file.write_text("entries: []\n")
        until(lambda: server.ask(review(config_map()))["allowed"] is False, "the entry is gone")


def test_sigterm_answers_what_was_asked_and_ends(tmp_path: Path) -> None:
    with serving(folder(tmp_path / "p", owner=OWNER), tmp_path / "ca", linger="1") as server:
        client = server.ready().client()
        assert server.ask(review(config_map()), client)["allowed"] is False
        server.process.send_signal(signal.SIGTERM)
        until(lambda: server.events("stopping"), "it has heard")
        assert server.health("/readyz")[0] == 503
        assert server.ask(review(config_map()), client)["allowed"] is False
        assert server.process.wait(30) == 0
        assert server.events("stopped")


def test_workers_share_the_port_and_one_that_dies_is_replaced(tmp_path: Path) -> None:
    with serving(folder(tmp_path / "p", owner=OWNER), tmp_path / "ca", "--workers", "2") as server:
        server.ready()
        for _ in range(20):
            assert server.ask(review(config_map()))["allowed"] is False
        assert server.metric('mistrust_admission_reviews_total{result="denied"}') == 20
        processes = {int(str(line["process"])) for line in server.events("listening")}
        assert len(processes) == 2
        os.kill(min(processes), signal.SIGKILL)
        until(lambda: len(server.events("listening")) == 3, "another worker listens")
        server.ready()
        assert server.ask(review(config_map()))["allowed"] is False
        assert server.stop() == 0


def test_a_port_that_is_taken_is_a_usage_error(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as stranger:
        port = str(stranger.getsockname()[1])
        flags = ["--policies", str(folder(tmp_path / "p", owner=OWNER)), "--authority", str(tmp_path / "ca")]
        flags += ["--host", "127.0.0.1", "--port", port, "--health-port", "0"]
        assert run(["serve", *flags]) == 2
