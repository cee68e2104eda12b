"""Regular expressions: RE2's, which take time in the length of the text."""

from __future__ import annotations

from functools import lru_cache
from typing import Final

import re2

from mistrust.languages.cel.values import CelError

_QUIET: Final = re2.Options()
_QUIET.log_errors = False


@lru_cache(maxsize=4096)
def compiled(pattern: str) -> re2._Regexp:
    """A regular expression. Raises `CelError` for none."""
    try:
        return re2.compile(pattern, _QUIET)
    except re2.error as error:
        raise CelError(f"error parsing regexp: {error}") from None
