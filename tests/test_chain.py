"""Option chains: formats, quality, look-up against a pandas twin, parity forwards on real quotes."""

from __future__ import annotations

import copy
import datetime
import gzip
import pickle
import warnings
from pathlib import Path

import alvh
import numpy as np
import pandas as pd
import pytest
from alvh.chain import FORMATS, Chain, ChainFormat
from alvh.errors import ConfigError, DataError, SchemaError
from hypothesis import given, settings
from hypothesis import strategies as st

DAY = "2016-06-01"


def rows(*quotes: tuple, date: str = DAY) -> pd.DataFrame:
    names = ["root", "expiry", "strike", "right", "bid", "ask"]
    frame = pd.DataFrame(list(quotes), columns=names)
    frame.insert(0, "quote_date", date)
    return frame


GOOD = ("SPX", "2016-06-17", 2000.0, "C", 100.0, 101.0)


def test_canonical_frame_round_trips_through_the_store():
    frame = rows(
        ("SPX", "2016-06-17", 2100.0, "P", 30.0, 31.5),
        GOOD,
        ("SPXW", "2016-06-10", 2100.5, "put", 0.05, 0.1),
        ("VIX", "2016-06-15", 12.5, "call", 2.35, 2.4),
    )
    chain = Chain.from_frame(frame)
    out = chain.to_frame(DAY)
    assert list(out["root"]) == ["SPX", "SPX", "SPXW", "VIX"]
    assert list(out["right"]) == ["C", "P", "P", "C"]
    assert list(out["strike"]) == [2000.0, 2100.0, 2100.5, 12.5]
    assert list(out["bid"]) == [100.0, 30.0, 0.05, 2.35]
    assert (out["quote_time"] == 57_600).all()
    assert Chain.from_frame(out) == chain
    assert len(chain) == 4
    assert repr(chain).startswith("Chain(4 quotes, 1 sessions 2016-06-01..2016-06-01, sha256 ")
    assert list(chain.sessions) == [np.datetime64(DAY)]
    with pytest.raises(ValueError, match="read-only"):
        chain._store.days()[0] = 1


def test_hash_does_not_depend_on_the_order_of_rows_but_on_every_price():
    frame = rows(
        GOOD, ("SPX", "2016-06-17", 2000.0, "P", 10.0, 11.0), ("VIX", "2016-06-15", 20.0, "P", 5.0, 5.2)
    )
    chain = Chain.from_frame(frame)
    assert Chain.from_frame(frame.iloc[::-1]).data_hash == chain.data_hash
    for column in ("bid", "ask", "strike"):
        other = frame.copy()
        other.loc[1, column] += 0.5
        assert Chain.from_frame(other).data_hash != chain.data_hash


def test_pickle_copy_and_compare():
    chain = Chain.from_frame(rows(GOOD).assign(underlying_price=2099.0))
    again = pickle.loads(pickle.dumps(chain))
    assert again == chain
    assert hash(again) == hash(chain)
    assert again.quality == chain.quality
    pd.testing.assert_frame_equal(again.to_frame(DAY), chain.to_frame(DAY))
    assert copy.deepcopy(chain) == copy.copy(chain) == chain
    assert chain != 3
    data = bytearray(chain._store.to_bytes())
    for at in range(len(data) - 64, len(data) - 90, -3):
        broken = bytearray(data)
        broken[at] ^= 1
        with pytest.raises(DataError, match="CHN025"):
            alvh._core.ChainStore.from_bytes(bytes(broken))
    for end in range(0, len(data), 7):
        with pytest.raises(DataError, match="CHN025"):
            alvh._core.ChainStore.from_bytes(bytes(data[:end]))


# ---- quality and policy

