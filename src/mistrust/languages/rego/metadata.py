"""What `# METADATA` comments say (openpolicyagent.org/docs/policy-language#metadata)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from mistrust.kube.build import Plain
from mistrust.kube.errors import InputError
from mistrust.kube.yaml import documents
from mistrust.languages.rego.syntax import Annotation, Array, Const, Module, Object, Rule, Term

Path = tuple[str, ...]
Said = dict[str, Plain]
RULE, CHAIN = ("rego", "metadata", "rule"), ("rego", "metadata", "chain")
SCOPES: Final = ("rule", "document", "package", "subpackages")


def chain(rule: Rule, module: Module, modules: Sequence[Module], path: Path) -> Mapping[Path, Term]:
    """What the two functions give inside a rule."""
    own = next((s for s in _before(module, rule) if s["scope"] == "rule"), None)
    first: Said = {"path": [*path], **({"annotations": own} if own else {})}
    several: list[Plain] = [first]
    several += [{"annotations": s, "path": [*path]} for s in _of_document(modules, path)]
    for length in range(len(module.package), 0, -1):
        package = module.package[:length]
        wanted = ("package", "subpackages") if package == module.package else ("subpackages",)
        several += [
            {"annotations": s, "path": [*package]} for s in _of_package(modules, package) if s["scope"] in wanted
        ]
    return {RULE: _term(own or {}), CHAIN: _term(several)}


def _before(module: Module, rule: Rule) -> Iterator[Said]:
    """The annotations between a rule and what stands before it."""
    above = [r.at.line for r in module.rules if r.at.line < rule.at.line]
    begin = max((module.at.line, *above))
    for each in module.annotations:
        if begin < each.line and each.end <= rule.at.line:
            yield _said(each, module, "rule")


def _of_document(modules: Sequence[Module], path: Path) -> Iterator[Said]:
    for module in modules:
        if module.package == path[: len(module.package)]:
            for rule in module.rules:
                names = tuple(str(p.value) for p in rule.ref if isinstance(p, Const))
                if (*module.package, *names) == path:
                    yield from (s for s in _before(module, rule) if s["scope"] == "document")


def _of_package(modules: Sequence[Module], package: Path) -> Iterator[Said]:
    for module in modules:
        if module.package == package:
            yield from (_said(a, module, "package") for a in module.annotations if a.end <= module.at.line)


def _said(annotation: Annotation, module: Module, scope: str) -> Said:
    """An annotation. Raises `InputError` for one that is no YAML, or of a scope that there is not."""
    where = f"{module.at.file}:{annotation.line}"
    found, problems = documents(annotation.text.encode())
    value = found[0].value if found else {}
    if problems or not isinstance(value, dict):
        raise InputError("metadata that is not understood", where=where, wanted="a mapping in YAML")
    said: Said = {"scope": scope, **value}
    if said["scope"] not in SCOPES:
        raise InputError("no such scope", where=where, got=str(said["scope"]), wanted=", ".join(SCOPES))
    authors = said.get("authors")
    if isinstance(authors, list):
        said["authors"] = [_author(a) if isinstance(a, str) else a for a in authors]
    return said


def _author(text: str) -> Plain:
    """`John Doe <john@example.com>`."""
    name, _, mail = text.partition("<")
    return {"name": name.strip(), **({"email": mail.rstrip("> ")} if mail else {})}


def _term(value: Plain) -> Term:
    if isinstance(value, list):
        return Array(tuple(map(_term, value)))
    if isinstance(value, dict):
        return Object(tuple((Const(k), _term(v)) for k, v in value.items()))
    return Const(value)
