import pytest
from hypothesis import given
from hypothesis import strategies as st

from mistrust.report.clean import ascii_only, clean, columns, json_bytes, pad, shorten


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        ("web", "web"),
        ("\x1b]0;owned\x07", "\\x1b]0;owned\\x07"),
        ("\x9b31m", "\\x9b31m"),
        ("a\u202eb", "a\\u202eb"),
        ("a\r\nb", "a\\r\\nb"),
        ("名前", "名前"),
        ("\ud800", "\\ud800"),
        ("a\u00a0b", "a\\xa0b"),
    ],
)
def test_what_is_not_visible_is_escaped(raw, shown):
    assert clean(raw) == shown


@given(st.text())
def test_clean_text_is_printable_and_stays_as_it_is(text):
    assert clean(text).isprintable()
    assert clean(clean(text)) == clean(text)
    assert ascii_only(text).isascii()


@given(st.text(), st.integers(0, 40))
def test_shortened_text_fits_and_padded_text_fills(text, width):
    short = shorten(clean(text), width)
    assert columns(short) <= width
    assert columns(pad(short, width)) == width


def test_json_of_a_file_name_that_is_no_text():
    assert json_bytes({"file": "caf\udce9.yaml"}) == b'{"file":"caf\\\\udce9.yaml"}'
