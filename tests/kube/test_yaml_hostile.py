"""Hostile YAML: bounds hold, and their passing is a Problem of one document."""

from __future__ import annotations

import pytest

from mistrust.kube.build import DEPTH, REPEATS
from mistrust.kube.yaml import DOCUMENTS, documents


def got(data: bytes) -> list[str]:
    """Why nothing was read."""
    found, problems = documents(data)
    assert not found
    return [problem.got for problem in problems]


def bomb(levels: int, width: int) -> str:
    """width ** levels values from a few lines."""
    lines = ["a0: &a0 [x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * width)}]" for n in range(1, levels + 1)]
    return "\n".join(lines) + "\n"


def test_aliases_repeat_no_more_than_kubectl_allows() -> None:
    assert got(bomb(9, 10).encode()) == ["aliases that repeat more than kubectl allows"]
    found, problems = documents(bomb(3, 9).encode())
    assert not problems
    assert len(found) == 1


def test_aliases_of_one_file_share_a_bound() -> None:
    one = bomb(2, 10) + "".join(f"pad{n}: [{', '.join('x' * 20)}]\n" for n in range(60))
    many = "---\n".join([one + bomb(3, 10).replace("a", "b")] * (REPEATS // 1000))
    problems = documents(many.encode())[1]
    assert problems
    assert {problem.got for problem in problems} == {f"aliases that repeat more than {REPEATS:,} values in one file"}


@pytest.mark.parametrize(("deep", "flat"), [("[", "]"), ("{a: ", "}")])
def test_depth_is_bounded(deep: str, flat: str) -> None:
    assert len(documents(f"{deep * DEPTH}{flat * DEPTH}\n".encode())[0]) == 1
    assert got(f"{deep * (DEPTH + 1)}{flat * (DEPTH + 1)}\n".encode()) == [f"nesting deeper than {DEPTH}"]


def test_depth_is_bounded_in_block_style() -> None:
    def stairs(steps: int, top: str = "x") -> bytes:
        return "".join(" " * step + "a:\n" for step in range(steps - 1)).encode() + f"{' ' * steps}a: {top}\n".encode()

    assert len(documents(stairs(DEPTH))[0]) == 1
    assert len(documents(stairs(DEPTH - 1, "[x]"))[0]) == 1
    assert got(stairs(DEPTH + 1)) == got(stairs(DEPTH, "[x]")) == [f"nesting deeper than {DEPTH}"]
    assert got(b"- " * 100_000) == [f"nesting deeper than {DEPTH}"]


def test_depth_is_bounded_through_aliases() -> None:
    chain = "a0: &a0 [[[[[[[[[[x]]]]]]]]]]\n" + "".join(f"a{n}: &a{n} [[[[[*a{n - 1}]]]]]\n" for n in range(1, 60))
    assert got(chain.encode()) == [f"nesting deeper than {DEPTH}"]


@pytest.mark.parametrize("text", ["a: &a [*a]", "&a {b: {c: *a}}", "- &a\n  <<: *a"])
def test_an_alias_does_not_contain_itself(text: str) -> None:
    assert got(text.encode()) == ["an alias inside what it repeats, *a"]


@pytest.mark.parametrize("before", ["a: ", "a: |\n ", "- ", 'a: "'])
def test_one_scalar_is_bounded(before: str) -> None:
    (problem,) = got((before + "x" * (17 << 20) + ('"' if '"' in before else "")).encode())
    assert problem == "a scalar of more than 16,777,216 characters"


def test_the_number_of_documents_is_bounded() -> None:
    found, problems = documents(b"a: 1\n---\n" * (DOCUMENTS + 5))
    assert len(found) == DOCUMENTS
    assert [problem.line for problem in problems] == [2 * DOCUMENTS + 1]
    assert problems[0].blinds


@pytest.mark.parametrize("digits", ["9", "0.0", "1e", "0x1", "0b1", "01", "1_0"])
def test_a_million_digits_are_no_work(digits: str) -> None:
    assert len(documents(f"a: {digits * 300_000}\n".encode())[0]) == 1


@pytest.mark.parametrize("letter", ["\0", "\7", "\x7f", "\ud800"])
def test_letters_that_yaml_forbids(letter: str) -> None:
    data = f"a: 1\n---\nb: x{letter}y\n---\nc: 1\n".encode("utf-8", "surrogatepass")
    found, problems = documents(data)
    assert found[0].value == {"a": 1}
    assert found[-1].value == {"c": 1}
    assert len(problems) == 1
