"""Tables of the market model: computed once per model, kept on disk, never believed unverified."""

from __future__ import annotations

import os
import sys
import tempfile
import threading
from pathlib import Path
from typing import TYPE_CHECKING

from alvh import _core
from alvh.errors import ConfigError, DataError

if TYPE_CHECKING:
    from alvh.market import Market

# What became of every request since the import.
_COUNTS = {"built": 0, "loaded": 0, "reused": 0, "damaged": 0, "unwritten": 0}
# Tables that were used last, by key: one model is about 50 MB.
_KEPT: dict[str, _core.ModelTables] = {}
_MOST_KEPT = 2
_LOCK = threading.Lock()


def folder() -> Path:
    """Folder of the user's caches, as the platform has it; the variable ALVH_CACHE overrides."""
    chosen = os.environ.get("ALVH_CACHE")
    if chosen:
        return Path(chosen)
    home = Path.home()
    if sys.platform == "win32":
        local = os.environ.get("LOCALAPPDATA")
        return (Path(local) if local else home / "AppData" / "Local") / "alvh" / "Cache"
    if sys.platform == "darwin":
        return home / "Library" / "Caches" / "alvh"
    cache = os.environ.get("XDG_CACHE_HOME")
    return (Path(cache) if cache else home / ".cache") / "alvh"


def counts() -> dict[str, int]:
    """Return what became of every request for tables since the import."""
    return dict(_COUNTS)


def tables(market: Market, cache: bool | str | os.PathLike[str], n_jobs: int) -> _core.ModelTables:
    """Tables of a market from memory, from the cache or computed."""
    if not isinstance(cache, bool | str | os.PathLike):
        expected = "True, False or a folder"
        raise ConfigError("CFG330", "marks.model", "cache", repr(cache)[:40], expected)
    json = market.to_json()
    key = _core.ModelTables.key(json)
    with _LOCK:
        known = _KEPT.pop(key, None)
        if known is not None:
            _COUNTS["reused"] += 1
        else:
            place = (folder() if isinstance(cache, bool) else Path(cache)) if cache else None
            known = _obtain(json, None if place is None else place / key, n_jobs)
        _KEPT[key] = known
        while len(_KEPT) > _MOST_KEPT:
            del _KEPT[next(iter(_KEPT))]
        return known


def _obtain(json: str, file: Path | None, n_jobs: int) -> _core.ModelTables:
    if file is not None:
        try:
            found = _core.ModelTables.from_bytes(json, file.read_bytes())
        except DataError:
            _COUNTS["damaged"] += 1
        except OSError:
            # Not there, or not readable: computed, and written if that is possible.
            pass
        else:
            _COUNTS["loaded"] += 1
            return found
    built = _core.ModelTables.build(json, n_jobs)
    _COUNTS["built"] += 1
    if file is not None:
        try:
            _write(file, built.to_bytes())
        except OSError:
            _COUNTS["unwritten"] += 1
    return built


def _write(file: Path, content: bytes) -> None:
    """Write a file at once: another process sees all of it or nothing."""
    file.parent.mkdir(parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(prefix=file.name, dir=file.parent)
    try:
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        Path(name).replace(file)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
