"""The entry point: picks the command, imports only what it needs, and turns errors into exit codes."""

from __future__ import annotations

import sys

COMMANDS: tuple[tuple[str, str], ...] = (
    ("check", "what is granted and in excess, the attack paths, and the few changes that cut them"),
    ("explain", "the reason behind a finding, a path, a change, a check or an attack step"),
    ("can", "may this subject do this? who may? may this workload reach that one?"),
    ("paths", "attack paths from chosen starts to chosen targets"),
    ("diff", "what a change grants and takes in every layer; for pull requests, with a gate"),
    ("tighten", "write the policy that is just enough for what was used, with proof"),
    ("prove", "a change keeps everything that is used, and grants nothing new"),
    ("usage", "how often and when each grant, connection or policy rule was used, and what never was"),
    ("shadow", "what a proposed version would have denied since, day by day, before it is enforced"),
    ("evidence", "keep what logs show, so that months fit in megabytes and no log is read twice"),
    ("policy", "run Rego, CEL, Gatekeeper and Kyverno policies: ask, test, check objects with them"),
    ("serve", "answer the API server's admission reviews by the policies of a folder"),
    ("snapshot", "save what was read, without secrets, to analyse it again offline"),
    ("demo", "a small shop with honest flaws and a month of logs: checked, tightened, proved"),
    ("completion", "shell completion for bash, zsh or fish"),
)
"""Every command with its one line of help."""

MODULES = {"evidence": "evidence_store"}
"""The modules in `mistrust.cli` of commands; others have the command's name."""

EXIT_CODES = """exit codes:
  0 clean   1 a gate failed, or the answer is no   2 usage or configuration
  3 input not understood, evidence missing, or the answer is unknown (--allow-unknown lifts it)
  4 a fault of mistrust itself   130 interrupted"""


def main() -> None:
    """Run the command line and exit."""
    sys.exit(run(sys.argv[1:]))


def run(argv: list[str]) -> int:
    """Run one command and answer its exit code.

    No traceback is shown for anything a person can act on; `MISTRUST_DEBUG=1` shows it for faults of ours.
    """
    if argv and argv[0] in ("--version", "-V"):
        from mistrust.cli.version import version

        sys.stdout.write(f"mistrust {version()}\n")
        return 0
    if not argv or argv[0] in ("-h", "--help", "help"):
        if len(argv) > 1 and argv[0] == "help":
            return run([argv[1], "--help"])
        sys.stdout.write(help_text())
        return 0 if argv else 2
    name, rest = argv[0], argv[1:]
    if sys.stdout is None:
        return 2
    if name not in dict(COMMANDS):
        return _unknown(name)
    try:
        return _command(name, rest)
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        _silence_stdout()
        return 0
    except Exception as error:
        return _failed(error)


def help_text() -> str:
    """What `mistrust --help` prints."""
    width = max(len(name) for name, _ in COMMANDS)
    lines = [f"  {name:<{width}}  {line}" for name, line in COMMANDS]
    return "\n".join(
        [
            "mistrust removes unused trust from Kubernetes, with proof.",
            "",
            "usage: mistrust COMMAND [OPTIONS]        also: kubectl mistrust COMMAND",
            "",
            *lines,
            "",
            "examples:",
            "  mistrust check manifests/                      a folder of manifests",
            "  kubectl get all,roles,... -A -o json | mistrust check -",
            "  mistrust check --context prod -o html=report.html",
            "  mistrust can sa:ci/runner create pods/exec manifests/ -n ci",
            "  mistrust explain MT-POD-001",
            "",
            EXIT_CODES,
            "",
            "mistrust COMMAND --help says more.",
            "",
        ]
    )


def _command(name: str, rest: list[str]) -> int:
    import argparse
    import importlib

    module = importlib.import_module(f"mistrust.cli.{MODULES.get(name, name)}")
    parser = argparse.ArgumentParser(
        prog=f"mistrust {name}",
        description=module.__doc__,
        epilog=getattr(module, "EXAMPLES", None),
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    module.add_arguments(parser)
    try:
        args = parser.parse_intermixed_args(rest)
    except SystemExit as stop:
        return int(stop.code or 0)
    code: int = module.run(args)
    sys.stdout.flush()
    return code


def _unknown(name: str) -> int:
    import difflib

    near = difflib.get_close_matches(name, [n for n, _ in COMMANDS], n=1)
    hint = f"did you mean {near[0]}?" if near else "mistrust --help lists the commands"
    sys.stderr.write(f"mistrust: no command {name!r}; {hint}\n")
    return 2


def _failed(error: Exception) -> int:
    import os

    from mistrust.kube.errors import Error, UsageError
    from mistrust.report.clean import clean

    if os.environ.get("MISTRUST_DEBUG"):
        import traceback

        traceback.print_exc()
    if isinstance(error, UsageError):
        sys.stderr.write(f"mistrust: {clean(str(error))}\n")
        return 2
    if isinstance(error, OSError):
        where = error.filename or "standard output"
        sys.stderr.write(f"mistrust: {clean(str(where))}: cannot be used: {error.strerror or error}\n")
        _silence_stdout()
        return 2
    if isinstance(error, Error):
        sys.stderr.write(f"mistrust: {clean(str(error))}\n")
        return 3
    what = f"{type(error).__name__}: {error}".splitlines()[0]
    sys.stderr.write(f"mistrust: a fault of mistrust itself: {clean(what)}\n")
    sys.stderr.write("          MISTRUST_DEBUG=1 shows where; please report it\n")
    return 4


def _silence_stdout() -> None:
    import os

    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
