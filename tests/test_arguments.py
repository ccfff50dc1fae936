"""Arguments of every kind at the public doors: dates, and what is not even of the right type."""

import datetime as dt

import alvh
import numpy as np
import pandas as pd
import pytest
from alvh.errors import DataError

DAYS = pd.DatetimeIndex(alvh.calendar.sessions("2017-01-03", "2018-03-30"))
ONE = "2018-02-05"
KINDS = [
    ONE,
    dt.date(2018, 2, 5),
    dt.datetime(2018, 2, 5, 16),
    np.datetime64(ONE),
    np.datetime64(ONE, "ns"),
    pd.Timestamp(ONE),
    # A stamp keeps the date of its own zone: 21:00 in New York is the sixth in UTC.
    pd.Timestamp(ONE, tz="America/New_York"),
    pd.Timestamp(ONE + " 21:00", tz="America/New_York"),
]
MANY = [
    [ONE],
    [dt.date(2018, 2, 5)],
    [pd.Timestamp(ONE, tz="America/New_York")],
    np.array([ONE], dtype="M8[ns]"),
    pd.DatetimeIndex([ONE]),
    pd.DatetimeIndex([ONE], tz="America/New_York"),
    pd.Series(pd.DatetimeIndex([ONE], tz="America/New_York")),
    pd.Series([ONE]),
    pd.Series([dt.date(2018, 2, 5)]),
]


@pytest.fixture(scope="module")
def marks():
    return alvh.marks.surface(alvh.History.load(pd.Series(2_700.0, DAYS), pd.Series(15.0, DAYS)))


@pytest.mark.parametrize("date", KINDS)
def test_one_date(marks, date):
    assert marks.implied_vol(date, "2018-03-16", 2_700) == marks.implied_vol(ONE, "2018-03-16", 2_700)
    assert alvh.calendar.is_session(date)
    assert alvh.calendar.sessions(date, date).tolist() == [dt.date(2018, 2, 5)]


@pytest.mark.parametrize("dates", MANY)
def test_many_dates(marks, dates):
    found = marks.implied_vol(dates, "2018-03-16", [2_600.0, 2_700.0])
    np.testing.assert_array_equal(found, marks.implied_vol(ONE, "2018-03-16", np.array([2_600, 2_700])))
    assert alvh.calendar.is_session(dates).tolist() == [True]


@pytest.mark.parametrize("date", ["foo", "20180205", None, pd.NaT, "2018-02-30", [dt.date(2018, 2, 5), "x"]])
def test_no_date(marks, date):
    for call in (
        lambda: marks.implied_vol(date, "2018-03-16", 2_700),
        lambda: alvh.calendar.is_session(date),
    ):
        with pytest.raises(DataError, match=r"^[A-Z]{3}\d{3} [^\n]*$"):
            call()


def test_shapes_that_do_not_broadcast(marks):
    with pytest.raises(DataError, match=r"^ROW018 [^\n]*$"):
        marks.implied_vol([ONE] * 2, ["2018-03-16"] * 3, 2_700)


@pytest.mark.parametrize("legs", [None, 5, "PC"])
def test_margin_of_no_legs(legs):
    with pytest.raises(DataError, match=r"^MRG001 [^\n]*$"):
        alvh.option_margin(legs)


def test_what_is_no_book_or_no_history_is_refused_in_one_line():
    days = alvh.calendar.sessions("2015-01-02", "2016-12-30")
    history = alvh.History.load(
        pd.Series(2_000.0, pd.DatetimeIndex(days)), pd.Series(15.0, pd.DatetimeIndex(days))
    )
    book = alvh.books.unhedged()
    for arguments in ((["unhedged"], history), (5, history), (book, days), (book, history, "surface")):
        with pytest.raises(alvh.ConfigError, match=r"^CFG063 backtest [^\n]*$"):
            alvh.backtest(*arguments)


def test_a_frame_is_no_path_of_a_chain():
    with pytest.raises(DataError, match=r"^CHN035 Chain path: got DataFrame, .*from_frame$"):
        alvh.Chain.read(pd.DataFrame({"strike": [1.0]}), format="cboe")
