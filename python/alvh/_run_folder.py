"""The folder of a run: a manifest, and every finished chunk in a file of its own, written whole or not at all."""

from __future__ import annotations

import json
import os
import platform
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from alvh import _core
from alvh._chunks import FORMAT, Chunk, Damaged
from alvh._files import write_whole
from alvh.errors import ConfigError, DataError

if TYPE_CHECKING:
    from alvh._chunks import Plan

__all__ = ["RunFolder"]

MANIFEST = "manifest.json"


class RunFolder:
    """Chunks of one plan on disk.

    Parameters
    ----------
    folder : path-like
        Where; made when it is not there.
    plan : Plan
        What is run.
    resume : bool
        Whether to go on with what is there.

    Raises
    ------
    ConfigError
        ``RUN010`` when the folder holds a run and `resume` is False; ``RUN011`` when that run is another one.
    DataError
        ``RUN012`` when the manifest cannot be read.
    """

    def __init__(self, folder: str | os.PathLike[str], plan: Plan, resume: bool) -> None:
        self.folder = Path(folder)
        self.plan = plan
        # Files that were there and could not be used, by reason.
        self.recomputed = {"damaged": 0, "foreign": 0}
        self.folder.mkdir(parents=True, exist_ok=True)
        manifest = self.folder / MANIFEST
        wanted = {"configuration": plan.configuration.digest, "seed": plan.seed}
        if manifest.exists():
            if not resume:
                where = str(self.folder)
                raise ConfigError(
                    "RUN010", "simulate", "folder", where, "an empty folder", hint="or resume=True"
                )
            self._check(manifest, wanted)
        else:
            self._write_manifest(manifest, wanted)
        # What a killed run was writing; a finished file has no dot in front.
        for part in self.folder.glob(".*.alvh.*"):
            part.unlink(missing_ok=True)

    def _check(self, manifest: Path, wanted: dict[str, Any]) -> None:
        try:
            found = json.loads(manifest.read_bytes())
            held = {key: found[key] for key in wanted}
        except (ValueError, KeyError, TypeError):
            hint = "remove the folder to start anew"
            raise DataError(
                "RUN012", str(manifest), "manifest", "unreadable content", "a manifest", hint=hint
            ) from None
        for key, value in wanted.items():
            if held[key] != value:
                raise ConfigError(
                    "RUN011",
                    str(manifest),
                    key,
                    str(held[key])[:16],
                    f"{str(value)[:16]}, that of this call",
                    hint="give the same arguments or another folder",
                )

    def _write_manifest(self, manifest: Path, wanted: dict[str, Any]) -> None:
        content = {
            "format": FORMAT,
            **wanted,
            "versions": {
                "alvh": _core.__version__,
                "numpy": np.__version__,
                "python": platform.python_version(),
            },
            "chunk_paths": self.plan.configuration.chunk_paths,
            "content": json.loads(self.plan.configuration.json),
        }
        text = json.dumps(content, indent=1, sort_keys=True)
        write_whole(manifest, lambda stream: stream.write(text.encode()))

    def _path(self, first: int, count: int) -> Path:
        return self.folder / f"paths-{first:012d}-{count}.alvh"

    def load(self, first: int, count: int) -> Chunk | None:
        """Return a finished chunk; None where there is none that can be used, which is counted.

        Parameters
        ----------
        first, count : int
            Which paths.

        Returns
        -------
        Chunk or None
            The chunk.
        """
        try:
            chunk = Chunk.decode(self._path(first, count).read_bytes())
        except FileNotFoundError:
            return None
        except Damaged:
            self.recomputed["damaged"] += 1
            return None
        found = (chunk.configuration, chunk.seed, chunk.first, chunk.count)
        if found != (self.plan.configuration.digest, self.plan.seed, first, count):
            self.recomputed["foreign"] += 1
            return None
        return chunk

    def save(self, first: int, count: int, content: bytes) -> None:
        """Write a finished chunk in one step."""
        write_whole(self._path(first, count), lambda stream: stream.write(content))
