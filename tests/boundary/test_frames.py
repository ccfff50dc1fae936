"""Frames of every kind that pandas and polars make go in; no number in them gets anything but a typed error out."""

from __future__ import annotations

import math
import warnings

import alvh
import numpy as np
import pandas as pd
import polars as pl
import pytest
from alvh.errors import AlvhError, InternalError
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

DAYS = alvh.calendar.sessions("2012-01-03", "2013-03-28")


def prices(scale: float, seed: int) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    close = scale * np.exp(np.cumsum(rng.normal(0, 0.01, DAYS.size)))
    opened = np.r_[scale, close[:-1]] * np.exp(rng.normal(0, 0.002, DAYS.size))
    top, bottom = np.maximum(opened, close), np.minimum(opened, close)
    columns = {"Open": opened, "High": top * 1.001, "Low": bottom * 0.999, "Close": close}
    return pd.DataFrame(columns, index=pd.DatetimeIndex(DAYS, name="Date"))


@pytest.fixture(scope="module")
def spx() -> pd.DataFrame:
    return prices(1_300.0, 1)


@pytest.fixture(scope="module")
def vix() -> pd.DataFrame:
    return prices(18.0, 2)


def read_only(frame: pd.DataFrame) -> pd.DataFrame:
    values = frame.to_numpy().copy()
    values.flags.writeable = False
    return pd.DataFrame(values, index=frame.index, columns=frame.columns, copy=False)


def dates_as(frame: pd.DataFrame, kind: object) -> pd.DataFrame:
    moved = frame.reset_index()
    moved["Date"] = moved["Date"].dt.strftime("%Y-%m-%d").astype(kind) if kind is not None else moved["Date"]
    return moved


KINDS = {
    "read-only": read_only,
    "fortran order": lambda frame: pd.DataFrame(
        np.asfortranarray(frame), index=frame.index, columns=frame.columns
    ),
    "rows of a larger frame": lambda frame: pd.concat([frame, frame.add(1.0)], axis=1).iloc[:, :4],
    "nullable": lambda frame: frame.convert_dtypes(),
    "arrow": lambda frame: frame.convert_dtypes(dtype_backend="pyarrow"),
    "arrow with arrow dates": lambda frame: frame.reset_index().convert_dtypes(dtype_backend="pyarrow"),
    "objects": lambda frame: frame.astype(object),
    "numbers as text": lambda frame: frame.map(repr),
    "date column": lambda frame: dates_as(frame, None),
    "dates as objects": lambda frame: dates_as(frame, object),
    "dates as strings": lambda frame: dates_as(frame, "string"),
    "seconds instead of nanoseconds": lambda frame: frame.set_axis(frame.index.astype("datetime64[s]")),
    "New York midnights": lambda frame: frame.set_axis(frame.index.tz_localize("America/New_York")),
    "polars": lambda frame: pl.from_pandas(frame.reset_index()),
}


@pytest.mark.parametrize("kind", KINDS)
def test_frames_of_every_kind_give_the_same_history(kind: str, spx: pd.DataFrame, vix: pd.DataFrame) -> None:
    plain = alvh.History.load(spx, vix)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = alvh.History.load(KINDS[kind](spx), KINDS[kind](vix))
    assert found.data_hash == plain.data_hash


def test_the_input_is_neither_kept_nor_changed(spx: pd.DataFrame, vix: pd.DataFrame) -> None:
    mine, before = spx.copy(), spx.copy()
    history = alvh.History.load(mine, vix)
    identity = history.data_hash
    pd.testing.assert_frame_equal(mine, before)
    mine.iloc[:, :] = 1.0
    assert history.data_hash == identity
    alvh.backtest(alvh.books.static(), history, replicates=10)
    assert history.data_hash == identity


def test_missing_values_of_every_kind_are_the_same(spx: pd.DataFrame, vix: pd.DataFrame) -> None:
    holes = vix.copy()
    holes.iloc[5, 3] = np.nan
    plain = alvh.History.load(spx, holes)
    assert plain.flag_counts()["vix_close_carried"] == 1
    for kind in ("nullable", "arrow", "objects"):
        assert alvh.History.load(spx, KINDS[kind](holes)).data_hash == plain.data_hash, kind


# What no frame should hold, and numbers at the edges of what one may.
ODD = [
    math.nan,
    math.inf,
    -math.inf,
    0.0,
    -0.0,
    -1.0,
    5e-324,
    1e-300,
    1e-9,
    0.5,
    4e4,
    199.9,
    1e7,
    1e18,
    1e300,
    1.8e308,
]
COLUMNS = ("Open", "High", "Low", "Close")


SOURCES = ("spx", "vix", "vix9d", "vix3m", "vvix", "skew", "spy", "rates", "settlement", "vix_settlement")
CELLS = st.tuples(
    st.sampled_from(SOURCES), st.integers(0, DAYS.size - 1), st.integers(0, 3), st.sampled_from(ODD)
)


