import gzip
import pickle
import zipfile
from pathlib import Path

import alvh
import numpy as np
import pandas as pd
import pytest
from alvh.errors import AlvhError, ConfigError, DataError, DecodeError, SchemaError
from alvh.history import History

DAYS = alvh.calendar.sessions("2010-01-04", "2010-12-31")
FLAGS = ("spot_proxy", "vix_proxy", "vx_proxy", "hypothetical_hedge", "asynchronous", "no_rate")


@pytest.fixture(scope="module")
def spx() -> pd.DataFrame:
    rng = np.random.default_rng(7)
    close = 1_100 * np.exp(np.cumsum(rng.normal(0, 0.01, DAYS.size)))
    open_ = np.r_[1_095.0, close[:-1] * np.exp(rng.normal(0, 0.004, DAYS.size - 1))]
    high, low = np.maximum(open_, close) * 1.004, np.minimum(open_, close) * 0.996
    columns = {"Open": open_, "High": high, "Low": low, "Close": close, "Volume": 1.0}
    return pd.DataFrame(columns, index=pd.DatetimeIndex(DAYS, name="Date")).round(4)


@pytest.fixture(scope="module")
def vix() -> pd.DataFrame:
    rng = np.random.default_rng(8)
    close = 20 * np.exp(np.cumsum(rng.normal(0, 0.03, DAYS.size)))
    open_ = np.r_[20.4, close[:-1] * 1.01]
    columns = {
        "OPEN": open_,
        "HIGH": np.maximum(open_, close) + 0.5,
        "LOW": np.minimum(open_, close) - 0.5,
        "CLOSE": close,
    }
    return pd.DataFrame(columns, index=pd.DatetimeIndex(DAYS, name="DATE")).round(4)


@pytest.fixture(scope="module")
def base(spx: pd.DataFrame, vix: pd.DataFrame) -> History:
    return History.load(spx, vix)


def error_of(kind: type[AlvhError], call) -> AlvhError:
    with pytest.raises(kind) as caught:
        call()
    assert "\n" not in str(caught.value)
    return caught.value


# Layouts: each must give the same columns as the plain frame.


def write(frame: pd.DataFrame, path: Path, date_format: str = "%Y-%m-%d", **options: object) -> Path:
    frame.to_csv(path, date_format=date_format, **options)
    return path


def test_csv_layouts_agree_with_the_frame(spx, vix, base, tmp_path):
    write(spx, tmp_path / "iso.csv")
    write(spx, tmp_path / "slash.csv", "%m/%d/%Y")
    write(spx.assign(**{"Adj Close": spx["Close"]}), tmp_path / "ticks.csv", "%Y%m%d 00:00")
    with gzip.open(tmp_path / "spx.csv.gz", "wt") as stream:
        spx.to_csv(stream)
    with zipfile.ZipFile(tmp_path / "spx.zip", "w") as archive:
        archive.write(tmp_path / "iso.csv", "inside.csv")
    spx.to_parquet(tmp_path / "spx.parquet")
    fear = write(vix, tmp_path / "vix.csv", "%m/%d/%Y")
    for name in ("iso.csv", "slash.csv", "ticks.csv", "spx.csv.gz", "spx.zip", "spx.parquet"):
        assert History.load(str(tmp_path / name), fear).data_hash == base.data_hash, name


def test_yfinance_multiindex_as_frame_and_as_csv(spx, vix, base, tmp_path):
    wide = spx.copy()
    wide.columns = pd.MultiIndex.from_tuples(
        [(name, "^GSPC") for name in spx.columns], names=["Price", "Ticker"]
    )
    assert History.load(wide, vix).data_hash == base.data_hash
    assert History.load(wide.swaplevel(axis=1), vix).data_hash == base.data_hash
    path = write(wide, tmp_path / "yfinance.csv")
    assert path.read_text().startswith("Price,")
    assert History.load(path, vix).data_hash == base.data_hash
    two = pd.concat([wide, wide.rename(columns={"^GSPC": "^VIX"})], axis=1)
    assert error_of(SchemaError, lambda: History.load(two, vix)).code in ("COL002", "COL005")


