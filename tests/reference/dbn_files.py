"""Small DBN files, made up: metadata and records packed by hand, to be read, cut and broken by tests."""

from __future__ import annotations

import struct
from collections.abc import Sequence

SCHEMAS = {"mbo": 0, "mbp-1": 1, "mbp-10": 2, "tbbo": 3, "trades": 4, "bbo-1s": 18, "bbo-1m": 19}
RTYPES = {"mbo": 0xA0, "mbp-1": 1, "mbp-10": 10, "tbbo": 1, "trades": 0, "bbo-1s": 0xC3, "bbo-1m": 0xC4}
LEVELS = {"mbo": 0, "mbp-1": 1, "mbp-10": 10, "tbbo": 1, "trades": 0, "bbo-1s": 1, "bbo-1m": 1}
NO_PRICE = 2**63 - 1
NO_TIME = 2**64 - 1
START = 1_700_000_000_000_000_000
TICK = 250_000_000
MID = 4_000 * 10**9


def metadata(
    version: int = 3,
    schema: str | None = "mbo",
    *,
    symbols: Sequence[tuple[str, int]] = (("TEST", 7),),
    ts_out: bool = False,
    schema_number: int | None = None,
) -> bytes:
    """Metadata of a file in which each symbol stood for one instrument."""
    length = 22 if version == 1 else 71

    def text(value: str) -> bytes:
        return value.encode().ljust(length, b"\0")

    number = schema_number if schema_number is not None else SCHEMAS[schema] if schema else 0xFFFF
    body = b"MADE.UP".ljust(16, b"\0") + struct.pack("<HQQQ", number, START, NO_TIME, 0)
    if version == 1:
        body += struct.pack("<Q", NO_TIME)
    body += struct.pack("<BBB", 1, 0, ts_out)
    body += bytes(47) if version == 1 else struct.pack("<H", length) + bytes(53)
    body += struct.pack("<I", 0)
    body += struct.pack("<I", len(symbols)) + b"".join(text(name) for name, _ in symbols)
    body += struct.pack("<II", 0, 0)
    body += struct.pack("<I", len(symbols))
    for name, number in symbols:
        body += text(name) + struct.pack("<III", 1, 20231114, 20231115) + text(str(number))
    if version == 3:
        body += bytes(-len(body) % 8)
    return b"DBN" + bytes([version]) + struct.pack("<I", len(body)) + body


def record(
    schema: str = "mbo",
    i: int = 0,
    *,
    instrument_id: int = 7,
    price: int | None = None,
    action: bytes = b"A",
    side: bytes = b"B",
    flags: int = 0x80,
    ts_event: int | None = None,
    ts_recv: int | None = None,
    ts_out: bool = False,
    levels: Sequence[tuple[int, int, int, int]] | None = None,
) -> bytes:
    """Record number `i` of an instrument whose book moves a little."""
    price = MID + TICK * (i % 5) if price is None else price
    ts_recv = START + i * 1_000_000 if ts_recv is None else ts_recv
    ts_event = ts_recv - 20_000 if ts_event is None else ts_event
    size, sequence = 1 + i % 9, i
    if schema.startswith("bbo"):
        action = b"\0"
    if schema == "mbo":
        body = struct.pack(
            "<QqIBBccQiI", 1_000 + i, price, size, flags, 0, action, side, ts_recv, 100, sequence
        )
    else:
        body = struct.pack("<qIccBBQiI", price, size, action, side, flags, 0, ts_recv, 100, sequence)
        if levels is None:
            levels = [
                (MID - TICK * (k + 1 - i % 2), MID + TICK * (k + 1 + i % 3), 10 + k + i % 4, 20 + k)
                for k in range(LEVELS[schema])
            ]
        for bid, ask, bid_size, ask_size in levels:
            body += struct.pack("<qqIIII", bid, ask, bid_size, ask_size, 1, 2)
    if ts_out:
        body += struct.pack("<Q", ts_recv + 5_000)
    length = (16 + len(body)) // 4
    return struct.pack("<BBHIQ", length, RTYPES[schema], 1, instrument_id, ts_event) + body


def file(schema: str = "mbo", n: int = 12, version: int = 3, *, ts_out: bool = False) -> bytes:
    """A whole file of one instrument."""
    records = (record(schema, i, ts_out=ts_out) for i in range(n))
    return metadata(version, schema, ts_out=ts_out) + b"".join(records)


def status(version: int = 3, ts_out: bool = False) -> bytes:
    """A record of the trading status, as gateways put between others."""
    body = struct.pack("<QHHHccc7x", START, 7, 0, 0, b"Y", b"Y", b"~") + bytes(8 * ts_out)
    return struct.pack("<BBHIQ", (16 + len(body)) // 4, 0x12, 1, 7, START) + body
