"""What expressions are, and which errors disappear."""

from __future__ import annotations

import pytest
from tests.languages.cel.asking import failed, valued

from mistrust.languages.cel.values import Value

POD: dict[str, Value] = {
    "object": {
        "metadata": {"labels": {"app": "web"}, "name": "web-1"},
        "spec": {"containers": [{"name": "a", "image": "x/y"}, {"name": "b", "ports": [80, 443]}], "replicas": 3},
    }
}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("true || 1 / 0 > 1", True),
        ("1 / 0 > 1 || true", True),
        ("false && 1 / 0 > 1", False),
        ("1 / 0 > 1 && false", False),
        ("1 > 'a' || true", True),
        ("nothing || true", True),
        ("[1, 0].exists(x, 1 / x == 1)", True),
        ("[0, 1].exists(x, 1 / x == 1)", True),
        ("[0, 2].all(x, 1 / x == 0)", "division by zero"),
        ("[0, 2].all(x, 1 / x == 1)", False),
        ("[0, 1].exists_one(x, 1 / x == 1)", "division by zero"),
        ("1 / 0 > 1 || false", "division by zero"),
        ("1 / 0 > 1 ? 1 : 2", "division by zero"),
        ("true ? 1 : 1 / 0", 1),
    ],
)
def test_one_side_that_decides_makes_the_error_of_the_other_disappear(text: str, value: object) -> None:
    if isinstance(value, str):
        assert failed(text) == value
    else:
        assert valued(text) == value


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("9223372036854775807 + 1", "integer overflow"),
        ("-9223372036854775808 - 1", "integer overflow"),
        ("-(-9223372036854775808)", "integer overflow"),
        ("-9223372036854775808 / -1", "integer overflow"),
        ("0u - 1u", "unsigned integer overflow"),
        ("1 % 0", "modulus by zero"),
        ("1 + 1.0", "no such overload: _+_(int, double)"),
        ("'a' < 1", "no such overload: compare(string, int)"),
        ("nothing", "undeclared reference to 'nothing'"),
        ("{}.a", "no such key: a"),
        ("[1][1]", "index out of bounds: 1"),
        ("[1][-1]", "index out of bounds: -1"),
        ("{'a': 1, 'a': 2}", "duplicate key in map"),
        ("{1.5: 1}", "unsupported key type: double"),
        ("int('x')", "cannot convert string to int: 'x'"),
        ("int(1e19)", "integer overflow"),
        ("timestamp('x')", "invalid timestamp: 'x'"),
        ("duration('1')", "invalid duration: '1'"),
        ("1.nothing()", "no such overload: nothing(int)"),
        ("size(1)", "no such overload: size(int)"),
        ("'a'.matches('(')", "error parsing regexp"),
        ("optional.none().value()", "optional.none() dereference"),
        ("1 ? 2 : 3", "no such overload: bool(int)"),
        ("1 && true", "no such overload: bool(int)"),
        ("5.all(x, true)", "expression of type 'int' cannot be range of a comprehension"),
    ],
)
def test_what_has_no_value_says_why(text: str, said: str) -> None:
    assert said in failed(text)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("has(object.metadata.labels)", True),
        ("has(object.metadata.nothing)", False),
        ("has(object.metadata.labels.app)", True),
        ("has(object.spec.containers[0].ports)", False),
        ("object.?metadata.?nothing.more.orValue('x')", "x"),
        ("object.?metadata.name.orValue('x')", "web-1"),
        ("object[?'nothing'].hasValue()", False),
        ("object.metadata.?name.optMap(n, n + '!').orValue('')", "web-1!"),
        ("object.metadata.?name.optFlatMap(n, optional.none()).hasValue()", False),
        ("[?object.?nothing, ?object.metadata.?name]", ["web-1"]),
        ("{?'a': object.?nothing, 'b': 1}", {"b": 1}),
        ("object.spec.containers.map(c, c.name)", ["a", "b"]),
        ("object.spec.containers.map(c, has(c.ports), c.ports[0])", [80]),
        ("object.spec.containers.filter(c, has(c.image)).size()", 1),
        ("object.spec.containers.exists_one(c, c.name == 'a')", True),
        ("object.metadata.labels.all(k, k == 'app')", True),
        ("object.metadata.labels.all(k, v, k + v == 'appweb')", True),
        ("[3, 4].transformList(i, v, i * v)", [0, 4]),
        ("[3, 4].transformMap(i, v, v > 3, v)", {1: 4}),
        ("{'a': 'b'}.transformMapEntry(k, v, {v: k})", {"b": "a"}),
        ("cel.bind(x, 1, x + x)", 2),
        ("[1].map(x, [2].map(x, x))", [[2]]),
        ("[1].map(object, object)", [1]),
        ("['a'].map(size, size + 'b')", ["ab"]),
        ("[{'b': 1}].map(a, a.b)", [1]),
        ("1 == 1.0", True),
        ("1 == 1u", True),
        ("1 == true", False),
        ("'1' == 1", False),
        ("[1] == [1.0]", True),
        ("{1: 'a'}[1.0]", "a"),
        ("{true: 'a', 1: 'b'}[true]", "a"),
        ("0.0 / 0.0 == 0.0 / 0.0", False),
        ("type(1) == int", True),
        ("type(1u) == type(1)", False),
        ("-7 / 2", -3),
        ("-7 % 2", -1),
        ("'é'.size() == 1 && b'é'.size() == 2", True),
    ],
)
def test_an_expression_is(text: str, value: object) -> None:
    assert valued(text, POD) == value


@pytest.mark.parametrize(
    ("text", "since"),
    [
        ("sets.contains([1], [1])", 29),
        ("ip('10.0.0.1').family() == 4", 30),
        ("!format.dns1123Label().validate('a').hasValue()", 31),
        ("{'a': 1}.all(k, v, v == 1)", 32),
        ("semver('1.0.0').major() == 1", 33),
        ("[2, 1].sort() == [1, 2]", 34),
        ("quantity('1Ki').isGreaterThan(quantity('1k'))", 28),
        ("{}.?a.orValue(true)", 28),
    ],
)
def test_a_version_has_what_it_came_with(text: str, since: int) -> None:
    assert valued(text, version=f"1.{since}") is True
    if since > 28:
        assert failed(text, version=f"1.{since - 1}")
