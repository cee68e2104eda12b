"""Start-up is felt on every call: it is held by what is imported, not by a clock."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from mistrust.cli.main import COMMANDS

HEAVY = ("argparse", "numpy", "highspy", "urllib3", "yaml", "msgspec", "importlib.metadata", "typing", "re", "email")


def imported(*argv: str) -> set[str]:
    """The modules that one run imports beyond those of bare Python."""
    code = (
        "import sys; before = set(sys.modules); from mistrust.cli.main import run; code = run(sys.argv[1:]);"
        "sys.stderr.write('\\n'.join(sorted(set(sys.modules) - before))); sys.exit(code)"
    )
    done = subprocess.run(
        [sys.executable, "-S", "-c", _with_path(code), *argv], capture_output=True, text=True, check=True
    )
    return set(done.stderr.splitlines())


def _with_path(code: str) -> str:
    return f"import sys; sys.path[:0] = {[p for p in sys.path if p]!r}; {code}"


@pytest.mark.parametrize("argv", [("--version",), ("--help",)])
def test_version_and_help_import_nothing_but_themselves(argv: tuple[str, ...]) -> None:
    modules = imported(*argv)
    assert not modules & set(HEAVY)
    assert len(modules) <= 8, sorted(modules)


@pytest.mark.parametrize("command", [name for name, _ in COMMANDS])
def test_the_help_of_a_command_imports_no_engine(command: str) -> None:
    modules = imported(command, "--help")
    assert not modules & {"numpy", "highspy", "urllib3", "yaml"}, sorted(modules)
    assert not {m for m in modules if m.startswith(("mistrust.layers", "mistrust.paths", "mistrust.cluster"))}


def test_no_certificate_costs_no_library_for_certificates(tmp_path: Path) -> None:
    file = tmp_path / "s.yaml"
    file.write_text("apiVersion: v1\nkind: Secret\nmetadata: {name: s}\ndata: {tls.crt: aHVudGVyMg==}\n")
    assert not {m for m in imported("check", str(file), "--gate", "none") if m.startswith("cryptography")}
