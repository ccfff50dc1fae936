"""Tapes, and arrays and frames of every kind as tapes."""

from __future__ import annotations

import copy
import datetime as dt
import decimal
import pickle

import alvh
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from alvh.errors import ConfigError, DataError, SchemaError

START = 1_704_205_800_000_000_000  # 2024-01-02 14:30 UTC
N = 6
LAST, SNAPSHOT = 128, 32


def columns(**changes):
    """Six events of two levels a side, prices as floats."""
    base = {
        "ts": START + np.array([0, 0, 10, 20, 20, 30]),
        "action": np.array(list("AAMTCX")),
        "side": np.array(list("BABAAN")),
        "price": np.array([100.00, 100.01, 100.00, 100.00, 100.01, 100.005 - 0.005]),
        "size": np.array([5, 7, 6, 2, 7, 1]),
    }
    return {**base, **changes}


def depth(k=2):
    steps = np.arange(k) * 0.01
    return {
        "bid_price": np.tile(100.00 - steps, (N, 1)),
        "ask_price": np.tile(100.01 + steps, (N, 1)),
        "bid_size": np.tile(np.arange(1, k + 1), (N, 1)),
        "ask_size": np.tile(np.arange(2, k + 2), (N, 1)),
    }


def tape(**changes):
    return alvh.from_arrays(**columns(**changes), tick_size=0.01)


def fails(kind, start, **changes):
    with pytest.raises(kind) as caught:
        tape(**changes)
    text = str(caught.value)
    assert "\n" not in text
    assert text.startswith(start), text


def test_a_tape_says_what_it_is():
    levels = tape()
    assert (levels.feed, levels.n_events, len(levels), levels.n_levels) == ("levels", N, N, 0)
    assert (levels.start, levels.end) == (START, START + 30)
    assert (levels.source, levels.symbol, levels.tick_size, levels.lot_size) == ("arrays", "", 0.01, 1.0)
    assert levels.quality == {"cross": 1}
    assert "6 events of levels, 2024-01-02 14:30:00.000000000 to" in repr(levels)
    assert tape(order_id=np.arange(N)).feed == "orders"
    book = tape(order_id=np.arange(N), **depth())
    assert (book.feed, book.n_levels) == ("depth", 2)
    np.testing.assert_array_equal(
        levels.to_arrays()["price"], [10_000, 10_001, 10_000, 10_000, 10_001, 10_000]
    )


def test_a_tape_is_read_only_and_compares_by_its_data():
    first, second = tape(**depth()), tape(**depth())
    assert first == second
    assert hash(first) == hash(second)
    assert first != tape()
    assert first != tape(**depth(), size=np.array([5, 7, 6, 2, 7, 2]))
    assert first != "tape"
    with pytest.raises(AttributeError):
        first.source = "x"
    with pytest.raises(AttributeError):
        del first._core
    with pytest.raises(ValueError, match="read-only"):
        first.to_arrays()["ts"][0] = 0
    with pytest.raises(ConfigError, match=r"^EVT012 Tape core: got int"):
        alvh.Tape(5)


@pytest.mark.parametrize("extra", [{}, {"order_id": np.arange(N), "participant": np.arange(N)}, depth()])
def test_tapes_pickle_copy_and_round_trip(extra):
    whole = alvh.from_arrays(
        **columns(**extra, ts=np.array([5, 3, 3, 3, 4, 9]) + START),
        tick_size=0.01,
        policy="flag",
        source="mine",
        symbol="X",
    )
    assert whole.quality["time_backwards"] == 4
    again = pickle.loads(pickle.dumps(whole))
    assert again == whole
    assert (again.source, again.symbol, again.quality) == ("mine", "X", whole.quality)
    assert copy.copy(whole) == copy.deepcopy(whole) == whole
    assert alvh.from_arrays(**whole.to_arrays(), tick_size=0.01) == whole
    assert alvh.from_frame(whole.to_frame(), tick_size=0.01) == whole


def test_parts_of_a_tape():
    whole = tape(**depth())
    assert whole.slice(0, N) == whole
    assert whole.slice(-2).n_events == 2
    assert whole.slice(4, 2).n_events == 0
    assert whole.slice(4, 2).start is None
    assert whole.slice(2, 99).to_arrays()["size"].tolist() == [6, 2, 7, 1]
    np.testing.assert_array_equal(whole.slice(1, 3).to_arrays()["bid_price"], [[10_000, 9_999]] * 2)
    assert "no events" in repr(whole.slice(0, 0))


