"""What names mean at one place: variables, rules, imports, functions."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from copy import copy
from itertools import count
from typing import Self

from mistrust.kube.errors import InputError
from mistrust.languages.rego.ops import ROOTS
from mistrust.languages.rego.syntax import Array, At, Const, Object, Ref, SetOf, Term, Var


class Names:
    """What names mean at one place.

    Parameters: `names`, what the package and the imports know, each with its path, which begins with data or input.
    """

    def __init__(
        self,
        names: Mapping[str, tuple[str, ...]],
        functions: Mapping[tuple[str, ...], int],
        builtins: Mapping[tuple[str, ...], int],
    ) -> None:
        self._names, self.functions, self.builtins = names, functions, builtins
        self.metadata: Callable[[], Mapping[tuple[str, ...], Term]] = dict
        self.local: dict[str, str] = {}
        self._number = count()

    def giving(self, metadata: Callable[[], Mapping[tuple[str, ...], Term]]) -> Self:
        """The same, in which calls of `rego.metadata` mean these terms."""
        self.metadata = metadata
        return self

    def inner(self) -> Self:
        """The scope of a body inside."""
        new = copy(self)
        new.local = dict(self.local)
        return new

    def declare(self, name: str) -> str:
        """A name of the body's own from here on."""
        self.local[name] = name if name.startswith("$") else f"{name}.{next(self._number)}"
        return self.local[name]

    def fresh(self) -> Var:
        """A variable that nobody wrote."""
        return Var(f"$${next(self._number)}")

    def declare_all(self, term: Term) -> None:
        """Every variable of a pattern that is declared there."""
        match term:
            case Var():
                self.declare(term.name)
            case Array() | SetOf():
                for item in term.items:
                    self.declare_all(item)
            case Object():
                for _, value in term.items:
                    self.declare_all(value)
            case _:
                pass

    # Names

    def var(self, var: Var) -> Term:
        """What a name by itself means."""
        if var.name in self.local:
            return Var(self.local[var.name], var.at)
        if var.name in ROOTS:
            return Ref(var, (), var.at)
        if (path := self._names.get(var.name)) is not None:
            return Ref(Var(path[0]), tuple(map(Const, path[1:])), var.at)
        return var

    def function(self, name: tuple[str, ...]) -> tuple[str, ...]:
        """The full name of a function; of a built-in its own."""
        if name[0] in ROOTS or name[0] not in self._names:
            return name
        full = (*self._names[name[0]], *name[1:])
        return full if full in self.functions or name not in self.builtins else name

    def called(self, name: tuple[str, ...], at: At) -> tuple[str, ...]:
        """The same for a call. Raises `InputError` where there is no such function."""
        full = self.function(name)
        if full not in self.functions and full not in self.builtins:
            raise InputError("no such function", where=str(at), got=".".join(full))
        return full
