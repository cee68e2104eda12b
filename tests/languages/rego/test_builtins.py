"""The table of built-ins: what it says of a built-in is true of it."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mistrust.languages.rego.builtins.builtin import Needs
from mistrust.languages.rego.builtins.encoding import plain
from mistrust.languages.rego.builtins.signed import SIGNED, loaded
from mistrust.languages.rego.builtins.table import TABLE
from mistrust.languages.rego.errors import EvaluationError
from mistrust.languages.rego.runtime import Context
from mistrust.languages.rego.values import Set, U, Undefined, Value


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


numbers = (
    st.integers(-3, 70)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.sampled_from([1 << 64, -(1 << 64), 1e308])
)
texts = st.text(max_size=8) | st.sampled_from(
    (
        *("", "a", "%d %s", "%[1]v%*d", "(", "[a-", "{", "{{", "{{.}}", "10Ki", "1e9"),
        *("10.0.0.0/33", "::1", "2006-01-02", "\ud800"),
    )
)
values: st.SearchStrategy[Value] = st.recursive(
    st.none() | st.booleans() | numbers | texts,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3) | st.lists(inner, max_size=3).map(Set)
    ),
    max_leaves=5,
)


@pytest.mark.parametrize("name", [n for n, b in TABLE.items() if b.needs is not Needs.NETWORK])
@settings(deadline=None, max_examples=25, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_a_builtin_answers_or_says_that_it_cannot(name: str, data: st.DataObject) -> None:
    function = TABLE[name].called()
    context = Context({}, U, {}, strict=True, clock=1_700_000_000 * 10**9)
    args = [data.draw(values) for _ in range(TABLE[name].arity)]
    try:
        found = function(context, *args)
    except (EvaluationError, UnicodeEncodeError):  # of which a query makes an `EvaluationError`
        return
    assert isinstance(found, Undefined) or json.dumps(plain(found), allow_nan=False)