STAMPS = (np.array([0, 0, 10, 20, 20, 30]) + START).view("M8[ns]")
UTC = pd.DatetimeIndex(STAMPS).tz_localize("UTC")


@pytest.mark.parametrize(
    "ts",
    [
        (START + np.array([0, 0, 10, 20, 20, 30])).tolist(),
        (START + np.array([0, 0, 10, 20, 20, 30])).astype(">i8"),
        (START + np.array([0, 0, 10, 20, 20, 30])).astype("u8"),
        UTC,
        pd.Series(UTC),
        UTC.tz_convert("America/New_York"),
        pd.Series(UTC).astype(pd.ArrowDtype(pa.timestamp("ns", "UTC"))),
        pd.Series(START + np.array([0, 0, 10, 20, 20, 30]), dtype="Int64"),
        pd.Series(START + np.array([0, 0, 10, 20, 20, 30]), dtype="int64[pyarrow]"),
        pl.Series(STAMPS).dt.replace_time_zone("UTC"),
        pl.Series(START + np.array([0, 0, 10, 20, 20, 30])),
        pa.array(STAMPS, pa.timestamp("ns", "America/New_York")),
        pa.chunked_array(
            [pa.array(STAMPS[:3], pa.timestamp("ns", "UTC")), pa.array(STAMPS[3:], pa.timestamp("ns", "UTC"))]
        ),
    ],
    ids=lambda ts: type(ts).__name__ + str(getattr(ts, "dtype", "")),
)
def test_times_of_every_kind(ts):
    assert tape(ts=ts) == tape()


def test_stamps_without_a_zone_need_one():
    fails(DataError, "TIM015 arrays ts: got times without a zone", ts=STAMPS)
    fails(DataError, "TIM015 ", ts=pl.Series(STAMPS))
    fails(DataError, "TIM015 ", ts=[dt.datetime(2024, 1, 2, 14, 30)] * N)
    assert tape(ts=STAMPS, tz="UTC") == tape()
    local = UTC.tz_convert("America/New_York").tz_localize(None)
    assert tape(ts=local, tz="America/New_York") == tape()
    assert tape(ts=[dt.datetime(2024, 1, 2, 14, 30, tzinfo=dt.UTC)] * N).end == START
    fails(DataError, "TIM016 ", ts=STAMPS, tz="Mars/Olympus")
    twice = np.array(["2024-11-03T01:30"] * N, "M8[s]")
    fails(DataError, "TIM016 ", ts=twice, tz="America/New_York")
    mixed = [dt.datetime(2024, 1, 2), dt.datetime(2024, 1, 2, tzinfo=dt.UTC)] * 3
    fails(SchemaError, "ARR023 arrays ts", ts=mixed, tz="UTC")


@pytest.mark.parametrize(("unit", "scale"), [("us", 1_000), ("ms", 1_000_000), ("s", 1_000_000_000)])
def test_units_of_time_are_told_and_never_guessed(unit, scale):
    coarse = START // scale + np.arange(N)
    assert tape(ts=coarse, unit=unit).start == START // scale * scale
    fails(DataError, "TIM013 arrays:0 ts: got ", ts=coarse)
    with pytest.raises(DataError, match=f'pass unit="{unit}"'):
        tape(ts=coarse)
    with pytest.raises(DataError, match='looks like nanoseconds, pass unit="ns"'):
        tape(ts=START + np.arange(N), unit=unit)
    stamps = coarse.astype(f"M8[{unit}]")
    assert tape(ts=stamps, tz="UTC") == tape(ts=coarse, unit=unit)