CASES = {
    "crossed": ("SPX", "2016-06-17", 2100.0, "C", 31.0, 30.0),
    "locked": ("SPX", "2016-06-17", 2100.0, "C", 30.0, 30.0),
    "zero_bid": ("SPX", "2016-06-17", 2100.0, "C", 0.0, 0.05),
    "zero_ask": ("SPX", "2016-06-17", 2100.0, "C", 1.0, 0.0),
    "no_market": ("SPX", "2016-06-17", 2100.0, "C", 0.0, 0.0),
    "missing_price": ("SPX", "2016-06-17", 2100.0, "C", np.nan, 30.0),
    "negative_price": ("SPX", "2016-06-17", 2100.0, "C", -1.0, 30.0),
    "expired": ("SPX", "2016-05-20", 2100.0, "C", 1.0, 1.5),
    "duplicate": GOOD,
    "conflicting": ("SPX", "2016-06-17", 2000.0, "C", 99.0, 101.0),
    "missing_leg": ("SPX", "2016-06-17", 2100.0, "C", 1.0, 1.5),
    "rounded_price": ("SPX", "2016-06-17", 2100.0, "C", 1.00005, 1.5),
    "other_products": ("BSZ", "2016-06-17", 2000.0, "C", 0.1, 0.2),
    "saturday_expiry": ("SPX", "2016-06-18", 2100.0, "C", 1.0, 1.5),
}
RAISES = {"crossed", "missing_price", "negative_price", "expired", "duplicate", "conflicting"}
DROPPED = {"crossed", "missing_price", "negative_price", "expired"}
KEPT_BY_FLAG = set(CASES) - {"negative_price", "expired", "duplicate", "conflicting", "other_products"}


@pytest.mark.parametrize("kind", CASES)
def test_every_anomaly_is_counted_and_follows_the_policy(kind):
    frame = rows(GOOD, CASES[kind])
    if kind in RAISES:
        with pytest.raises(DataError, match=r"^CHN0\d\d (frame|Chain).* got .*, expected ") as caught:
            Chain.from_frame(frame, policy="raise")
        assert "row 2" in str(caught.value) or "2016-06-17 C 2000 twice" in str(caught.value)
    else:
        assert Chain.from_frame(frame, policy="raise").quality[kind] >= 1
    if kind == "negative_price":
        with pytest.raises(DataError, match=r'CHN017 frame:row 2 bid: got -1, .* policy="drop"'):
            Chain.from_frame(frame)
    else:
        flagged = Chain.from_frame(frame)
        assert flagged.quality[kind] >= 1
        assert len(flagged) == 1 + (kind in KEPT_BY_FLAG)
    dropped = Chain.from_frame(frame, policy="drop")
    assert dropped.quality[kind] >= 1
    assert len(dropped) == 1 + (kind in KEPT_BY_FLAG - DROPPED)


def test_clean_rows_count_nothing():
    quality = Chain.from_frame(rows(GOOD, ("SPX", "2016-06-17", 2000.0, "P", 10.0, 11.0))).quality
    assert {name for name, count in quality.items() if count} == {"rows_read", "rows_kept"}


def test_of_conflicting_rows_the_first_is_kept():
    chain = Chain.from_frame(rows(GOOD, CASES["conflicting"]))
    assert chain.quotes(DAY, "2016-06-17", 2000.0, "C", "SPX")[0] == 100.0


def test_wrong_units_come_with_a_remedy():
    thousandths = rows(GOOD).assign(strike=2_000_000.0)
    with pytest.raises(
        DataError, match=r"CHN013 frame:row 1 strike: got 2000000, .*pass strike_scale=0\.001"
    ):
        Chain.from_frame(thousandths)
    assert Chain.from_frame(thousandths, strike_scale=0.001) == Chain.from_frame(rows(GOOD))
    vix = rows(("VIX", "2016-06-15", 12_500.0, "C", 2.0, 2.1))
    with pytest.raises(DataError, match=r"strike_scale=0\.001"):
        Chain.from_frame(vix)
    cents = rows(
        *[
            ("SPX", "2016-06-17", 1000.0 + 10 * i, "P", 100.0 * i + 50_000, 100.0 * i + 50_100)
            for i in range(9)
        ]
    )
    with pytest.raises(DataError, match=r"CHN023 .*9 of 9 rows above.*price_scale=0\.01"):
        Chain.from_frame(cents)
    assert Chain.from_frame(cents, price_scale=0.01).quality["above_bound"] == 0


