"""Files, plain or packed, as chunks of bytes: whole, or an error; never more of them in memory than a chunk."""

from __future__ import annotations

import gzip
import os
import zipfile
import zlib
from typing import TYPE_CHECKING, Any, BinaryIO

from alvh.errors import DataError, DecodeError, LimitError, SchemaError, TruncatedError

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["chunks", "name_of"]

CHUNK = 1 << 20
# Feeds pack 5 to 30 times; beyond this, and beyond the first megabytes, a file is a bomb.
LARGEST_RATIO = 200
FREE_BYTES = 64 << 20


def name_of(path: str | os.PathLike[str], source: str) -> str:
    """Name of a file in errors.

    Raises
    ------
    SchemaError
        ``FIL002`` no path.
    """
    if isinstance(path, str | os.PathLike):
        name = os.fspath(path)
        if isinstance(name, str) and name and "\0" not in name:
            return os.path.basename(name) or name
    raise SchemaError("FIL002", source, "path", repr(path)[:40].replace("\n", " "), "the path of a file")


def chunks(path: str | os.PathLike[str]) -> Iterator[bytes]:
    """Read a file in chunks, unpacked where its first bytes say gzip or zip (of one file).

    Raises
    ------
    DataError
        ``FIL003`` the file cannot be read.
    TruncatedError
        ``FIL004`` it is empty, or packed bytes end too early.
    DecodeError
        ``FIL005`` packed bytes that are wrong, or not packed as expected.
    SchemaError
        ``FIL006`` a zip archive of several files, or of none.
    LimitError
        ``FIL007`` it unpacks to more than 200 times its size.
    """
    name = name_of(path, "file")
    try:
        with open(path, "rb") as file:
            yield from _unpacked(file, name)
    except OSError as error:
        text = error.strerror or str(error)
        raise DataError("FIL003", name, "file", f"{text!r}", "a file that can be read") from error


def _unpacked(file: BinaryIO, name: str) -> Iterator[bytes]:
    size = os.fstat(file.fileno()).st_size
    magic = file.read(4)
    file.seek(0)
    if not magic:
        raise TruncatedError("FIL004", name, "file", "no bytes", "a file with content")
    try:
        if magic[:2] == b"\x1f\x8b":
            with gzip.GzipFile(fileobj=file) as stream:
                yield from _limited(stream, size, name)
        elif magic == b"PK\x03\x04" or magic == b"PK\x05\x06":
            with zipfile.ZipFile(file) as archive:
                members = [member for member in archive.infolist() if not member.is_dir()]
                if len(members) != 1:
                    raise SchemaError("FIL006", name, "archive", f"{len(members)} files", "one file")
                with archive.open(members[0]) as stream:
                    yield from _limited(stream, size, name)
        else:
            yield from iter(lambda: file.read(CHUNK), b"")
    except EOFError as error:
        raise TruncatedError("FIL004", name, "file", "packed bytes that end early", "a whole file") from error
    except zipfile.BadZipFile as error:
        kind = (
            TruncatedError
            if "central directory" in str(error) or "not a zip file" in str(error)
            else DecodeError
        )
        raise kind("FIL005", name, "file", repr(str(error))[:80], "a whole zip archive") from error
    except (gzip.BadGzipFile, zlib.error, NotImplementedError, RuntimeError, UnicodeDecodeError) as error:
        raise DecodeError(
            "FIL005", name, "file", repr(str(error))[:80], "packed bytes that are sound"
        ) from error


def _limited(stream: Any, size: int, name: str) -> Iterator[bytes]:
    most = max(FREE_BYTES, LARGEST_RATIO * size)
    total = 0
    while chunk := stream.read(CHUNK):
        total += len(chunk)
        if total > most:
            expected = f"at most {LARGEST_RATIO} times the {size} bytes of the file"
            raise LimitError("FIL007", name, "file", f"more than {most} bytes", expected)
        yield chunk