def test_times_of_another_age_are_refused():
    fails(DataError, "TIM013 arrays:2 ts: got 0, ", ts=np.array([START, START, 0, START, START, START]))
    fails(
        DataError,
        "TIM013 arrays:1 ts: got NaT",
        ts=np.where(np.arange(N) == 1, np.datetime64("NaT"), STAMPS),
        tz="UTC",
    )
    fails(DataError, "TIM013 arrays:0 ts: got 3024", ts=np.array(["3024-01-01"] * N, "M8[D]"), tz="UTC")
    fails(DataError, "TIM013 arrays:3 ts: got NaT", ts=pd.Series([*UTC[:3], pd.NaT, *UTC[4:]]))
    fails(DataError, "TIM013 arrays:0 ts: got 9223372036854775807", ts=np.full(N, 2**63 - 1), unit="us")
    fails(SchemaError, "ARR023 ", ts=STAMPS.astype("M8[ps]"), tz="UTC")
    fails(SchemaError, "ARR023 arrays ts: got dtype float64", ts=START + np.arange(N) * 1.0)
    fails(SchemaError, "ARR023 ", ts=["2024-01-02"] * N)
    fails(ConfigError, "EVT005 arrays unit: got 'days'", unit="days")


def test_time_backwards_by_policy():
    ts = START + np.array([0, 5, 3, 4, 5, 6])
    fails(DataError, f"TIM014 arrays:2 ts: got {START + 3}, expected at least {START + 5}", ts=ts)
    flagged = alvh.from_arrays(**columns(ts=ts), tick_size=0.01, policy={"time_backwards": "flag"})
    assert (flagged.to_arrays()["ts"] - START).tolist() == [0, 5, 5, 5, 5, 6]
    assert flagged.quality["time_backwards"] == 2
    dropped = alvh.from_arrays(**columns(ts=ts), tick_size=0.01, policy={"time_backwards": "drop"})
    assert (dropped.to_arrays()["ts"] - START).tolist() == [0, 5, 5, 6]
    assert (dropped.quality["time_backwards"], dropped.quality["dropped"]) == (2, 2)
    # The orders of a snapshot were placed long before it.
    snapshot = tape(ts=ts, flags=np.full(N, LAST | SNAPSHOT))
    assert (snapshot.to_arrays()["ts"] - START).tolist() == [0, 5, 5, 5, 5, 6]
    assert "time_backwards" not in snapshot.quality


@pytest.mark.parametrize(
    "action",
    [
        list("AAMTCX"),
        np.array(list("AAMTCX"), "S1"),
        np.array(list("AAMTCX"), ">U1"),
        np.array(list("AAMTCX"), "U5"),
        np.array(list("AAMTCX"), object),
        np.frombuffer(b"AAMTCX", np.uint8),
        np.frombuffer(b"AAMTCX", np.int8),
        np.frombuffer(b"A-A-M-T-C-X-", "S1")[::2],
        pd.Categorical(list("AAMTCX")),
        pd.Series(list("AAMTCX")),
        pd.Series(list("AAMTCX"), dtype="string"),
        pd.Series(list("AAMTCX"), dtype="string[pyarrow]"),
        pd.Series(list("AAMTCX"), dtype=pd.ArrowDtype(pa.string())),
        pd.Series(list(b"AAMTCX"), dtype="UInt8"),
        pl.Series(list("AAMTCX")),
        pl.Series(list("AAMTCX"), dtype=pl.Categorical),
        pa.array(list("AAMTCX")),
        pa.array(list("AAMTCX")).dictionary_encode(),
        [b"A", b"A", b"M", b"T", b"C", b"X"],
    ],
    ids=lambda values: type(values).__name__ + str(getattr(values, "dtype", "")),
)
def test_letters_of_every_kind(action):
    assert tape(action=action) == tape()


@pytest.mark.parametrize(
    ("action", "start"),
    [
        (list("AAmTCX"), "ARR004 arrays:2 action: got 'm', expected A, C, M, T, F, R, N, H, O or X"),
        (["A", "ADD", "M", "T", "C", "X"], "ARR004 arrays:1 action: got 'ADD'"),
        (["A", "", "M", "T", "C", "X"], "ARR004 arrays:1 action: got "),
        (["A", None, "M", "T", "C", "X"], "ARR004 arrays:1 action: got 'None'"),
        (pd.Series(["A", None, "M", "T", "C", "X"], dtype="string"), "ARR004 arrays:1 action: got "),
        (pl.Series(["A", None, "M", "T", "C", "X"]), "ARR004 arrays:1 action: got 'None'"),
        (np.array(list("AAéTCX")), "ARR004 arrays:2 action: got 'é'"),
        (np.array(list("AA\u0663TCX")), "ARR004 arrays:2 action: got "),
        (np.array([65, 65, 0, 84, 67, 88], np.uint8), "ARR004 arrays:2 action: got '\\0'"),
        (np.array([65, 65, 77, 84, 67, 88]), "ARR023 arrays action: got dtype int64"),
        (np.ones(N), "ARR023 arrays action: got dtype float64"),
        (np.array([list("AAMTCX")]), "ARR022 arrays action: got shape (1, 6)"),
        (list("AAMTC"), "ARR002 arrays action: got 5 values, expected 6, as ts has 6 rows"),
    ],
)
def test_what_is_no_action(action, start):
    fails(DataError, start, action=action)


