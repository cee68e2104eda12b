"""Every built-in by its name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from mistrust.languages.rego.builtins.builtin import Builtin
from mistrust.languages.rego.builtins.basic import BASIC

TABLE: Final[Mapping[str, Builtin]] = {**BASIC}

__all__ = ["TABLE", "Builtin"]
