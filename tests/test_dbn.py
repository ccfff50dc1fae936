"""DBN files decode to what the vendor's package says, field by field."""

from __future__ import annotations

import pickle
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import alvh
import numpy as np
import pytest
import zstandard
from alvh import _core
from alvh.errors import ConfigError, DataError, DecodeError, SchemaError, TruncatedError

sys.path.insert(0, str(Path(__file__).parent / "reference"))
import dbn_files as made
from conftest import SHARED_DATA
from dbn_vendor import NO_PRICE, Vendor

SAMPLES = sorted((SHARED_DATA / "books").glob("dbn*/*")) if SHARED_DATA.is_dir() else []
USED = tuple(f".{schema}." for schema in made.SCHEMAS)
UNITS = 250_000_000


@pytest.fixture(scope="module")
def vendor() -> Iterator[Vendor]:
    vendor = Vendor()
    yield vendor
    vendor.close()


def is_used(path: Path) -> bool:
    name = path.name.replace("_2", ".2")
    return ".dbz" not in name and (
        any(mark in name for mark in USED)
        or "_bbo-1m." in name
        or "_mbp-1." in name
        or "_mbo." in name
        or "_trades." in name
    )


def rows_of_tape(tape: alvh.Tape, units: int = UNITS) -> list[tuple[Any, ...]]:
    """Fields of a tape as the vendor's rows have them, without record type, instrument and the other time."""
    arrays = tape.to_arrays()
    n = len(arrays["ts"])
    ids = arrays.get("order_id", np.zeros(n, np.uint64))
    has_levels = "bid_price" in arrays
    rows = []
    for i in range(n):
        price = int(arrays["price"][i])
        levels = []
        if has_levels:
            for k in range(arrays["bid_price"].shape[1]):
                bid, ask = int(arrays["bid_price"][i, k]), int(arrays["ask_price"][i, k])
                levels.append(
                    (
                        NO_PRICE if bid == -(2**63) else bid * units,
                        NO_PRICE if ask == 2**63 - 1 else ask * units,
                        int(arrays["bid_size"][i, k]),
                        int(arrays["ask_size"][i, k]),
                    )
                )
        rows.append(
            (
                int(arrays["ts"][i]),
                chr(arrays["action"][i]),
                chr(arrays["side"][i]),
                int(arrays["flags"][i]),
                NO_PRICE if price == 2**63 - 1 else price * units,
                int(arrays["size"][i]),
                int(ids[i]),
                levels,
            )
        )
    return rows


def expected_rows(
    rows: list[tuple[Any, ...]], tape: alvh.Tape, time: str = "receive"
) -> list[tuple[Any, ...]]:
    """The vendor's rows of the tape's schema and instrument."""
    schema, instrument, _, _ = _core.dbn_about(tape._core)
    at = 2 if time == "receive" else 3
    return [(row[at], *row[4:]) for row in rows if row[0] == made.RTYPES[schema] and row[1] == instrument]


@pytest.mark.needs_shared_data
@pytest.mark.parametrize("path", [p for p in SAMPLES if is_used(p)], ids=lambda path: path.name[-40:])
def test_samples_are_what_the_vendor_says(path: Path, vendor: Vendor) -> None:
    rows = vendor.rows(path.read_bytes())
    assert isinstance(rows, list)
    assert rows
    instruments = {row[1] for row in rows}
    for instrument in instruments:
        for time in ("receive", "event"):
            if time == "event" and "bbo" in path.name:
                continue
            # The very first record of a snapshot has no event time.
            if time == "event" and any(row[3] > 2**63 for row in rows):
                continue
            tape = alvh.read_dbn(path, instrument_id=instrument, tick_size=0.25, time=time)
            expected = expected_rows(rows, tape, time)
            assert rows_of_tape(tape) == expected
            assert len(tape) == len(expected)
            others = len(rows) - len(expected)
            assert tape.quality.get("other_instrument", 0) == others
            assert (tape.start, tape.end) == (expected[0][0], expected[-1][0])


@pytest.mark.needs_shared_data
def test_enough_samples() -> None:
    used = [path for path in SAMPLES if is_used(path)]
    assert len(used) >= 29
    for path in SAMPLES:
        if path not in used:
            expected = DecodeError if path.suffix == ".dbz" or ".frag" in path.name else SchemaError
            with pytest.raises(expected) as caught:
                alvh.read_dbn(path)
            assert "\n" not in str(caught.value)


@pytest.mark.parametrize("schema", made.SCHEMAS)
@pytest.mark.parametrize("version", [1, 2, 3])
@pytest.mark.parametrize("ts_out", [False, True])
def test_every_schema_and_version(schema: str, version: int, ts_out: bool, vendor: Vendor) -> None:
    data = made.file(schema, 40, version, ts_out=ts_out)
    rows = vendor.rows(data)
    assert isinstance(rows, list)
    tape = alvh.read_dbn(data)
    assert tape.tick_size == 0.25
    assert tape.symbol == "TEST"
    assert rows_of_tape(tape) == expected_rows(rows, tape)
    for compressed in (
        zstandard.compress(data),
        b"".join(zstandard.compress(data[i : i + 100]) for i in range(0, len(data), 100)),
    ):
        again = alvh.read_dbn(compressed)
        assert again == tape
        assert again.data_hash == tape.data_hash