def spoil(
    clean: dict[str, pd.DataFrame], cells: list[tuple[str, int, int, float]]
) -> dict[str, pd.DataFrame]:
    frames = {"spx": clean["spx"], "vix": clean["vix"]}
    for name, row, column, value in cells:
        frame = frames[name] = frames.get(name, clean[name]).copy()
        frame.iloc[row, min(column, frame.shape[1] - 1)] = value
    return frames


answered = 0


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@example([("spx", 150, 3, 1e18)], "flag")
@example([("spx", 300, 1, 1e300)], "flag")
@example([("vix3m", 0, 0, 1e18)], "flag")
@example([("settlement", 300, 0, 1e18)], "flag")
@given(cells=st.lists(CELLS, max_size=3), missing=st.sampled_from(["raise", "flag", "drop"]))
def check_no_number_in_a_frame_is_more_than_a_typed_error(
    cells: list[tuple[str, int, int, float]], missing: str, spx: pd.DataFrame, vix: pd.DataFrame
) -> None:
    global answered
    close = vix[["Close"]]
    clean = {"spx": spx, "vix": vix, "vix9d": close, "vix3m": close, "vvix": close * 5, "skew": close * 7}
    clean |= {"spy": spx / 10, "rates": close / 1_000, "settlement": spx[["Close"]], "vix_settlement": close}
    try:
        history = alvh.History.load(**spoil(clean, cells), missing=missing)
        study = alvh.backtest(alvh.books.named(), history, replicates=5, min_sessions=1)
    except AlvhError as error:
        # Anything else, a panic of the core above all, fails the test by itself.
        if isinstance(error, InternalError) or "\n" in str(error):
            raise
    else:
        answered += 1
        if not np.isfinite(study.equity().to_numpy()).all():
            pytest.fail("an equity that is no number")


def test_no_number_in_a_frame_is_more_than_a_typed_error(spx: pd.DataFrame, vix: pd.DataFrame) -> None:
    check_no_number_in_a_frame_is_more_than_a_typed_error(spx=spx, vix=vix)
    # Enough of it must get as far as the engine, or nothing was tested.
    assert answered >= 30


NUMBERS = st.one_of(
    st.sampled_from([*ODD, *(-x for x in ODD)]),
    st.floats(width=64),
    st.integers(-(10**30), 10**30),
)


@settings(max_examples=300, deadline=None)
@given(values=st.lists(NUMBERS, min_size=8, max_size=8))
def test_no_number_in_a_configuration_is_more_than_a_typed_error(values: list[float]) -> None:
    a, b, c, d, e, f, g, h = values
    makers = [
        lambda: alvh.IronCondor(dte=a, wing_width=b, contracts=c, profit_target=d, stop=e, exit_dte=f),
        lambda: alvh.IronCondor(max_risk=g, min_credit=h),
        lambda: alvh.IronCondor(short_delta=a, long_delta=b, collateral_multiple=c, entry=d),
        lambda: alvh.IronCondor(daily_range_multiple=a),
        lambda: alvh.IronCondor(target_credit=a),
        lambda: alvh.HedgeLayer("outer", dte=a, delta=b, weight=c, roll_dte=d),
        lambda: alvh.HedgeLayer("outer", dte=30, premium_by_future=((a, b), (c, d))),
        lambda: alvh.CostConfig(a, b, spread_scale=c),
        lambda: alvh.Book(alvh.IronCondor(), capital=a, margin_stress=b),
        lambda: alvh.Book(portfolio=alvh.IndexPortfolio(a)),
    ]
    for make in makers:
        try:
            make()
        except AlvhError as error:
            if isinstance(error, InternalError) or "\n" in str(error):
                raise


@settings(max_examples=200, deadline=None)
@given(values=st.lists(NUMBERS, min_size=6, max_size=6), right=st.sampled_from(["call", "put", "C", "x", ""]))
def test_no_number_in_a_calculator_is_more_than_a_typed_error(values: list[float], right: str) -> None:
    a, b, c, d, e, f = values
    calls = [
        lambda: alvh.black76(a, b, c, d, e, right),
        lambda: alvh.black76_greeks(a, b, c, d, e, right),
        lambda: alvh.black_scholes(a, b, c, d, e, f, right),
        lambda: alvh.implied_vol(a, b, c, d, e, right),
        lambda: alvh.option_margin([(right, a, b, c), ("P", d, e, f)]),
        lambda: alvh.option_margin([(right, a, b, c)], underlying=d, naked_rate=e),
    ]
    for call in calls:
        try:
            call()
        except AlvhError as error:
            if isinstance(error, InternalError) or "\n" in str(error):
                raise