# ---- roots, dates, times


def test_monthly_expiries_agree_with_the_exchange_calendar():
    import exchange_calendars

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        sessions = exchange_calendars.get_calendar("XNYS", start="1990-01-01", end="2035-12-31").sessions
    layout = ChainFormat("eod", FORMATS["eod"].columns, split_root=False, underlying="SPX")
    expected, frames = {}, []
    for month in pd.period_range("1990-01", "2035-12", freq="M"):
        first = month.start_time
        friday = first + pd.Timedelta(days=(4 - first.day_of_week) % 7 + 14)
        monthly = friday if friday in sessions else sessions[sessions < friday][-1]
        for shift in (-7, -1, 0, 1, 7):
            day = monthly + pd.Timedelta(days=shift)
            # Saturday after the last trading day is the old dating of the same expiry.
            is_monthly = shift == 0 or (day.day_of_week == 5 and shift == 1)
            expected[str(day.date())] = "SPX" if is_monthly else "SPXW"
            frames.append((str(day.date()), 1000.0 + len(frames)))
    frame = pd.DataFrame(frames, columns=["expiration", "strike"]).assign(
        quotedate="1990-01-02", type="C", bid=1.0, ask=1.1, underlying="SPX"
    )
    out = Chain.from_frame(frame, layout).to_frame("1990-01-02")
    root = dict(zip(out["strike"], out["root"], strict=True))
    got = {expiry: root[strike] for expiry, strike in frames}
    assert len(got) > 2000
    wrong = {day for day in got if got[day] != expected[day]}
    assert wrong == set()


@pytest.mark.parametrize(
    "value",
    ["2016-06-01", "2016-06-01 00:00:00", "2016-06-01T15:45", "20160601", 20160601, "6/1/2016", "06/01/2016",
     datetime.date(2016, 6, 1), datetime.datetime(2016, 6, 1, 15), pd.Timestamp("2016-06-01"),
     pd.Timestamp("2016-06-01", tz="America/New_York"), np.datetime64("2016-06-01")],
)  # fmt: skip
def test_dates_in_every_usual_writing(value):
    chain = Chain.from_frame(rows(GOOD).assign(quote_date=value))
    assert list(chain.sessions) == [np.datetime64(DAY)]
    assert len(chain.to_frame(value)) == 1


@pytest.mark.parametrize(
    "value", ["2016-13-01", "01.06.2016", "6/1/16", "", None, "1456", 1464739200, "2016-06-1x"]
)
def test_other_writings_are_refused_by_row(value):
    frame = pd.concat([rows(GOOD), rows(CASES["locked"]).assign(quote_date=value)], ignore_index=True)
    with pytest.raises(DataError, match=r"^CHN0(10|33) frame:row 2 quote_date: got "):
        Chain.from_frame(frame)


def test_several_quote_times_in_a_session_are_refused():
    frame = rows(GOOD, CASES["locked"]).assign(quote_time=[57_600, 34_200])
    with pytest.raises(DataError, match=r"CHN021 frame:row 2 quote_time: .*one snapshot"):
        Chain.from_frame(frame)


def test_range_and_products_are_filtered_and_counted():
    frame = pd.concat(
        [rows(GOOD, date=f"2016-06-0{i}") for i in (1, 2, 3)] + [rows(("VIX", "2016-06-15", 9.0, "C", 5, 6))]
    )
    chain = Chain.from_frame(frame, start="2016-06-02", end="2016-06-02", products="SPX")
    assert list(chain.sessions) == [np.datetime64("2016-06-02")]
    assert (chain.quality["outside_range"], chain.quality["other_products"]) == (3, 0)
    chain = Chain.from_frame(frame, products=("VIX",))
    assert chain.quality["other_products"] == 3
    with pytest.raises(DataError, match=r"CHN022 .*check products, start and end"):
        Chain.from_frame(frame, start="2020-01-01")


# ---- files

