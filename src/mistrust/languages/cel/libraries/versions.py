"""Which library came with which minor version of Kubernetes (k8s.io/apiserver pkg/cel/environment/base.go)."""

from __future__ import annotations

from functools import cache
from typing import Final

from mistrust.kube.errors import InputError
from mistrust.languages.cel.function import Functions
from mistrust.languages.cel.libraries.authorizer import AUTHORIZER, SELECTORS
from mistrust.languages.cel.libraries.encoders import ENCODERS
from mistrust.languages.cel.libraries.formats import FORMATS
from mistrust.languages.cel.libraries.lists import KUBERNETES_LISTS, LISTS
from mistrust.languages.cel.libraries.maths import MATHS
from mistrust.languages.cel.libraries.network import NETWORK
from mistrust.languages.cel.libraries.optionals import OPTIONALS
from mistrust.languages.cel.libraries.quantities import QUANTITIES
from mistrust.languages.cel.libraries.regexes import REGEXES
from mistrust.languages.cel.libraries.semvers import COMPARISONS, SEMVERS
from mistrust.languages.cel.libraries.sets import SETS
from mistrust.languages.cel.libraries.strings import STRINGS
from mistrust.languages.cel.libraries.urls import URLS
from mistrust.languages.cel.standard import STANDARD

LATEST: Final = "1.37"
OLDEST: Final = 28
SINCE: Final[tuple[tuple[int, Functions], ...]] = (
    (0, STANDARD),
    (0, STRINGS),
    (0, URLS),
    (0, REGEXES),
    (0, KUBERNETES_LISTS),
    (0, AUTHORIZER),
    (28, OPTIONALS),
    (28, QUANTITIES),
    (28, COMPARISONS),
    (29, SETS),
    (30, NETWORK),
    (31, FORMATS),
    (32, SELECTORS),
    (33, SEMVERS),
    (34, LISTS),
)
TWO_VARIABLES: Final = 32
EXTENSIONS: Final[Functions] = {**ENCODERS, **MATHS}
"""What cel-go has beside: other languages built on CEL offer it."""


def minor(version: str) -> int:
    """34 of `1.34`. Raises `InputError` for a version that is not known."""
    major, _, rest = version.removeprefix("v").partition(".")
    number = rest.partition(".")[0]
    if major != "1" or not number.isdecimal() or int(number) < OLDEST:
        raise InputError("not a version whose CEL is known", got=version, wanted=f"1.{OLDEST} to {LATEST}")
    return int(number)


@cache
def known(version: str) -> Functions:
    """Every function that there is in a version."""
    at = minor(version)
    return {name: each for since, functions in SINCE if since <= at for name, each in functions.items()}


def two_variables(version: str) -> bool:
    """Are there macros of two variables?"""
    return minor(version) >= TWO_VARIABLES