def test_paths_and_bytes_are_the_same(tmp_path: Path) -> None:
    data = made.file("mbp-10", 30)
    path = tmp_path / "a.dbn"
    path.write_bytes(data)
    tapes = [alvh.read_dbn(source) for source in (path, str(path), data, bytearray(data), memoryview(data))]
    assert all(tape == tapes[0] for tape in tapes)
    assert tapes[0].source == "a.dbn"
    assert tapes[2].source == "bytes"
    assert pickle.loads(pickle.dumps(tapes[0])).data_hash == tapes[0].data_hash
    with pytest.raises(FileNotFoundError):
        alvh.read_dbn(tmp_path / "b.dbn")
    with pytest.raises(IsADirectoryError):
        alvh.read_dbn(tmp_path)


def test_one_of_several_instruments() -> None:
    head = made.metadata(symbols=(("ONE", 1), ("TWO", 2), ("THREE", 2)))
    records = [made.record(i=i, instrument_id=1 + i % 2) for i in range(100)]
    data = head + b"".join(records)
    with pytest.raises(
        DataError, match="DBN016 bytes instrument_id: got 1, 2, expected one instrument; pass"
    ):
        alvh.read_dbn(data)
    one = alvh.read_dbn(data, instrument_id=1)
    assert one == alvh.read_dbn(data, symbol="ONE")
    assert one.to_arrays()["order_id"].tolist() == list(range(1_000, 1_100, 2))
    assert one.quality == {"other_instrument": 50}
    assert (one.symbol, alvh.read_dbn(data, instrument_id=2).symbol) == ("ONE", "TWO")
    with pytest.raises(
        DataError, match=r"DBN027 bytes:record 1 @ byte .* instrument_id: got 2, expected 1 only"
    ):
        alvh.read_dbn(data, instrument_id=1, other_instruments="raise")
    with pytest.raises(DataError, match="DBN017 bytes instrument_id: got 9, expected one of 1, 2"):
        alvh.read_dbn(data, instrument_id=9)
    with pytest.raises(DataError, match='DBN018 bytes symbol: got "FOUR", expected a symbol of the metadata'):
        alvh.read_dbn(data, symbol="FOUR")
    with pytest.raises(DataError, match='DBN034 bytes symbol: got "ONE" for 1, expected one instrument'):
        alvh.read_dbn(data, symbol="ONE", instrument_id=2)


def test_records_of_gateways_are_counted_and_others_refused() -> None:
    head = made.metadata(schema="mbp-1")
    own = [made.record("mbp-1", i) for i in range(4)]
    tape = alvh.read_dbn(head + own[0] + made.status() + b"".join(own[1:]) + made.status())
    assert len(tape) == 4
    assert tape.quality == {"other_record": 2}
    with pytest.raises(DecodeError, match=r"DBN004 bytes:record 1 @ byte \d+ rtype: got 0xa0, expected 0x01"):
        alvh.read_dbn(head + own[0] + made.record("mbo"))
    # A file of several schemas does not name one.
    mixed = made.metadata(schema=None) + own[0] + made.record("mbo") + own[1] + made.status()
    with pytest.raises(
        SchemaError, match="DBN011 bytes schema: got none in the metadata, expected one of mbo"
    ):
        alvh.read_dbn(mixed)
    assert alvh.read_dbn(mixed, schema="mbp-1").quality == {"other_record": 2}
    assert len(alvh.read_dbn(mixed, schema="mbo", tick_size=0.25)) == 1


@pytest.mark.parametrize("ts_out", [False, True])
def test_records_without_metadata(ts_out: bool) -> None:
    records = b"".join(made.record("mbp-1", i, ts_out=ts_out) for i in range(10))
    with pytest.raises(DecodeError, match=r"DBN001 .* records without metadata \(.frag\) need schema="):
        alvh.read_dbn(records)
    tape = alvh.read_dbn(records, schema="mbp-1")
    whole = alvh.read_dbn(made.file("mbp-1", 10))
    assert tape.data_hash == whole.data_hash
    assert tape == alvh.read_dbn(zstandard.compress(records), schema="mbp-1")
    with pytest.raises(
        SchemaError, match="DBN033 bytes schema: got mbo, expected mbp-1, what the metadata say"
    ):
        alvh.read_dbn(made.file("mbp-1", 10), schema="mbo")