OPTIONSDX = ", ".join(
    f"[{name}]"
    for name in [
        "QUOTE_UNIXTIME",
        "QUOTE_READTIME",
        "QUOTE_DATE",
        "QUOTE_TIME_HOURS",
        "UNDERLYING_LAST",
        "EXPIRE_DATE",
        "EXPIRE_UNIX",
        "DTE",
        "C_DELTA",
        "C_GAMMA",
        "C_VEGA",
        "C_THETA",
        "C_RHO",
        "C_IV",
        "C_VOLUME",
        "C_LAST",
        "C_SIZE",
        "C_BID",
        "C_ASK",
        "STRIKE",
        "P_BID",
        "P_ASK",
        "P_SIZE",
        "P_LAST",
        "P_DELTA",
        "P_GAMMA",
        "P_VEGA",
        "P_THETA",
        "P_RHO",
        "P_IV",
        "P_VOLUME",
        "STRIKE_DISTANCE",
        "STRIKE_DISTANCE_PCT",
    ]
)


def optionsdx_line(
    date: str, expiry: str, strike: float, call: tuple, put: tuple, hours: float = 16.0
) -> str:
    greeks = ", ".join(["0.5"] * 6)
    return (
        f"1262638800, {date} 16:00, {date}, {hours:.6f}, 1132.990000, {expiry}, 1262984400, 4.00, "
        f"{greeks}, , 0.0, 1 x 1, "
        f"{call[0]}, {call[1]}, {strike:.6f}, {put[0]}, {put[1]}, 1 x 1, 0.0, {greeks}, , 3.0, 0.002"
    )


@pytest.fixture
def optionsdx(tmp_path) -> Path:
    lines = [OPTIONSDX]
    for date in ("2010-01-04", "2010-01-05"):
        for expiry in ("2010-01-08", "2010-01-15"):
            for strike in (1100, 1125, 1150):
                lines.append(
                    optionsdx_line(date, expiry, strike, (f"{1150 - strike + 5}.5", 60.0), (" ", ""))
                )
        # The same third-Friday contract again, as the PM line some files carry beside the AM line.
        lines.append(optionsdx_line(date, "2010-01-15", 1150, (9.0, 60.0), ("", "")))
    path = tmp_path / "spx_eod_201001.txt"
    path.write_text("\n".join(lines) + "\n")
    return path


def test_optionsdx_wide_layout(optionsdx):
    chain = Chain.read(optionsdx, "optionsdx")
    out = chain.to_frame("2010-01-05")
    assert set(map(tuple, out[["root", "expiry"]].astype(str).to_numpy())) == {
        ("SPX", "2010-01-15"),
        ("SPXW", "2010-01-08"),
    }
    assert len(chain) == 24
    quality = chain.quality
    assert (quality["rows_read"], quality["conflicting"], quality["duplicate"]) == (28, 2, 2)
    assert quality["missing_price"] == 14
    bid, ask = chain.quotes("2010-01-04", "2010-01-15", [1100.0, 1150.0, 1150.0], ["C", "C", "P"], "SPX")
    np.testing.assert_array_equal(bid, [55.5, 5.5, np.nan])
    np.testing.assert_array_equal(ask, [60.0, 60.0, np.nan])
    assert (out["quote_time"] == 57_600).all()
    assert (out["underlying_price"] == 1132.99).all()


def test_compressed_several_and_globbed_files_give_the_same_chain(optionsdx, tmp_path):
    whole = Chain.read(optionsdx, "optionsdx")
    text = optionsdx.read_text().splitlines()
    parts = tmp_path / "parts"
    parts.mkdir()
    with gzip.open(parts / "a.csv.gz", "wt") as file:
        file.write("\n".join(text[:8]))
    (parts / "b.csv").write_text("\ufeff" + "\n".join([text[0], *text[8:]]))
    assert Chain.read(parts, "optionsdx") == whole
    assert Chain.read(str(parts / "*.csv*"), "optionsdx") == whole
    assert Chain.read([parts / "b.csv", str(parts / "a.csv.gz")], "optionsdx").quality["rows_kept"] == 24
    pd.DataFrame({"csv": [1]}).to_csv(tmp_path / "z.zip", index=False)
    with pytest.raises(SchemaError, match=r"z.zip"):
        Chain.read(tmp_path / "z.zip", "optionsdx")


