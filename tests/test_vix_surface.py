from __future__ import annotations

import datetime as dt
import math
from pathlib import Path

import alvh
import numpy as np
import pandas as pd
import pytest
from alvh import _core
from alvh.errors import SchemaError
from hypothesis import given, settings
from hypothesis import strategies as st

CLOSE, OPEN = 58_500, 34_200
DAY = int(np.datetime64("2016-06-01").astype(int))
HYPOTHETICAL, CLAMPED, PROXY = 1 << 3, 1 << 4, 1 << 5
GOOD_FRIDAYS = {dt.date(2008, 3, 21), dt.date(2014, 4, 18)}


def rows(
    expiry,
    strike=1.0,
    *,
    day=DAY,
    seconds=CLOSE,
    vix=14.2,
    vix9d=np.nan,
    vix3m=np.nan,
    vix6m=np.nan,
    vvix=np.nan,
    listed=None,
    shift=0.0,
):
    """One surface a row; arguments broadcast; `listed`: (expiries, prices) for all rows or a list of them."""
    expiry, strike, day, vix, vix9d, vix3m, vix6m, vvix = np.broadcast_arrays(
        expiry, strike, day, vix, vix9d, vix3m, vix6m, vvix
    )
    n = expiry.size
    listed = [] if listed is None else listed
    each = listed if isinstance(listed, list) else [listed] * n
    each = each or [((), ())] * n
    start = np.concatenate([[0], np.cumsum([len(e) for e, _ in each])]).astype(np.int64)
    return _core.vix_surface_rows(
        np.ascontiguousarray(day, dtype=np.int32),
        np.full(n, seconds, dtype=np.int32),
        [np.ascontiguousarray(c, dtype=float) for c in (vix, vix9d, vix3m, vix6m, vvix)],
        start,
        np.concatenate([np.asarray(e, dtype=np.int32) for e, _ in each]),
        np.concatenate([np.asarray(p, dtype=float) for _, p in each]),
        np.ascontiguousarray(expiry, dtype=np.int32),
        np.ascontiguousarray(strike, dtype=float),
        shift,
    )


def normal(x):
    return 0.5 * np.vectorize(math.erfc)(-np.asarray(x) / math.sqrt(2))


def black_call(forward, strike, years, vol):
    total = vol * np.sqrt(years)
    d1 = np.log(forward / strike) / total + total / 2
    return forward * normal(d1) - strike * normal(d1 - total)


# --- the smile ---


def durrleman(x, total, slope=0.25, left=2.2):
    """g of Gatheral & Jacquier (2014, doi:10.1080/14697688.2013.819986) for the documented smile."""
    bound = np.where(x < 0, left, np.clip(0.22 / total**2, 0.3, 8.0))
    q = 1 + (x / bound) ** 2
    f, df, ddf = 1 + slope * x / np.sqrt(q), slope * q**-1.5, -3 * slope * x / bound**2 * q**-2.5
    return (1 - x * df / f) ** 2 + f * ddf - (total * f * df) ** 2 / 4, f


@settings(max_examples=150, deadline=None)
@given(
    st.floats(5, 150),
    st.one_of(st.just(float("nan")), st.floats(50, 250)),
    st.integers(1, 365),
    st.floats(0.5, 2.0),
)
def test_no_static_arbitrage_in_strike(vix, vvix, days, ratio):
    expiry = DAY + days
    listed = ((expiry,), (vix * ratio,))
    forward, _, atm, *_ = rows([expiry], vix=vix, vvix=vvix, listed=listed)
    years = (days + (OPEN - CLOSE) / 86_400) / 365
    total = atm[0] * math.sqrt(years)
    x = np.linspace(-8, 8, 1201)
    strike = forward[0] * np.exp(x * total)
    vol = rows(np.full(x.size, expiry), strike, vix=vix, vvix=vvix, listed=listed)[3]
    # The binding implements the documented shape, whose density is positive everywhere ...
    g, f = durrleman(x, total)
    np.testing.assert_allclose(vol, atm[0] * f, rtol=1e-9)
    assert g.min() > 0
    # ... so call prices fall and are convex in strike.
    price = black_call(forward[0], strike, years, vol)
    slope = np.diff(price) / np.diff(strike)
    rounding = 1e-9 + 4e-15 * forward[0] / np.diff(strike)
    assert (slope <= rounding).all()
    assert (slope >= -1 - rounding).all()
    assert (np.diff(slope) >= -rounding[1:] - rounding[:-1]).all()