def test_what_is_no_side():
    fails(DataError, "ARR004 arrays:5 side: got 'S', expected B, A or N", side=list("BABAAS"))


@pytest.mark.parametrize(
    "price",
    [
        np.array([10_000, 10_001, 10_000, 10_000, 10_001, 10_000]),
        np.array([10_000, 10_001, 10_000, 10_000, 10_001, 10_000], ">i4"),
        np.array([10_000, 10_001, 10_000, 10_000, 10_001, 10_000], np.uint64),
        np.array([100.0, 100.01, 100.0, 100.0, 100.01, 100.0], ">f8"),
        np.repeat([100.0, 100.01, 100.0, 100.0, 100.01, 100.0], 2)[::2],
        np.array([100.0, 100.01, 100.0, 100.0, 100.01, 100.0])[::-1].copy()[::-1],
        pd.Series([100.0, 100.01, 100.0, 100.0, 100.01, 100.0], dtype="Float64"),
        pd.Series([100.0, 100.01, 100.0, 100.0, 100.01, 100.0], dtype="double[pyarrow]"),
        pd.Series([10_000, 10_001, 10_000, 10_000, 10_001, 10_000], dtype="Int32"),
        pl.Series([100.0, 100.01, 100.0, 100.0, 100.01, 100.0]),
        pa.array([100.0, 100.01, 100.0, 100.0, 100.01, 100.0]),
        np.array([10_000, 10_001, 10_000, 10_000, 10_001, 10_000], object),
        np.nextafter([100.0, 100.01, 100.0, 100.0, 100.01, 100.0], np.inf),
    ],
    ids=lambda values: type(values).__name__ + str(getattr(values, "dtype", "")),
)
def test_prices_of_every_kind(price):
    assert tape(price=price) == tape()


def replaced(values, row, value):
    values = np.array(values, dtype=float)
    values[row] = value
    return values


@pytest.mark.parametrize(
    ("value", "start"),
    [
        (np.nan, "ARR005 arrays:3 {}: got NaN, expected a value above 0"),
        (np.inf, "ARR006 arrays:3 {}: got inf, expected finite"),
        (-np.inf, "ARR006 arrays:3 {}: got -inf"),
        (0.0, "ARR009 arrays:3 {}: got 0.0, expected above 0"),
        (-1.0, "ARR009 arrays:3 {}: got -1.0, expected above 0"),
        (1.004, "ARR007 arrays:3 {}: got 1.004, expected a multiple of"),
        (1e300, "ARR008 arrays:3 {}: got 1e300, expected at most 2^45 steps"),
    ],
)
@pytest.mark.parametrize("field", ["price", "size"])
def test_values_that_break_a_rule(field, value, start):
    changes = {field: replaced(columns()[field], 3, value)}
    fails(DataError, start.format(field), **changes)
    dropped = alvh.from_arrays(**columns(**changes), tick_size=0.01, policy={"bad_value": "drop"})
    assert dropped.n_events == N - 1
    assert dropped.quality["dropped"] == 1
    with pytest.raises(ConfigError, match=r"^EVT003 policy bad_value"):
        alvh.from_arrays(**columns(**changes), tick_size=0.01, policy={"bad_value": "flag"})


def test_missing_and_immense_integers():
    fails(
        DataError,
        "ARR005 arrays:1 price: got no value",
        price=pd.Series([1, None, 3, 4, 5, 6], dtype="Int64"),
    )
    fails(DataError, "ARR005 arrays:1 size: got no value", size=pl.Series([1, None, 3, 4, 5, 6]))
    fails(
        DataError,
        "ARR008 arrays:2 price: got 18446744073709551615",
        price=np.array([1, 2, 2**64 - 1, 3, 4, 5], np.uint64),
    )
    fails(DataError, "ARR008 arrays:2 size: got 70368744177664, ", size=np.array([1, 2, 2**46, 3, 4, 5]))
    fails(SchemaError, "ARR023 ", price=np.array([1, 2, 2**70, 3, 4, 5], object))


