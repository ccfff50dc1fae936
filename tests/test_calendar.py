"""The compiled calendar against two calendar packages, a twin of the rules, and real listings."""

from __future__ import annotations

import csv
import datetime as dt
import subprocess
import sys
from pathlib import Path

import exchange_calendars
import numpy as np
import pandas as pd
import pandas_market_calendars
import pytest
from alvh import calendar
from alvh.errors import ConfigError, DataError
from hypothesis import given
from hypothesis import strategies as st

START, END = "1990-01-02", "2035-12-31"
ROOT = Path(__file__).resolve().parents[1]

# What newer versions of pandas deprecate inside these packages is not ours to fix.
third_party = pytest.mark.filterwarnings("ignore::DeprecationWarning")

# pandas_market_calendars has no closure after the attacks in its Cboe calendars.
CBOE_MISSING_CLOSURES = {"2001-09-11", "2001-09-12", "2001-09-13", "2001-09-14"}
# Sessions cut short during the day (snow, circuit breaker, an outage): no scheduled early close.
NYSE_INTERRUPTED = {
    "1994-02-11": "14:30",
    "1996-01-08": "14:00",
    "1997-10-27": "15:30",
    "2005-06-01": "15:56",
}
# It has a full session on the last day of the millennium; the exchange closed at 13:00.
NYSE_MISSING_EARLY = {"1999-12-31"}
# Its Cboe calendars know the early closes after Thanksgiving and around Independence Day, at 13:15, when
# index options and futures stop, where our table says 13:00, when stocks and so the index do. They know none
# around Christmas and New Year and none before 1993.
CBOE_MISSING_EARLY = {
    *("1990-12-24", "1991-12-24", "1992-11-27", "1992-12-24", "1996-12-24", "1997-12-24", "1997-12-26"),
    *("1998-12-24", "1999-12-31", "2001-12-24", "2002-12-24", "2003-12-24", "2003-12-26", "2007-12-24"),
    *("2008-12-24", "2009-12-24", "2012-12-24", "2013-12-24", "2014-12-24", "2015-12-24", "2018-12-24"),
    *("2019-12-24", "2020-12-24", "2024-12-24", "2025-12-24", "2026-12-24", "2029-12-24", "2030-12-24"),
    *("2031-12-24", "2035-12-24"),
}


def texts(days):
    return set(np.datetime_as_string(np.asarray(days, dtype="datetime64[D]")))


def clock(dates):
    """Close of each date as HH:MM."""
    base = np.datetime64("2000-01-01T00:00", "s")
    return [str((base + close).astype("datetime64[m]"))[11:] for close in calendar.close_time(dates)]


# Sessions


@third_party
def test_sessions_and_closes_equal_exchange_calendars():
    xnys = exchange_calendars.get_calendar("XNYS", start=START, end=END)
    sessions = calendar.sessions(START, END)
    np.testing.assert_array_equal(sessions, xnys.sessions.to_numpy().astype("datetime64[D]"))
    assert texts(calendar.early_closes(START, END)) == set(xnys.early_closes.strftime("%Y-%m-%d"))
    closes = xnys.closes.dt.tz_convert("America/New_York").dt.strftime("%H:%M")
    assert clock(sessions) == closes.tolist()


def mcal(name):
    other = pandas_market_calendars.get_calendar(name)
    schedule = other.schedule(START, END)
    closes = schedule["market_close"].dt.tz_convert("America/New_York").dt.strftime("%H:%M")
    early = closes[other.early_closes(schedule).index]
    return set(schedule.index.strftime("%Y-%m-%d")), dict(
        zip(early.index.strftime("%Y-%m-%d"), early, strict=True)
    )


@third_party
def test_sessions_and_early_closes_against_the_nyse_of_pandas_market_calendars():
    sessions, early = mcal("NYSE")
    assert sessions == texts(calendar.sessions(START, END))
    ours = calendar.early_closes(START, END)
    ours = dict(zip(np.datetime_as_string(ours), clock(ours), strict=True))
    assert {day: close for day, close in early.items() if ours.get(day) != close} == NYSE_INTERRUPTED
    assert ours.keys() - early.keys() == NYSE_MISSING_EARLY


@third_party
@pytest.mark.parametrize("name", ["CBOE_Index_Options", "CFE"])
def test_sessions_and_early_closes_against_cboe_of_pandas_market_calendars(name):
    sessions, early = mcal(name)
    ours = texts(calendar.sessions(START, END))
    assert sessions - ours == CBOE_MISSING_CLOSURES
    assert ours <= sessions
    our_early = texts(calendar.early_closes(START, END))
    assert early.keys() <= our_early
    assert our_early - early.keys() == CBOE_MISSING_EARLY
    assert set(early.values()) == {"13:15"}
    assert set(clock(sorted(early))) == {"13:00"}


