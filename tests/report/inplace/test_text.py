"""A file is given back byte for byte, but for the documents that are replaced or taken out."""

from __future__ import annotations

import contextlib

from hypothesis import given
from hypothesis import strategies as st

from mistrust.kube.yaml import documents
from mistrust.report.inplace.refusal import RefusedError
from mistrust.report.inplace.text import Text

DOCUMENTS = ["a: 1\n", "# c\nb: |\n  x\n\n", "# only a comment\n", "", "kind: {{ .x }}\n", "...\nc: [\n", "\n", "x"]
SEPARATOR = st.sampled_from(["---\n", "--- # why\n", "---  \n", "--- a: 1\n", "---\n---\n"])
PIECES = st.lists(st.one_of(st.sampled_from(DOCUMENTS), SEPARATOR), max_size=9)
ENDS = st.sampled_from(["\n", "\r\n"])


@given(PIECES, ENDS, st.booleans(), st.booleans())
def test_a_file_comes_back_as_it_was(pieces: list[str], end: str, mark: bool, ended: bool) -> None:
    text = "".join(pieces).replace("\n", end)
    data = b"\xef\xbb\xbf" * mark + (text if ended else text.removesuffix(end)).encode()
    assert Text(data).bytes() == data


@given(st.binary(max_size=40))
def test_whatever_the_bytes(data: bytes) -> None:
    with contextlib.suppress(RefusedError):
        assert Text(data).bytes() == data


@given(st.lists(SEPARATOR.filter(lambda s: "a" not in s), min_size=1, max_size=5), st.booleans(), st.data())
def test_the_others_say_what_they_said_when_some_go(separators: list[str], headed: bool, data: st.DataObject) -> None:
    text = separators[0] * headed + "".join(f"# {n}\nn: {n}\n{s}" for n, s in enumerate(separators)) + "n: last\n"
    file = Text(text.encode())
    found, _ = documents(text.encode())
    gone = data.draw(
        st.permutations([d.index for d in found]).flatmap(lambda p: st.integers(0, len(p)).map(lambda n: p[:n]))
    )
    for number in gone:
        file.remove(number)
    left, problems = documents(file.bytes())
    assert not problems
    assert [d.value for d in left] == [d.value for d in found if d.index not in gone]
    assert file.empty == (len(gone) == len(found))