def test_frames_of_every_kind(spx, vix, base):
    pl = pytest.importorskip("polars")
    for frame in (
        spx.tz_localize("America/New_York"),
        spx.tz_localize("UTC"),
        spx.reset_index(),
        spx.reset_index().assign(Date=lambda f: f["Date"].dt.strftime("%Y-%m-%d")),
        spx.to_period("D"),
        pl.from_pandas(spx.reset_index()),
        pl.from_pandas(spx.reset_index()).to_arrow(),
    ):
        assert History.load(frame, vix).data_hash == base.data_hash
    closes = History.load(spx["Close"], vix["CLOSE"])
    np.testing.assert_array_equal(closes.columns["spx_close"], base.columns["spx_close"])
    assert "Close-only" in closes.note
    assert "Close-only" not in base.note


def test_vx_layouts_agree(spx, vix, tmp_path):
    days = DAYS[:60]
    monthly = alvh.calendar.vx_expiries("2010-01-04", "2010-12-31")
    wide, files = {}, []
    for i in range(3):
        wide[f"VX{i + 1}"] = 20.0 + i + np.arange(60) / 100
    table = pd.DataFrame({"Unnamed: 0": range(60), "DATE": days.astype(str), **wide})
    table.to_csv(tmp_path / "vx.csv", index=False)
    rows: dict[np.datetime64, list[str]] = {}
    for row, day in enumerate(days):
        first = np.searchsorted(monthly, day, side="right")
        for i in range(3):
            expiry = monthly[first + i]
            label = expiry.astype(object).strftime("X (%b %y)")
            date = day.astype(object).strftime("%m/%d/%Y")
            rows.setdefault(expiry, []).append(f"{date},{label},0,0,0,0,{wide[f'VX{i + 1}'][row]},0,0,0,0")
    header = "Trade Date,Futures,Open,High,Low,Close,Settle,Change,Total Volume,EFP,Open Interest"
    (tmp_path / "vx").mkdir()
    for i, lines in enumerate(rows.values()):
        disclaimer = "Some words, with a comma, before the header.\n" if i % 2 else ""
        path = tmp_path / "vx" / f"CFE_{i}_VX.csv"
        path.write_text(disclaimer + "\n".join([header, *lines]) + "\n")
        files.append(path)
    (tmp_path / "stacked.csv").write_text(
        "\n".join([header, *(line for lines in rows.values() for line in lines)])
    )
    (tmp_path / "vx" / "unrelated.csv").write_text("Date,Value\n2010-01-04,1\n")
    hashes = {
        History.load(spx, vix, vx=source).data_hash
        for source in (tmp_path / "vx.csv", tmp_path / "vx", files, tmp_path / "stacked.csv")
    }
    assert len(hashes) == 1


def test_rates_in_percent_and_decimal_newest_first(spx, vix):
    percent = pd.DataFrame({"Date": DAYS, "Value": 2.0})
    decimal = pd.DataFrame({"Date": DAYS[::-1], "Value": 0.02})
    expected = 4 * np.log1p(0.02 / 4)
    for rates in (percent, decimal):
        np.testing.assert_allclose(History.load(spx, vix, rates=rates).columns["rate"], expected, rtol=1e-15)
    tiny = pd.DataFrame({"Date": DAYS, "Value": 0.05})
    as_percent = History.load(spx, vix, rates=tiny, rates_unit="percent").columns["rate"]
    np.testing.assert_allclose(as_percent, 4 * np.log1p(0.0005 / 4))
    # Only this series may be newest first.
    assert error_of(DataError, lambda: History.load(spx[::-1], vix)).code == "TIM010"


# The object itself.


