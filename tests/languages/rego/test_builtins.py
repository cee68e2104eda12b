"""The table of built-ins: what it says of a built-in is true of it."""

from __future__ import annotations

import subprocess
import sys

from mistrust.languages.rego.builtins.signed import SIGNED, loaded
from mistrust.languages.rego.builtins.table import TABLE


def test_what_is_loaded_later_is_what_was_announced() -> None:
    assert SIGNED.keys() == loaded().keys()
    for name, builtin in SIGNED.items():
        own = loaded()[name]
        assert (builtin.arity, builtin.needs, builtin.context) == (own.arity, own.needs, own.context), name


def test_policies_that_sign_nothing_load_no_library_for_it() -> None:
    code = (
        "import sys; from mistrust.languages.rego.compile import compiled;"
        "compiled([]).query('x = 1').ask(); sys.exit('cryptography' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], env={"PYTHONPATH": ":".join(filter(None, sys.path))}, check=False
    )
    assert done.returncode == 0


def test_every_name_is_a_path_of_words() -> None:
    assert all(part.isidentifier() for name in TABLE for part in name.split("."))
