"""`environment`: what an expression may name; `Program`: one that runs."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from mistrust.languages.cel.budget import STEPS, BudgetError
from mistrust.languages.cel.emit import fast
from mistrust.languages.cel.exact import Exact
from mistrust.languages.cel.function import Functions
from mistrust.languages.cel.libraries.versions import LATEST, known, two_variables
from mistrust.languages.cel.parse import parse
from mistrust.languages.cel.standard import CONSTANTS
from mistrust.languages.cel.syntax import Node
from mistrust.languages.cel.values import CelError, Value


class EvaluationError(Exception):
    """An expression has no value."""


class Environment:
    """What expressions may name.

    Parameters: `version`, a minor version of Kubernetes, `1.34`; `variables`, by name; `more`, functions beside those;
    `messages`, the first names of types of which objects may be made.
    """

    def __init__(self, version: str, variables: Sequence[str], more: Functions, messages: Collection[str] = ()) -> None:
        self.variables = tuple(variables)
        self.functions: Functions = {**known(version), **more}
        self._two_variables = two_variables(version)
        self._messages = messages

    def compile(self, text: str) -> Program:
        """An expression that runs. Raises `InputError` for what is no CEL."""
        return Program(parse(text, two_variables=self._two_variables, messages=self._messages), self)


class Program:
    """An expression that can be evaluated again and again."""

    def __init__(self, node: Node, environment: Environment) -> None:
        self.node = node
        self._environment = environment
        self._fast = fast(node, environment.variables, CONSTANTS, environment.functions)

    def evaluate(self, names: Mapping[str, Value], *, steps: int = STEPS) -> Value:
        """The value of the expression. Raises `EvaluationError` where it has none, or takes too many steps."""
        if self._fast is not None:
            try:
                return self._fast([steps], names)
            except BudgetError as error:
                raise EvaluationError(str(error)) from None
            except Exception:  # noqa: S110 - the exact evaluator knows what went wrong, and whether it matters
                pass
        try:
            return Exact(self._environment.functions, CONSTANTS, steps).value(self.node, names)
        except (CelError, BudgetError) as error:
            raise EvaluationError(str(error)) from None
        except RecursionError:
            raise EvaluationError("too deeply nested") from None
        except UnicodeEncodeError:
            raise EvaluationError("a text is not Unicode") from None


def environment(version: str = LATEST, variables: Sequence[str] = (), more: Functions | None = None) -> Environment:
    """What expressions may name in a minor version of Kubernetes. Raises `InputError` for one that is not known."""
    return Environment(version, variables, more or {})
