"""The command line as a person meets it: help with examples, errors without tracebacks, telling exit codes."""

from __future__ import annotations

import pytest

from mistrust.cli.main import COMMANDS, help_text, run


def test_help_names_every_command_and_the_exit_codes() -> None:
    text = help_text()
    assert all(f"  {name} " in text for name, _ in COMMANDS)
    assert "exit codes:" in text
    assert max(map(len, text.splitlines())) <= 100


@pytest.mark.parametrize("command", [name for name, _ in COMMANDS])
def test_every_command_has_help_with_examples(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run([command, "--help"]) == 0
    out = capsys.readouterr().out
    assert f"mistrust {command}" in out
    assert "examples:" in out


def test_a_misspelt_command_is_usage_and_names_the_nearest(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["chek"]) == 2
    assert "did you mean check?" in capsys.readouterr().err


def test_no_command_is_usage(capsys: pytest.CaptureFixture[str]) -> None:
    assert run([]) == 2
    assert capsys.readouterr().out == help_text()


def test_a_missing_input_says_where_and_has_no_traceback(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["check", "no-such-folder"]) == 3
    err = capsys.readouterr().err
    assert err.startswith("mistrust: no-such-folder: cannot be read")
    assert "Traceback" not in err


def test_an_unknown_option_is_usage(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["check", "--no-such-option"]) == 2
    assert "--no-such-option" in capsys.readouterr().err


def test_two_sources_at_once_are_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["check", "folder", "--context", "prod"]) == 2
    assert "two sources" in capsys.readouterr().err


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_knows_every_command_and_option(shell: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["completion", shell]) == 0
    out = capsys.readouterr().out
    assert all(name in out for name, _ in COMMANDS)
    assert "baseline" in out