@pytest.mark.parametrize("vvix", [50.0, 79.0, 100.0, 140.0, 200.0])
def test_vvix_is_the_log_contract_over_the_strikes_that_cboe_reaches(vvix):
    expiry, seconds, years = DAY + 30, OPEN, 30 / 365
    listed = ((expiry,), (20.0,))
    sigma = rows([expiry], vix=30.0, vvix=vvix, listed=listed, seconds=seconds)[2][0]
    z = np.linspace(-1.25, 4, 2001)
    strike = 20 * np.exp(z * sigma * math.sqrt(years))
    vol = rows(np.full(z.size, expiry), strike, vix=30.0, vvix=vvix, listed=listed, seconds=seconds)[3]
    call = black_call(20.0, strike, years, vol)
    otm = np.where(strike >= 20, call, call - 20 + strike)
    y = otm / strike**2
    variance = 2 / years * np.sum((y[1:] + y[:-1]) / 2 * np.diff(strike))
    assert 100 * math.sqrt(variance) == pytest.approx(vvix, rel=0.012)


def test_calls_above_the_future_have_the_higher_volatility_and_short_tenors_the_higher_level_in_stress():
    expiry = DAY + np.array([30, 90, 180, 365])
    _, _, atm, low, *_ = rows(expiry, 20.0, vix=45.0, vvix=130.0)
    high = rows(expiry, 80.0, vix=45.0, vvix=130.0)[3]
    assert (high > low).all()
    assert (np.diff(atm) < 0).all()
    calm = rows(DAY + np.array([7, 30]), vix=12.0, vvix=80.0)[2]
    assert calm[0] < calm[1]


def test_without_vvix_the_level_comes_from_vix():
    expiry = DAY + 30
    given, absent = rows([expiry], vix=18.0, vvix=88.0), rows([expiry], vix=18.0)
    assert given[2][0] == pytest.approx(absent[2][0], rel=1e-12)
    assert absent[4][0] & PROXY
    assert rows([expiry], vix=36.0)[2][0] > absent[2][0]


# --- the curve ---


@settings(max_examples=200, deadline=None)
@given(
    st.floats(5, 150),
    st.lists(st.floats(5, 120), min_size=0, max_size=9),
    st.floats(0.4, 2.5),
    st.floats(-60, 60),
)
def test_curve_is_positive_between_its_nodes_and_exact_on_them(vix, prices, term, shift):
    expiries = DAY + 10 + 31 * np.arange(len(prices))
    asked = DAY + np.arange(0, 400)
    price, flags, *_ = rows(asked, vix=vix, vix3m=vix * term, listed=(expiries, prices))
    assert (price > 0).all()
    assert np.isfinite(price).all()
    assert price[0] == pytest.approx(vix, rel=1e-3)
    for e, p in zip(expiries, prices, strict=True):
        assert price[e - DAY] == p
    if prices:
        nodes = np.array([vix, *prices])
        for i, (start, stop) in enumerate(zip([0, *(expiries - DAY)], expiries - DAY, strict=False)):
            inside = price[start : stop + 1]
            assert inside.min() >= nodes[i : i + 2].min() * (1 - 1e-12)
            assert inside.max() <= nodes[i : i + 2].max() * (1 + 1e-12)
        last = expiries[-1] - DAY
        assert not flags[: last + 1].any()
        assert (flags[last + 1 :] == PROXY).all()
    else:
        assert (flags == PROXY).all()
    moved = rows(asked, vix=vix, vix3m=vix * term, listed=(expiries, prices), shift=shift)[0]
    assert (moved > 0).all()