def test_the_committed_tables_are_what_the_generator_writes():
    command = [sys.executable, str(ROOT / "tools" / "generate_calendar.py"), "--check"]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr


def test_closes_keep_the_shape_and_are_nat_without_a_session():
    close = calendar.close_time([["2013-07-03", "2013-07-04"], ["2013-07-05", "1990-12-24"]])
    assert close.shape == (2, 2)
    assert close.dtype == np.dtype("timedelta64[s]")
    assert close[0, 0] == np.timedelta64(13, "h")
    assert np.isnat(close[0, 1])
    assert close[1, 0] == np.timedelta64(16, "h")
    assert close[1, 1] == np.timedelta64(14, "h")
    assert calendar.is_session("2013-07-05").shape == ()
    assert calendar.is_session(pd.date_range("2013-07-03", periods=4)).tolist() == [True, False, True, False]


@given(
    st.dates(dt.date(1990, 1, 2), dt.date(2035, 12, 31)), st.dates(dt.date(1990, 1, 2), dt.date(2035, 12, 31))
)
def test_ranges_are_cuts_of_the_whole(start, end):
    for query in (calendar.sessions, calendar.early_closes, calendar.spx_expiries, calendar.vix_expiries):
        whole = query(START, END)
        inside = (whole >= np.datetime64(start)) & (whole <= np.datetime64(end))
        np.testing.assert_array_equal(query(start, end), whole[inside])


# Expiries, by a twin written from the rules alone


@pytest.fixture(scope="module")
def open_days():
    return set(calendar.sessions(START, END).astype(object))


def before(day, open_days):
    while day not in open_days:
        day -= dt.timedelta(1)
    return day


def nth_friday(year, month, n=3):
    fridays = [day for day in (dt.date(year, month, d) for d in range(1, 29)) if day.weekday() == 4]
    return fridays[n - 1]


