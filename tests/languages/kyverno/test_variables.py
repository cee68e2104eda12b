"""Documents with variables."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mistrust.kube.build import Plain
from mistrust.kube.errors import InputError
from mistrust.languages.kyverno.errors import KyvernoError
from mistrust.languages.kyverno.variables import template

KNOWN: Plain = {"name": "web", "n": 3, "list": [1], "map": {"a.b": "x", "web": "y"}, "key": "a.b", "empty": None}


@pytest.mark.parametrize(
    ("document", "wanted"),
    [
        ("plain", "plain"),
        ("{{ name }}", "web"),
        ("{{name}}-{{n}}", "web-3"),
        ("{{ list }}", [1]),
        ("a {{ list }}", "a [1]"),
        ({"{{ name }}": ["{{ n }}", 1]}, {"web": [3, 1]}),
        ('{{ map."{{ key }}" }}', "x"),
        ("{{ map.{{ name }} }}", "y"),
        ("{{ contains('{{ name }}-1', 'web') }}", True),
        ("{{ merge(map, {c: `null`}) }}", {"a.b": "x", "web": "y", "c": None}),
        (r"\{{ name }}", "{{ name }}"),
        ("{{ unclosed", "{{ unclosed"),
        (None, None),
    ],
)
def test_a_document_is_filled_in(document: Plain, wanted: Plain) -> None:
    assert template(document)(KNOWN) == wanted


def test_what_has_no_value_is_an_error_and_in_conditions_an_empty_text() -> None:
    for text in ("{{ missing }}", "a {{ missing.too }}", "{{ length(n) }}"):
        with pytest.raises(KyvernoError):
            template(text)(KNOWN)
    assert template("{{ missing }}", lenient=True)(KNOWN) == ""
    assert template("{{ length(n) }}", lenient=True)(KNOWN) == ""
    assert template("{{ missing[] }}", lenient=True)(KNOWN) is None


@pytest.mark.parametrize("document", ["{{ a( }}", "{{ nope(a) }}", "{{ @ }}", ">=$(./../x)", "{{" * 30 + "}}" * 30])
def test_what_is_not_understood_is_an_error_before_it_is_asked(document: str) -> None:
    with pytest.raises(InputError):
        template(document)


@given(st.text("{}'`\"\\ab.|@()&", max_size=30))
def test_a_value_cannot_bring_an_expression_of_its_own(value: str) -> None:
    known: Plain = {"v": value, "secret": "s", "m": {value: "found"}}
    assert template("{{ v }}")(known) == value
    assert template("<{{ v }}>")(known) == f"<{value}>"
    assert template('{{ m."{{ v }}" }}')(known) == "found"
    assert template("{{ m.{{ v }} }}")(known) == "found"
    assert template("{{ {{ v }} == v }}")(known) is True
    try:
        assert template("{{ '{{ v }}' == v }}")(known) is True
    except KyvernoError:
        assert "\\" in value
