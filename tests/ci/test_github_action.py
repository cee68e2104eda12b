"""The GitHub Action, step by step as a runner would take them, against a server that stands for GitHub."""

from __future__ import annotations

import base64
import gzip
import json
import re
import subprocess
from pathlib import Path

import pytest
import yaml

from tests.ci.conftest import ROOT
from tests.ci.loopback import Api

ACTION = yaml.safe_load((ROOT / "action.yml").read_text())
STEPS = {step["name"]: step for step in ACTION["runs"]["steps"] if "name" in step}
MARK = "<!-- mistrust diff: mistrust -->"


class Runner:
    """Takes steps; keeps what they put out."""

    def __init__(self, repository: Path, tools: str, server: Api) -> None:
        self.folder = repository.parent / "runner"
        self.folder.mkdir()
        self.cwd = repository
        self.inputs = {name: str(told.get("default", "")) for name, told in ACTION["inputs"].items()}
        self.inputs["token"] = "secret"
        self.number = "7"
        self.base = {
            "PATH": tools,
            "RUNNER_TEMP": str(self.folder),
            "GITHUB_OUTPUT": str(self.folder / "output"),
            "GITHUB_STEP_SUMMARY": str(self.folder / "summary"),
            "GITHUB_API_URL": server.url,
            "GITHUB_REPOSITORY": "team/shop",
            "GITHUB_REF": "refs/heads/main",
        }

    @property
    def outputs(self) -> dict[str, str]:
        lines = (self.folder / "output").read_text().splitlines()
        return dict(line.split("=", 1) for line in lines)

    def take(self, name: str) -> subprocess.CompletedProcess[str]:
        """Run one step with the environment that it declares."""
        step = STEPS[name]
        own = {key: self._told(value) for key, value in step["env"].items()}
        words = ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"]]
        return subprocess.run(words, cwd=self.cwd, env=self.base | own, capture_output=True, text=True, check=False)

    def _told(self, value: str) -> str:
        known = {
            **{f"inputs.{k}": v for k, v in self.inputs.items()},
            "github.event.pull_request.number": self.number,
            "github.action_path": str(ROOT),
        }
        if "steps." in value:
            known |= {f"steps.compare.outputs.{k}": v for k, v in self.outputs.items()}
        return re.sub(r"\$\{\{ (.*?) \}\}", lambda found: known[found[1]], value)


@pytest.fixture
def runner(repository: Path, tools: str, server: Api) -> Runner:
    return Runner(repository, tools, server)


def test_no_script_holds_an_expression() -> None:
    """What a stranger may write reaches a shell through the environment alone."""
    for step in STEPS.values():
        assert "${{" not in step["run"]
        assert step["shell"] == "bash"


def test_other_actions_are_pinned_by_commit() -> None:
    used = [step["uses"] for step in ACTION["runs"]["steps"] if "uses" in step]
    assert used
    assert all(re.fullmatch(r"[\w-]+/[\w-]+@[0-9a-f]{40}", name) for name in used)


def test_every_input_is_described_and_used() -> None:
    text = (ROOT / "action.yml").read_text()
    for name, told in ACTION["inputs"].items():
        assert told["description"]
        assert f"inputs.{name}" in text


@pytest.mark.parametrize("name", list(STEPS))
def test_every_script_is_bash(name: str) -> None:
    subprocess.run(["bash", "-n", "-c", STEPS[name]["run"]], check=True)


def test_a_pull_request_is_compared_with_what_it_is_merged_into(runner: Runner) -> None:
    done = runner.take("Compare")
    assert done.returncode == 0, done.stderr
    assert "+ permission  User jane: everything everywhere" in done.stdout
    assert runner.outputs["code"] == "1"
    assert (runner.folder / "summary").read_text().startswith("### 🔴 mistrust: ")
    assert not (runner.cwd / "ran").exists()


def test_the_first_run_writes_a_comment_and_the_next_writes_it_again(runner: Runner, server: Api) -> None:
    runner.take("Compare")
    assert runner.take("Comment").returncode == 0
    (written,) = server.writes
    assert (written.method, written.path) == ("POST", "/repos/team/shop/issues/7/comments")
    assert written.headers["Authorization"] == "Bearer secret"
    text = written.body["body"]  # type: ignore[index]
    assert text.startswith(f"{MARK}\n### ")

    mine = {"id": 42, "body": text, "user": {"login": "github-actions[bot]"}}
    other = {"id": 41, "body": text, "user": {"login": "mallory"}}
    server.answers["/repos/team/shop/issues/7/comments"] = [other, mine]
    server.heard.clear()
    assert runner.take("Comment").returncode == 0
    assert [(r.method, r.path) for r in server.writes] == [("PATCH", "/repos/team/shop/issues/comments/42")]


def test_nothing_is_said_where_nothing_changes(runner: Runner, server: Api) -> None:
    runner.inputs |= {"base": "HEAD", "head": "HEAD", "path": "deploy"}
    assert runner.take("Compare").returncode == 0
    assert runner.outputs["code"] == "0"
    assert runner.take("Comment").returncode == 0
    assert server.writes == []


def test_a_token_that_may_not_write_is_a_warning(runner: Runner, server: Api) -> None:
    runner.take("Compare")
    server.refused = 403
    done = runner.take("Comment")
    assert done.returncode == 0
    assert "::warning::the token may not write the comment" in done.stdout


def test_results_go_to_code_scanning(runner: Runner, server: Api) -> None:
    runner.take("Compare")
    assert runner.take("Upload to code scanning").returncode == 0
    (written,) = server.writes
    assert written.path == "/repos/team/shop/code-scanning/sarifs"
    body = written.body
    assert isinstance(body, dict)
    assert body["ref"] == "refs/pull/7/merge"
    assert body["commit_sha"] == runner.outputs["head"]
    log = json.loads(gzip.decompress(base64.b64decode(body["sarif"])))
    files = {
        r["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] for run in log["runs"] for r in run["results"]
    }
    assert files == {"deploy/b.yaml"}


@pytest.mark.parametrize(("deny", "code"), [("", 0), ("new-exposure", 0), ("new-escalation", 1), ("any", 1)])
def test_the_gate(runner: Runner, deny: str, code: int) -> None:
    runner.inputs["deny"] = deny
    assert runner.take("Compare").returncode == 0
    assert runner.take("Gate").returncode == code


@pytest.mark.parametrize(
    ("inputs", "said"),
    [
        ({"deny": "everything"}, "nothing that can be denied"),
        ({"path": "nowhere"}, "nothing in either version"),
        ({"path": "../.."}, "not a revision"),
        ({"base": "HEAD", "head": "--upload-pack=touch ran"}, "fatal"),
        ({"deny": "$(touch ran)", "path": "`touch ran`"}, "nothing that can be denied"),
    ],
)
def test_what_cannot_be_compared_fails_at_once(runner: Runner, inputs: dict[str, str], said: str) -> None:
    runner.inputs |= inputs
    done = runner.take("Compare")
    assert done.returncode != 0
    assert said in done.stderr + done.stdout
    assert not (runner.cwd / "ran").exists()


def test_without_a_pull_request_revisions_must_be_given(runner: Runner) -> None:
    runner.number = ""
    assert "not a pull request" in runner.take("Compare").stdout