def test_frozen_picklable_comparable(base):
    copy = pickle.loads(pickle.dumps(base))
    assert copy == base
    assert hash(copy) == hash(base)
    assert copy.quality.equals(base.quality)
    assert base.cut(10) != base
    assert "2010-01-04..2010-12-31" in repr(base)
    with pytest.raises(ValueError, match="read-only"):
        base.columns["spx_close"][0] = 1.0
    with pytest.raises(TypeError):
        base.columns["spx_close"] = base.columns["vix_close"]  # type: ignore[index]
    assert error_of(ConfigError, lambda: base.cut(0)).code == "CFG105"
    part = base.between("2010-02-01", "2010-02-28")
    assert (part.first, part.last, len(part)) == (
        np.datetime64("2010-02-01"),
        np.datetime64("2010-02-26"),
        19,
    )
    assert "need 300 sessions, have 252" in str(error_of(DataError, lambda: base.require_sessions(300)))


def test_demo_says_what_it_cannot_cover():
    demo = History.demo()
    assert (demo.first, demo.last, len(demo)) == (
        np.datetime64("2014-01-03"),
        np.datetime64("2018-12-31"),
        1257,
    )
    first = demo.note.splitlines()[0]
    assert first.startswith(
        "Demonstration: S&P 500 OHLC, VIX closes; 1,257 sessions 2014-01-03 to 2018-12-31; "
    )
    assert first.endswith(
        "cannot cover: VIX opens, VIX futures, VIX9D, VIX3M, VVIX, SKEW, interest rates, VIX settlements."
    )
    assert "- VIX options settle on the VIX close." in demo.note
    assert len(set(demo.note.splitlines())) == len(demo.note.splitlines())
    assert "300 sessions 2014-01-03" in demo.cut(300).note
    assert set(demo.settlements()["vix_source"]) == {"close_fallback"}


# Steps: a NumPy twin of the rules, written from their description.


def test_steps_follow_the_documented_rules(spx, vix, base):
    steps = base.steps()
    assert len(steps) == 3 * len(base)
    times = steps.index.strftime("%H:%M").to_numpy().reshape(-1, 3)
    assert (times[:, 0] == "09:30").all()
    assert (times[:, 1] == "11:00").all()
    early = alvh.calendar.early_closes("2010-01-04", "2010-12-31")
    assert early.size == 1
    assert set(times[early[0] == DAYS, 2]) == {"13:00"}
    assert set(times[early[0] != DAYS, 2]) == {"16:00"}
    spot = steps["spot"].to_numpy().reshape(-1, 3)
    o, h, low, c = (np.log(spx[name].to_numpy()) for name in ("Open", "High", "Low", "Close"))
    mid = o + 0.24 * (c - o) + 0.12 * (h - o) + 0.12 * (low - o)
    np.testing.assert_allclose(spot, np.exp(np.column_stack([o, mid, c])), rtol=1e-13)
    fear = steps["vix"].to_numpy().reshape(-1, 3)
    vo, vh, vl, vc = (np.log(vix[name].to_numpy()) for name in ("OPEN", "HIGH", "LOW", "CLOSE"))
    vm = vo - 0.25 * (vc - vo) + 0.60 * (vh - vo) + 0.60 * (vl - vo)
    np.testing.assert_allclose(fear, np.exp(np.column_stack([vo, vm, vc])), rtol=1e-12)
    flags = steps["flags"].to_numpy().reshape(-1, 3)
    no_rate, vx_proxy = 1 << 5, 1 << 2
    assert set(flags[:, 0]) == {no_rate | vx_proxy}
    assert set(flags[:, 1]) == {no_rate | vx_proxy | 1 | 2}
    assert set(flags[:, 2]) == {no_rate | vx_proxy | 1 << 4}
    counts = base.flag_counts()
    assert tuple(counts)[: len(FLAGS)] == FLAGS
    assert counts["spot_proxy"] == counts["no_rate"] == len(base)
    assert counts["spx_open_stale"] == counts["hypothetical_hedge"] == 0


