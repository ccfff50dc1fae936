"""LOBSTER, Binance and TAQ: the real samples against slow twins, and what files can be packed in."""

from __future__ import annotations

import gzip
import re
import shutil
import sys
import zipfile
from pathlib import Path

import alvh
import numpy as np
import pytest
from alvh.errors import ConfigError, DataError, DecodeError, LimitError, SchemaError, TruncatedError
from conftest import SHARED_DATA

sys.path.insert(0, str(Path(__file__).parent / "reference"))
import feeds_twin

BOOKS = SHARED_DATA / "books"
LOBSTER = [
    BOOKS / f"lobster/AAPL_2012-06-21_34200000_57600000_{name}_10.csv" for name in ("message", "orderbook")
]
BINANCE = {name: BOOKS / f"binance/{name}_20240808.gz" for name in ("spot_btcusdt", "cm_btcusd_perp")}
TAQ = [BOOKS / f"taq/equity__usa__tick__bac__20131007_{name}.zip" for name in ("quote", "trade")]
NEW_YORK_2012 = 1_340_251_200_000_000_000
NEW_YORK_2013 = 1_381_118_400_000_000_000
NO_PRICE = np.iinfo(np.int64).max
LAST, SNAPSHOT, MAYBE_BAD = 128, 32, 4


def levels_of(arrays, i, side):
    """Price and size of the levels after an event, missing ones left out."""
    sizes = arrays[f"{side}_size"][i]
    return [
        (price, size)
        for price, size in zip(arrays[f"{side}_price"][i].tolist(), sizes.tolist(), strict=True)
        if size
    ]