def test_interpolation_golden():
    # ln F is linear in 1 - exp(-5 T) between spot 14.2 now and 17.525 in 49 days.
    expiry, middle = DAY + 49, DAY + 14
    t = (np.array([14, 49]) + (OPEN - CLOSE) / 86_400) / 365
    share = (1 - math.exp(-5 * t[0])) / (1 - math.exp(-5 * t[1]))
    got = rows([middle], listed=((expiry,), (17.525,)))[0][0]
    assert got == pytest.approx(14.2 * (17.525 / 14.2) ** share, rel=1e-12)


def test_forward_variance_and_convexity():
    # The future whose window is centred between the tenors of VIX and VIX3M: 46.5 days.
    seconds = OPEN + 43_200
    price = rows([DAY + 47], vix=20.0, vix3m=22.0, vvix=90.0, seconds=seconds)[0][0]
    sigma = rows([DAY + 47], vix=20.0, vix3m=22.0, vvix=90.0, seconds=seconds)[2][0]
    forward = math.sqrt((93 * 22**2 - 30 * 20**2) / 63)
    assert price == pytest.approx(forward * math.exp(-0.5 * sigma**2 * 46.5 / 365), rel=1e-9)
    # The window of a future that expires with VIX9D's: VIX's, less VIX9D's, plus nine days after it.
    near = rows([DAY + 9], vix=20.0, vix9d=15.0, vix3m=22.0, vvix=90.0, seconds=OPEN)
    window = 20**2 + 9 * (forward**2 - 15**2) / 30
    assert near[0][0] == pytest.approx(
        math.sqrt(window) * math.exp(-0.5 * near[2][0] ** 2 * 9 / 365), rel=1e-9
    )
    # VIX6M: the window centred between 93 and 184 days.
    far = rows([DAY + 124], vix=20.0, vix3m=22.0, vix6m=24.0, vvix=90.0, seconds=seconds)
    forward = math.sqrt((184 * 24**2 - 93 * 22**2) / 91)
    assert far[0][0] == pytest.approx(forward * math.exp(-0.5 * far[2][0] ** 2 * 123.5 / 365), rel=1e-9)
    # An inversion so steep that forward variance would be negative still gives a price.
    assert rows([DAY + 60], vix=80.0, vix3m=40.0, vvix=150.0)[0][0] > 15


def test_pass_through_falls_from_one():
    beta = np.array([_core.vix_pass_through(t) for t in np.linspace(0, 1, 50)])
    assert beta[0] == pytest.approx(1.0)
    assert (np.diff(beta) < 0).all()
    assert beta[-1] > 0.15
    assert _core.vix_moved_future(15.0, 0.5, 4.0) == 17.0
    assert 0 < _core.vix_moved_future(15.0, 0.5, -400.0) < 1
    betas = rows(DAY + np.array([16, 46, 76, 107]))[5]
    np.testing.assert_allclose(betas, [0.623, 0.427, 0.328, 0.268], atol=0.045)


def test_columns_that_do_not_agree_are_refused():
    one, ints = np.ones(1), np.ones(1, np.int32)
    args = (ints, ints, [one] * 5)
    tail = (np.ones(0, np.int32), np.ones(0), ints, one)
    with pytest.raises(SchemaError, match=r"COL903 vix_surface_rows vx_start: got 1 days"):
        _core.vix_surface_rows(*args, np.array([0]), *tail)
    with pytest.raises(SchemaError, match=r"COL903 vix_surface_rows vx_start: got 1 days"):
        _core.vix_surface_rows(*args, np.array([0, 3]), *tail)
    with pytest.raises(SchemaError, match=r"COL903 vix_surface_rows vx_start: got 1 days"):
        _core.vix_surface_rows(*args, np.array([0, -1]), *tail)


# --- real data ---


def vx_expiry(year, month):
    year, month = (year + 1, 1) if month == 12 else (year, month + 1)
    friday = dt.date(year, month, 15)
    friday += dt.timedelta((4 - friday.weekday()) % 7)
    return friday - dt.timedelta(31 if friday in GOOD_FRIDAYS else 30)


