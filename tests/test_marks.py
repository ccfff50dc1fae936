"""Marks as a user asks for them: any kind of date, any product, any time of the session."""

import datetime as dt

import alvh
import numpy as np
import pandas as pd
import pytest
from alvh.errors import AlvhError


@pytest.fixture(scope="module")
def marks(made_history):
    return alvh.marks.surface(made_history)


@pytest.fixture(scope="module")
def made_history():
    days = alvh.calendar.sessions("2016-01-04", "2016-12-30")
    rng = np.random.default_rng(4)
    close = 2_000.0 * np.exp(np.cumsum(0.008 * rng.standard_normal(days.size)))
    open_ = close * np.exp(0.003 * rng.standard_normal(days.size))
    frame = pd.DataFrame(
        {
            "Open": open_,
            "High": np.maximum(open_, close) * 1.002,
            "Low": np.minimum(open_, close) * 0.998,
            "Close": close,
        },
        index=pd.DatetimeIndex(days, name="Date"),
    )
    vix = pd.Series(18.0 + 3.0 * rng.standard_normal(days.size).cumsum() / 8, index=frame.index, name="VIX")
    return alvh.History.load(frame, vix.clip(10, 40))


def test_any_kind_of_date_gives_the_same_volatility(marks):
    kinds = [
        ("2016-06-01", "2016-07-15"),
        (pd.Timestamp("2016-06-01"), pd.Timestamp("2016-07-15")),
        (dt.date(2016, 6, 1), dt.date(2016, 7, 15)),
        (np.datetime64("2016-06-01"), np.datetime64("2016-07-15")),
    ]
    values = {marks.implied_vol(date, expiry, 2_000.0) for date, expiry in kinds}
    assert len(values) == 1
    column = marks.implied_vol(
        pd.to_datetime(["2016-06-01"] * 2), pd.Timestamp("2016-07-15"), [2_000.0, 1_900.0]
    )
    assert column[0] == values.pop()
    assert column[1] > column[0]


def test_the_product_follows_from_the_expiry(marks):
    third_friday, other = "2016-07-15", "2016-07-22"
    for expiry, product in ((third_friday, "SPX"), (other, "SPXW")):
        assert marks.implied_vol("2016-06-01", expiry, 2_000.0) == marks.implied_vol(
            "2016-06-01", expiry, 2_000.0, product=product
        )
    am, pm = (marks.price("2016-07-14", third_friday, 2_000.0, "call", product=p) for p in ("SPX", "SPXW"))
    assert pm > am


def test_what_has_settled_has_no_mark(marks):
    day = "2016-07-15"
    assert np.isnan(marks.implied_vol(day, day, 2_000.0, product="SPX"))
    assert np.isnan(marks.implied_vol(day, day, 2_000.0, product="SPXW"))
    assert marks.implied_vol(day, day, 2_000.0, product="SPXW", time="open") > 0
    assert np.isnan(marks.implied_vol(day, "2016-07-08", 2_000.0))


def test_prices_agree_with_their_volatility_and_forward(marks):
    strikes = np.arange(1_700.0, 2_300.0, 25.0)
    vol = marks.implied_vol("2016-06-01", "2016-07-22", strikes)
    forward = marks.forward("2016-06-01", "2016-07-22")
    years = (51 * 86_400) / (365 * 86_400)
    for right in ("call", "put"):
        price = marks.price("2016-06-01", "2016-07-22", strikes, right)
        np.testing.assert_allclose(price, alvh.black76(forward, strikes, years, vol, 0.0, right), rtol=1e-9)


def test_wrong_words_and_days_are_refused(marks):
    for call in (
        lambda: marks.implied_vol("2016-06-04", "2016-07-15", 2_000.0),
        lambda: marks.implied_vol("2016-06-01", "2016-07-15", 2_000.0, product="SPY"),
        lambda: marks.implied_vol("2016-06-01", "2016-07-15", 2_000.0, time="noon"),
        lambda: marks.price("2016-06-01", "2016-07-15", 2_000.0, "straddle"),
    ):
        with pytest.raises(AlvhError) as caught:
            call()
        assert "\n" not in str(caught.value)
