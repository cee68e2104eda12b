"""The map: who may open a connection to whom, from every namespace down to one app."""

from __future__ import annotations

from mistrust.channels.atlas import Atlas
from mistrust.report.html.map.drawing import diagram, fitted, placed
from mistrust.report.html.map.flow import Flow, Tone, added
from mistrust.report.html.map.legend import legend, tips
from mistrust.report.html.map.matrix import matrix
from mistrust.report.html.map.places import THE_INTERNET, Places
from mistrust.report.html.map.scene import Scene
from mistrust.report.html.map.tables import arrivals, bundles, chip, words
from mistrust.report.html.markup import NOTHING, Markup, joined, tag
from mistrust.report.words import count, share

PICTURES, APPS, TABLES = 1_200_000, 600_000, 1_500_000
"""Letters of the page for the pictures of namespaces, those of apps and the tables, the most plaintext first."""

HINT = "Point at a box or a line, or walk through the boxes with the Tab key: what it may open is told here."


def atlas_section(atlas: Atlas) -> Markup:
    """The whole section."""
    places = Places(atlas)
    whole = fitted(places.whole)
    title = f"{count(len(places.spots), 'namespace')} and who may open a connection to whom"
    picture = _figure(whole, title, HINT)
    parts = [
        tag("h2", "Map"),
        tag("p", _lead(places), class_="lead"),
        picture,
        bundles(places),
        _search(),
        *_places(places),
    ]
    return tag("section", tips(), *parts, id="map")


def _lead(places: Places) -> str:
    every = added(list(places.bundles.values())) if places.bundles else Flow({}, 1)
    size = sum(len(s) for s in places.spots.values())
    open_ = size - places.limited(range(size))
    possible = max(1, size * (size - 1))
    inside = sum(_open(f) for (a, _), f in places.bundles.items() if a)
    net = sum(_open(f) for (a, _), f in places.bundles.items() if not a)
    told = [f"{inside:,} of {count(possible, 'pair')} of workloads may talk ({share(inside / possible)})"]
    plain = every.tones.get(Tone.PLAINTEXT, 0)
    told += [f"{plain:,} of the connections in plaintext"] if plain else []
    told += [f"{count(every.unsure, 'connection')} not certain"] if every.unsure else []
    told += [f"{THE_INTERNET} may open {count(net, 'workload')}"] if net else [f"{THE_INTERNET} opens none"]
    told += [f"nothing limits what comes into {count(open_, 'workload')} of {size:,}"] if open_ else []
    sentence = "; ".join(told)
    return f"{sentence[:1].upper()}{sentence[1:]}."


def _open(flow: Flow) -> int:
    return flow.pairs - flow.tones.get(Tone.CLOSED, 0)


def _figure(shown: Scene, title: str, hint: str = "") -> Markup:
    at = placed(shown)
    picture = diagram(shown, at, title) if at else matrix(shown, title)
    caption = tag(
        "figcaption",
        legend(shown, squares=at is None),
        tag("p", hint, class_="told script", role="status"),
    )
    return tag("figure", tag("div", picture, class_="scroll", tabindex="0"), caption, class_="atlas")


def _search() -> Markup:
    return tag(
        "div",
        tag(
            "input",
            type="search",
            id="seek",
            placeholder="Find a namespace, app, workload or port",
            aria_label="search the map",
        ),
        tag("p", "", id="sought", class_="hint", role="status"),
        class_="seek script",
    )


def _places(places: Places) -> list[Markup]:
    pictures, apps, tables = PICTURES, APPS, TABLES
    items = []
    for name in places.order:
        picture = _pictures(places, name) if pictures > 0 else NOTHING
        several = _apps(places, name) if apps > 0 else NOTHING
        table = arrivals(places, name) if tables > 0 else NOTHING
        pictures, apps, tables = pictures - len(picture), apps - len(several), tables - len(table)
        items.append(_place(places, name, joined([picture, several]), table))
    return items


def _pictures(places: Places, name: str) -> Markup:
    if not places.around[name]:
        return NOTHING
    complete, parts = places.complete(name), []
    if not complete:
        parts += _told(fitted(places.among(name)), f"{name} among the other namespaces")
    if complete or places.near(name):
        inside = fitted(places.inside(name))
        parts += _told(inside, f"the apps of {name}") if inside.flows else []
    return tag("div", *parts)


def _apps(places: Places, name: str) -> Markup:
    """A picture for each app whose workloads do not all play the same part."""
    if not (places.complete(name) or places.near(name)):
        return NOTHING
    parts = []
    for app in places.apps(name):
        scene = fitted(places.app(name, app))
        if sum(b.kind == "workload" for b in scene.boxes) > 1:
            parts.append(
                tag("details", tag("summary", f"{app}: its workloads"), *_told(scene, f"the workloads of {app}"))
            )
    return joined(parts)


def _told(scene: Scene, title: str) -> list[Markup]:
    return [_figure(scene, title), _in_words(scene)]


def _in_words(scene: Scene) -> Markup:
    return tag("details", tag("summary", "The picture in words"), words(scene))


def _place(places: Places, name: str, picture: Markup, table: Markup) -> Markup:
    spots = places.spots[name]
    found = [flow for (_, target), flow in places.around[name] if target == name]
    sources = sum(a not in ("", name) for (a, b), _ in places.around[name] if b == name)
    reach = [THE_INTERNET] if ("", name) in places.bundles else []
    reach += [count(sources, "namespace")] if sources else []
    limited = places.limited(spots)
    guard = "all limited" if limited == len(spots) else f"{limited:,} limited" if limited else "nothing limited"
    summary = tag(
        "summary",
        tag("span", name, class_="subject"),
        tag("span", f"{count(len(spots), 'workload')}, {guard}", class_="hint" if limited else "hint warn"),
        tag("span", f"from {' and '.join(reach)}" if reach else "nobody from outside", class_="hint"),
        tag(
            "span", chip(added(found).tone) if found else tag("span", "nothing comes in", class_="hint"), class_="where"
        ),
    )
    heading = tag("h4", "What may be opened here") if table else NOTHING
    notes = [tag("p", note, class_="hint") for note in _missing(places, name, picture, table)]
    body = tag("div", picture, heading, table, *notes, class_="body")
    return tag("details", summary, body, id=f"map-{places.number[name]}", class_="place")


def _missing(places: Places, name: str, picture: Markup, table: Markup) -> list[str]:
    """What is not shown of a namespace, and why."""
    if not places.around[name]:
        return ["Nobody may open anything here, and nothing leaves."]
    large = "the page would be too large, and -o json has it."
    notes = [] if picture else [f"Not drawn: {large}"]
    if not places.complete(name):
        what = "Connections with other namespaces are" if places.near(name) else "Its connections are"
        return [*notes, f"{what} too many to be told one by one: the first picture and -o json count them."]
    arrives = any(target == name for (_, target), _ in places.around[name])
    return [*notes, f"Not listed: {large}"] if arrives and not table else notes