EXPIRIES = np.array([vx_expiry(y, m) for y in range(2006, 2020) for m in range(1, 13)], dtype="datetime64[D]")


@pytest.fixture(scope="module")
def vx_table(shared_data: Path):
    table = pd.read_csv(shared_data / "daily" / "vx1_to_vx8.csv", parse_dates=["DATE"]).set_index("DATE")
    days = table.index.to_numpy().astype("datetime64[D]")
    first = np.searchsorted(EXPIRIES, days, side="right")
    expiry = EXPIRIES[first[:, None] + np.arange(8)]
    return (
        days,
        table["VIX"].to_numpy(float),
        table[[f"VX{i}" for i in range(1, 9)]].to_numpy(float),
        expiry,
        first,
    )


@pytest.mark.needs_shared_data
def test_left_out_contracts_are_found_again(vx_table):
    days, vix, prices, expiry, _ = vx_table
    limits = {0: 0.7, 1: 0.55, 2: 0.37, 3: 0.29, 4: 0.26, 5: 0.25, 6: 0.23}
    for j, limit in limits.items():
        keep = [i for i in range(8) if i != j]
        listed = [(expiry[i, keep].astype(np.int32), prices[i, keep]) for i in range(len(days))]
        got = rows(expiry[:, j].astype(np.int32), day=days.astype(np.int32), vix=vix, listed=listed)[0]
        assert np.sqrt(np.mean((got - prices[:, j]) ** 2)) < limit


@pytest.mark.needs_shared_data
def test_curve_from_indices_alone(vx_table, shared_data):
    days, vix, prices, expiry, _ = vx_table

    def column(name, field):
        frame = pd.read_csv(shared_data / "daily" / f"{name}.csv")
        dates = pd.to_datetime(frame["DATE"], format="%m/%d/%Y")
        return pd.Series(frame[field].to_numpy(float), index=dates).reindex(pd.DatetimeIndex(days)).to_numpy()

    vix3m, vvix = column("vix3m", "CLOSE"), column("vvix", "VVIX")
    have = np.isfinite(vix3m) & np.isfinite(vvix)
    for j, (limit, alone) in enumerate(
        [(0.65, 1.6), (0.85, 2.5), (1.2, 2.8), (1.5, 2.9), (1.75, 3.0), (2.0, 3.1)]
    ):
        common = {"day": days[have].astype(np.int32), "vix": vix[have]}
        got = rows(expiry[have, j].astype(np.int32), vix3m=vix3m[have], vvix=vvix[have], **common)[0]
        error = got - prices[have, j]
        assert abs(error.mean()) < 0.6
        assert np.sqrt(np.mean(error**2)) < limit
        bare = rows(expiry[:, j].astype(np.int32), day=days.astype(np.int32), vix=vix)[0] - prices[:, j]
        assert abs(bare.mean()) < 0.3
        assert np.sqrt(np.mean(bare**2)) < alone


@pytest.mark.needs_shared_data
def test_smile_against_the_chain_of_2016(shared_data):
    raw = pd.read_csv(
        shared_data / "options" / "vix_2016-06-01.csv", parse_dates=["quote_date", "expiration"]
    )
    raw = raw[(raw["root"] == "VIX") & (raw["expiration"] > raw["quote_date"])]
    seconds = 56_700
    checked = 0
    for expiry, group in raw.groupby("expiration"):
        day = int(np.datetime64(expiry, "D").astype(int))
        years = (day - DAY + (OPEN - seconds) / 86_400) / 365
        sides = {k: v.set_index("strike") for k, v in group.groupby("option_type")}
        call, put = sides["C"], sides["P"]
        both = (call["bid_1545"] > 0) & (put["bid_1545"] > 0)
        mid_call, mid_put = ((s["bid_1545"] + s["ask_1545"]) / 2 for s in (call, put))
        gap = (mid_call - mid_put)[both]
        near = gap.abs().nsmallest(3).index
        forward = float(np.mean(near.to_numpy() + gap[near].to_numpy()))
        chosen = call.index[(call["bid_1545"] > 0) & (call.index >= forward)].to_numpy()
        vol = rows(
            np.full(chosen.size, day), chosen, seconds=seconds, vvix=78.93, listed=((day,), (forward,))
        )[3]
        miss = np.abs(black_call(forward, chosen, years, vol) - mid_call[chosen].to_numpy())
        assert miss.max() < 0.035 * forward**0.5 + 0.05
        assert np.median(miss) < 0.1
        checked += chosen.size
    assert checked > 120


