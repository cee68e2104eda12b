"""What can go wrong when a policy runs."""

from __future__ import annotations


class EvaluationError(Exception):
    """The evaluation ends without an answer. `code` is OPA's word for why, such as `eval_conflict_error`."""

    code = "eval_internal_error"


class ConflictError(EvaluationError):
    """A rule or a function gives two values at once."""

    code = "eval_conflict_error"


class BudgetError(EvaluationError):
    """It takes more steps than it may."""

    code = "eval_cancel_error"


class BuiltinError(EvaluationError):
    """A built-in cannot answer. Unless the evaluation is strict, the call is then undefined."""

    code = "eval_builtin_error"


class OperandError(BuiltinError):
    """A built-in was called with a value of a kind that it does not take."""

    code = "eval_type_error"
