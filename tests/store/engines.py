"""Real engines for the tests of this folder, each started here, or skipped with the reason."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

import pytest

from mistrust.store.backend import Backend
from mistrust.store.copies import Copies
from mistrust.store.engine import connect

NAMES = ("postgres", "clickhouse")
SECRET = "s3cr@t"
DO = "pip install -r requirements/engines.txt"


@contextmanager
def database(name: str) -> Iterator[Backend]:
    """A backend of Ibis on an engine that nobody else uses."""
    ibis = pytest.importorskip("ibis", reason=f"ibis-framework is not installed: {DO}")
    if name == "postgres":
        with postgres() as url:
            yield connect(url)
        return
    pytest.importorskip("chdb", reason=f"chdb, ClickHouse as a library, is not installed: {DO}")
    import clickhouse_connect

    yield ibis.clickhouse.from_connection(clickhouse_connect.get_client(interface="chdb"))


def emptied(backend: Backend) -> Copies:
    """A database without tables."""
    for table in backend.list_tables():
        backend.raw_sql(f"DROP TABLE {table}")
    return Copies(f"{backend.name}://here", backend)


def spark() -> None:
    """Have the test skipped where there is no Spark."""
    pytest.importorskip("pyspark", reason="pyspark is not installed: pip install pyspark")
    if shutil.which("java") is None:
        pytest.skip("Spark needs Java: apt-get install default-jre-headless")
    os.environ.setdefault("SPARK_LOCAL_IP", "127.0.0.1")


@contextmanager
def postgres() -> Iterator[str]:
    """The URL of an empty database of a server of our own, which nobody else can reach."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/pg_ctl"))
    control = found[-1] if found else shutil.which("pg_ctl")
    if control is None:
        pytest.skip("PostgreSQL is not installed: apt-get install postgresql")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        secret = folder / "secret"
        secret.write_text(f"{SECRET}\n")
        user = {}
        if os.geteuid() == 0:  # PostgreSQL refuses to run as root
            shutil.chown(folder, "nobody")
            shutil.chown(secret, "nobody")
            user = {"user": "nobody"}
        options = f"-c listen_addresses= -c unix_socket_directories={folder} -c fsync=off"

        def run(*command: str) -> None:
            subprocess.run([control, *command], check=True, stdout=subprocess.DEVNULL, cwd=folder, **user)

        locale = f"--pwfile={secret} -A scram-sha-256 -U mistrust -E UTF8 --locale=C"
        run("initdb", "-D", str(folder / "data"), "-o", locale)
        run("start", "-w", "-D", str(folder / "data"), "-o", options, "-l", str(folder / "log"))
        try:
            yield f"postgres://mistrust:{quote(SECRET)}@/postgres?host={folder}"
        finally:
            run("stop", "-D", str(folder / "data"), "-m", "immediate")