# --- the note ---


@pytest.fixture(scope="module")
def history(shared_data: Path):
    daily = shared_data / "daily"
    spx, vix, rates = daily / "spx_ohlcv.csv", daily / "vix.csv", shared_data / "macro" / "fed_funds.csv"
    whole = alvh.History.load(spx, vix, vx=daily / "vx1_to_vx8.csv", rates=rates)
    return whole.between("2007-04-02", "2017-12-29")


@pytest.mark.needs_shared_data
def test_note_equals_its_numpy_twin(history, vx_table):
    days, _, prices, expiry, _ = vx_table
    note = alvh.marks.surface(history).note()
    settled = {d: dict(zip(e, p, strict=True)) for d, e, p in zip(days, expiry, prices, strict=True)}
    sessions, rate = history.sessions, history.columns["rate"]
    clock = alvh.calendar.sessions("2006-11-01", "2018-04-30")
    held, share = EXPIRIES[np.searchsorted(EXPIRIES, sessions, side="right")[:, None] + [-1, 0, 1]], []
    for day, (last, first, _) in zip(sessions, held, strict=True):
        left, length = (np.sum((clock > start) & (clock < first)) for start in (day, last - 1))
        share.append(left / length)
    twin = [100.0]
    for i in range(1, len(sessions)):
        now, before = settled[sessions[i]], settled[sessions[i - 1]]
        (_, first, second), w = held[i - 1], share[i - 1]
        # On its settlement day the first contract is no longer listed, and its share is zero.
        value = (w * now[first] if w > 0 else 0.0) + (1 - w) * now[second]
        gap = (sessions[i] - sessions[i - 1]).astype(int)
        growth = value / (w * before[first] + (1 - w) * before[second]) + math.expm1(rate[i] * gap / 365)
        twin.append(twin[-1] * growth)
    np.testing.assert_allclose(note, twin, rtol=1e-10)


@pytest.mark.needs_shared_data
def test_note_loses_what_the_futures_curve_costs(history):
    note = alvh.marks.surface(history).note()
    years = (note.index[-1] - note.index[0]).days / 365.25
    # 2007-2021: -44.9 % a year with bills (../shared/design/MODEL.md, section 6).
    assert -0.60 < (note.iloc[-1] / note.iloc[0]) ** (1 / years) - 1 < -0.38


@pytest.mark.needs_shared_data
def test_note_tracks_vxx(history, shared_data):
    note = alvh.marks.surface(history).note()
    hours = pd.read_csv(shared_data / "etn" / "vxx_hour.csv")
    stamp = pd.to_datetime(hours["time"], format="%Y%m%d %H:%M")
    close = hours.groupby(stamp.dt.normalize())["close"].last().astype(float)
    for split in ("2010-11-09", "2012-10-05", "2013-11-08", "2016-08-09", "2017-08-23"):
        close[close.index < split] *= 4
    both = pd.DataFrame({"vxx": close, "note": note}).dropna()
    log = np.log(both)
    assert len(both) > 2000
    # VXX closes at 16:00, the futures settle at 16:15: daily returns differ, those of a week hardly.
    for sessions, least in ((1, 0.95), (5, 0.985), (21, 0.995)):
        correlation = log.diff(sessions).dropna().corr().iloc[0, 1]
        assert correlation > least
    years = (both.index[-1] - both.index[0]).days / 365.25
    moved = log.iloc[-1] - log.iloc[0]
    # The level does not drift away: VXX takes 0.89 % a year, the note nothing.
    assert abs((moved["note"] - moved["vxx"]) / years - 0.0089) < 0.005
