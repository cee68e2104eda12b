"""The `context` of a rule: variables, ConfigMaps, calls to the API server, images (kyverno/pkg/engine/context)."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import msgspec

from mistrust.admission.kyverno.request import Request, Scope
from mistrust.admission.plain import items, mapping, text
from mistrust.kube.build import Plain
from mistrust.kube.errors import InputError
from mistrust.languages.kyverno.errors import FinalError, KyvernoError, UnknownError
from mistrust.languages.kyverno.images import image
from mistrust.languages.kyverno.jmespath.compile import evaluate
from mistrust.languages.kyverno.variables import Filled, template

Load = Callable[[Request, Scope], Plain]
SOURCES = ("variable", "configMap", "apiCall", "imageRegistry", "globalReference")


class Entry(msgspec.Struct, frozen=True):
    """A variable of a rule."""

    name: str
    load: Load


def entries(given: Plain) -> tuple[Entry, ...]:
    """Compile a context. Raises `InputError` for what is none."""
    if given is None:
        return ()
    if not isinstance(given, list):
        raise InputError("not a context", wanted="a list")
    return tuple(_entry(each) for each in given)


def with_context(scope: Scope, several: tuple[Entry, ...], request: Request) -> Scope:
    """What can be named with these beside; each is worked out when it is asked for."""
    if not several:
        return scope
    found = scope.inner({})
    given = {name.partition(".")[0] for name in request.values}
    for each in several:
        if each.name not in given:
            again = each.name in found or each.name in found.loaders
            before = found.inner({}) if again else found  # a name that is there already stands for what it did
            found.pop(each.name, None)
            found.loaders[each.name] = _loader(each, request, before)
    return found


def _loader(entry: Entry, request: Request, scope: Scope) -> Callable[[], Plain]:
    return lambda: entry.load(request, scope)


def _entry(given: Plain) -> Entry:
    name = text(given, "name") if isinstance(given, dict) else ""
    source = next((s for s in SOURCES if isinstance(given, dict) and s in given), "")
    if not isinstance(given, dict) or not name or not source or set(given) - {"name", source}:
        raise InputError("not a variable of a context", got=name, wanted=f"a name with one of {', '.join(SOURCES)}")
    asked = mapping(given, source)
    match source:
        case "variable":
            return Entry(name, _variable(asked))
        case "configMap":
            return Entry(name, _config_map(asked))
        case "apiCall":
            return Entry(name, _call(asked))
        case "imageRegistry":
            return Entry(name, _image(asked))
    return Entry(name, _global)


def _global(request: Request, scope: Scope) -> Plain:
    del request, scope
    raise UnknownError("it asks for an entry of the global context")


def _variable(given: Mapping[str, Plain]) -> Load:
    value, default, path = (_filled(given, name) for name in ("value", "default", "jmesPath"))

    def load(request: Request, scope: Scope) -> Plain:
        del request
        try:
            found: Plain = value(scope) if value is not None else scope
            if path is not None:
                found = evaluated(text({"p": path(scope)}, "p"), found)
            if found is not None or default is None:
                return found
        except FinalError:
            raise
        except KyvernoError:
            if default is None:
                raise
        return default(scope)

    return load


def evaluated(path: str, value: Plain) -> Plain:
    """The value of an expression. Raises `KyvernoError`."""
    try:
        return evaluate(path, value)
    except InputError as error:
        raise KyvernoError(str(error)) from None


def _filled(given: Mapping[str, Plain], name: str) -> Filled | None:
    return template(given[name]) if name in given else None


def _config_map(given: Mapping[str, Plain]) -> Load:
    name, space = template(text(given, "name")), template(text(given, "namespace") or "default")

    def load(request: Request, scope: Scope) -> Plain:
        return request.world.find("ConfigMap", str(space(scope)), str(name(scope)))

    return load


def _call(given: Mapping[str, Plain]) -> Load:
    path, chosen, default = (_filled(given, name) for name in ("urlPath", "jmesPath", "default"))

    def load(request: Request, scope: Scope) -> Plain:
        if path is None or text(given, "method") == "POST":
            raise UnknownError("it asks a service")
        found = called(request, str(path(scope)))
        if chosen is not None:
            found = evaluated(str(chosen(scope)), found)
        return default(scope) if found is None and default is not None else found

    return load


def called(request: Request, path: str) -> Plain:
    """What the API server answers to a GET. Raises `UnknownError` where the objects of the cluster are not known."""
    path, _, query = path.partition("?")
    parts = path.strip("/").split("/")
    rest = parts[2:] if parts[:1] == ["api"] else parts[3:] if parts[:1] == ["apis"] else []
    space = ""
    if len(rest) > 2 and rest[0] == "namespaces":
        space, rest = rest[1], rest[2:]
    if not rest or len(rest) > 2 or query:
        raise UnknownError(f"it asks the API server for {path}")
    if len(rest) == 2:
        return request.world.find(rest[0], space, rest[1])
    return {"items": request.world.listed(rest[0], space)}


def _image(given: Mapping[str, Plain]) -> Load:
    reference, chosen = template(text(given, "reference")), _filled(given, "jmesPath")

    def load(request: Request, scope: Scope) -> Plain:
        asked = str(reference(scope))
        known = image(asked)
        found = request.world.images.get(known.reference if known is not None else asked)
        if found is None:
            raise UnknownError(f"it asks a registry for {asked}")
        return found if chosen is None else evaluated(str(chosen(scope)), found)

    return load


def listed(given: Plain) -> list[Mapping[str, Plain]]:
    """The mappings of a list."""
    return [each for each in items({"l": given}, "l") if isinstance(each, dict)]