@pytest.mark.parametrize(
    "price", [["a"] * N, np.ones(N, complex), np.ones(N, bool), [[1.0]] * N, np.ones((1, N)), ["1.5"] * N]
)
def test_what_is_no_column_of_numbers(price):
    fails(SchemaError, "ARR02", price=price)
    fails(SchemaError, "ARR02", size=price)


def test_floats_of_few_digits_are_refused():
    fails(SchemaError, "ARR024 arrays price: got dtype float32", price=columns()["price"].astype("f4"))
    fails(SchemaError, "ARR024 arrays size: got dtype float16", size=np.ones(N, "f2"))


def test_events_without_a_price_need_none():
    halt = tape(action=list("HORNHO"), side=["N"] * N, price=np.full(N, np.nan), size=np.zeros(N))
    assert (halt.to_arrays()["price"] == np.iinfo(np.int64).max).all()
    assert halt.to_frame()["price"].isna().all()
    assert halt.quality == {"halt": 2, "clear": 1}


def test_size_0_removes_a_level_but_is_no_order():
    gone = replaced(columns()["size"], 2, 0)
    assert tape(size=gone).to_arrays()["size"][2] == 0
    fails(DataError, "ARR009 arrays:2 size: got 0.0", size=gone, order_id=np.arange(N))


def test_lots():
    sized = alvh.from_arrays(
        **columns(size=np.array([0.5, 0.3, 0.1, 7e-5, 1e3, 2e-5])), tick_size=0.01, lot_size=1e-5
    )
    assert sized.to_arrays()["size"].tolist() == [50_000, 30_000, 10_000, 7, 100_000_000, 2]
    assert alvh.from_frame(sized.to_frame(), tick_size=0.01, lot_size=1e-5) == sized


@pytest.mark.parametrize("step", [0, -1, np.nan, np.inf, "1", None, True, 1j])
def test_steps_that_are_none(step):
    with pytest.raises(ConfigError, match=r"^EVT002 arrays tick_size"):
        alvh.from_arrays(**columns(), tick_size=step)
    with pytest.raises(ConfigError, match=r"^EVT002 arrays lot_size"):
        alvh.from_arrays(**columns(), tick_size=0.01, lot_size=step)


@pytest.mark.parametrize(
    ("policy", "start"),
    [
        ("drip", "EVT001 policy"),
        (5, "EVT001 policy"),
        ({"crossed": "drop"}, "EVT004 policy name"),
        ({"bad_value": 3}, "EVT001 policy"),
    ],
)
def test_policies_that_are_none(policy, start):
    fails(ConfigError, start, policy=policy)


def test_ids_and_flags():
    assert tape(order_id=np.array([2**64 - 1] * N, np.uint64)).to_arrays()["order_id"][0] == 2**64 - 1
    assert tape(order_id=pl.Series([2**64 - 1] * N, dtype=pl.UInt64)).to_arrays()["order_id"][0] == 2**64 - 1
    fails(DataError, "ARR005 arrays:0 order_id: got -1", order_id=-np.ones(N, int))
    fails(
        DataError, "ARR005 arrays:1 order_id: got no value", order_id=pd.Series([1, None] * 3, dtype="Int64")
    )
    fails(SchemaError, "ARR023 arrays participant", participant=np.ones(N))
    fails(SchemaError, "ARR002 arrays participant: got 5 values", participant=np.ones(5, int))
    assert tape(flags=[0, LAST] * 3).to_arrays()["flags"].tolist() == [0, LAST] * 3
    fails(DataError, "ARR005 arrays:0 flags: got 256", flags=np.full(N, 256))
    fails(SchemaError, "ARR023 arrays flags", flags=np.ones(N))


def test_a_dropped_event_closes_its_group():
    kept = alvh.from_arrays(
        **columns(price=replaced(columns()["price"], 3, -1), flags=[LAST, 0, 0, LAST, LAST, LAST]),
        tick_size=0.01,
        policy="drop",
    )
    assert kept.to_arrays()["flags"].tolist() == [LAST, 0, LAST, LAST, LAST]