def test_stale_opens_are_bridged_by_spy_or_left_out(spx, vix):
    stale = spx.copy()
    stale.loc[stale.index[1:], "Open"] = stale["Close"].to_numpy()[:-1]
    stale["High"] = stale[["Open", "High"]].max(axis=1)
    stale["Low"] = stale[["Open", "Low"]].min(axis=1)
    without = History.load(stale, vix)
    assert without.flag_counts()["spx_open_stale"] == len(DAYS) - 1
    assert without.steps().groupby(lambda time: time.date()).size().iloc[1:].max() == 2
    assert set(without.settlements()["spx_source"].iloc[1:]) == {"close_fallback"}
    spy = pd.DataFrame({"open": stale["Close"] * 1_000 * 1.01, "close": stale["Close"] * 1_000})
    history = History.load(stale, vix, spy=spy)
    settled = history.settlements().iloc[1:]
    assert set(settled["spx_source"]) == {"etf_open"}
    prior = stale["Close"].to_numpy()[:-1]
    ratio = (spy["open"].to_numpy()[1:] / spy["close"].to_numpy()[:-1]) + np.where(
        np.isin(settled.index.strftime("%Y-%m-%d"), ["2010-03-19", "2010-06-18", "2010-09-17", "2010-12-17"]),
        0.018 / 4,
        0.0,
    )
    np.testing.assert_allclose(settled["spx"], prior * ratio, rtol=1e-13)
    steps = history.steps()
    opens = steps[steps.index.strftime("%H:%M") == "09:30"]["flags"].iloc[1:]
    assert (opens & 1 == 1).all()


def test_flat_bars_are_not_opens(spx, vix):
    flat = vix.copy()
    for name in ("OPEN", "HIGH", "LOW"):
        flat[name] = flat["CLOSE"]
    history = History.load(spx, flat)
    assert history.flag_counts()["vix_open_stale"] == len(DAYS)
    assert set(history.settlements()["vix_source"]) == {"close_fallback"}


def test_settlement_sources_in_their_order(spx, vix, tmp_path):
    expiry = alvh.calendar.vx_expiries("2010-05-01", "2010-05-31")[0]
    label = expiry.astype(object).strftime("K (%b %y)")
    days = DAYS[(expiry >= DAYS) & (expiry - 20 < DAYS)]
    lines = [f"{d.astype(object):%m/%d/%Y},{label},{30 + i}" for i, d in enumerate(days)]
    path = tmp_path / "VX_may.csv"
    path.write_text("\n".join(["Trade Date,Futures,Settle", *lines]))
    settled = History.load(spx, vix, vx=path).settlements().loc[pd.Timestamp(expiry)]
    assert (settled["vix"], settled["vix_source"]) == (30.0 + days.size - 1, "future")
    series = pd.Series([33.25], index=pd.DatetimeIndex([expiry]))
    settled = History.load(spx, vix, vx=path, vix_settlement=series, settlement=series * 30).settlements()
    assert settled.loc[pd.Timestamp(expiry), "vix_source"] == "series"
    assert settled.loc[pd.Timestamp(expiry), "vix"] == 33.25
    assert settled.loc[pd.Timestamp(expiry), "spx_source"] == "series"
    assert (settled["spx_source"] == "open").sum() == len(DAYS) - 1


def test_missing_vix_by_policy(spx, vix):
    holed = vix.drop(vix.index[50])
    flagged = History.load(spx, holed)
    assert flagged.flag_counts()["vix_close_carried"] == 1
    assert len(History.load(spx, holed, missing="drop")) == len(DAYS) - 1
    assert error_of(DataError, lambda: History.load(spx, holed, missing="raise")).code == "HIS007"
    row = flagged.quality.query("source == 'vix' and check == 'close missing'").iloc[0]
    assert (row["count"], row["first"]) == (1, str(DAYS[50]))
    hole = History.load(spx.drop(spx.index[10]), vix).quality.query("check == 'session missing'")
    assert hole["first"].tolist() == [str(DAYS[10])]


