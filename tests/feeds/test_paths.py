"""Few enough paths, whatever clients ask for, the same however lines are ordered and logs are split."""

from __future__ import annotations

import random

import pytest

from mistrust.feeds.flows import paths
from mistrust.feeds.flows.paths import CUT, FEW, Paths, cut, few
from mistrust.feeds.flows.sight import Full
from mistrust.layers.mesh.istio.authorization.paths import path_pattern


def key(path: str, method: str = "GET") -> Full:
    ends = ("", "", "", "10.0.0.1", "", "", "", "10.0.0.2", "")
    return ("Envoy inbound", "destination", False, *ends, "TCP", 80, "", "mtls", method, path)


@pytest.fixture
def narrow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(paths, "WIDEST", 5)


def some(dice: random.Random, count: int) -> list[str]:
    """Paths of which some beginnings have many ends."""
    out = []
    for _ in range(count):
        out.append("/" + "/".join(dice.choice("abcdefg"[: dice.randint(1, 7)]) for _ in range(dice.randint(1, 4))))
    return out


@pytest.mark.parametrize("seed", range(20))
def test_while_they_are_read_paths_are_cut_at_one_depth_whatever_their_order(seed: int, narrow: None) -> None:
    dice = random.Random(seed)
    found = [key(path) for path in some(dice, dice.randint(3, 60))]
    wanted = {each: slow([k[-1] for k in found], each[-1]) for each in found}
    assert {each: kept[-1] for each, kept in cut(found).items()} == wanted
    # what is kept while some are read, and of several logs, says the same in the end
    logs = [Paths() for _ in range(3)]
    first = {each: dice.choice(logs).kept(each) for each in dice.sample(found, len(found))}
    again = cut(first.values())
    assert {each: again[kept][-1] for each, kept in first.items()} == wanted


def slow(known: list[str], path: str) -> str:
    """Cut at the first depth at which there are too many beginnings."""
    for depth in range(1, 6):
        begins = {"/".join(each.split("/")[: depth + 1]) for each in known if each.count("/") >= depth}
        if len(begins) > paths.WIDEST:
            segments = path.split("/")
            return "/".join((*segments[:depth], CUT)) if len(segments) > depth else path
    return path


def test_each_port_and_method_has_paths_of_its_own(narrow: None) -> None:
    many = [key(f"/{word}", method) for method, words in (("GET", "abcdef"), ("PUT", "abcde")) for word in words]
    assert {kept[-1] for each, kept in cut(many).items() if each[-2] == "GET"} == {f"/{CUT}"}
    assert {kept[-1] for each, kept in cut(many).items() if each[-2] == "PUT"} == {f"/{word}" for word in "abcde"}


def test_memory_is_bounded() -> None:
    kept = Paths()
    long = {kept.kept(key(f"/{i}x/" + "y/" * 10 + f"{i}y"))[-1] for i in range(3 * paths.WIDEST)}
    assert len(long) <= paths.WIDEST + 1


def test_few_paths_stay_and_of_many_the_segment_that_varies_most_is_left_out() -> None:
    words = [f"/shop/{name}" for name in ("cart", "pay", "login")]
    assert set(few(words).values()) == set(words)
    blog = [f"/blog/title-of-{chr(97 + i % 26) * (i // 26 + 1)}/comments" for i in range(FEW + 1)]
    assert set(few([*words, *blog]).values()) == {*words, "/blog/{*}/comments"}


def test_a_rest_stays_a_rest_and_what_no_template_holds_becomes_one() -> None:
    names = [f"/{chr(97 + i % 26) * (i // 26 + 1)}" for i in range(FEW + 1)]
    found = few([*names, "/k=v", "/{**}", "/", f"/a/{CUT}"])
    assert (found["/k=v"], found["/{**}"], found["/"]) == ("/{**}", "/{**}", "/")
    assert found[f"/a/{CUT}"] == "/{*}/{**}"
    assert {found[name] for name in names} == {"/{*}"}


@pytest.mark.parametrize("seed", range(10))
def test_a_path_is_matched_by_what_stands_for_it(seed: int) -> None:
    dice = random.Random(seed)
    words = ["", *(f"{chr(97 + i % 26)}{i}x" for i in range(dice.choice((3, 30, 300))))]
    many = ["/" + "/".join(dice.choices(words[1:], k=dice.randint(1, 5))) + dice.choice(("", "/")) for _ in range(3000)]
    found = few(sorted(set(many)))
    assert len(set(found.values())) <= FEW
    assert few(dice.sample(sorted(set(many)), len(set(many)))) == found
    for path, folded in found.items():
        pattern = path_pattern(folded)
        assert pattern is not None
        assert pattern.matches(path), (path, folded)
