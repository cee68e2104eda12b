"""The binary: built once for each state of its Go sources, and kept outside the repository."""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

SOURCES = Path(__file__).resolve().parent


def binary() -> Path:
    """The control plane's executable. Skips the test where Go is absent, too old, or cannot fetch the modules."""
    source = sorted([*SOURCES.glob("*.go"), SOURCES / "go.mod", SOURCES / "go.sum"])
    state = hashlib.sha256(b"".join(path.read_bytes() for path in source)).hexdigest()[:16]
    target = cache() / "controlplane" / state / "controlplane"
    if target.exists():
        return target
    go = shutil.which("go") or pytest.skip("the control plane is built with Go, and `go` is not on PATH")
    target.parent.mkdir(parents=True, exist_ok=True)
    with (target.parent / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not target.exists():
            build(go, target)
    return target


def cache() -> Path:
    """Where built things are kept: `$MISTRUST_CACHE`, else the user's cache directory."""
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(os.environ.get("MISTRUST_CACHE") or Path(home) / "mistrust")


def version() -> str:
    """The version of Kubernetes that the binary is, as `v1.37.2`."""
    found = re.search(r"^\s*k8s\.io/kubernetes (v\S+)$", (SOURCES / "go.mod").read_text(), re.MULTILINE)
    assert found, "go.mod does not require k8s.io/kubernetes"
    return found[1]


def build(go: str, target: Path) -> None:
    """Compile to `target`, minutes the first time. GOFLAGS=-p=1 keeps it to one processor."""
    environment = {**os.environ, "CGO_ENABLED": "0"}
    fetched = subprocess.run([go, "mod", "download"], cwd=SOURCES, env=environment, capture_output=True, text=True)
    if fetched.returncode:
        pytest.skip(f"the control plane's Go modules cannot be fetched: {fetched.stderr.strip()[-300:]}")
    flags = f"-s -w -X k8s.io/component-base/version.gitVersion={version()}"
    unfinished = target.with_suffix(".new")
    subprocess.run(
        [go, "build", "-trimpath", "-ldflags", flags, "-o", unfinished, "."], cwd=SOURCES, env=environment, check=True
    )
    unfinished.replace(target)