@pytest.mark.needs_shared_data
def test_lobster_equals_the_twin_on_every_event():
    tape = alvh.read_lobster(*LOBSTER)
    assert (tape.symbol, tape.feed, tape.n_levels, tape.tick_size) == ("AAPL", "depth", 10, 0.01)
    assert tape.quality == {"hidden_trade": 61}
    arrays = tape.to_arrays()
    expected = list(feeds_twin.lobster(*LOBSTER, NEW_YORK_2012))
    assert len(expected) == tape.n_events == 1_000
    for i, (ts, action, side, price, size, number, (bids, asks)) in enumerate(expected):
        assert arrays["ts"][i] == ts
        assert (chr(arrays["action"][i]), chr(arrays["side"][i])) == (action, side)
        assert arrays["price"][i] == (NO_PRICE if price is None else price // 100)
        assert price is None or price % 100 == 0
        assert (arrays["size"][i], arrays["order_id"][i], arrays["flags"][i]) == (size, number, LAST)
        assert levels_of(arrays, i, "bid") == [(price // 100, size) for price, size in bids]
        assert levels_of(arrays, i, "ask") == [(price // 100, size) for price, size in asks]


def whole_books(tape):
    """Time, trades, soundness and ten best levels at the end of each group of a tape of levels, in 1e-8."""
    arrays = tape.to_arrays()
    books = {"B": feeds_twin.Side(), "A": feeds_twin.Side()}
    tick, lot = (round(step * 1e8) for step in (tape.tick_size, tape.lot_size))
    rows = zip(
        *(arrays[name].tolist() for name in ("ts", "action", "side", "price", "size", "flags")), strict=True
    )
    for ts, action, side, price, size, flags in rows:
        action, side, trade = chr(action), chr(side), None
        price, size = price * tick, size * lot
        if action == "R":
            books = {"B": feeds_twin.Side(), "A": feeds_twin.Side()}
        elif action in "AM":
            assert (books[side].set(price, size) > 0) == (action == "M")
        elif action == "C":
            assert books[side].set(price, 0) == size
        elif action == "T":
            trade = side, price, size
        if flags & LAST:
            yield ts, trade, not flags & MAYBE_BAD, books["B"].highest(), books["A"].lowest()


@pytest.mark.needs_shared_data
@pytest.mark.parametrize(("name", "tick", "lot"), [("spot_btcusdt", 0.01, 1e-6), ("cm_btcusd_perp", 0.1, 1)])
def test_binance_equals_the_twin_on_every_line(name, tick, lot):
    tape = alvh.read_binance(BINANCE[name])
    assert (tape.feed, tape.tick_size, tape.lot_size) == ("levels", tick, lot)
    assert tape.quality == {"clear": 1, "gap": 1, "snapshot": 1}
    lines = 0
    for ours, twin in zip(whole_books(tape), feeds_twin.binance(BINANCE[name]), strict=True):
        assert ours == twin
        bids, asks = ours[3:]
        assert not bids or not asks or bids[0] < asks[0]
        lines += 1
    assert lines > 41_000


@pytest.mark.needs_shared_data
def test_binance_by_the_clock_of_the_exchange():
    received, exchange = (
        alvh.read_binance(BINANCE["cm_btcusd_perp"], clock=clock) for clock in ("receive", "exchange")
    )
    assert exchange.quality["time_backwards"] > 0
    first, second = received.to_arrays(), exchange.to_arrays()
    assert all((first[name] == second[name]).all() for name in first if name != "ts")
    assert (np.diff(second["ts"]) >= 0).all()
    with pytest.raises(DataError, match=r"^BIN005 cm_btcusd_perp_20240808.gz:line \d+ time: got "):
        alvh.read_binance(BINANCE["cm_btcusd_perp"], clock="exchange", policy="raise")


@pytest.mark.needs_shared_data
def test_taq_equals_the_twin_on_every_event():
    tape = alvh.read_taq(*TAQ)
    assert (tape.feed, tape.n_levels, tape.tick_size) == ("depth", 1, 0.01)
    arrays = tape.to_arrays()
    assert bytes(arrays["action"][[0, -1]]) == b"OH"
    assert arrays["ts"][0] == NEW_YORK_2013 + 34_200 * 10**9
    assert arrays["ts"][-1] == NEW_YORK_2013 + 57_600 * 10**9
    twin = list(zip(*feeds_twin.taq(*TAQ), strict=True))
    inner = {name: values[1:-1] for name, values in arrays.items()}
    ms, action, side, price, size, bid, ask = twin
    np.testing.assert_array_equal(inner["ts"], NEW_YORK_2013 + np.array(ms) * 1_000_000)
    assert bytes(inner["action"]).decode() == "".join(action)
    assert bytes(inner["side"]).decode() == "".join(side)
    np.testing.assert_array_equal(
        inner["price"], [NO_PRICE if value is None else value // 100 for value in price]
    )
    np.testing.assert_array_equal(inner["size"], size)
    for name, column in (("bid", np.array(bid)), ("ask", np.array(ask))):
        np.testing.assert_array_equal(inner[f"{name}_price"][:, 0] * 100, column[:, 0])
        np.testing.assert_array_equal(inner[f"{name}_size"][:, 0], column[:, 1])
    # What the rows are is measured: as national quotes they make sound books, as quotes of exchanges crossed ones.
    spread = (inner["ask_price"] - inner["bid_price"])[:, 0]
    assert (spread >= 0).all()
    assert (spread == 1).mean() > 0.95
    with pytest.raises(DataError, match=r'^TAQ008 .* of 472252 crossed, .*pass kind="national"'):
        alvh.read_taq(*TAQ, kind="venues")


@pytest.mark.needs_shared_data
def test_taq_outside_the_session_by_argument():
    inside, all_day = alvh.read_taq(*TAQ), alvh.read_taq(*TAQ, extended=True)
    assert all_day.n_events - inside.n_events == inside.quality["outside_session"] > 4_000
    assert "outside_session" not in all_day.quality
    actions = bytes(all_day.to_arrays()["action"])
    assert actions.count(b"O") == actions.count(b"H") == 1
    begin = actions.index(b"O")
    assert all_day.slice(begin, begin + inside.n_events) == inside
    hour = alvh.read_taq(*TAQ, session=("10:00", "11:00:30"))
    assert (hour.start - NEW_YORK_2013, hour.end - NEW_YORK_2013) == (36_000 * 10**9, 39_630 * 10**9)


@pytest.mark.needs_shared_data
def test_one_table_is_not_enough():
    quotes, trades = TAQ
    for pair in ((trades, trades), (quotes, quotes)):
        with pytest.raises(
            SchemaError, match=r"^TAQ001 [^\n]* got [68] fields \(a table of (trades|quotes)\)"
        ):
            alvh.read_taq(*pair)
    for pair in ((quotes, None), (None, trades)):
        with pytest.raises(SchemaError, match=r"^TAQ010 read_taq (quotes|trades): got nothing"):
            alvh.read_taq(*pair)


@pytest.mark.needs_shared_data
def test_tapes_of_feeds_round_trip():
    for tape in (alvh.read_lobster(*LOBSTER), alvh.read_binance(BINANCE["spot_btcusdt"])):
        steps = {"tick_size": tape.tick_size, "lot_size": tape.lot_size}
        assert alvh.from_arrays(**tape.to_arrays(), **steps) == tape
        assert alvh.from_frame(tape.to_frame(), **steps) == tape


MESSAGES = "36000.1,1,11,7,100000,1\n36000.2,4,11,2,100000,1\n36000.300000001,5,0,2,100100,-1\n"
BOOK = "100200,5,100000,7,9999999999,0,99900,1\n" * 3


@pytest.fixture
def lobster_files(tmp_path):
    message, book = tmp_path / "XYZ_2012-06-21_message_2.csv", tmp_path / "XYZ_2012-06-21_orderbook_2.csv"
    message.write_text(MESSAGES)
    book.write_text(BOOK)
    return message, book


def undated(files):
    """The files under names without a day, so that any day can be given."""
    return [shutil.copy(path, path.with_name(f"{i}.csv")) for i, path in enumerate(files)]


def packed(path, how):
    target = path.with_name(f"{path.name}.{how}")
    if how == "gz":
        target.write_bytes(gzip.compress(path.read_bytes()))
    else:
        with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.write(path, path.name)
    return target


def test_lobster_by_hand(lobster_files):
    tape = alvh.read_lobster(*lobster_files)
    arrays = tape.to_arrays()
    assert bytes(arrays["action"]) == b"ATT"
    assert bytes(arrays["side"]) == b"BAB"
    assert arrays["price"].tolist() == [1000, 1000, 1001]
    assert arrays["ts"].tolist() == [
        NEW_YORK_2012 + ns for ns in (36_000_100_000_000, 36_000_200_000_000, 36_000_300_000_001)
    ]
    assert levels_of(arrays, 0, "bid") == [(1000, 7), (999, 1)]
    assert levels_of(arrays, 0, "ask") == [(1002, 5)]
    assert (tape.symbol, tape.tick_size) == ("XYZ", 0.01)


def test_hidden_sides_are_unknown_since_nasdaq_hides_them(lobster_files):
    message, book = undated(lobster_files)
    for date, side in (("2014-07-11", b"B"), ("2014-07-14", b"N")):
        tape = alvh.read_lobster(message, book, date=date)
        assert bytes(tape.to_arrays()["side"][-1:]) == side
    assert tape.quality == {"hidden_trade": 1, "unsigned_trade": 1}


def test_winter_is_an_hour_later(lobster_files):
    message, book = undated(lobster_files)
    summer, winter = (
        alvh.read_lobster(message, book, date=date).start for date in ("2012-06-21", "2012-12-21")
    )
    assert winter - summer == 183 * 86_400 * 10**9 + 3_600 * 10**9


@pytest.mark.parametrize("how", ["gz", "zip"])
def test_packed_files_are_the_same(lobster_files, how):
    plain = alvh.read_lobster(*lobster_files)
    assert alvh.read_lobster(*(packed(path, how) for path in lobster_files)) == plain


def test_policies_of_feeds(lobster_files):
    message, book = lobster_files
    message.write_text(MESSAGES.replace("36000.2", "36000.0").replace("100100", "100050"))
    with pytest.raises(
        DataError, match=r"^LOB004 XYZ_2012-06-21_message_2.csv:line 2 time: got '36000.0', expected at least"
    ):
        alvh.read_lobster(message, book, tick_size=0.01)
    flagged = alvh.read_lobster(message, book, tick_size=0.01, policy="flag")
    assert flagged.quality == {"hidden_trade": 1, "off_grid_trade": 1, "time_backwards": 1}
    assert flagged.to_arrays()["price"].tolist() == [1000, 1000, 1000]
    dropped = alvh.read_lobster(message, book, tick_size=0.01, policy="drop")
    assert dropped.n_events == 1
    assert dropped.quality["dropped"] == 2
    policy = {"time_backwards": "flag", "off_grid_trade": "raise"}
    with pytest.raises(DataError, match=r"^LOB010 XYZ_2012-06-21_message_2.csv:row 3 price: got 100050"):
        alvh.read_lobster(message, book, tick_size=0.01, policy=policy)
    for wrong in ("drip", {"crossed": "flag"}, {"time_backwards": "drip"}, 5):
        with pytest.raises(ConfigError, match=r"^EVT00[14] policy [^\n]*$"):
            alvh.read_lobster(message, book, policy=wrong)


@pytest.mark.parametrize(
    ("arguments", "start"),
    [
        ({"date": "2012-13-01"}, "TIM001 XYZ_2012-06-21_message_2.csv date: got '2012-13-01'"),
        ({"date": 5}, "TIM001 "),
        ({"date": "1789-07-14"}, "TIM013 "),
        ({"tick_size": 0}, "EVT002 "),
        ({"tick_size": float("nan")}, "EVT002 "),
        ({"tick_size": "0.01"}, "EVT002 "),
        ({"tick_size": 0.03}, "LOB010 "),
    ],
)
def test_arguments_of_lobster(lobster_files, arguments, start):
    with pytest.raises(alvh.AlvhError) as caught:
        alvh.read_lobster(*lobster_files, **arguments)
    assert str(caught.value).startswith(start), caught.value


def test_a_name_without_a_date_needs_one(lobster_files, tmp_path):
    message = shutil.copy(lobster_files[0], tmp_path / "m.csv")
    with pytest.raises(
        DataError, match=r"^TIM017 m.csv date: got no date in the name, expected a date; pass date="
    ):
        alvh.read_lobster(message, lobster_files[1])
    assert alvh.read_lobster(message, lobster_files[1], date="2012-06-21", symbol="Q").symbol == "Q"


@pytest.mark.parametrize(
    "arguments",
    [
        {"clock": "local"},
        {"warm_up": -1},
        {"warm_up": float("nan")},
        {"warm_up": None},
        {"lot_size": 0},
        {"policy": "drop"},
    ],
)
def test_arguments_of_binance(arguments, tmp_path):
    path = tmp_path / "x"
    path.write_text('1723161256000000000 {"e":"trade","p":"1","q":"1","m":true}\n')
    assert alvh.read_binance(path).n_events == 1
    with pytest.raises(ConfigError, match=r"^EVT00[1278] [^\n]*$"):
        alvh.read_binance(path, **arguments)


@pytest.mark.parametrize(
    "arguments",
    [
        {"kind": "x"},
        {"session": ("16:00", "09:30")},
        {"session": "day"},
        {"session": None},
        {"session": ("a", "b")},
    ],
)
def test_arguments_of_taq(arguments, tmp_path):
    (tmp_path / "q").write_text("34200000,100000,5,100100,7,N,1,0\n")
    (tmp_path / "t").write_text("34200001,100000,5,N,1,0\n")
    assert alvh.read_taq(tmp_path / "q", tmp_path / "t", date="2013-10-07").n_events == 3
    with pytest.raises(ConfigError, match=r"^EVT0(09|14) [^\n]*$"):
        alvh.read_taq(tmp_path / "q", tmp_path / "t", date="2013-10-07", **arguments)


def test_files_that_cannot_be_read(tmp_path, lobster_files):
    def refused(kind, start, path):
        with pytest.raises(kind) as caught:
            alvh.read_binance(path)
        assert re.match(start + r"[^\n]*$", str(caught.value)), caught.value

    refused(DataError, "FIL003 none file: got 'No such file", tmp_path / "none")
    refused(DataError, "FIL003 ", tmp_path)
    for path in (None, 5, "", "a\0b", b"x"):
        refused(SchemaError, "FIL002 read_binance path", path)
    empty = tmp_path / "empty"
    empty.write_bytes(b"")
    refused(TruncatedError, "FIL004 empty file: got no bytes", empty)
    several = tmp_path / "several.zip"
    with zipfile.ZipFile(several, "w") as archive:
        archive.write(lobster_files[0], "a")
        archive.write(lobster_files[0], "b")
    refused(SchemaError, "FIL006 several.zip archive: got 2 files", several)
    locked = bytearray(packed(lobster_files[0], "zip").read_bytes())
    for magic, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        locked[locked.index(magic) + offset] |= 1
    (tmp_path / "locked.zip").write_bytes(locked)
    refused(DecodeError, "FIL005 locked.zip file", tmp_path / "locked.zip")


@pytest.mark.parametrize("how", ["gz", "zip"])
@pytest.mark.parametrize(
    "line", [b"\0" * 64, b'1723161256000000000 {"e":"kline"}\n'], ids=["no lines", "lines"]
)
def test_bombs_are_refused_in_little_memory(tmp_path, how, line):
    import tracemalloc

    path = tmp_path / "bomb"
    if how == "gz":
        with gzip.open(path, "wb") as file:
            for _ in range(200):
                file.write(line * ((1 << 20) // len(line)))
    else:
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive, archive.open("x", "w") as file:
            for _ in range(200):
                file.write(line * ((1 << 20) // len(line)))
    tracemalloc.start()
    with pytest.raises(LimitError, match=r"^FIL00[17] bomb[: ][^\n]*$"):
        alvh.read_binance(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 20 << 20


def test_a_reader_that_failed_stays_failed():
    reader = alvh.events._core.FeedReader.binance("x", None, False, 0, None, None, "raise")
    with pytest.raises(DecodeError):
        reader.push(0, b"x\n")
    with pytest.raises(ConfigError, match=r"^EVT013 FeedReader state"):
        reader.push(0, b"x\n")
    with pytest.raises(ConfigError, match=r"^EVT013 FeedReader state"):
        reader.finish("")


QUOTES, TRADES = "34200000,100000,5,100100,7,N,1,0\n", "34200001,100000,5,N,1,0\n"


@pytest.mark.parametrize(
    ("quotes", "trades", "start"),
    [
        (
            "20131007_bac_Quote.csv",
            "20131007_spy_Trade.csv",
            "TAQ011 20131007_spy_Trade.csv symbol: got trades of spy",
        ),
        (
            "20131007_bac_Quote.csv",
            "20131008_bac_Trade.csv",
            "TAQ011 20131008_bac_Trade.csv date: got trades of 2013",
        ),
        (
            "equity__usa__tick__bac__20131007_quote.csv",
            "equity__usa__tick__spy__20131007_trade.csv",
            "TAQ011 equity__usa__tick__spy__20131007_trade.csv symbol: got trades of spy, expected bac",
        ),
        ("20131007_bac_Quote.csv", "equity__usa__tick__spy__20131007_trade.csv", "TAQ011 "),
        ("20131007_bac_Quote.csv", "equity__usa__tick__BAC__20131007_trade.csv", None),
        ("20131007_bac_Quote_Tick.csv", "20131007_BAC_Trade_Tick.csv", None),
        ("20131007_bac_Quote.csv", "spy.csv", None),
    ],
)
def test_quotes_and_trades_by_name_belong_together(tmp_path, quotes, trades, start):
    (tmp_path / quotes).write_text(QUOTES)
    (tmp_path / trades).write_text(TRADES)
    if start is None:
        assert alvh.read_taq(tmp_path / quotes, tmp_path / trades).n_events == 3
        return
    with pytest.raises(DataError, match=r"^[^\n]*$") as caught:
        alvh.read_taq(tmp_path / quotes, tmp_path / trades)
    assert str(caught.value).startswith(start)


def test_a_date_that_contradicts_the_name_is_refused(tmp_path, lobster_files):
    (tmp_path / "20131007_bac_Quote.csv").write_text(QUOTES)
    (tmp_path / "q_12345678.csv").write_text(QUOTES)
    (tmp_path / "20131007_bac_Trade.csv").write_text(TRADES)
    trades = tmp_path / "20131007_bac_Trade.csv"
    for quotes in ("20131007_bac_Quote.csv", "q_12345678.csv"):
        assert alvh.read_taq(tmp_path / quotes, trades, date="2013-10-07").n_events == 3
        with pytest.raises(
            DataError, match=r"^TIM018 20131007_bac_[A-Za-z.]+ date: got 2013-10-08, expected 2013-10-07"
        ):
            alvh.read_taq(tmp_path / quotes, trades, date="2013-10-08")
    assert alvh.read_lobster(*lobster_files, date="2012-06-21") == alvh.read_lobster(*lobster_files)
    with pytest.raises(DataError, match=r"^TIM018 XYZ_2012-06-21_message_2.csv date: got 2012-06-22"):
        alvh.read_lobster(*lobster_files, date="2012-06-22")


@pytest.mark.parametrize("size", [10**400, True, "1", [1]])
def test_ticks_that_are_no_float_are_refused(lobster_files, size):
    with pytest.raises(ConfigError, match=r"^EVT002 feed tick_size: got [^\n]*$"):
        alvh.read_lobster(*lobster_files, tick_size=size)
    with pytest.raises(ConfigError, match=r"^EVT002 arrays tick_size: got [^\n]*$"):
        alvh.from_arrays([10**18], ["A"], ["B"], [1], [1], tick_size=size)