def test_bars_step_at_their_own_times(spx, vix, base):
    day = pd.Timestamp(DAYS[100])
    times = pd.date_range(day + pd.Timedelta(hours=9.5), day + pd.Timedelta(hours=16), freq="30min")
    bars = pd.DataFrame({"spot": 1_111.0 + np.arange(times.size), "vix": 25.0}, index=times)
    assert error_of(DataError, lambda: History.load(spx, vix, bars=bars)).code == "TIM003"
    history = History.load(spx, vix, bars=bars, bars_tz="America/New_York")
    steps = history.steps().loc[str(DAYS[100])]
    assert len(steps) == 14
    assert steps["spot"].iloc[:-1].tolist() == bars["spot"].iloc[:-1].tolist()
    assert steps["spot"].iloc[-1] == base.columns["spx_close"][100]
    assert history.flag_counts()["intraday_bars"] == 1
    utc = History.load(spx, vix, bars=bars.tz_localize("America/New_York").tz_convert("UTC"))
    assert utc.data_hash == history.data_hash


def test_steps_of_a_cut_are_the_first_steps(spx, vix):
    rng = np.random.default_rng(3)
    vx = pd.DataFrame({"DATE": DAYS, **{f"VX{i}": rng.uniform(15, 30, DAYS.size) for i in range(1, 9)}})
    vx.loc[rng.random(DAYS.size) < 0.1, "VX2"] = np.nan
    bars = pd.DataFrame(
        {"spot": 1_100.0}, index=pd.DatetimeIndex(DAYS[::7] + np.timedelta64(11, "h"), tz="UTC")
    )
    bars.index += pd.Timedelta(hours=6)
    history = History.load(spx, vix, vx=vx, vvix=vix["CLOSE"] * 4, bars=bars, spy=spx[["Open", "Close"]] / 10)
    whole, settled = history.steps(), history.settlements()
    for k in rng.integers(1, len(history), 40):
        cut = history.cut(int(k))
        steps = cut.steps()
        pd.testing.assert_frame_equal(steps, whole.iloc[: len(steps)], check_exact=True, check_freq=False)
        pd.testing.assert_frame_equal(cut.settlements(), settled.iloc[:k], check_exact=True, check_freq=False)


def test_loading_a_shorter_file_equals_the_cut(spx, vix):
    vvix = vix["CLOSE"] * 4
    vvix.iloc[[30, 90]] = 5.0
    rates = pd.DataFrame({"date": DAYS, "value": 1.5})
    whole = History.load(spx, vix, vvix=vvix, rates=rates)
    short = History.load(spx[:80], vix[:80], vvix=vvix[:80], rates=rates[:80])
    assert short.data_hash == whole.cut(80).data_hash
    assert np.isnan(whole.columns["vvix_close"][[30, 90]]).all()


# Errors.


@pytest.mark.parametrize(
    ("change", "code", "part"),
    [
        (lambda f: f.iloc[[0, 2, 1]], "TIM010", "dates ascending"),
        (lambda f: f.iloc[[0, 1, 1]], "TIM011", "each date once"),
        (lambda f: f.set_axis(f.index + pd.Timedelta(hours=5)), "TIM003", "time zone"),
        (lambda f: f / 100, "ROW012", "multiply by 100"),
        (
            lambda f: f.assign(CLOSE=f["CLOSE"].where(f.index != f.index[4], -1)),
            "ROW013",
            "row 4 close: got -1",
        ),
        (lambda f: f.assign(CLOSE=f["CLOSE"].where(f.index != f.index[4], 201)), "ROW013", "<= 200"),
        (lambda f: f.drop(columns="CLOSE"), "COL001", "a close column"),
        (lambda f: pd.concat([f, f[["CLOSE"]]], axis=1), "COL002", "one column"),
        (lambda f: f.reset_index(drop=True), "COL001", "date"),
        (lambda f: f.assign(CLOSE="x"), "ROW001", "a finite number"),
        (lambda f: f.iloc[:0], "HIS005", "at least 1"),
        (lambda f: 3, "COL003", "a path"),
        (lambda f: f.set_axis(f.index + pd.DateOffset(years=100)), "TIM012", "no date after"),
        (lambda f: f.set_axis(f.index - pd.DateOffset(years=15)), "HIS006", "both cover"),
    ],
)
def test_errors_in_the_vix(spx, vix, change, code, part):
    error = error_of(DataError, lambda: History.load(spx, change(vix)))
    assert error.code == code
    assert part in str(error)