def test_parquet_equals_csv(tmp_path):
    frame = rows(GOOD, CASES["zero_bid"], ("VIX", "2016-06-15", 20.0, "P", 5.0, 5.2)).assign(
        underlying_price=2099.5
    )
    frame.to_csv(tmp_path / "a.csv", index=False)
    frame.assign(expiry=pd.to_datetime(frame["expiry"])).to_parquet(tmp_path / "a.parquet")
    a, b = Chain.read(tmp_path / "a.csv"), Chain.read(tmp_path / "a.parquet")
    assert a == b
    assert a.quality == b.quality


def test_blocks_do_not_change_the_result(tmp_path, monkeypatch):
    frame = random_chain(np.random.default_rng(4), 500)
    frame.to_csv(tmp_path / "a.csv", index=False)
    whole = Chain.read(tmp_path / "a.csv")
    monkeypatch.setattr("alvh.chain._BLOCK", 7)
    assert Chain.read(tmp_path / "a.csv") == whole == Chain.from_frame(frame)
    assert Chain.read(tmp_path / "a.csv").quality == whole.quality
    frame.loc[100, "bid"] = -3.0
    frame.to_csv(tmp_path / "a.csv", index=False)
    with pytest.raises(DataError, match=r"CHN017 .*a\.csv:row 101 bid"):
        Chain.read(tmp_path / "a.csv")


def test_a_new_vendor_is_data(tmp_path):
    layout = ChainFormat(
        "mine",
        {"quote_date": ("tag",), "expiry": ("verfall",), "strike": ("basis",), "right": ("art",),
         "bid": ("geld",),
         "ask": ("brief",), "root": ("kuerzel",)},
        roots={"OSPX": "SPX"},
    )  # fmt: skip
    frame = rows(GOOD).rename(
        columns={
            "quote_date": "Tag",
            "expiry": "Verfall",
            "strike": "BASIS",
            "right": "art",
            "bid": "geld",
            "ask": "brief",
        }
    )
    frame = frame.rename(columns={"root": "kuerzel"}).assign(kuerzel="OSPX")
    assert Chain.from_frame(frame, layout) == Chain.from_frame(rows(GOOD))


# ---- the twin


def random_chain(rng: np.random.Generator, n: int) -> pd.DataFrame:
    bid = rng.integers(0, 160, n) / 20
    days = np.datetime64("2016-06-01") + rng.integers(0, 4, n)
    expiry = days + rng.integers(0, 3, n) * 7
    root = rng.choice(["SPX", "SPXW", "VIX"], n)
    strike = np.where(root == "VIX", rng.integers(20, 60, n) / 2, rng.integers(360, 420, n) * 5.0)
    frame = pd.DataFrame({"quote_date": days, "root": root, "expiry": expiry, "strike": strike})
    frame["right"] = rng.choice(["C", "P"], n)
    frame["bid"], frame["ask"] = bid, (bid + rng.integers(-2, 20, n) / 20).round(2)
    frame["ask"] = frame["ask"].clip(lower=0.0)
    key = ["quote_date", "root", "expiry", "strike", "right"]
    # Saturdays are moved as the store moves them, so that the twin sees the same contracts.
    saturday = frame["expiry"].dt.day_of_week == 5
    frame["expiry"] = frame["expiry"].where(~saturday, frame["expiry"] - pd.Timedelta(days=1))
    frame = frame[frame["expiry"] >= frame["quote_date"]]
    return frame.drop_duplicates(key).reset_index(drop=True)


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), n=st.integers(5, 400))
def test_lookup_equals_a_pandas_index(seed, n):
    rng = np.random.default_rng(seed)
    frame = random_chain(rng, n)
    if frame.empty:
        return
    chain = Chain.from_frame(frame.sample(frac=1.0, random_state=seed % 1000))
    twin = frame.set_index(["quote_date", "root", "expiry", "strike", "right"])[["bid", "ask"]]
    asked = pd.concat([frame, random_chain(rng, 50)], ignore_index=True)
    key = pd.MultiIndex.from_frame(asked[["quote_date", "root", "expiry", "strike", "right"]])
    expected = twin.reindex(key)
    bid, ask = chain.quotes(
        asked["quote_date"], asked["expiry"], asked["strike"], asked["right"], asked["root"]
    )
    np.testing.assert_array_equal(bid, expected["bid"])
    np.testing.assert_array_equal(ask, expected["ask"])
    quality = chain.quality
    assert quality["crossed"] == ((frame["bid"] > frame["ask"]) & (frame["ask"] > 0)).sum()
    assert quality["locked"] == ((frame["bid"] == frame["ask"]) & (frame["ask"] > 0)).sum()
    assert quality["zero_bid"] == ((frame["bid"] == 0) & (frame["ask"] > 0)).sum()
    legs = frame.groupby(["quote_date", "root", "expiry", "strike"]).size()
    assert quality["missing_leg"] == (legs == 1).sum()


