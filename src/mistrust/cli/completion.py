"""Shell completion: commands, options and files.

Evaluate what it prints, or put it where your shell looks for completions.
"""

from __future__ import annotations

import argparse
import sys

EXAMPLES = """examples:
  source <(mistrust completion bash)
  mistrust completion zsh > "${fpath[1]}/_mistrust"
  mistrust completion fish > ~/.config/fish/completions/mistrust.fish
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `mistrust completion`."""
    parser.add_argument("shell", choices=("bash", "zsh", "fish"))


def run(args: argparse.Namespace) -> int:
    """Print the script; exit code 0."""
    commands = _commands()
    match args.shell:
        case "bash":
            sys.stdout.write(_bash(commands))
        case "zsh":
            sys.stdout.write(_zsh(commands))
        case _:
            sys.stdout.write(_fish(commands))
    return 0


def _commands() -> dict[str, tuple[str, list[str]]]:
    """Every command with its help line and its long options, asked of the parsers themselves."""
    import importlib

    from mistrust.cli.main import COMMANDS, MODULES

    found: dict[str, tuple[str, list[str]]] = {}
    for name, line in COMMANDS:
        parser = argparse.ArgumentParser(add_help=True)
        importlib.import_module(f"mistrust.cli.{MODULES.get(name, name)}").add_arguments(parser)
        options = sorted(o for action in parser._actions for o in action.option_strings if o.startswith("--"))
        found[name] = (line, options)
    return found


def _bash(commands: dict[str, tuple[str, list[str]]]) -> str:
    cases = "\n".join(f'    {name}) words="{" ".join(options)}" ;;' for name, (_, options) in commands.items())
    return f"""_mistrust() {{
  local word="${{COMP_WORDS[COMP_CWORD]}}" words=""
  if [ "$COMP_CWORD" -eq 1 ]; then
    COMPREPLY=($(compgen -W "{" ".join(commands)} --help --version" -- "$word"))
    return
  fi
  case "${{COMP_WORDS[1]}}" in
{cases}
  esac
  case "$word" in
    -*) COMPREPLY=($(compgen -W "$words" -- "$word")) ;;
    *) COMPREPLY=($(compgen -f -- "$word")) ;;
  esac
}}
complete -o filenames -F _mistrust mistrust
"""


def _zsh(commands: dict[str, tuple[str, list[str]]]) -> str:
    names = "\n".join(f"    '{name}:{_quoted(line)}'" for name, (line, _) in commands.items())
    cases = "\n".join(
        f"    {name}) _arguments {' '.join(f'{o}' for o in options)} '*:file:_files' ;;"
        for name, (_, options) in commands.items()
    )
    return f"""#compdef mistrust
_mistrust() {{
  local -a commands
  commands=(
{names}
  )
  if (( CURRENT == 2 )); then
    _describe command commands
    return
  fi
  local command=$words[2]
  shift words
  (( CURRENT-- ))
  case $command in
{cases}
  esac
}}
compdef _mistrust mistrust
"""


def _fish(commands: dict[str, tuple[str, list[str]]]) -> str:
    lines = ["complete -c mistrust -n __fish_use_subcommand -f"]
    for name, (line, options) in commands.items():
        lines.append(f"complete -c mistrust -n __fish_use_subcommand -a {name} -d '{_quoted(line)}'")
        lines += [
            f"complete -c mistrust -n '__fish_seen_subcommand_from {name}' -l {option.removeprefix('--')}"
            for option in options
        ]
    return "\n".join([*lines, ""])


def _quoted(text: str) -> str:
    return text.replace("'", "").replace(":", " -")
