"""A text that says something else: what stays the same keeps its characters and its comments."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import msgspec

from mistrust.kube.build import Plain
from mistrust.report.inplace import between, lines
from mistrust.report.inplace.align import Pair, aligned
from mistrust.report.inplace.refusal import AwkwardError, RefusedError
from mistrust.report.inplace.splices import Splices
from mistrust.report.inplace.style import Style, block, column, indent, inline, scalar, spread, style
from mistrust.report.inplace.tree import Entry, Node, tree


def rewritten(text: str, before: Plain, after: Plain) -> str:
    """The text of a document that says `before`, so that it says `after`.

    Entries of lists and mappings that stay keep their lines; those that go take their own comments with them; what is
    new is written in the style of the document. Raises RefusedError where that cannot be done without a guess.

    >>> print(rewritten("a:\\n- b  # why\\n- c\\n", {"a": ["b", "c"]}, {"a": ["b", "d"]}), end="")
    a:
    - b  # why
    - d
    """
    root = tree(text)
    writer = _Writer(text, style(text, root))
    writer.value(Entry("", root.start, root.start, root), before, after, flow=root.flow)
    return writer.splices.applied(text)


def same(a: Plain, b: Plain) -> bool:
    """Are they equal, numbers and truth values told apart?"""
    if isinstance(a, dict) and isinstance(b, dict):
        return a.keys() == b.keys() and all(same(v, b[k]) for k, v in a.items())
    if isinstance(a, list) and isinstance(b, list):
        return len(a) == len(b) and all(map(same, a, b))
    return type(a) is type(b) and a == b


class _New(msgspec.Struct, frozen=True):
    """A field or an item to come."""

    value: Plain
    name: str | None = None

    def inline(self, hand: Style) -> str:
        text = inline(self.value, hand)
        return text if self.name is None else f"{scalar(self.name, hand)}: {text}"

    def spread(self, hand: Style, margin: int) -> str:
        text = spread(self.value, hand, margin)
        return text if self.name is None else f"{scalar(self.name, hand)}: {text}"

    def block(self, hand: Style, margin: int) -> str:
        return block([self.value] if self.name is None else {self.name: self.value}, hand, margin)


class _Writer:
    def __init__(self, text: str, hand: Style) -> None:
        self.text, self.hand, self.splices = text, hand, Splices()

    def value(self, entry: Entry, before: Plain, after: Plain, *, flow: bool) -> None:
        """Edit the value of an entry, which says `before`; `flow` where it stands between brackets."""
        if same(before, after):
            return
        node = entry.value
        if node.tied:
            raise RefusedError(f"what would change is repeated elsewhere, or repeats something: {node.tied}")
        mark = self.splices.mark()
        try:
            if isinstance(before, dict) and isinstance(after, dict) and node.kind == "mapping" and after:
                self._mapping(node, before, after)
                return
            if isinstance(before, list) and isinstance(after, list) and node.kind == "list" and after:
                self._list(node, before, after)
                return
        except AwkwardError:
            self.splices.back(mark)
        _untied(node)
        if flow or (node.flow and node.entries and after):
            self._between(node, after)
        else:
            self._replace(entry, after)

    def _mapping(self, node: Node, before: Mapping[str, Plain], after: Mapping[str, Plain]) -> None:
        names = [e.name for e in node.entries]
        if len(names) != len(before) or set(names) != set(before):
            raise RefusedError("a field is written twice")
        keys = list(after)
        order = list(names)
        for number, key in enumerate(keys):
            if key not in before:
                order.insert(order.index(keys[number - 1]) + 1 if number else len(order), key)
        places = {name: number for number, name in enumerate(names)}
        pairs = [(places.get(name), keys.index(name) if name in after else None) for name in order]
        self._entries(node, pairs, [before[n] for n in names], [_New(after[k], k) for k in keys])

    def _list(self, node: Node, before: Sequence[Plain], after: Sequence[Plain]) -> None:
        if len(node.entries) != len(before):
            raise RefusedError("a list does not read as it is written")
        names = dict.fromkeys(name for item in before if isinstance(item, dict) for name in item)
        self._entries(node, list(aligned(before, after)), before, [_New(_ordered(v, names)) for v in after])

    def _entries(self, node: Node, pairs: Sequence[Pair], before: Sequence[Plain], after: Sequence[_New]) -> None:
        """Edit the entries that stay, take out those that go, put in those that come."""
        kept = [i for i, j in pairs if i is not None and j is not None]
        if not kept:
            raise AwkwardError
        gone = [i for i, j in pairs if j is None and i is not None]
        for number in gone:
            _untied(node.entries[number].value)
        added: dict[int, list[_New]] = {}
        last = -1
        for i, j in pairs:
            if j is None:
                continue
            if i is None:
                added.setdefault(last, []).append(after[j])
            else:
                self.value(node.entries[i], before[i], after[j].value, flow=node.flow)
                last = i
        if node.flow:
            between.remove(self.splices, self.text, node, gone)
        else:
            lines.remove(self.splices, self.text, node, gone)
        for last, news in added.items():
            if node.flow:
                self._add_between(node, last, kept[0], news)
            else:
                self._add_lines(node, last, kept[0], news)

    def _add_lines(self, node: Node, last: int, first: int, news: Sequence[_New]) -> None:
        """Behind the entry `last`, or before the `first` that stays."""
        margin = column(self.text, node.entries[0].start)
        text = "".join(" " * margin + new.block(self.hand, margin) + "\n" for new in news)
        if last >= 0:
            at = lines.tail(self.text, node.entries[last])
        elif lines.alone(self.text, node.entries[first].start):
            at = lines.lead(self.text, node.entries[first])
        else:
            raise AwkwardError
        self.splices.add(at, at, text)

    def _add_between(self, node: Node, last: int, first: int, news: Sequence[_New]) -> None:
        neighbour = node.entries[first if last < 0 else last]
        own_line = lines.alone(self.text, neighbour.start)
        margin = indent(self.text, neighbour.start)
        break_ = "\n" + self.text[lines.line_start(self.text, neighbour.start) : neighbour.start] if own_line else " "
        written = [n.spread(self.hand, margin) if self.hand.json and own_line else n.inline(self.hand) for n in news]
        if last < 0:
            self.splices.add(neighbour.start, neighbour.start, "".join(f"{text},{break_}" for text in written))
        else:
            between.add(self.splices, self.text, node, last, [f"{break_}{text}" for text in written])

    def _between(self, node: Node, after: Plain) -> None:
        if self.text[node.start : node.end].count("\n") and self.hand.json:
            text = spread(after, self.hand, indent(self.text, node.start))
        else:
            text = self._scalar(node, after) or inline(after, self.hand)
        self.splices.add(node.start, node.end, text if node.end > node.start else f" {text}")

    def _scalar(self, node: Node, after: Plain) -> str:
        """A scalar in the quotes of the one that it replaces."""
        quote = self.text[node.start : node.start + 1]
        if isinstance(after, dict | list):
            return ""
        return scalar(after, self.hand, quote if node.kind == "scalar" and quote in ("'", '"') else "")

    def _replace(self, entry: Entry, after: Plain) -> None:
        """Write a value anew outside of brackets."""
        node = entry.value
        lines_of_its_own = node.kind in ("mapping", "list") and not node.flow
        if not isinstance(after, dict | list) or not after:
            text = self._scalar(node, after) or inline(after, self.hand)
            if lines_of_its_own and "\n" in self.text[entry.after : node.start]:
                self.splices.add(entry.after, entry.after, f" {text}")
                self.splices.add(lines.line_end(self.text, entry.after), lines.line_end(self.text, node.end), "")
            else:
                self.splices.add(node.start, node.end, text if node.end > node.start else f" {text}")
        elif lines_of_its_own and (not entry.name or (node.kind == "mapping") == isinstance(after, dict)):
            self.splices.add(node.start, node.end, block(after, self.hand, column(self.text, node.start)))
        elif lines_of_its_own:
            text = " " * self._margin(entry, after) + block(after, self.hand, self._margin(entry, after)) + "\n"
            self.splices.add(lines.line_end(self.text, entry.after), lines.line_end(self.text, node.end), text)
        elif lines.remark(self.text, node.end) or not entry.name:
            self.splices.add(node.start, node.end, inline(after, self.hand))
        else:
            margin = self._margin(entry, after)
            self.splices.add(entry.after, node.end, "\n" + " " * margin + block(after, self.hand, margin))

    def _margin(self, entry: Entry, after: Plain) -> int:
        """The column of the value of a field."""
        return column(self.text, entry.start) + (self.hand.step if isinstance(after, dict) else self.hand.dash)


def _ordered(new: Plain, names: Iterable[str]) -> Plain:
    """A new item with its fields in the order of its neighbours'."""
    if not isinstance(new, dict):
        return new
    return {name: new[name] for name in names if name in new} | new


def _untied(node: Node) -> None:
    """Raises RefusedError where something else may repeat a part of what goes."""
    if node.tied.startswith("&"):
        raise RefusedError(f"what would go is repeated elsewhere: {node.tied}")
    for entry in node.entries:
        _untied(entry.value)
