"""The URL of an engine, and the password in it, which nobody is shown."""

from __future__ import annotations

import sys
from pathlib import Path
from urllib.parse import unquote

import pytest
from tests.store.logs import START, request

from mistrust.cli.main import run
from mistrust.kube.errors import RemoteError, UnsupportedError, UsageError
from mistrust.store.engine import is_database, redacted, told

URLS = (
    "postgres://me:s3cret@db.example:5432/seen",
    "postgres://me:s3cret@db.example/seen?sslmode=require&sslpassword=s3cret",
    "postgres://db.example/seen?user=me&password=s3cret",
    "clickhouse://me:s3cret@db.example:8443/seen?secure=True",
    "postgres://me:s3cret%40%2F@db.example/seen",
)
UNCLEAR = (
    "postgres://me:pa@s3cret@db.example/seen",
    "postgres://me:pa/s3cret@db.example/seen",
    "postgres://me:pa?s3cret@db.example/seen",
    "postgres://me:12#s3cret@db.example/seen",
    "postgres://me:s3cret@db.example:port/seen",
    "postgres://[s3cret",
)


@pytest.mark.parametrize("url", [*URLS, *UNCLEAR])
def test_a_url_is_shown_without_its_secrets(url: str) -> None:
    assert "s3cret" not in redacted(url)


def test_what_is_no_secret_is_shown() -> None:
    assert redacted("postgres://me:s3cret@db.example:5432/seen?sslmode=require") == "postgres://db.example:5432/seen"
    assert redacted("postgres:///seen?host=/run/postgresql") == "postgres:///seen"


@pytest.mark.parametrize("url", URLS)
def test_what_a_driver_says_is_told_without_secrets(url: str) -> None:
    with pytest.raises(RemoteError) as raised, told(url):
        raise ValueError(f"cannot use {url!r}: {unquote('s3cret%40%2F' if '%40' in url else 's3cret')}")
    assert "s3cret" not in str(raised.value)


@pytest.mark.parametrize("url", UNCLEAR)
def test_a_url_that_could_be_read_in_two_ways_is_refused(url: str) -> None:
    with pytest.raises(UsageError, match="not the URL of an engine; write %40 for @") as raised:
        is_database(url)
    assert "s3cret" not in str(raised.value)


@pytest.mark.parametrize("url", ["mysql://db/seen", "file:///seen", "seen/", "://", "POSTGRES://db"])
def test_an_engine_that_is_not_known_is_refused(url: str) -> None:
    with pytest.raises(UnsupportedError, match=r"no engine for evidence.*wanted clickhouse://, postgres://"):
        is_database(url)


@pytest.mark.parametrize("how", ["environment", "configuration", "path"])
def test_a_missing_library_is_said_and_no_password(
    how: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "ibis", None)
    monkeypatch.chdir(tmp_path)
    Path("role.yaml").write_text("apiVersion: v1\nkind: Namespace\nmetadata: {name: shop}\n")
    Path("audit.log").write_bytes(request(1, START))
    url, argv = "postgres://me:s3cret@db/seen", ["evidence", "add", "seen", "audit.log", "-q"]
    match how:
        case "environment":
            monkeypatch.setenv("MISTRUST_EVIDENCE_ENGINE", url)
        case "configuration":
            Path("mistrust.toml").write_text(f'[evidence]\nengine = "{url}"\n')
        case _:
            argv = ["check", "role.yaml", "-q", "--evidence", url]
    assert run(argv) == 2
    said = capsys.readouterr()
    assert "postgres://db/seen: the engine needs more libraries" in said.err
    assert "pip install 'mistrust[scale]'" in said.err
    assert "s3cret" not in said.out + said.err
