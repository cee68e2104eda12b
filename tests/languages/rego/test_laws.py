"""Random programs of joins and negation say what a search through all assignments says, however they are written."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import product

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from mistrust.languages.rego.compile import compiled
from mistrust.languages.rego.parse import parse
from mistrust.languages.rego.values import Set

DOMAIN = (0, 1, 2)
NAMES = ("a", "b", "c")
FACTS = ("one", "two")
COMPARED = {"==": int.__eq__, "!=": int.__ne__, "<": int.__lt__, ">=": int.__ge__}
Pairs = frozenset[tuple[int, int]]


class Joined(msgspec.Struct, frozen=True):
    """A pair of variables is in a relation."""

    relation: str
    pair: tuple[str, str]
    way: int
    """Which of the ways there are to write it."""

    def text(self) -> str:
        left, right = self.pair
        ways = (f"{self.relation}[[{left}, {right}]]", f"some [{left}, {right}] in {self.relation}")
        return ways[self.way % 2] if self.way < 2 else f"[{left}, {right}] = {self.relation}[_]"


class Refused(msgspec.Struct, frozen=True):
    """A pair of variables is in no relation."""

    relation: str
    pair: tuple[str, str]
    way: int

    def text(self) -> str:
        left, right = self.pair
        return (
            f"not {self.relation}[[{left}, {right}]]" if self.way % 2 else f"not [{left}, {right}] in {self.relation}"
        )


class Compared(msgspec.Struct, frozen=True):
    """One variable stands so to another, or to a number."""

    left: str
    sign: str
    right: str | int

    def text(self) -> str:
        return f"{self.left} {self.sign} {self.right}"


Condition = Joined | Refused | Compared


class Rule(msgspec.Struct, frozen=True):
    """The pairs of two variables for which all conditions hold."""

    head: tuple[str, str]
    conditions: tuple[Condition, ...]

    def text(self, name: str) -> str:
        left, right = self.head
        return f"{name} contains [{left}, {right}] if {{\n" + "\n".join(c.text() for c in self.conditions) + "\n}"


Program = tuple[tuple[str, tuple[Rule, ...]], ...]


@st.composite
def rules(draw: st.DrawFn, relations: tuple[str, ...]) -> Rule:
    pairs = st.tuples(st.sampled_from(NAMES), st.sampled_from(NAMES))
    # `some` declares its variables anew, so it may only come first
    first = Joined(draw(st.sampled_from(relations)), (NAMES[0], NAMES[1]), draw(st.sampled_from((0, 1, 2))))
    joined = st.builds(Joined, st.sampled_from(relations), pairs, st.sampled_from((0, 2)))
    last = draw(joined)
    known = sorted({*first.pair, *last.pair})
    two = st.tuples(st.sampled_from(known), st.sampled_from(known))
    refused = st.builds(Refused, st.sampled_from(relations), two, st.integers(0, 1))
    other = st.sampled_from(known) | st.sampled_from(DOMAIN)
    compared = st.builds(Compared, st.sampled_from(known), st.sampled_from(sorted(COMPARED)), other)
    rest = draw(st.permutations((last, *draw(st.lists(refused | compared, max_size=3)))))
    return Rule(draw(two), (first, *rest))


@st.composite
def programs(draw: st.DrawFn) -> Program:
    found = []
    relations = FACTS
    for name in ("p", "q"):
        found.append((name, tuple(draw(st.lists(rules(relations), min_size=1, max_size=3)))))
        relations = (*relations, name)
    return tuple(found)


facts = st.fixed_dictionaries(
    {name: st.frozensets(st.tuples(st.sampled_from(DOMAIN), st.sampled_from(DOMAIN)), max_size=5) for name in FACTS}
)


def searched(program: Program, given_facts: Mapping[str, Pairs]) -> Mapping[str, Pairs]:
    """Every assignment of every variable, tried."""
    known = dict(given_facts)
    for name, several in program:
        known[name] = frozenset(
            (values[rule.head[0]], values[rule.head[1]])
            for rule in several
            for numbers in product(DOMAIN, repeat=len(NAMES))
            if (values := dict(zip(NAMES, numbers, strict=True)))
            and all(_holds(condition, values, known) for condition in rule.conditions)
        )
    return known


def _holds(condition: Condition, values: Mapping[str, int], known: Mapping[str, Pairs]) -> bool:
    if isinstance(condition, Compared):
        right = values[condition.right] if isinstance(condition.right, str) else condition.right
        return COMPARED[condition.sign](values[condition.left], right)
    pair = values[condition.pair[0]], values[condition.pair[1]]
    return (pair in known[condition.relation]) is isinstance(condition, Joined)


def answered(text: str, given_facts: Mapping[str, Pairs], name: str) -> Pairs:
    relations = "\n".join(f"{n} := {{[y[0], y[1]] | some y in input.{n}}}" for n in FACTS)
    query = compiled([parse(f"package t\n{relations}\n{text}")]).query(f"x = data.t.{name}")
    [found] = query.ask({n: [list(p) for p in pairs] for n, pairs in given_facts.items()})
    assert isinstance(found["x"], Set)
    return frozenset(tuple(p) for p in found["x"])  # type: ignore[arg-type, misc]


def written(program: Program) -> list[str]:
    return [rule.text(name) for name, several in program for rule in several]


@settings(deadline=None)
@given(programs(), facts)
def test_a_program_says_what_a_search_finds(program: Program, given_facts: Mapping[str, Pairs]) -> None:
    wanted = searched(program, given_facts)
    for name, _ in program:
        assert answered("\n".join(written(program)), given_facts, name) == wanted[name]


@settings(deadline=None, max_examples=50)
@given(programs(), facts, st.randoms(use_true_random=False))
def test_the_order_of_rules_does_not_matter(program: Program, given_facts: Mapping[str, Pairs], chance: object) -> None:
    lines = written(program)
    chance.shuffle(lines)  # type: ignore[attr-defined]
    assert answered("\n".join(lines), given_facts, "q") == searched(program, given_facts)["q"]


@settings(deadline=None, max_examples=50)
@given(programs(), facts, st.randoms(use_true_random=False))
def test_the_order_of_conditions_does_not_matter(
    program: Program, given_facts: Mapping[str, Pairs], chance: object
) -> None:
    shuffled = []
    for name, several in program:
        for rule in several:
            first = rule.conditions[0]
            plain = msgspec.structs.replace(first, way=0) if isinstance(first, Joined) else first
            conditions = [plain, *rule.conditions[1:]]
            chance.shuffle(conditions)  # type: ignore[attr-defined]
            shuffled.append(Rule(rule.head, tuple(conditions)).text(name))
    assert answered("\n".join(shuffled), given_facts, "q") == searched(program, given_facts)["q"]


values = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 3) | st.sampled_from(["", "a", "\n", '"', "\\", "é"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["a", "b", '"']), inner, max_size=3),
    max_leaves=8,
)


@settings(deadline=None)
@given(values, values)
def test_a_name_for_a_term_is_the_term(left: object, right: object) -> None:
    """`y := e` and `e` in its place; equal exactly where the JSON is, sets and keys alike."""
    a, b = msgspec.json.encode(left).decode(), msgspec.json.encode(right).decode()
    module = f"""package t
inline := [{a} == {b}, {{{a}, {b}}}, {{{a}: {b}}}, [{a}, {b}]]
named := [y == z, {{y, z}}, {{y: z}}, [y, z]] if {{ y := {a}; z := {b} }}
given := [input.a == input.b, {{input.a, input.b}}, {{input.a: input.b}}, [input.a, input.b]]
same if {{ inline == named; named == given }}
size := count({{{a}, {b}}})
"""
    program = compiled([parse(module)])
    assert program.query("data.t.same").ask({"a": left, "b": right})  # type: ignore[dict-item]
    assert program.query("data.t.size = x").ask()[0]["x"] == (1 if a == b or _same(left, right) else 2)


def _same(a: object, b: object) -> bool:
    return msgspec.json.encode(a, order="sorted") == msgspec.json.encode(b, order="sorted")
