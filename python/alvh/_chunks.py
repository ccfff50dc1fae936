"""Chunks of simulated paths: the unit of work, of transport, of storage and of merging.

A chunk is fixed by the configuration, the seed, its first path and its number of paths, never by who computes it. What
crosses to another process is those four and nothing else; what comes back says what it is and carries a checksum.
"""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from alvh import _core
from alvh.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from numpy.typing import NDArray

__all__ = ["Assembly", "Chunk", "Configuration", "Damaged", "Plan", "compute", "digest", "merge"]

# Raised with every change of the layout: a chunk of another one is recomputed.
FORMAT = 1
MAGIC = b"alvh chunk\n"
_DIGEST_BYTES = 32
# Path-steps of all books in one chunk: a second or so, so that neither transport nor progress suffers.
_WORK = 2_000_000
# Blocks of the engine: a chunk is a whole number of them, and of antithetic pairs.
_BLOCK = 128
_MOST_IN_CHUNK = 65_536
# Facts that add up over chunks.
_SUMS = ("steps", "clamped")


class Damaged(Exception):
    """The bytes of a chunk are not what was written."""


@dataclass(frozen=True)
class Configuration:
    """Everything that decides a path but the seed.

    Parameters
    ----------
    market, world : str
        JSON of the model and of the world, as the core reads them.
    books : tuple of str
        JSON of the books.
    record_paths : int
        Paths numbered below this keep everything.
    """

    market: str
    world: str
    books: tuple[str, ...]
    record_paths: int

    @cached_property
    def json(self) -> str:
        """Canonical JSON: what a worker gets."""
        content = {
            "format": FORMAT,
            "market": json.loads(self.market),
            "world": json.loads(self.world),
            "books": [json.loads(book) for book in self.books],
            "record_paths": self.record_paths,
        }
        return json.dumps(content, sort_keys=True, separators=(",", ":"), allow_nan=False)

    @property
    def digest(self) -> str:
        """SHA-256 of the canonical JSON, hexadecimal."""
        return hashlib.sha256(self.json.encode()).hexdigest()

    @property
    def chunk_paths(self) -> int:
        """Paths of a chunk: as many as the work of a path allows, whatever computes them."""
        world = json.loads(self.world)
        work = int(world["sessions"]) * (int(world["steps_per_day"]) + 1) * len(self.books)
        return min(max(_WORK // work // _BLOCK, 1) * _BLOCK, _MOST_IN_CHUNK)


@dataclass(frozen=True)
class Plan:
    """Which paths of a configuration a run covers.

    Parameters
    ----------
    configuration : Configuration
        What is simulated.
    seed, first_path, n_paths : int
        Which random numbers.
    """

    configuration: Configuration
    seed: int
    first_path: int
    n_paths: int

    def pieces(self) -> list[tuple[int, int]]:
        """First path and number of paths of every chunk, in order; borders are whole multiples of the chunk size."""
        size = self.configuration.chunk_paths
        end = self.first_path + self.n_paths
        found, first = [], self.first_path
        while first < end:
            border = min((first // size + 1) * size, end)
            found.append((first, border - first))
            first = border
        return found


@dataclass(frozen=True, eq=False)
class Chunk:
    """Results of some paths.

    Parameters
    ----------
    configuration : str
        Digest of the configuration.
    seed, first, count : int
        Which paths.
    arrays : mapping of str to ndarray
        Outcomes: fields of shape (n_books, count), with ``pnl`` of shape (n_books, n_buckets, count); columns of the
        paths themselves, of shape (count,), under ``path:<name>``.
    facts : mapping
        What is the same for all paths (names) and what adds up (``steps``, ``clamped``).
    records : list of mapping
        Recorded paths.
    """

    configuration: str
    seed: int
    first: int
    count: int
    arrays: Mapping[str, NDArray[Any]]
    facts: Mapping[str, Any]
    records: list[dict[str, Any]]

    def encode(self) -> bytes:
        """Write the chunk as bytes: a mark, the SHA-256 of the rest, then arrays and JSON without any code in them."""
        arrays: dict[str, NDArray[Any]] = {f"a/{name}": values for name, values in self.arrays.items()}
        for number, record in enumerate(self.records):
            arrays |= {f"r/{number}/{key}": value for key, value in _flat(record).items()}
        head = {
            "format": FORMAT,
            "alvh": _core.__version__,
            "configuration": self.configuration,
            "seed": self.seed,
            "first": self.first,
            "count": self.count,
            "facts": dict(self.facts),
            "records": [_rest(record) for record in self.records],
        }
        arrays["head"] = np.frombuffer(json.dumps(head, sort_keys=True).encode(), dtype=np.uint8)
        stream = io.BytesIO()
        np.savez(stream, **arrays)  # type: ignore[arg-type]
        body = stream.getvalue()
        return MAGIC + hashlib.sha256(body).digest() + body

    @classmethod
    def decode(cls, content: bytes) -> Chunk:
        """Read what `encode` wrote.

        Raises
        ------
        Damaged
            The bytes are not whole, or of another format or version.
        """
        start = len(MAGIC) + _DIGEST_BYTES
        body = content[start:]
        if not content.startswith(MAGIC) or hashlib.sha256(body).digest() != content[len(MAGIC) : start]:
            raise Damaged("checksum")
        try:
            with np.load(io.BytesIO(body), allow_pickle=False) as stored:
                arrays = {name: stored[name] for name in stored.files}
            head = json.loads(arrays.pop("head").tobytes())
        except (ValueError, KeyError, OSError, zipfile.BadZipFile) as error:
            raise Damaged("layout") from error
        if (head["format"], head["alvh"]) != (FORMAT, _core.__version__):
            raise Damaged("another version")
        for values in arrays.values():
            values.flags.writeable = False
        records = [
            _joined(rest, {key[len(p) :]: value for key, value in arrays.items() if key.startswith(p)})
            for p, rest in ((f"r/{number}/", rest) for number, rest in enumerate(head["records"]))
        ]
        outcomes = {name[2:]: values for name, values in arrays.items() if name.startswith("a/")}
        return cls(
            head["configuration"],
            head["seed"],
            head["first"],
            head["count"],
            outcomes,
            head["facts"],
            records,
        )


def compute(configuration: str, seed: int, first: int, count: int, n_jobs: int = 1) -> bytes:
    """Simulate one chunk: what a worker does, wherever it is.

    Parameters
    ----------
    configuration : str
        Canonical JSON of a `Configuration`.
    seed, first, count : int
        Which paths.
    n_jobs : int
        Threads.

    Returns
    -------
    bytes
        The encoded chunk.
    """
    content = json.loads(configuration)
    raw = _core.simulate(
        json.dumps(content["market"]),
        json.dumps(content["world"]),
        [json.dumps(book) for book in content["books"]],
        first,
        count,
        seed,
        n_jobs,
        content["record_paths"],
        tables=_tables(content, n_jobs),
    )
    arrays = dict(raw["outcomes"])
    arrays |= {f"path:{name}": values for name, values in raw.get("paths", {}).items()}
    facts = {key: raw[key] for key in ("books", "buckets", "rules", "event_kinds", "steps", "clamped")}
    digest = hashlib.sha256(configuration.encode()).hexdigest()
    return Chunk(digest, seed, first, count, arrays, facts, list(raw["records"])).encode()


class Assembly:
    """Chunks put together as they come, in whatever order; no copy of all of them is made.

    Parameters
    ----------
    first, count : int
        Paths of the whole.
    """

    def __init__(self, first: int, count: int) -> None:
        self.first = first
        self.count = count
        self._arrays: dict[str, NDArray[Any]] = {}
        self._head: Chunk | None = None
        self._sums = dict.fromkeys(_SUMS, 0)
        self._records: list[dict[str, Any]] = []

    def put(self, chunk: Chunk) -> None:
        """Put a chunk in its place."""
        if self._head is None:
            self._head = chunk
            self._arrays = {
                name: np.empty((*values.shape[:-1], self.count), values.dtype)
                for name, values in chunk.arrays.items()
            }
        start = chunk.first - self.first
        for name, values in chunk.arrays.items():
            self._arrays[name][..., start : start + chunk.count] = values
        for key in _SUMS:
            self._sums[key] += chunk.facts[key]
        self._records += chunk.records

    def finish(self) -> Chunk:
        """Return the whole; every path must have been put."""
        head = self._head
        if head is None:
            raise DataError("RUN004", "merge", "parts", "none", "at least one")
        for values in self._arrays.values():
            values.flags.writeable = False
        records = sorted(self._records, key=lambda record: record["path"])
        facts = {**head.facts, **self._sums}
        return Chunk(head.configuration, head.seed, self.first, self.count, self._arrays, facts, records)


def _tables(content: dict[str, Any], n_jobs: int) -> _core.ModelTables | None:
    """Tables of the model out of memory, out of the cache of this machine, or computed; None where nothing asks."""
    if content["world"]["marks"] != "model":
        return None
    from alvh._tables import tables
    from alvh.market import Market

    return tables(Market(**content["market"]), True, n_jobs)


def merge(chunks: Iterable[Chunk]) -> Chunk:
    """Join chunks in the order of their paths, whatever order they come in.

    Raises
    ------
    DataError
        ``RUN001`` for a path in two chunks, ``RUN002`` for a gap between them, ``RUN003`` for chunks of different
        configurations or seeds.
    """
    parts = sorted(chunks, key=lambda chunk: chunk.first)
    whole = Assembly(parts[0].first if parts else 0, sum(part.count for part in parts))
    for before, part in pairwise(parts):
        if (part.configuration, part.seed) != (before.configuration, before.seed):
            got = f"configuration {part.configuration[:12]}, seed {part.seed}"
            expected = f"configuration {before.configuration[:12]}, seed {before.seed}"
            raise DataError("RUN003", "merge", "parts", got, expected, f"path {part.first}")
        end = before.first + before.count
        if part.first < end:
            where = f"path {part.first}"
            raise DataError("RUN001", "merge", "parts", "twice", "every path in one part only", where)
        if part.first > end:
            missing = f"paths {end}..{part.first - 1} missing"
            raise DataError("RUN002", "merge", "parts", missing, "paths without a gap")
    for part in parts:
        whole.put(part)
    return whole.finish()


def digest(chunk: Chunk) -> str:
    """SHA-256 of the configuration, the seed and all outcomes in the order of the paths, hexadecimal."""
    found = hashlib.sha256(f"{chunk.configuration} {chunk.seed} {chunk.first} {chunk.count}".encode())
    for name in sorted(chunk.arrays):
        values = np.ascontiguousarray(chunk.arrays[name])
        # Bytes do not depend on the order of the machine.
        found.update(f" {name} {values.shape} ".encode())
        found.update(values.astype(values.dtype.newbyteorder("<"), copy=False).tobytes())
    return found.hexdigest()


def _flat(record: Mapping[str, Any], prefix: str = "") -> dict[str, NDArray[Any]]:
    """Arrays of a nested record by the way to them."""
    found: dict[str, NDArray[Any]] = {}
    for key, value in record.items():
        if isinstance(value, np.ndarray):
            found[f"{prefix}{key}"] = value
        elif isinstance(value, dict):
            found |= _flat(value, f"{prefix}{key}/")
    return found


def _rest(record: Mapping[str, Any]) -> dict[str, Any]:
    """Everything of a nested record that is no array."""
    return {
        key: _rest(value) if isinstance(value, dict) else value
        for key, value in record.items()
        if not isinstance(value, np.ndarray)
    }


def _joined(rest: dict[str, Any], arrays: Mapping[str, NDArray[Any]]) -> dict[str, Any]:
    """Undo `_flat` and `_rest`."""
    for way, value in arrays.items():
        *folders, name = way.split("/")
        place = rest
        for folder in folders:
            place = place.setdefault(folder, {})
        place[name] = value
    return rest