@settings(max_examples=40, deadline=None)
@given(
    forward=st.floats(500, 6000),
    rate=st.floats(-0.01, 0.08),
    days=st.integers(20, 400),
    half=st.floats(0.05, 2.0),
)
def test_parity_recovers_forward_and_rate(forward, rate, days, half):
    expiry = np.datetime64(DAY) + days
    expiry -= (expiry.astype("datetime64[D]").astype(int) + 3) % 7 == 5
    years = ((expiry - np.datetime64(DAY)).astype(int) * 86_400 - 57_600 + 34_200) / (365 * 86_400)
    discount = np.exp(-rate * years)
    strikes = np.unique(np.round(forward * np.linspace(0.75, 1.25, 41) / 5) * 5)
    put = np.maximum(strikes - forward, 0) * discount + 0.05 * forward
    call = put + discount * (forward - strikes)
    parts = [
        pd.DataFrame({"strike": strikes, "right": right, "bid": mid - half, "ask": mid + half})
        for right, mid in (("C", call), ("P", put))
    ]
    frame = pd.concat(parts).assign(quote_date=DAY, root="SPX", expiry=expiry)
    frame = frame[frame["bid"] > 0]
    chain = Chain.from_frame(frame)
    # Prices are on a grid of 1e-4, which limits both.
    assert chain.forward(DAY, expiry, rate=rate) == pytest.approx(forward, abs=3e-4)
    assert chain.forward(DAY, expiry) == pytest.approx(forward, abs=5e-3)
    implied, error = chain.implied_rate(DAY, expiry)
    assert implied == pytest.approx(rate, abs=5e-4)
    assert error < 1e-3


def test_forward_needs_two_sided_pairs_and_an_unambiguous_product():
    chain = Chain.from_frame(rows(GOOD, ("SPXW", "2016-06-17", 2000.0, "C", 100.0, 101.0)))
    with pytest.raises(ConfigError, match=r"CHN038 Chain product: got none, expected one of SPX, SPXW"):
        chain.forward(DAY, "2016-06-17")
    assert np.isnan(chain.forward(DAY, "2016-06-17", product="SPXW"))
    with pytest.raises(DataError, match=r"CHN040 .* 2016-07-15"):
        chain.forward(DAY, "2016-07-15")
    with pytest.raises(DataError, match=r"CHN039 Chain date: got 2016-06-02, expected one of 1 sessions"):
        chain.to_frame("2016-06-02")
    with pytest.raises(ConfigError, match="CHN041"):
        chain.forward(DAY, "2016-06-17", product="SPX", rate=4.0)


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        ({"format": "nope"}, "CHN037"),
        ({"policy": "ignore"}, "CHN001"),
        ({"products": ("NDX",)}, "CHN003"),
        ({"products": ()}, "CHN003"),
        ({"start": "soon"}, "CHN033"),
        ({"strike_scale": 0.0}, "CHN043"),
        ({"price_scale": float("nan")}, "CHN043"),
        ({"format": "cboe", "snapshot": "noon"}, "CHN042"),
        ({"expiri": "2016-06-17"}, "CHN044"),
    ],
)
def test_bad_arguments_are_named(arguments, code):
    with pytest.raises(ConfigError, match=f"^{code} ") as caught:
        Chain.from_frame(rows(GOOD), **arguments)
    assert "\n" not in str(caught.value)