def test_errors_name_file_and_line(spx, vix, tmp_path):
    path = write(spx, tmp_path / "spx.csv")
    lines = path.read_text().splitlines()
    lines[7] = lines[7].rsplit(",", 2)[0] + ",abc,1"
    path.write_text("\n".join(lines))
    assert str(error_of(DataError, lambda: History.load(path, vix))) == (
        "ROW001 spx.csv:line 8 close: got 'abc', expected a finite number"
    )
    path = write(spx, tmp_path / "first.csv", "%d/%m/%Y")
    assert error_of(DataError, lambda: History.load(path, vix)).code == "TIM005"
    assert error_of(DataError, lambda: History.load(tmp_path / "absent.csv", vix)).code == "HIS001"
    (tmp_path / "x.csv.gz").write_bytes(b"no gzip")
    (tmp_path / "x.zip").write_bytes(b"no zip")
    (tmp_path / "x.parquet").write_bytes(b"no parquet")
    (tmp_path / "x.csv").write_bytes(b"\xff\xfe\x00\x01")
    for name in ("x.csv.gz", "x.zip", "x.parquet", "x.csv"):
        assert error_of(DecodeError, lambda name=name: History.load(tmp_path / name, vix)).code == "HIS002", (
            name
        )
    assert "looks like SPY" in str(error_of(DataError, lambda: History.load(spx / 10, vix)))
    assert error_of(ConfigError, lambda: History.load(spx, vix, missing="?")).code == "CFG104"  # type: ignore[arg-type]
    late = error_of(DataError, lambda: History.load(spx, vix, as_of="2010-06-30"))
    assert late.code == "TIM012"


# Real files.


@pytest.mark.needs_shared_data
def test_real_daily_history(shared_data):
    daily = shared_data / "daily"
    history = History.load(
        daily / "spx_ohlcv.csv",
        daily / "vix.csv",
        vx=shared_data / "vx_contracts",
        vix9d=daily / "vix9d.csv",
        vix3m=daily / "vix3m.csv",
        vvix=daily / "vvix.csv",
        skew=daily / "skew.csv",
        rates=shared_data / "macro" / "fed_funds.csv",
        spy=daily / "spy_daily.csv",
    )
    assert len(history) == 4_780
    quality = history.quality.set_index(["source", "check"])["count"]
    assert quality["vx", "settlement zero or missing"] == 338
    assert quality["vx", "settlement below 5"] == 2
    assert quality["vvix", "bad print"] == 6
    assert quality["vix", "close missing"] == 1
    assert ("spx", "session missing") not in quality
    years = pd.DatetimeIndex(history.sessions).year
    opens = history.columns["spx_open"][1:] / history.columns["spx_close"][:-1] - 1
    stale = np.abs(opens) < 1e-6
    assert 0.94 < stale[(years[1:] >= 1999) & (years[1:] <= 2005)].mean() < 0.99
    row = int(np.flatnonzero(history.sessions == np.datetime64("2004-11-08"))[0])
    assert np.isnan(history.columns["vix_open"][row])
    assert history.columns["vix_close"][row] == 13.80
    settled = history.settlements()
    assert settled.loc["2005-01-19", ["vix", "vix_source"]].tolist() == [pytest.approx(12.772), "future"]
    monthly = alvh.calendar.vx_expiries("2004-05-01", "2014-08-31")
    assert (settled.loc[monthly, "vix_source"] == "future").mean() > 0.95
    assert settled.loc["1999":"2005", "spx_source"].isin(["open", "etf_open"]).mean() > 0.999
    vx = history.columns["vx_settle"]
    assert 9 < vx.min() < vx.max() < 80
    stacked = History.load(
        daily / "spx_ohlcv.csv", daily / "vix.csv", vx=shared_data / "vx_contracts" / "vix_futures.csv"
    )
    np.testing.assert_array_equal(stacked.columns["vx_settle"], vx)


