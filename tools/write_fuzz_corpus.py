"""Write the first inputs of the fuzz targets: small files, made up, nothing of them measured on a market."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import zstandard

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "reference"))
import dbn_files

ROOT = Path(__file__).parents[1]
# Every flaw has a counter in a saved book.
FLAWS = (ROOT / "rust" / "core" / "src" / "events" / "quality.rs").read_text().count('=> "')
# Bits of the byte before the file (fuzz_targets/dbn.rs).
INSTRUMENT, SYMBOL, SCHEMA, TICK, EVENT_TIME, RAISE = 1, 2, 4, 8, 16, 32
# What the first byte of an input of fuzz_targets/book.rs says, and bits of an event's.
ORDERS, LEVELS, READ_ORDERS, READ_LEVELS = range(4)
BID, ASK = 0, 1
EDGE_PRICE, EDGE_SIZE = 0x80, 0x40
TOP, LEVEL = 0xC1, 0x91


def dbn() -> dict[str, bytes]:
    """Files of every schema, version and compression, and what callers say about them."""
    inputs = {f"{schema}": bytes([0]) + dbn_files.file(schema, 3) for schema in dbn_files.SCHEMAS}
    inputs["version-1"] = bytes([TICK]) + dbn_files.file("mbo", 3, 1)
    inputs["send-time"] = bytes([EVENT_TIME]) + dbn_files.file("mbp-1", 3, 2, ts_out=True)
    records = b"".join(dbn_files.record("mbp-1", i) for i in range(3))
    inputs["fragment"] = bytes([SCHEMA | TICK | 2 << 6]) + records
    two = b"".join(dbn_files.record("trades", i, instrument_id=7 + i % 2) for i in range(4))
    inputs["instruments"] = bytes([INSTRUMENT | TICK]) + dbn_files.metadata(schema="trades") + two
    inputs["refused"] = bytes([SYMBOL | RAISE]) + dbn_files.metadata(schema="trades") + two
    mixed = dbn_files.metadata(schema=None) + dbn_files.record() + dbn_files.status() + records
    inputs["mixed"] = bytes([SCHEMA | TICK]) + mixed
    packed = zstandard.compress(dbn_files.file("mbo", 3))
    inputs["packed"] = bytes([TICK]) + packed
    inputs["frames"] = bytes([TICK]) + b"".join(
        zstandard.compress(part) for part in (dbn_files.metadata(), dbn_files.record(), dbn_files.record(i=1))
    )
    return inputs


def varint(value: int) -> bytes:
    """An unsigned integer as postcard writes it."""
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    return bytes([*out, value])


def zigzag(value: int) -> int:
    """A signed integer as the unsigned one that postcard writes."""
    return value << 1 ^ value >> 63


def saved_book(
    orders: Sequence[tuple[int, int, int, int]], levels: Sequence[Sequence[tuple[int, int]]], count: int = 0
) -> bytes:
    """A written book: orders (id, side, price, size), levels (price, size) of bids and asks, `count` of each flaw."""
    body = varint(len(orders))
    for number, side, price, size in orders:
        body += varint(number) + bytes([side]) + varint(zigzag(price)) + varint(zigzag(size))
    for one_side in levels:
        body += varint(len(one_side))
        body += b"".join(varint(zigzag(price)) + varint(zigzag(size)) for price, size in one_side)
    return body + varint(count) * FLAWS


def book() -> dict[str, bytes]:
    """Events of eight bytes (fuzz_targets/book.rs) for both books, and books as they are written down."""

    def event(
        action: str,
        side: int,
        price: int = 0,
        size: int = 1,
        number: int = 0,
        *,
        flags: int = 0,
        kind: int = 0,
        less: int = 0,
    ) -> bytes:
        return bytes(["ACMTFRNHOX".index(action), side, flags, kind, price, size, number, less])

    quotes = [(side, 100 - k if side == BID else 101 + k) for k in range(12) for side in (BID, ASK)]
    adds = b"".join(event("A", side, price, 1 + k % 9, k) for k, (side, price) in enumerate(quotes))
    changes = event("M", BID, 99, 3, 2) + event("M", ASK, 101, 9, 1) + event("C", BID, 0, 1, 0)
    others = b"".join(event(action, BID, 100, 2) for action in "TFNHOX")
    odd = (
        event("A", BID, 90, 5, 2)
        + event("C", ASK, 0, 200, 3)
        + event("C", BID, 0, 1, 77)
        + event("M", ASK, 80, 1, 4)
    )
    edges = b"".join(
        event("A", k % 2, k % 8, k // 8, 1 + k, kind=EDGE_PRICE | EDGE_SIZE)
        + event("A", k % 2, k % 8, 1, 64 + k, kind=EDGE_PRICE)
        for k in range(64)
    )
    far = b"".join(event("A", k % 2, 1 + k, 1, k, kind=k % 4 | (k % 16) << 2, less=k) for k in range(40))
    top = (
        event("A", BID, 98, 4, flags=TOP)
        + event("M", ASK, 104, 4, flags=TOP)
        + event("C", ASK, 1, flags=TOP, kind=EDGE_PRICE)
    )
    totals = (
        event("A", BID, 95, 0, flags=LEVEL)
        + event("M", ASK, 110, 7, flags=LEVEL)
        + event("C", BID, 50, flags=LEVEL)
    )
    clear = event("R", BID) + adds
    streams = {
        "orders": adds + changes + others,
        "odd": adds + odd,
        "edges": edges,
        "far": far,
        "top": adds + top + totals,
        "clear": adds + clear,
    }
    inputs = {f"orders-{name}": bytes([ORDERS]) + data for name, data in streams.items()}
    inputs |= {f"levels-{name}": bytes([LEVELS]) + data for name, data in streams.items()}
    whole = saved_book([(5, BID, 100, 7), (2**63, ASK, 2**40, 2**50)], [[(100, 7)], [(2**40, 2**50)]])
    inputs["read-orders"] = bytes([READ_ORDERS]) + whole + adds + changes
    lone = saved_book([(5, BID, 100, 7)], [[], []])
    inputs["read-orders-without-levels"] = bytes([READ_ORDERS]) + lone + event("C", BID, 0, 7, 5)
    inputs["read-levels"] = bytes([READ_LEVELS]) + saved_book([], [[(100, 7), (99, 1)], [(101, 3)]]) + adds
    inputs["read-twice-a-level"] = bytes([READ_LEVELS]) + saved_book([], [[(100, 7), (100, 1)], []])
    inputs["read-counters-at-their-end"] = (
        bytes([READ_LEVELS]) + saved_book([], [[], []], 2**64 - 1) + streams["odd"]
    )
    return inputs


def main() -> None:
    """Write every input to rust/fuzz/corpus."""
    for target, inputs in {"book": book(), "dbn": dbn()}.items():
        folder = ROOT / "rust" / "fuzz" / "corpus" / target
        folder.mkdir(parents=True, exist_ok=True)
        for name, data in inputs.items():
            (folder / name).write_bytes(data)
        print(f"{target}: {len(inputs)} inputs, {sum(map(len, inputs.values())):,} bytes")


if __name__ == "__main__":
    main()
