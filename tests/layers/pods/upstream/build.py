"""The oracle beside it, built once for each state of its sources."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
from pathlib import Path

import pytest
from tests.controlplane.build import cache

SOURCES = Path(__file__).resolve().parent


def oracle() -> Path:
    """The executable. Skips the test where Go is absent, too old, or cannot fetch the modules."""
    sources = [SOURCES / name for name in ("main.go", "go.mod", "go.sum")]
    state = hashlib.sha256(b"".join(path.read_bytes() for path in sources)).hexdigest()[:16]
    target = cache() / "podsecurity" / state / "podsecurity"
    if not target.exists():
        go = shutil.which("go") or pytest.skip("Kubernetes' own checks are built with Go, and `go` is not on PATH")
        _run(go, "mod", "download")
        unfinished = target.with_suffix(f".{os.getpid()}")
        _run(go, "build", "-p=1", "-trimpath", "-buildvcs=false", "-o", str(unfinished), ".")
        unfinished.replace(target)
    return target


def fixtures() -> Path:
    """The pods that Kubernetes tests its checks with: `<level>/v1.<minor>/<pass|fail>/<check><n>.yaml`."""
    go = shutil.which("go") or pytest.skip("Kubernetes' own pods come with its Go module, and `go` is not on PATH")
    module = _run(go, "list", "-m", "-f", "{{.Dir}}", "k8s.io/pod-security-admission").strip()
    return Path(module) / "test" / "testdata"


def _run(*command: str) -> str:
    environment = {**os.environ, "CGO_ENABLED": "0"}
    ran = subprocess.run(command, cwd=SOURCES, env=environment, capture_output=True, text=True)
    if ran.returncode:
        pytest.skip(f"Kubernetes' own checks cannot be built: {ran.stderr.strip()[-300:]}")
    return ran.stdout