@pytest.mark.needs_shared_data
def test_real_continuous_futures_meet_the_contract_files(shared_data):
    daily = shared_data / "daily"
    sources = (shared_data / "vx_contracts", daily / "vx1_to_vx8.csv")
    frames = []
    for vx in sources:
        history = History.load(daily / "spx_close_1990.csv", daily / "vix.csv", vx=vx)
        offset = history.columns["vx_offset"]
        day = np.repeat(history.columns["day"], np.diff(offset))
        index = pd.MultiIndex.from_arrays([day, history.columns["vx_expiry"]])
        frames.append(pd.Series(history.columns["vx_settle"], index=index))
    both = pd.concat(frames, axis=1, join="inner")
    assert len(both) > 11_000
    assert ((both[0] - both[1]).abs() < 0.006).mean() > 0.99
    bill = shared_data / "vx_contracts" / "tbill13week.csv"
    rates = History.load(daily / "spx_close_1990.csv", daily / "vix.csv", rates=bill).columns["rate"]
    assert 0.0 <= np.nanmin(rates) < np.nanmax(rates) < 0.06


def test_note_says_what_covers_a_part_and_what_bridges_opens(spx, vix):
    stale = spx.copy()
    stale.loc[stale.index[1:101], "Open"] = stale["Close"].to_numpy()[:100]
    stale["High"] = np.maximum(stale["High"], stale["Open"])
    stale["Low"] = np.minimum(stale["Low"], stale["Open"])
    late = pd.Series(20.0, index=spx.index[80:], name="VVIX")
    history = History.load(stale, vix, vvix=late)
    first, *rest = history.note.splitlines()
    assert f"VVIX from {spx.index[80]:%Y-%m-%d}" in first
    count = history.flag_counts()["spx_open_stale"]
    assert count >= 100
    opens = f"- {count:,} of {len(spx):,} S&P 500 opens are stale or lag the market; "
    assert f"{opens}AM settlements on them are estimated from the day's bar." in rest
    spy = pd.DataFrame({"open": stale["High"] / 10, "close": stale["Close"] / 10}, index=spx.index)
    assert f"{opens}SPY bridges all of them." in History.load(stale, vix, spy=spy).note
    assert History.load(stale, vix).source() is not history.source()
    assert history.source() is history.source()
    assert history.source(open_step=False) is not history.source()


def test_note_counts_hedges_before_vix_options():
    days = alvh.calendar.sessions("2006-02-01", "2006-04-28")
    closes = pd.Series(1_300.0 + np.arange(days.size), index=pd.DatetimeIndex(days), name="close")
    note = History.load(closes, closes / 100).note
    early = int((days < np.datetime64("2006-02-24")).sum())
    assert f"- {early} sessions are before 2006-02-24, the first of VIX options: hedges are" in note


