"""Every function of CEL answers or says that it cannot, whatever it is given."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mistrust.languages.cel.budget import BudgetError
from mistrust.languages.cel.libraries.versions import EXTENSIONS, LATEST, known
from mistrust.languages.cel.values import NONE, CelError, Duration, Optional, Timestamp, UInt, Value, type_of

FUNCTIONS = {**known(LATEST), **EXTENSIONS}
HIGH = (1 << 63) - 1
texts = st.text(max_size=8) | st.sampled_from(
    (
        *("", "%s %d", "%.3f%x", "(", "[a-", "1.2.3", "v1", "10Ki", "10.0.0.0/8", "::1", "https://a.b/c?d=e"),
        *("2023-01-01T00:00:00Z", "1h2s", "dns1123Label", "aGk", "UTC", "Europe/Berlin", "01:30"),
    )
)
integers = st.integers(-3, 70) | st.sampled_from((HIGH, -HIGH - 1))
leaves = st.one_of(
    st.none(),
    st.booleans(),
    integers,
    st.integers(0, 70).map(UInt),
    st.floats(),
    texts,
    st.binary(max_size=4),
    integers.map(lambda n: Duration(n % (1 << 40))),
    integers.map(lambda n: Timestamp(n % (1 << 60))),
    st.just(NONE),
)
values: st.SearchStrategy[Value] = st.recursive(
    leaves,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.lists(texts, max_size=3),
        st.lists(integers, max_size=3),
        st.dictionaries(texts, inner, max_size=3),
        inner.map(Optional),
    ),
    max_leaves=5,
)


def _drawn(data: st.DataObject, name: str) -> Value:
    """A value; of what only functions make, such as a quantity, one that a function made."""
    makers = ("quantity", "semver", "url", "ip", "cidr", "format.named")
    if data.draw(st.integers(0, 3), name):
        return data.draw(values, name)
    try:
        return FUNCTIONS[data.draw(st.sampled_from(makers)), False].answer(data.draw(texts))
    except CelError:
        return None


@pytest.mark.parametrize(("name", "member"), sorted(FUNCTIONS))
@settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_a_function_answers_or_says_that_it_cannot(name: str, member: bool, data: st.DataObject) -> None:
    function = FUNCTIONS[name, member]
    count = data.draw(st.integers(function.least, min(function.most, function.least + 2)))
    args = [_drawn(data, f"argument {i}") for i in range(count)]
    try:
        found = function.answer(*args)
    except (CelError, BudgetError):
        return
    assert type_of(found)
