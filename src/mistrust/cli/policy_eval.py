"""`mistrust policy eval`: a query, answered as `opa eval --format json` does."""

from __future__ import annotations

import argparse
import json
import sys
import time
from typing import cast

from mistrust.cli.policy_files import asked, read
from mistrust.kube.errors import Error, UsageError
from mistrust.languages.rego.builtins.encoding import plain
from mistrust.languages.rego.compile import Answer, compiled
from mistrust.languages.rego.errors import EvaluationError
from mistrust.languages.rego.parse import parse_query
from mistrust.languages.rego.values import U, Value


def run(args: argparse.Namespace) -> int:
    """Exit code 0, whatever the answer; 2 for what has none, as `opa` does."""
    if len(args.words) != 1:
        raise UsageError("one query is wanted", got=" ".join(args.words))
    version = 0 if args.v0_compatible else 1
    [text] = args.words
    try:
        found = read(args.data, version)
        query = compiled(found.modules).query(text, values=True, version=version)
        given = cast("Value", asked(args.input)) if args.input is not None else U
        answers = query.answers(
            given, cast("Value", found.data), strict=args.strict_builtin_errors, clock=time.time_ns()
        )
    except EvaluationError as error:
        return _failed(str(error), error.code)
    except Error as error:
        return _failed(str(error), "rego_compile_error")
    texts = _texts(text, version)
    result = [_told(answer, texts) for answer in answers]
    sys.stdout.write(json.dumps({"result": result} if result else {}, indent=2, ensure_ascii=False) + "\n")
    return 0


def _texts(text: str, version: int) -> list[tuple[str, int, int]]:
    """Each expression of a query, as it is written, and where."""
    places = [literal.says for literal in parse_query(text, version=version)]
    starts = [(getattr(p, "at", None), i) for i, p in enumerate(places)]
    lines = text.splitlines() or [text]
    offsets = [sum(len(line) + 1 for line in lines[: at.line - 1]) + at.column - 1 if at else 0 for at, _ in starts]
    ends = [*offsets[1:], len(text)]
    out = []
    for (at, _), low, high in zip(starts, offsets, ends, strict=True):
        out.append((text[low:high].strip().rstrip(";").strip(), at.line if at else 1, at.column if at else 1))
    return out


def _told(answer: Answer, texts: list[tuple[str, int, int]]) -> dict[str, object]:
    expressions = [
        {"value": plain(value), "text": text, "location": {"row": row, "col": column}}
        for value, (text, row, column) in zip(answer.values, texts, strict=True)
    ]
    found: dict[str, object] = {"expressions": expressions}
    if answer.bindings:
        found["bindings"] = {name: plain(value) for name, value in sorted(answer.bindings.items())}
    return found


def _failed(message: str, code: str) -> int:
    sys.stdout.write(json.dumps({"errors": [{"message": message, "code": code}]}, indent=2) + "\n")
    return 2