def test_missing_and_double_columns_are_named():
    with pytest.raises(SchemaError, match=r"CHN030 frame bid: got columns .*'bid' or 'best_bid'"):
        Chain.from_frame(rows(GOOD).drop(columns="bid"))
    double = pd.concat([rows(GOOD), rows(GOOD)[["bid"]]], axis=1)
    with pytest.raises(SchemaError, match="CHN031 frame bid: got 2 columns"):
        Chain.from_frame(double)
    with pytest.raises(SchemaError, match=r'looks like format="optionsdx"'):
        Chain.from_frame(pd.DataFrame(columns=OPTIONSDX.split(", ")))


# ---- real chains


@pytest.mark.needs_shared_data
@pytest.mark.parametrize(("snapshot", "zero_bids"), [("1545", 120), ("eod", 121)])
def test_real_vix_chain_in_cboe_layout(shared_data, snapshot, zero_bids):
    path = shared_data / "options" / "vix_2016-06-01.csv"
    chain = Chain.read(path, "cboe", snapshot=snapshot)
    raw = pd.read_csv(path)
    vix = raw[raw["root"] == "VIX"]
    # 158 rows are binary options (BVZ) at the same strikes and expiries: they must not stand in for VIX.
    assert len(chain) == len(vix) == 724
    quality = chain.quality
    assert (quality["other_products"], quality["conflicting"], quality["zero_bid"]) == (158, 0, zero_bids)
    bid, ask = chain.quotes(
        "2016-06-01", vix["expiration"].astype("datetime64[s]"), vix["strike"], vix["option_type"], "VIX"
    )
    np.testing.assert_array_equal(bid, vix[f"bid_{snapshot}"])
    np.testing.assert_array_equal(ask, vix[f"ask_{snapshot}"])
    forwards = [chain.forward("2016-06-01", expiry) for expiry in chain.expiries("2016-06-01", "VIX")[2:]]
    # Upward sloping, from near spot VIX (14.6) to below 20.
    assert 15.1 < forwards[0] < 15.4
    assert (np.diff(forwards) > 0).all()
    assert forwards[-1] < 20.0


@pytest.mark.needs_shared_data
def test_real_vix_forwards_are_near_the_futures(shared_data):
    chain = Chain.read(shared_data / "options" / "vix_2016-06-01.csv", "cboe", snapshot="eod")
    table = pd.read_csv(shared_data / "daily" / "vx1_to_vx8.csv").set_index("DATE")
    futures = table.loc["2016-06-01", ["VX1", "VX2", "VX3", "VX4", "VX5", "VX6"]].to_numpy(dtype=float)
    monthly = ["2016-06-15", "2016-07-20", "2016-08-17", "2016-09-21", "2016-10-19", "2016-11-16"]
    forwards = [chain.forward("2016-06-01", expiry) for expiry in monthly]
    np.testing.assert_allclose(forwards, futures, atol=0.15)


def test_early_closes_move_default_quote_times():
    frame = pd.concat([rows(GOOD, date=date) for date in ("2015-11-25", "2015-11-27")])
    chain = Chain.from_frame(frame)
    assert (chain.to_frame("2015-11-25")["quote_time"] == 57_600).all()
    assert (chain.to_frame("2015-11-27")["quote_time"] == 46_800).all()


