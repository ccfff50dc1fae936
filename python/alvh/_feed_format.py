"""Which feed a file of order-book data comes from, by its content."""

from __future__ import annotations

import gzip
import os
import re
import zipfile
import zlib
from typing import NamedTuple

from alvh.errors import SchemaError

__all__ = ["FORMATS", "Found", "format_of"]

FORMATS = ("dbn", "lobster", "binance", "taq")
_ZSTD = b"\x28\xb5\x2f\xfd"
# Any of the sixteen magic numbers of a skippable frame, with which old files begin.
_SKIPPABLE = re.compile(rb"[\x50-\x5f]\x2a\x4d\x18")
_LINE = 1 << 16


class Found(NamedTuple):
    """A format, and which part of a pair the file is: 0 first, 1 second."""

    name: str
    part: int


def format_of(path: str | os.PathLike[str]) -> Found:
    """Find the format of a file.

    Parameters
    ----------
    path : str or path-like
        The file.

    Returns
    -------
    Found
        Name and part.

    Raises
    ------
    SchemaError
        ``DET001``: none of the formats.
    OSError
        When the file cannot be read.
    """
    with open(path, "rb") as stream:
        head = stream.read(8)
    if head[:3] == b"DBN" or head[:4] == _ZSTD or _SKIPPABLE.match(head):
        return Found("dbn", 0)
    try:
        line = _first_line(path, head).decode("utf-8").strip()
    except (UnicodeDecodeError, OSError, EOFError, zlib.error, zipfile.BadZipFile) as error:
        if isinstance(error, OSError) and not isinstance(error, gzip.BadGzipFile):
            raise
        line = ""
    found = _of_line(line)
    if found is None:
        shown = repr(line[:40]) if line else f"bytes {head[:4].hex()}" if head else "an empty file"
        expected = "DBN, LOBSTER, Binance or TAQ"
        raise SchemaError("DET001", os.fspath(path), "format", shown, expected, hint="name it with --format")
    return found


def _first_line(path: str | os.PathLike[str], head: bytes) -> bytes:
    if head[:2] == b"\x1f\x8b":
        with gzip.open(path, "rb") as packed:
            return packed.readline(_LINE)
    if head[:2] == b"PK":
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
            if not names:
                return b""
            with archive.open(names[0]) as member:
                return member.readline(_LINE)
    with open(path, "rb") as stream:
        return stream.readline(_LINE)


def _of_line(line: str) -> Found | None:
    if re.match(r"\d{16,20} \{", line):
        return Found("binance", 0)
    cells = line.split(",")
    numeric = [re.fullmatch(r"-?\d+(\.\d+)?", cell) is not None for cell in cells]
    if len(cells) in (6, 7) and "." in cells[0] and all(numeric[:6]):
        return Found("lobster", 0)
    if len(cells) >= 4 and len(cells) % 4 == 0 and all(numeric):
        return Found("lobster", 1)
    # Milliseconds since midnight; the exchange's letter comes after two quotes or after one price and size.
    if len(cells) == 8 and all(numeric[:5]) and not numeric[5]:
        return Found("taq", 0)
    if len(cells) == 6 and all(numeric[:3]) and not numeric[3]:
        return Found("taq", 1)
    return None