def twin_vix(year, month, open_days):
    friday = nth_friday(year + month // 12, month % 12 + 1)
    wednesday = friday - dt.timedelta(30)
    assert wednesday.weekday() == 2
    if friday in open_days and wednesday in open_days:
        return wednesday
    return before(wednesday - dt.timedelta(1), open_days)


def test_vix_rule_in_all_252_months(open_days):
    twin = [twin_vix(year, month, open_days) for year in range(2006, 2027) for month in range(1, 13)]
    assert len(twin) == 252
    ours = calendar.vix_expiries("2006-01-01", "2026-12-31")
    assert ours.astype(object).tolist() == twin
    golden = {
        "2008-02-19",
        "2014-03-18",
        "2019-03-19",
        "2022-03-15",
        "2024-06-18",
        "2025-03-18",
        "2026-05-19",
    }
    assert golden <= texts(ours)
    np.testing.assert_array_equal(calendar.vx_expiries("2006-01-01", "2026-12-31"), ours)


def test_third_fridays(open_days):
    twin = [
        before(nth_friday(year, month), open_days) for year in range(1990, 2036) for month in range(1, 13)
    ]
    ours = calendar.spx_expiries(START, END)
    assert ours.astype(object).tolist() == twin
    assert {"2008-03-20", "2014-04-17", "2019-04-18"} <= texts(ours)


def test_weekly_vix_expiries(open_days):
    wednesdays = [dt.date(2015, 10, 14) + dt.timedelta(7 * week) for week in range(580)]
    twin = set()
    for wednesday in wednesdays:
        moved = wednesday not in open_days or wednesday + dt.timedelta(30) not in open_days
        twin.add(before(wednesday - dt.timedelta(1), open_days) if moved else wednesday)
    ours = calendar.vix_expiries("2015-10-08", wednesdays[-1], weekly=True)
    assert set(ours.astype(object)) == twin
    assert len(ours) == len(twin)


def test_spxw_expiries_by_first_listing():
    assert calendar.spxw_expiries("1990-01-02", "2007-06-30").size == 0
    assert calendar.spxw_expiries("2008-01-01", "2009-12-31").size == 8
    weekdays = {}
    for year in (2012, 2015, 2017, 2023):
        days = calendar.spxw_expiries(f"{year}-01-01", f"{year}-12-31")
        assert calendar.is_session(days).all()
        weekdays[year] = np.bincount((days.astype(np.int64) + 3) % 7, minlength=5)
    assert weekdays[2012][4] >= 51
    assert weekdays[2015][[0, 1, 2, 3]].sum() <= 12
    assert weekdays[2017][[0, 2, 4]].min() >= 44
    assert weekdays[2017][[1, 3]].max() <= 10
    np.testing.assert_array_equal(
        calendar.spxw_expiries("2023-01-01", "2035-12-31"), calendar.sessions("2023-01-01", "2035-12-31")
    )
    # Labour Day moves a Monday forward, Good Friday a Friday back.
    around = texts(calendar.spxw_expiries("2016-09-01", "2016-09-10")) | texts(
        calendar.spxw_expiries("2018-03-29", "2018-04-01")
    )
    assert "2016-09-06" in around
    assert "2018-03-29" in around


@given(st.dates(dt.date(1990, 1, 2), dt.date(2034, 12, 31)))
def test_listings_are_ascending_sessions_ahead(on):
    today = np.datetime64(on)
    for product, weekly in (("SPX", False), ("SPXW", False), ("VIX", False), ("VIX", True), ("VX", False)):
        listed = calendar.listed_expiries(product, on, weekly)
        days = listed["day"]
        assert (np.diff(days) > np.timedelta64(0, "D")).all()
        assert (days >= today).all() if product == "SPXW" else (days > today).all()
        assert set(listed["settlement"]) <= {"pm" if product == "SPXW" else "am"}
        inside = days[days <= np.datetime64(END)]
        assert calendar.is_session(inside).all()
        if product != "SPXW":
            assert len(days) >= 3
        if not weekly and product != "SPXW":
            assert not listed["weekly"].any()


# Errors


@pytest.mark.parametrize("bad", ["1990-01-01", "2036-01-01", "NaT", "0001-01-01", "+250000-01-01"])
def test_dates_outside_the_tables(bad):
    date = np.datetime64(bad, "D")
    calls = [
        lambda: calendar.sessions(date, END),
        lambda: calendar.sessions(START, date),
        lambda: calendar.early_closes(date, END),
        lambda: calendar.is_session(date),
        lambda: calendar.close_time([np.datetime64(START), date]),
        lambda: calendar.spxw_expiries(START, date),
        lambda: calendar.vix_expiries(date, END, weekly=True),
        lambda: calendar.listed_expiries("VX", date),
        lambda: calendar.snap_strikes("VIX", date, END, 20.0, [20.0]),
    ]
    for call in calls:
        with pytest.raises(DataError, match=r"^CAL001 \S+ \w+: got .*, expected 1990-01-02") as caught:
            call()
        assert caught.value.code == "CAL001"


def test_the_position_of_a_bad_date_is_named():
    with pytest.raises(DataError) as caught:
        calendar.close_time(["2000-01-03", "2036-01-01"])
    assert str(caught.value) == (
        "CAL001 dates:1 date: got 2036-01-01, expected 1990-01-02 <= date <= 2035-12-31"
    )


def test_unknown_names():
    with pytest.raises(
        ConfigError, match=r"^CAL002 calendar product: got 'NDX', expected SPX, SPXW, VIX or VX$"
    ):
        calendar.listed_expiries("NDX", START)
    with pytest.raises(ConfigError, match=r"^CAL002"):
        calendar.snap_strikes("VX", START, END, 20.0, [20.0])
    with pytest.raises(ConfigError, match=r"^CAL003"):
        calendar.snap_strikes("VIX", START, END, 20.0, [20.0], "sideways")


# Strike grids


def grid(product, on, expiry, spot, low, high):
    """All listed strikes in a range: every one is its own nearest strike."""
    candidates = np.arange(np.ceil(low * 2), np.floor(high * 2) + 1) / 2
    return candidates[calendar.snap_strikes(product, on, expiry, spot, candidates) == candidates]


@given(
    st.sampled_from(["SPX", "SPXW", "VIX"]),
    st.dates(dt.date(1990, 1, 2), dt.date(2030, 1, 1)),
    st.integers(0, 1_000),
    st.floats(100, 8_000),
    st.floats(0.01, 3),
)
def test_snapping_is_the_nearest_of_its_two_neighbours(product, on, dte, spot, ratio):
    target = ratio * (spot if product != "VIX" else 30)
    expiry = on + dt.timedelta(dte)
    down, up, nearest = (
        float(calendar.snap_strikes(product, on, expiry, spot, target, how))
        for how in ("down", "up", "nearest")
    )
    assert nearest in (down, up)
    assert down <= up
    if down <= target <= up:
        assert abs(nearest - target) == min(target - down, up - target)
    for how in ("down", "up", "nearest"):
        assert calendar.snap_strikes(product, on, expiry, spot, nearest, how) == nearest


def test_snapping_what_is_no_number():
    assert np.isnan(calendar.snap_strikes("SPX", "2013-04-19", "2013-06-21", 1555.0, [np.nan, np.inf])).all()
    assert np.isnan(calendar.snap_strikes("SPX", "2013-04-19", "2013-06-21", np.nan, 1500.0))
    assert np.isnan(calendar.snap_strikes("SPX", "2013-04-19", "2013-06-21", -5.0, 1500.0))


# Real listings


def rows(path):
    with path.open() as file:
        return list(csv.DictReader(file))


@pytest.mark.needs_shared_data
def test_vix_listing_and_grid_of_a_full_chain(shared_data):
    chain = {}
    for row in rows(shared_data / "options" / "vix_2016-06-01.csv"):
        chain.setdefault(row["expiration"], set()).add(float(row["strike"]))
    # The chain still shows the expiry that settled that morning.
    assert texts(calendar.listed_expiries("VIX", "2016-06-01", weekly=True)["day"]) == chain.keys() - {
        "2016-06-01"
    }
    for expiry, strikes in chain.items():
        if expiry != "2016-06-01":
            ours = grid("VIX", "2016-06-01", expiry, 14.2, 10, 70)
            assert set(ours) == {strike for strike in strikes if strike <= 70}


@pytest.mark.needs_shared_data
def test_spx_grid_of_a_full_expiry(shared_data):
    listed = {float(row["strike"]) for row in rows(shared_data / "options" / "spx_2013-04-19.csv")}
    spot = 1555.25
    near = grid("SPX", "2013-04-19", "2013-06-21", spot, 0.7 * spot, 1.1 * spot)
    assert len(near) == 125
    assert set(near) <= listed
    ours = set(grid("SPX", "2013-04-19", "2013-06-21", spot, 0, 2 * spot))
    # Every strike the grid gives is listed; of the 171 listed it leaves out eight, all far from the money.
    assert ours <= listed
    assert len(listed - ours) <= 8
    assert not [strike for strike in listed - ours if 0.68 * spot < strike < 1.13 * spot]


@pytest.mark.needs_shared_data
def test_spx_listing_and_grid_of_december_2015(shared_data):
    off_grid, total = [], 0
    for day, spot in (("22", 2038.97), ("23", 2064.29)):
        on = f"2015-12-{day}"
        months = texts(calendar.listed_expiries("SPX", on)["day"])
        seen = set()
        for row in rows(shared_data / "options" / f"spx_eod_{on}.csv"):
            text = row["#expiry"]
            expiry = f"{text[:4]}-{text[4:6]}-{text[6:]}"
            seen.add(expiry)
            strike = float(row["strike"])
            total += 1
            if calendar.snap_strikes("SPX", on, expiry, spot, strike) != strike:
                off_grid.append((strike, strike / spot))
        assert seen <= months
        # A sample of contracts: every listed month but perhaps the last is in it.
        assert months - seen <= {"2018-12-21"}
    assert total == 505
    # A strike of 2080 nine months out, and wings whose steps the grid takes to be wider than they were.
    assert {strike for strike, ratio in off_grid if 0.68 < ratio < 1.11} == {2080.0}
    assert len(off_grid) <= 0.08 * total


@pytest.mark.needs_shared_data
def test_vx_settlement_days_and_listing_against_the_contract_files(shared_data):
    codes = "FGHJKMNQUVXZ"
    traded, settled = {}, {}
    for path in sorted((shared_data / "vx_contracts").glob("CFE_*_VX.csv")):
        code = path.stem.split("_")[1]
        month = np.datetime64(f"20{code[1:]}-{codes.index(code[0]) + 1:02}", "M")
        days = []
        for line in path.read_text().splitlines():
            if line[:1].isdigit():
                m, d, y = line.split(",")[0].split("/")
                days.append(np.datetime64(f"{y}-{int(m):02}-{int(d):02}", "D"))
        settled[month] = max(days)
        for day in days:
            traded.setdefault(day, set()).add(month)
    assert len(settled) == 128
    end = max(settled.values())
    finished = {month: day for month, day in settled.items() if day < end}
    rule = calendar.vx_expiries("2004-04-01", end - np.timedelta64(1, "D"))
    np.testing.assert_array_equal(rule, sorted(finished.values()))

    absent = missed = both = 0
    for day, months in traded.items():
        ours = {np.datetime64(expiry, "M") for expiry in calendar.listed_expiries("VX", day)["day"]}
        # On its settlement day a contract still has a row, but cannot be held any more.
        months = {month for month in months if settled[month] > day or settled[month] == end}
        absent += len(ours - months)
        missed += len(months - ours)
        both += len(ours & months)
    # Measured over 2,615 days: see the bounds; what we miss is the far end of the curve in 2006-2009.
    assert absent <= 0.003 * both
    assert missed <= 0.05 * both
