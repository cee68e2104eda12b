"""The GitLab template: its script as a runner would take it, against a server that stands for GitLab."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest
import yaml

from tests.ci.conftest import ROOT
from tests.ci.loopback import Api
from tests.cluster.test_git import git

SPEC, JOBS = yaml.safe_load_all((ROOT / "ci" / "gitlab" / "mistrust-diff.yml").read_text())
JOB = JOBS["mistrust-diff"]
(SCRIPT,) = JOB["script"]
NOTES = "/projects/12/merge_requests/7/notes"


def run(
    repository: Path, tools: str, server: Api, token: str = "secret", **inputs: str
) -> subprocess.CompletedProcess[str]:
    """The script with its variables, inputs put in as GitLab does."""
    given = {name: str(told.get("default", "")) for name, told in SPEC["spec"]["inputs"].items()} | inputs
    put = lambda text: re.sub(r"\$\[\[ inputs\.(.*?) \]\]", lambda found: given[found[1]], text)  # noqa: E731
    git("fetch", "-q", "--depth=2", "origin", "refs/pull/7/merge")
    environment = {
        "PATH": tools,
        "CI_API_V4_URL": server.url,
        "CI_PROJECT_ID": "12",
        "CI_MERGE_REQUEST_IID": "7",
        "CI_MERGE_REQUEST_DIFF_BASE_SHA": git("rev-parse", "FETCH_HEAD^1"),
        "CI_COMMIT_SHA": git("rev-parse", "FETCH_HEAD"),
        "MISTRUST_TOKEN": token,
        **{name: put(value) for name, value in JOB["variables"].items()},
    }
    words = ["sh", "-c", SCRIPT]
    return subprocess.run(words, cwd=repository, env=environment, capture_output=True, text=True, check=False)


@pytest.fixture(autouse=True)
def known(server: Api) -> None:
    server.answers["/user"] = {"id": 5}


def test_no_script_holds_an_input() -> None:
    """Inputs become variables, never a part of a script."""
    assert "$[[" not in "".join((*JOB["before_script"], *JOB["script"]))
    assert set(re.findall(r"inputs\.([\w-]+)", yaml.safe_dump(JOB))) == set(SPEC["spec"]["inputs"])


def test_the_first_run_writes_a_note_and_the_next_writes_it_again(repository: Path, tools: str, server: Api) -> None:
    done = run(repository, tools, server)
    assert done.returncode == 0, done.stderr
    assert "+ permission  User jane: everything everywhere" in done.stdout
    (written,) = server.writes
    assert (written.method, written.path) == ("POST", NOTES)
    text = written.body["body"]  # type: ignore[index]
    assert text.startswith("<!-- mistrust diff: mistrust -->\n### ")

    notes = [{"id": 41, "body": text, "author": {"id": 6}}, {"id": 42, "body": text, "author": {"id": 5}}]
    server.answers[NOTES] = notes
    server.heard.clear()
    assert run(repository, tools, server).returncode == 0
    assert [(r.method, r.path) for r in server.writes] == [("PUT", f"{NOTES}/42")]
    assert not (repository / "ran").exists()


def test_without_a_token_the_artifacts_hold_the_note(repository: Path, tools: str, server: Api) -> None:
    assert run(repository, tools, server, token="").returncode == 0
    assert server.heard == []
    assert all((repository / "mistrust-diff" / f).stat().st_size for f in ("comment.md", "diff.sarif", "effect.json"))


@pytest.mark.parametrize(("deny", "code"), [("", 0), ("new-exposure", 0), ("new-escalation", 1), ("$(touch ran)", 2)])
def test_the_gate(repository: Path, tools: str, server: Api, deny: str, code: int) -> None:
    assert run(repository, tools, server, deny=deny).returncode == code
    assert not (repository / "ran").exists()
