"""`mistrust.toml`: what a team decided about its own findings."""

from __future__ import annotations

import datetime
import tomllib
from pathlib import Path

import msgspec

from mistrust.kube.errors import UsageError
from mistrust.trust.accept import Acceptance

FILE = "mistrust.toml"


class Check(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename="kebab"):
    """`[check]`: defaults of the options of `mistrust check`; the command line wins."""

    gate: str = ""
    baseline: str = ""
    protect: tuple[str, ...] = ()
    """Objects that no proposed change may touch: `ClusterRole ops/*`."""


class Evidence(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename="kebab"):
    """`[evidence]`: what answers from kept evidence."""

    engine: str = ""
    """A URL; the embedded engine if it is empty. `MISTRUST_EVIDENCE_ENGINE` wins."""


class Config(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename="kebab"):
    """The whole file."""

    check: Check = Check()
    evidence: Evidence = Evidence()
    accept: tuple[Acceptance, ...] = ()


def find_config(explicit: str | None, sources: list[str]) -> Path | None:
    """The configuration: the named file, else `mistrust.toml` in the working directory, else in the folder checked.

    Raises `UsageError` for a named file that does not exist.
    """
    if explicit:
        if not Path(explicit).is_file():
            raise UsageError("no such configuration file", where=explicit)
        return Path(explicit)
    places = [Path(FILE), *(Path(s) / FILE for s in sources if s != "-" and Path(s).is_dir())]
    return next((p for p in places if p.is_file()), None)


def load_config(path: Path | None) -> Config:
    """Read and check the configuration.

    Raises `UsageError` that names the key: an unknown one, a date that is none, a missing owner.
    """
    if path is None:
        return Config()
    try:
        raw = tomllib.loads(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise UsageError("configuration cannot be read", where=str(path), got=str(error)) from None
    try:
        config = msgspec.convert(_dates_as_text(raw), Config)
    except msgspec.ValidationError as error:
        raise UsageError("not a valid configuration", where=str(path), got=str(error)) from None
    for i, entry in enumerate(config.accept):
        where = f"{path}: accept[{i}]"
        for key in ("reason", "owner"):
            if not getattr(entry, key).strip():
                raise UsageError(f"an accepted risk needs {key}", where=where)
        try:
            datetime.date.fromisoformat(entry.until)
        except ValueError:
            raise UsageError("not a day", where=where, got=entry.until, wanted="until = 2027-03-31") from None
        if not str(entry):
            raise UsageError("accepts everything", where=where, do="name a rule, an object, a subject or an id")
    return config


def today() -> str:
    """The current day, UTC, as `2026-11-23`."""
    return datetime.datetime.now(datetime.UTC).date().isoformat()


def _dates_as_text(value: object) -> object:
    if isinstance(value, dict):
        return {k: _dates_as_text(v) for k, v in value.items()}
    if isinstance(value, list):
        return [_dates_as_text(v) for v in value]
    return value.isoformat() if isinstance(value, datetime.date) else value