def test_a_vix_open_that_no_close_bears_out_is_dropped(spx, vix):
    wrong = vix.copy()
    wrong.loc[wrong.index[40], ["OPEN", "HIGH"]] = 2.5 * wrong["CLOSE"].iloc[39:41].max()
    # Half as high again as the close before, and the close goes along: a day of panic.
    right = vix.copy()
    right.iloc[60:, :] *= 1.6
    history = History.load(spx, wrong)
    assert np.isnan(history.columns["vix_open"][40])
    assert np.isnan(history.columns["vix_high"][40])
    row = history.quality.query("check == 'bad print at the open'").iloc[0]
    assert (row["count"], row["first"]) == (1, f"{vix.index[40]:%Y-%m-%d}")
    assert "bad print at the open" not in set(History.load(spx, right).quality["check"])


# What an outside user met.


@pytest.mark.parametrize("levels", [("Price", "Ticker"), ("Ticker", "Price")])
def test_yfinance_csv_with_either_level_first(spx, vix, base, tmp_path, levels):
    pairs = [(name, "^GSPC") if levels[0] == "Price" else ("^GSPC", name) for name in spx.columns]
    frame = spx.set_axis(pd.MultiIndex.from_tuples(pairs, names=levels), axis=1)
    frame.to_csv(tmp_path / "spx.csv")
    assert History.load(tmp_path / "spx.csv", vix).data_hash == base.data_hash


def test_words_beside_the_prices_are_not_read(spx, vix, base, tmp_path):
    worded = spx.assign(Symbol="^GSPC", **{"Change %": "0.5%"})
    worded.to_csv(tmp_path / "spx.csv")
    for source in (worded, tmp_path / "spx.csv"):
        assert History.load(source, vix).data_hash == base.data_hash
    # A price is never taken for a word.
    wrong = spx.astype(object)
    wrong.iloc[5, 3] = "abc"
    assert error_of(DataError, lambda: History.load(wrong, vix)).code == "ROW001"


def test_a_line_of_blanks_is_no_row(spx, vix, base, tmp_path):
    path = write(spx, tmp_path / "spx.csv")
    path.write_text(path.read_text() + "   \n \t\n")
    assert History.load(path, vix).data_hash == base.data_hash


def test_vx_by_code_and_by_the_name_of_the_file(spx, vix, tmp_path):
    monthly = alvh.calendar.vx_expiries("2010-01-04", "2010-12-31")
    header = "Trade Date,Futures,Open,High,Low,Close,Settle,Change,Total Volume,EFP,Open Interest"
    hashes = set()
    for style in ("X (%b %y)", "X (%b %Y)", "VX/{code}0", "VX+VXT/{code}0", "VX{code}10", "named"):
        folder = tmp_path / f"{len(hashes)}{abs(hash(style))}"
        folder.mkdir()
        for i, expiry in enumerate(monthly[:4]):
            date = expiry.astype(object)
            label = date.strftime(style.format(code="FGHJKMNQUVXZ"[date.month - 1]))
            kept = DAYS[:60][DAYS[:60] <= expiry]
            lines = [f"{day},{label},0,0,0,0,{20 + i},0,0,0,0" for day in kept]
            (folder / f"VX_{expiry if style == 'named' else i}.csv").write_text("\n".join([header, *lines]))
        hashes.add(History.load(spx, vix, vx=folder).data_hash)
    assert len(hashes) == 1


def test_small_percent_rates_of_a_named_series(spx, vix):
    rates = pd.DataFrame({"observation_date": DAYS, "DGS3MO": 0.05})
    column = History.load(spx, vix, rates=rates).columns["rate"]
    np.testing.assert_allclose(column, 4 * np.log1p(0.0005 / 4))


def test_settlements_and_indices_in_wrong_units(spx, vix):
    def call(**sources):
        return lambda: History.load(spx, vix, **sources)

    for value in (-1.0, 1.0, 1e5):
        wrong = pd.Series(value, spx.index)
        assert error_of(DataError, call(settlement=wrong)).code == "ROW019"
        assert error_of(DataError, call(vix_settlement=wrong)).code == "ROW019"
    for name in ("vix9d", "vix3m", "vix6m", "vvix", "skew"):
        assert error_of(DataError, call(**{name: pd.Series(0.9, spx.index)})).code == "ROW012"