@pytest.mark.parametrize("product", ["SPX", "SPXW"])
def test_implied_vol_inverts_black(product):
    from scipy.stats import norm

    forward, vol, rate, expiry = 2010.0, 0.2, 0.03, "2016-07-15"
    seconds = {"SPX": 34_200, "SPXW": 57_600}[product]
    years = (44 * 86_400 + seconds - 57_600) / (365 * 86_400)
    strikes = np.arange(1800.0, 2200.0, 10.0)
    d1 = np.log(forward / strikes) / (vol * np.sqrt(years)) + 0.5 * vol * np.sqrt(years)
    call = np.exp(-rate * years) * (forward * norm.cdf(d1) - strikes * norm.cdf(d1 - vol * np.sqrt(years)))
    put = call - np.exp(-rate * years) * (forward - strikes)
    lines = [
        (product, expiry, strike, right, mid - 0.25, mid + 0.25)
        for right, mids in (("C", call), ("P", put))
        for strike, mid in zip(strikes, mids, strict=True)
    ]
    chain = Chain.from_frame(rows(*lines))
    for strike in (1850.0, 2010.0, 2150.0):
        for right in ("C", "put"):
            got = chain.implied_vol(DAY, expiry, strike, right, rate=rate)
            assert got == pytest.approx(vol, abs=2e-5)
            assert chain.implied_vol(DAY, expiry, strike, right) == pytest.approx(vol, abs=1e-3)
    assert np.isnan(chain.implied_vol(DAY, expiry, 1805.0, "C"))
    with pytest.raises(ConfigError, match="CHN012"):
        chain.implied_vol(DAY, expiry, 2010.0, "straddle")


@pytest.mark.needs_shared_data
def test_implied_vols_agree_with_those_of_the_vendor(shared_data):
    path = shared_data / "options" / "spx_2013-04-19.csv"
    chain = Chain.read(path, "wide", quote_date="2013-04-19", expiry="2013-06-21")
    raw = pd.read_csv(path)
    near = raw[(raw["strike"] >= 1400) & (raw["strike"] <= 1545)]
    ours = [chain.implied_vol("2013-04-19", "2013-06-21", k, "P", rate=0.001) for k in near["strike"]]
    # The vendor does not say its forward: a point of volatility near the money is 2 points of forward.
    np.testing.assert_allclose(ours, near["impvol.p"] / 100, atol=0.015)
    calls = [chain.implied_vol("2013-04-19", "2013-06-21", k, "C", rate=0.001) for k in near["strike"]]
    # Call and put of one strike agree at the forward of parity, to a fraction of their spread.
    np.testing.assert_allclose(calls[-10:], ours[-10:], atol=0.004)


@pytest.mark.needs_shared_data
def test_real_spx_expiry_in_a_wide_layout(shared_data):
    path = shared_data / "options" / "spx_2013-04-19.csv"
    chain = Chain.read(path, "wide", quote_date="2013-04-19", expiry="2013-06-21", underlying_price=1555.25)
    assert len(chain) == 342
    assert set(chain.to_frame("2013-04-19")["root"]) == {"SPX"}
    # Spot 1555.25, 2 % dividends, 0.1 % rates over two months.
    assert chain.forward("2013-04-19", "2013-06-21", rate=0.001) == pytest.approx(1550.0, abs=2.5)
    with pytest.raises(SchemaError, match=r"CHN030 .* quote_date: .*pass quote_date="):
        Chain.read(path, "wide")


@pytest.mark.needs_shared_data
def test_real_fragments_in_a_vendor_layout(shared_data):
    chain = Chain.read(str(shared_data / "options" / "spx_fragments_*.csv"), "eod")
    assert len(chain) == 244 + 392
    assert len(chain.sessions) == 157
    frame = chain.to_frame("2017-01-06")
    assert list(frame["strike"]) == [300.0, 500.0, 300.0, 1375.0] or set(frame["strike"]) == {
        300.0,
        500.0,
        1375.0,
    }
    with pytest.raises(SchemaError, match=r"CHN030 .*spx_eod_2015-12-22.csv bid"):
        Chain.read(
            shared_data / "options" / "spx_eod_2015-12-22.csv", "eod", quote_date="2015-12-22", root="SPX"
        )