def test_tick_size() -> None:
    head = made.metadata()
    prices = [made.MID, made.MID + 3 * made.TICK]
    data = head + b"".join(made.record(i=i, price=price) for i, price in enumerate(prices))
    # The greatest common divisor of 4,000 and 4,000.75.
    assert alvh.read_dbn(data).tick_size == 0.25
    assert alvh.read_dbn(data, tick_size=0.05).to_arrays()["price"].tolist() == [80_000, 80_015]
    with pytest.raises(
        DataError, match=r"DBN030 bytes:record 1 @ byte \d+ price: .*; pass another tick_size"
    ):
        alvh.read_dbn(data, tick_size=0.5).to_arrays()
    with pytest.raises(DataError, match=r"DBN024 bytes tick_size: got none, all prices are equal"):
        alvh.read_dbn(head + made.record(i=0, price=5) + made.record(i=1, price=5))
    with pytest.raises(DataError, match=r"DBN024 bytes tick_size: got none, there are no prices"):
        alvh.read_dbn(head + made.record(price=made.NO_PRICE, action=b"R", side=b"N"))
    # The guess is made of the first 65,536 records, and a later price may refute it.
    many = [made.record(i=i, price=made.MID + made.TICK * (i % 2)) for i in range(65_536)]
    late = head + b"".join(many) + made.record(i=65_536, price=made.MID + 1)
    tape = alvh.read_dbn(late)
    assert tape.tick_size == 0.25
    with pytest.raises(
        DataError, match=r"DBN030 bytes:record 65536 @ .*; the tick was derived from the first"
    ):
        tape.to_arrays()


def test_clock() -> None:
    data = made.metadata() + b"".join(made.record(i=i) for i in range(10))
    received, event = alvh.read_dbn(data), alvh.read_dbn(data, time="event")
    assert (received.to_arrays()["ts"] - event.to_arrays()["ts"]).tolist() == [20_000] * 10
    undefined = made.metadata() + made.record() + made.record(i=1, ts_event=made.NO_TIME)
    assert len(alvh.read_dbn(undefined)) == 2
    with pytest.raises(DataError, match=r"DBN019 bytes:record 1 @ byte \d+ ts_event: got none, expected ns"):
        alvh.read_dbn(undefined, time="event")
    microseconds = made.metadata() + made.record(ts_recv=made.START // 1_000)
    with pytest.raises(
        DataError, match=r"DBN019 bytes:record 0 @ byte \d+ ts_recv: got 1700000000000000, exp"
    ):
        alvh.read_dbn(microseconds)
    with pytest.raises(ConfigError, match='DBN026 bytes time: got "event", expected "receive" for quotes'):
        alvh.read_dbn(made.file("bbo-1s"), time="event")


@pytest.mark.parametrize("schema", ["mbo", "mbp-10", "trades"])
@pytest.mark.parametrize("packed", [False, True])
def test_long_files_stay_on_the_disk(schema: str, packed: bool, tmp_path: Path) -> None:
    one = b"".join(made.record(schema, i) for i in range(1_000))
    size = len(one) // 1_000
    other = made.record(schema, 1, instrument_id=8)
    turns = (65 << 20) // len(one) + 1
    path = tmp_path / f"long.{schema}.dbn"
    with path.open("wb") as stream:
        pack = zstandard.ZstdCompressor(level=1).stream_writer(stream, closefd=False) if packed else stream
        pack.write(made.metadata(schema=schema))
        for _ in range(turns):
            pack.write(one)
            pack.write(other)
        if packed:
            pack.close()
    tape = alvh.read_dbn(path, instrument_id=7)
    assert _core.dbn_about(tape._core) == (schema, 7, True, False)
    assert len(tape) == 1_000 * turns
    assert tape.quality == {"other_instrument": turns}
    short = alvh.read_dbn(made.metadata(schema=schema) + one).to_arrays()
    arrays = tape.to_arrays()
    for name, column in short.items():
        assert np.array_equal(arrays[name], np.tile(column, (turns,) + (1,) * (column.ndim - 1)))
    # The file is another one at the next pass.
    if packed:
        with path.open("rb+") as stream:
            stream.truncate(path.stat().st_size - 10)
        with pytest.raises(TruncatedError, match="DBN007"):
            tape.to_arrays()
    else:
        with path.open("rb+") as stream:
            stream.truncate(path.stat().st_size - len(other) - size)
        with pytest.raises(DataError, match=r"DBN025 .* the file has changed since it was opened"):
            tape.to_arrays()


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        ({"instrument_id": -1}, "DBN039"),
        ({"instrument_id": 2**32}, "DBN039"),
        ({"instrument_id": 1.5}, "DBN039"),
        ({"instrument_id": True}, "DBN039"),
        ({"symbol": 7}, "DBN038"),
        ({"schema": 7}, "DBN038"),
        ({"tick_size": "0.25"}, "DBN040"),
        ({"tick_size": 0.0}, "DBN023"),
        ({"tick_size": -0.25}, "DBN023"),
        ({"tick_size": float("nan")}, "DBN023"),
        ({"tick_size": float("inf")}, "DBN023"),
        ({"tick_size": 1e-10}, "DBN023"),
        ({"tick_size": 0.00000000015}, "DBN023"),
        ({"time": "now"}, "DBN041"),
        ({"other_instruments": "drop"}, "DBN042"),
    ],
)
def test_arguments(arguments: dict[str, Any], code: str) -> None:
    with pytest.raises(ConfigError, match=f"^{code} "):
        alvh.read_dbn(made.file(), **arguments)
    with pytest.raises(
        SchemaError, match=r'^DBN010 bytes schema: got "ohlcv-1s", expected one of mbo, mbp-10'
    ):
        alvh.read_dbn(made.file(), schema="ohlcv-1s")
