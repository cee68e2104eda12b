"""`mistrust policy cel`: an expression, answered as JSON."""

from __future__ import annotations

import argparse
import json
import sys
from typing import cast

from mistrust.cli.policy_files import asked
from mistrust.kube.errors import InputError, UsageError
from mistrust.languages.cel.environment import EvaluationError, environment
from mistrust.languages.cel.libraries.formatting import shown
from mistrust.languages.cel.libraries.versions import LATEST
from mistrust.languages.cel.values import Optional, Value, unkey


def run(args: argparse.Namespace) -> int:
    """Exit code 0. Raises `InputError` for what is no CEL, and for what has no answer.

    The input is `object`, and each of its fields is a variable too, where it is an object.
    """
    if len(args.words) != 1:
        raise UsageError("one expression is wanted", got=" ".join(args.words))
    given = asked(args.input)
    names = {**(given if isinstance(given, dict) else {}), "object": given}
    program = environment(args.kubernetes or LATEST, tuple(names)).compile(args.words[0])
    try:
        found = program.evaluate(cast("dict[str, Value]", names))
    except EvaluationError as error:
        raise InputError("the expression has no answer", got=str(error)) from None
    sys.stdout.write(json.dumps(plain(found), ensure_ascii=False) + "\n")
    return 0


def plain(value: Value) -> object:
    """A value as JSON; what JSON has no form for as text."""
    if isinstance(value, list):
        return [plain(v) for v in value]
    if isinstance(value, dict):
        return {shown(unkey(k)): plain(v) for k, v in value.items()}
    if isinstance(value, Optional):
        return plain(value.held[0]) if value.held else None
    if value is None or isinstance(value, bool | int | float | str):
        return value
    return shown(value)