def test_empty_and_unequal():
    with pytest.raises(DataError, match=r"^ARR001 arrays ts: got 0 events, expected at least one event"):
        alvh.from_arrays([], [], [], [], [], tick_size=1)
    fails(SchemaError, "ARR002 arrays price: got 5 values, expected 6", price=np.ones(5))
    fails(SchemaError, "ARR002 arrays flags: got 7 values", flags=np.zeros(7, int))
    fails(SchemaError, "ARR02", ts=None)
    fails(SchemaError, "ARR02", side=5)
    masked = np.ma.masked_array(columns()["price"], [0, 0, 1, 0, 0, 0])
    fails(DataError, "ARR021 arrays:2 price: got a masked value", price=masked)


def test_levels_are_checked():
    fails(SchemaError, "ARR025 arrays ask_price: got nothing", bid_price=depth()["bid_price"])
    fails(SchemaError, "ARR022 arrays bid_price: got shape (6,)", **{**depth(), "bid_price": np.ones(N)})
    fails(
        SchemaError,
        "ARR002 arrays ask_size: got shape (6, 3), expected (6, 2)",
        **{**depth(), "ask_size": np.ones((N, 3))},
    )
    fails(SchemaError, "ARR003 arrays bid_price: got 11 levels, expected 1 to 10", **depth(11))
    fails(SchemaError, "ARR003 arrays bid_price: got 0 levels", **depth(0))
    book = depth()
    book["bid_price"][4] = [99.98, 99.99]
    fails(DataError, "ARR010 arrays:4 bid_price[1]: got 9999, expected below 9998", **book)
    book = depth()
    book["ask_price"][4, 1] = np.inf
    fails(DataError, "ARR006 arrays:4 ask_price[1]: got inf", **book)
    book = depth()
    book["ask_size"] = book["ask_size"].astype(float)
    book["ask_size"][5, 0] = -2
    fails(DataError, "ARR009 arrays:5 ask_size[0]: got -2.0, expected at least 0", **book)


def test_missing_levels():
    book = depth()
    book["bid_price"][:, 1] = np.nan
    book["ask_size"][:, 1] = 0
    without = tape(**book).to_arrays()
    assert (without["bid_size"][:, 1] == 0).all()
    assert (without["ask_size"][:, 1] == 0).all()
    assert tape(**book).to_frame()[["bid_price_1", "ask_price_1"]].isna().all(axis=None)
    book["bid_price"][:, 0], book["bid_price"][:, 1] = np.nan, 100.0
    fails(
        DataError,
        "ARR010 arrays:0 bid_price[1]: got 10000, expected no level after a missing level 0",
        **book,
    )
    crossed = depth()
    crossed["bid_price"] += 0.05
    assert tape(**crossed).n_levels == 2


class Stream:
    """Anything with the Arrow C stream interface."""

    def __init__(self, table):
        self.table = table

    def __arrow_c_stream__(self, requested_schema=None):
        return self.table.__arrow_c_stream__(requested_schema)


def frame():
    return tape(**depth(), order_id=np.arange(N)).to_frame()


def databento(table):
    names = {
        f"{side}_{what}_{k}": f"{side}_{short}_{k:02d}"
        for side in ("bid", "ask")
        for what, short in (("price", "px"), ("size", "sz"))
        for k in range(2)
    }
    return table.rename(columns={**names, "ts": "ts_event"})


@pytest.mark.parametrize(
    "convert",
    [
        lambda f: f,
        databento,
        lambda f: databento(f).set_index("ts_event"),
        lambda f: f.set_index("ts"),
        lambda f: f.astype(dict.fromkeys(f.select_dtypes(float), "Float64")).astype({"flags": "UInt8"}),
        lambda f: pa.Table.from_pandas(f).to_pandas(types_mapper=pd.ArrowDtype),
        lambda f: f.assign(other="x", bid_ct_00=3),
        lambda f: f.sample(frac=1, axis=1, random_state=1),
        pl.from_pandas,
        lambda f: pl.from_pandas(f).lazy(),
        pa.Table.from_pandas,
        lambda f: Stream(pa.Table.from_pandas(f)),
        lambda f: Stream(pl.from_pandas(f)),
        lambda f: {name: f[name] for name in f},
        lambda f: {name: f[name].to_list() for name in f},
        lambda f: tape(**depth(), order_id=np.arange(N)).to_arrays(),
    ],
)
def test_frames_of_every_kind(convert):
    expected = tape(**depth(), order_id=np.arange(N))
    assert alvh.from_frame(convert(frame()), tick_size=0.01) == expected


