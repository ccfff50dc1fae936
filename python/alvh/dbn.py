"""Databento Binary Encoding: order-book events and trades of one instrument from a .dbn or .dbn.zst file."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Literal

from alvh import _core
from alvh.errors import ConfigError
from alvh.events import Tape

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["read_dbn"]

_MOST_ID = 2**32 - 1


def read_dbn(
    source: str | os.PathLike[str] | bytes | bytearray | memoryview,
    *,
    instrument_id: int | None = None,
    symbol: str | None = None,
    schema: str | None = None,
    tick_size: float | None = None,
    time: Literal["receive", "event"] = "receive",
    other_instruments: Literal["flag", "raise"] = "flag",
) -> Tape:
    """Read the records of one instrument; every record of the file is checked.

    Versions 1, 2 and 3 of the encoding, uncompressed or in any number of zstd frames, with or without the send time of
    live streams. Files of more than 64 MB of records, or 4 MB compressed, stay on the disk and are read, and checked,
    again whenever their events are used; the memory needed does not depend on the length of the file.

    Parameters
    ----------
    source : path or bytes
        A file, or its bytes. Bytes are copied.
    instrument_id : int, optional
        The instrument, if the file holds several.
    symbol : str, optional
        The instrument by a symbol of the metadata, instead of its number.
    schema : {"mbo", "mbp-10", "mbp-1", "tbbo", "trades", "bbo-1s", "bbo-1m"}, optional
        Needed where the file does not say: for records without metadata (``.frag``) and for files of several schemas.
    tick_size : float, optional
        One tick [currency of the price]. By default the greatest common divisor of the prices in the first 65,536
        records: a guess, which a later price may refute by an error that says so.
    time : {"receive", "event"}
        The tape's clock: when the vendor received a record, or when the venue's matching engine did.
    other_instruments : {"flag", "raise"}
        Records of instruments that were not chosen are left out and counted, or are an error.

    Returns
    -------
    Tape
        Actions, sides, flags, sizes and order ids are those of the records, prices are ticks. Records of
        ``"mbp-10"``, ``"mbp-1"`` and ``"bbo"`` carry the book after them, those of ``"tbbo"`` the one before the trade;
        quotes of ``"bbo"`` have action ``N`` and the price and size of the last trade. In
        :attr:`~alvh.Tape.quality`, ``other_record`` counts records of other kinds (status, gateway messages) that were
        left out.

    Raises
    ------
    TruncatedError
        When the file ends inside its metadata, a record or a zstd frame. The encoding has no mark of its end: an
        uncompressed file that was cut between two records is a valid, shorter file.
    DecodeError
        When bytes are not what the encoding says: magic, version, metadata, type or length of a record, an unknown
        action or side, a broken zstd frame; for the older format DBZ.
    SchemaError
        For schemas without events of a book or trades (definitions, statistics, status, imbalances, bars,
        consolidated quotes), and when the schema is not known.
    DataError
        For several instruments when none was chosen, an instrument that is not there, no records at all, a time that is
        undefined or not within 1990 to 2100, prices off the grid, prices that no tick can be derived from.
    ConfigError
        For arguments that break their rule; for quotes at intervals by event time, which is that of the last trade.
    LimitError
        For zstd frames with a window beyond 128 MB and metadata beyond 100 MB.
    OSError
        When the file cannot be opened.

    Notes
    -----
    The layouts of the records are those of the vendor's ``dbn`` crate (Apache-2.0).
    """
    if instrument_id is not None:
        instrument_id = _identifier(instrument_id)
    for field, value in (("symbol", symbol), ("schema", schema)):
        if value is not None and not isinstance(value, str):
            raise ConfigError("DBN038", "read_dbn", field, repr(value)[:40], "text")
    if tick_size is not None:
        tick_size = _number(tick_size)
    path: str | None = None
    data = b""
    if isinstance(source, bytes | bytearray | memoryview):
        name, data = "bytes", bytes(source)
    else:
        path = name = os.fsdecode(source)
        # Opened here first, for Python's own error of a file that is not there.
        with open(path, "rb"):
            pass
    core = _core.tape_from_dbn(
        os.path.basename(name),
        path,
        data,
        instrument_id,
        symbol,
        schema,
        tick_size,
        str(time),
        str(other_instruments),
    )
    return Tape(core)


def _identifier(value: object) -> int:
    index: Callable[[], int] | None = getattr(value, "__index__", None)
    if isinstance(value, bool) or index is None or not 0 <= index() <= _MOST_ID:
        raise ConfigError("DBN039", "read_dbn", "instrument_id", repr(value)[:40], "0 to 2^32 - 1")
    return index()


def _number(value: object) -> float:
    try:
        if isinstance(value, bool | str):
            raise TypeError
        return float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError, OverflowError):
        raise ConfigError("DBN040", "read_dbn", "tick_size", repr(value)[:40], "a number above 0") from None
