"""The map at its three heights: every namespace, the apps of one, the workloads of one app."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable, Mapping, Sequence

from mistrust.channels.atlas import INTERNET, Atlas, Link, Spot
from mistrust.report.html.map.flow import Flow, Tone, added, bundled, flows
from mistrust.report.html.map.scene import Box, Scene, folded, scene

THE_INTERNET = "the Internet"


class Places:
    """An atlas, with what is asked of it more than once."""

    def __init__(self, atlas: Atlas) -> None:
        self.atlas = atlas
        self.spots: dict[str, list[int]] = {}
        for i, s in enumerate(atlas.spots):
            self.spots.setdefault(s.namespace, []).append(i)
        for b in atlas.bundles:
            for name in (b.source, b.target):
                if name:
                    self.spots.setdefault(name, [])
        self.bundles: Mapping[tuple[str, str], Flow] = bundled(atlas.bundles, self.size)
        self.around: dict[str, list[tuple[tuple[str, str], Flow]]] = {name: [] for name in self.spots}
        for at, flow in self.bundles.items():
            for name in {*at} - {""}:
                self.around[name].append((at, flow))
        self.links: dict[str, list[Link]] = {name: [] for name in self.spots}
        for link in atlas.links:
            for name in {self.namespace(link.source), self.namespace(link.target)} - {""}:
                self.links[name].append(link)
        self.names = [_name(s) for s in atlas.spots]
        for at, number in Counter((s.namespace, _name(s)) for s in atlas.spots).items():
            if number > 1:
                for i in self.spots[at[0]]:
                    if self.names[i] == at[1]:
                        self.names[i] = f"{atlas.spots[i].ref.kind} {at[1]}"
        self._complete = {name: self._all(name, lambda *_: True) for name in self.spots}
        self._near = {name: self._all(name, _is_near) for name in self.spots}
        self.order = sorted(self.spots, key=lambda name: (-self._plain(name), name))
        self.number = {name: i for i, name in enumerate(self.order)}
        self.whole = folded(self._overview(), 0)
        """Every namespace, and the Internet if it may open anything."""
        names = {n: b.members or (("",) if b.kind == "internet" else (b.name,)) for n, b in enumerate(self.whole.boxes)}
        self.part = {name: n for n, several in names.items() for name in several}

    def namespace(self, spot: int) -> str:
        """Of a spot; empty for the Internet."""
        return "" if spot == INTERNET else self.atlas.spots[spot].namespace

    def size(self, namespace: str) -> int:
        """How many workloads stand there; the Internet counts as one."""
        return len(self.spots[namespace]) if namespace else 1

    def limited(self, spots: Sequence[int]) -> int:
        """For how many of them a policy limits what comes in."""
        return sum(self.atlas.spots[i].protected[0] for i in spots)

    def complete(self, namespace: str) -> bool:
        """Are all its links there, and not only their number?"""
        return self._complete[namespace]

    def near(self, namespace: str) -> bool:
        """Are at least all those there that come from itself and from the Internet?"""
        return self._near[namespace]

    def told(self, namespace: str) -> list[Link]:
        """All its links; where they are not all there, those from itself and from the Internet."""
        if self.complete(namespace):
            return self.links[namespace]
        return [
            k for k in self.links[namespace] if _is_near(self.namespace(k.source), self.namespace(k.target), namespace)
        ]

    def _overview(self) -> Scene:
        boxes: dict[Hashable, Box] = {}
        if any(source == "" for source, _ in self.bundles):
            boxes[""] = Box(THE_INTERNET, "internet", 0)
        boxes |= {name: self._namespace(name) for name in sorted(self.spots)}
        return scene(boxes, {(a, b): flow for (a, b), flow in self.bundles.items()})

    def among(self, namespace: str) -> Scene:
        """A namespace as one box, who comes in on the left, where it goes on the right.

        Namespaces that are one box on the overview are one here: they have the same flows with this one too.
        """
        flows: dict[tuple[Hashable, Hashable], list[Flow]] = {}
        for (a, b), flow in self.around[namespace]:
            pair = self._beside(a, "from", namespace), self._beside(b, "to", namespace)
            flows.setdefault(pair, []).append(flow)
        boxes: dict[Hashable, Box] = {namespace: self._namespace(namespace)}
        for at in sorted({end for pair in flows for end in pair if end != namespace}, key=str):
            match at:
                case (str(side), int(part)):
                    boxes[at] = self._others(part, side, namespace)
        return scene(boxes, {pair: added(several) for pair, several in flows.items()})

    def _beside(self, name: str, side: str, home: str) -> Hashable:
        return name if name == home else (side, self.part[name])

    def _others(self, part: int, side: str, home: str) -> Box:
        """A box of the overview without one namespace."""
        box = self.whole.boxes[part]
        others = tuple(name for name in box.members if name != home)
        if box.kind == "internet":
            return Box(THE_INTERNET, "internet", 0, side=side)
        if len(others) < 2:
            return self._namespace(others[0] if others else box.name, side)
        gone = self._namespace(home) if len(others) < len(box.members) else None
        size, limited = (box.size - gone.size, box.limited - gone.limited) if gone else (box.size, box.limited)
        return Box(others[0], "namespace", size, limited, side, members=others)

    def inside(self, namespace: str) -> Scene:
        """The apps of a namespace, and who stands outside: on the left who comes in, on the right where they go."""
        apps: dict[Hashable, list[int]] = {}
        for i in self.spots[namespace]:
            apps.setdefault(self._app(i), []).append(i)
        boxes = {
            key: Box(
                self.atlas.spots[several[0]].app, "app", len(several), self.limited(several), about=self._about(several)
            )
            for key, several in sorted(apps.items(), key=lambda item: str(item[0]))
        }
        return self._around(boxes, {i: self._app(i) for i in self.spots[namespace]}, self.told(namespace))

    def app(self, namespace: str, app: str) -> Scene:
        """The workloads of an app, the other apps of its namespace, and who stands outside."""
        here = [i for i in self.spots[namespace] if self.atlas.spots[i].app == app]
        boxes: dict[Hashable, Box] = {
            i: Box(self.names[i], "workload", 1, self.limited([i]), about=self.atlas.spots[i].ref.kind) for i in here
        }
        own = set(here)
        links = [k for k in self.told(namespace) if k.source in own or k.target in own]
        return self._around(boxes, {i: i for i in here}, links, namespace)

    def apps(self, namespace: str) -> list[str]:
        """Those with more than one workload, in order."""
        found = Counter(self.atlas.spots[i].app for i in self.spots[namespace])
        return sorted(app for app, number in found.items() if number > 1)

    def _all(self, namespace: str, wanted: Callable[[str, str, str], bool]) -> bool:
        found = ((self.namespace(k.source), self.namespace(k.target), k) for k in self.links[namespace])
        told = len({(k.source, k.target) for a, b, k in found if wanted(a, b, namespace)})
        return told >= sum(flow.pairs for (a, b), flow in self.around[namespace] if wanted(a, b, namespace))

    def _plain(self, namespace: str) -> int:
        """Pairs that come in with nothing that is known to protect them."""
        arriving = (flow for (_, target), flow in self.around[namespace] if target == namespace)
        return sum(flow.tones.get(t, 0) for flow in arriving for t in (Tone.PLAINTEXT, Tone.UNKNOWN))

    def _around(
        self, boxes: Mapping[Hashable, Box], keys: Mapping[int, Hashable], links: Sequence[Link], home: str = ""
    ) -> Scene:
        def key(spot: int, side: str) -> Hashable:
            if spot in keys:
                return keys[spot]
            if home and self.namespace(spot) == home:
                return side, "app", self.atlas.spots[spot].app
            return side, "namespace", self.namespace(spot)

        sizes = Counter(keys.values())

        def size(at: Hashable) -> int:
            if at in sizes:
                return sizes[at]
            match at:
                case (str(), "app", str(app)):
                    return sum(self.atlas.spots[i].app == app for i in self.spots[home])
                case (str(), "namespace", str(name)):
                    return self.size(name)
            return 1

        found = flows(links, lambda link: (key(link.source, "from"), key(link.target, "to")), size)
        return self._scene(boxes, found)

    def _scene(self, boxes: Mapping[Hashable, Box], found: Mapping[tuple[Hashable, Hashable], Flow]) -> Scene:
        every = dict(boxes)
        for at in sorted({at for pair in found for at in pair if at not in every}, key=str):
            match at:
                case (str(side), "app", str(app)):
                    every[at] = Box(app, "app", 0, side=side)
                case (str(side), str(), str(name)):
                    every[at] = self._namespace(name, side) if name else Box(THE_INTERNET, "internet", 0, side=side)
        return scene(every, found)

    def _namespace(self, name: str, side: str = "") -> Box:
        spots = self.spots[name]
        return Box(name, "namespace", len(spots), self.limited(spots), side, f"#map-{self.number[name]}")

    def _app(self, spot: int) -> Hashable:
        return "app", self.atlas.spots[spot].app

    def _about(self, several: Sequence[int]) -> str:
        return self.atlas.spots[several[0]].ref.kind if len(several) == 1 else ""


def _name(spot: Spot) -> str:
    return spot.ref.name


def _is_near(source: str, target: str, home: str) -> bool:
    return target == home and source in ("", home)