def test_a_structured_array_is_a_frame():
    arrays = tape(order_id=np.arange(N)).to_arrays()
    table = np.empty(N, [(name, values.dtype) for name, values in arrays.items()])
    for name, values in arrays.items():
        table[name] = values
    assert alvh.from_frame(table, tick_size=0.01) == tape(order_id=np.arange(N))


def test_frames_that_are_none():
    def refused(given, start):
        with pytest.raises(SchemaError) as caught:
            alvh.from_frame(given, tick_size=0.01)
        assert str(caught.value).startswith(start), caught.value

    refused(frame().drop(columns="side"), "ARR026 frame side: got columns 'ts, action, flags, price")
    refused(frame().drop(columns="bid_size_1"), "ARR026 frame bid_size_1: got no such column")
    refused(5, "ARR027 frame frame: got int")
    refused(pd.Series([1]), "ARR027 frame frame: got Series")
    twice = pd.concat([frame(), frame()[["price"]]], axis=1)
    refused(twice, "ARR028 frame price: got 2 columns")
    mixed = frame().astype({"bid_size_1": float})
    refused(mixed, "ARR023 frame bid_size: got integers and floats")


def test_readers_of_record_batches_are_streams():
    table = pa.Table.from_pandas(pd.DataFrame({name: list(values) for name, values in columns().items()}))
    assert "bid_price_0" not in table.column_names
    expected = alvh.events.from_frame(table, tick_size=0.01)
    reader = pa.RecordBatchReader.from_batches(table.schema, table.to_batches(max_chunksize=4))
    assert alvh.events.from_frame(reader, tick_size=0.01) == expected
    with pytest.raises(SchemaError, match=r"^ARR027 frame frame: got [^\n]*$"):
        alvh.events.from_frame(pa.chunked_array([[1, 2]]), tick_size=0.01)


def decimals(*texts):
    return pa.array([None if text is None else decimal.Decimal(text) for text in texts])


@pytest.mark.parametrize(
    ("name", "values", "start"),
    [
        ("price", decimals("100", "100.01", None, "100", "100", "100"), "ARR005 frame:2 price: got NaN"),
        ("size", decimals("1", "1.5", "1", "1", "1", "1"), "ARR007 frame:1 size"),
        ("ts", decimals("1", "2", "3", "4", "5", "6"), "ARR023 frame ts"),
        ("order_id", decimals("1", "2", "3", "4", "5", None), "ARR023 frame order_id"),
        ("flags", decimals("1", "2", "3", "4", "5", "1e30"), "ARR023 frame flags"),
        ("order_id", pa.array([1, 2, 3, 4, 2**64 - 1, None], pa.uint64()), "ARR023 frame order_id"),
    ],
)
def test_decimals_and_large_integers_of_arrow_are_typed_errors(name, values, start):
    arrays = {key: pa.array(list(value)) for key, value in columns().items() if "_" not in key} | {
        name: values
    }
    with pytest.raises(DataError) as caught:
        alvh.events.from_frame(pa.table(arrays), tick_size=0.01)
    assert str(caught.value).startswith(start)
    assert "\n" not in str(caught.value)


def test_decimals_of_arrow_are_prices_and_large_ids_stay_whole():
    arrays = {key: pa.array(list(value)) for key, value in columns().items() if "_" not in key}
    plain = alvh.events.from_frame(pa.table(arrays), tick_size=0.01)
    arrays["price"] = decimals("100.00", "100.01", "100.00", "100.00", "100.01", "100.00")
    assert alvh.events.from_frame(pa.table(arrays), tick_size=0.01) == plain
    arrays["participant"] = pa.array([2**64 - 1] * N, pa.uint64())
    found = alvh.events.from_frame(pa.table(arrays), tick_size=0.01).to_arrays()["participant"]
    assert (found == 2**64 - 1).all()
