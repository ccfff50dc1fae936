"""A job file: one TOML document that says what to run, and the folder that a run writes with its manifest."""

from __future__ import annotations

import hashlib
import json
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from alvh import _core
from alvh._files import write_whole
from alvh.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["flags_of", "write_manifest"]

# What a job may say, and the type of each value.
_PATHS = (
    "spx",
    "vix",
    "vx",
    "vix9d",
    "vix3m",
    "vix6m",
    "vvix",
    "skew",
    "rates",
    "settlement",
    "vix_settlement",
    "spy",
    "bars",
    "chain",
)
_FIELDS: dict[str, dict[str, type]] = {
    "market": dict.fromkeys((*_PATHS, "bars_tz", "rates_unit", "missing", "chain_format"), str),
    "books": {"names": list},
    "run": {"seed": int, "replicates": int, "min_sessions": int},
    "output": {"folder": str},
}
_FLAGS = {"names": "--books", "folder": "--out"}


def flags_of(path: str) -> list[str]:
    """Read a job file and write it as flags of the command line.

    Parameters
    ----------
    path : str
        TOML with the tables ``market``, ``books``, ``run`` and ``output``, each of which may be left out; paths in it
        are relative to it.

    Returns
    -------
    list of str
        Flags and their values.

    Raises
    ------
    ConfigError
        ``JOB001`` no TOML, ``JOB002`` an unknown table or field, ``JOB003`` a value of the wrong type.
    OSError
        When the file cannot be read.
    """
    where = Path(path)
    try:
        job = tomllib.loads(where.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        shown = " ".join(str(error).split())[:80]
        raise ConfigError("JOB001", path, "text", shown, "a TOML document in UTF-8") from None
    flags = []
    for table, fields in job.items():
        known = _FIELDS.get(table)
        if known is None or not isinstance(fields, dict):
            raise ConfigError(
                "JOB002", path, _name(table), "an unknown table", f"tables of {', '.join(_FIELDS)}"
            )
        for name, value in fields.items():
            if name not in known:
                expected = f"one of {', '.join(known)}"
                raise ConfigError("JOB002", path, f"{table}.{_name(name)}", "an unknown field", expected)
            flags += _flag(path, where.parent, table, name, value)
    return flags


def _name(text: str) -> str:
    return ascii(text)[1:-1][:40]


def _flag(path: str, folder: Path, table: str, name: str, value: Any) -> list[str]:
    wanted = _FIELDS[table][name]
    # A truth value is a whole number in Python, but nobody means 1 by it.
    fits = isinstance(value, wanted) and not isinstance(value, bool)
    if wanted is list:
        fits = fits and bool(value) and all(isinstance(each, str) and "," not in each for each in value)
    if not fits:
        expected = {str: "text", int: "a whole number", list: "a list of names of books"}[wanted]
        raise ConfigError("JOB003", path, f"{table}.{name}", ascii(value)[:40], expected)
    if wanted is list:
        value = ",".join(value)
    elif name in _PATHS or name == "folder":
        value = folder / value
    return [f"{_FLAGS.get(name, '--' + name.replace('_', '-'))}={value}"]


def write_manifest(folder: Path, files: Iterable[Path], provenance: dict[str, Any]) -> Path:
    """Write what a run was made of and what it made; without it a folder is not a finished run.

    Parameters
    ----------
    folder : Path
        Folder of the run.
    files : iterable of Path
        Files that the run wrote in it.
    provenance : dict
        Provenance of the study.

    Returns
    -------
    Path
        The manifest. It has no time and no path, so that the same run gives the same bytes.
    """
    made = {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in sorted(files)}
    keys = ("seed", "configuration_hash", "data_hash", "marks", "first", "last", "python", "numpy", "machine")
    run = {key: provenance[key] for key in keys if key in provenance}
    text = json.dumps({"alvh": _core.__version__, "run": run, "sha256": made}, indent=2, sort_keys=True)
    return write_whole(folder / "manifest.json", lambda stream: stream.write(f"{text}\n".encode()))
