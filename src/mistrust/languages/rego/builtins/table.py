"""Every built-in by its name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from mistrust.languages.rego.builtins.arithmetic import ARITHMETIC
from mistrust.languages.rego.builtins.arrays import ARRAYS
from mistrust.languages.rego.builtins.basic import BASIC
from mistrust.languages.rego.builtins.builtin import Builtin
from mistrust.languages.rego.builtins.documents import DOCUMENTS
from mistrust.languages.rego.builtins.encoding import ENCODING
from mistrust.languages.rego.builtins.graphql.table import GRAPHQL
from mistrust.languages.rego.builtins.graphs import GRAPHS
from mistrust.languages.rego.builtins.misc import MISC
from mistrust.languages.rego.builtins.modules import MODULES
from mistrust.languages.rego.builtins.network import NETWORK
from mistrust.languages.rego.builtins.objects import OBJECTS
from mistrust.languages.rego.builtins.patterns import PATTERNS
from mistrust.languages.rego.builtins.remote import REMOTE
from mistrust.languages.rego.builtins.schemas import SCHEMAS
from mistrust.languages.rego.builtins.signed import SIGNED
from mistrust.languages.rego.builtins.strings import STRINGS
from mistrust.languages.rego.builtins.times import TIMES
from mistrust.languages.rego.builtins.transfer import TRANSFER
from mistrust.languages.rego.builtins.units import UNITS

TABLE: Final[Mapping[str, Builtin]] = {
    **BASIC,
    **ARRAYS,
    **UNITS,
    **TRANSFER,
    **GRAPHS,
    **DOCUMENTS,
    **ARITHMETIC,
    **STRINGS,
    **OBJECTS,
    **ENCODING,
    **PATTERNS,
    **NETWORK,
    **TIMES,
    **MISC,
    **GRAPHQL,
    **REMOTE,
    **SCHEMAS,
    **SIGNED,
    **MODULES,
}

__all__ = ["TABLE", "Builtin"]
