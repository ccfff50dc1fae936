import dataclasses
import importlib.util
from pathlib import Path
from types import ModuleType

import alvh
import numpy as np
import pandas as pd
import pytest
from alvh.history import History

DAYS = alvh.calendar.sessions("2010-01-04", "2011-12-30")


@pytest.fixture(scope="module")
def tool() -> ModuleType:
    path = Path(__file__).parents[1] / "tools" / "study_condor_index.py"
    spec = importlib.util.spec_from_file_location("study_condor_index", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def history(tool: ModuleType, shared_data: Path) -> History:
    return tool.load(shared_data)


@pytest.fixture(scope="module")
def study(history: History) -> alvh.Study:
    return alvh.backtest(alvh.books.condor_index(), history, replicates=2)


@pytest.fixture(scope="module")
def equity(study: alvh.Study) -> pd.Series:
    return study.equity().iloc[:, 0]


def correlation(tool: ModuleType, left: pd.Series, right: pd.Series) -> float:
    return tool.monthly(left).corr(tool.monthly(right))


# Opens that lag the market: known from the sessions before, never from the session itself.


def made_up(overnight: float) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """S&P 500 whose printed opens hold `overnight` of the true overnight move, VIX, and SPY, which has all of it."""
    rng = np.random.default_rng(3)
    night, day = rng.normal(0, 0.006, DAYS.size), rng.normal(0, 0.008, DAYS.size)
    close = 1_100 * np.exp(np.cumsum(night + day))
    prior = np.r_[1_100.0, close[:-1]]
    open_ = prior * np.exp(overnight * night)
    spx = pd.DataFrame(
        {
            "Open": open_,
            "High": np.maximum(open_, close) * 1.002,
            "Low": np.minimum(open_, close) * 0.998,
            "Close": close,
        },
        index=pd.DatetimeIndex(DAYS, name="Date"),
    )
    vix = pd.DataFrame({"Close": np.full(DAYS.size, 20.0)}, index=spx.index)
    spy = pd.DataFrame({"Open": prior * np.exp(night) / 10, "Close": close / 10}, index=spx.index)
    return spx, vix, spy


def test_lagging_opens_give_way_to_spy_once_a_year_has_shown_it():
    spx, vix, spy = made_up(0.15)
    table = History.load(spx, vix, spy=spy).settlements()
    assert (table["spx_source"].iloc[1:253] == "open").all()
    assert (table["spx_source"].iloc[253:] == "etf_open").all()
    true_open = spx["Close"].shift() * (spy["Open"] / spy["Close"].shift())
    quarterly = table.index.isin(pd.DatetimeIndex(alvh.calendar.spx_expiries("2010-01-01", "2012-01-01")))
    error = (table["spx"] / true_open - 1).iloc[253:][~quarterly[253:]]
    assert error.abs().max() < 1e-9


def test_live_opens_are_kept():
    spx, vix, spy = made_up(1.0)
    table = History.load(spx, vix, spy=spy).settlements()
    assert (table["spx_source"].iloc[1:] == "open").all()
    assert np.array_equal(table["spx"].iloc[1:], spx["Open"].iloc[1:])


def test_without_spy_a_lagging_open_is_estimated_from_the_bar():
    spx, vix, _ = made_up(0.15)
    table = History.load(spx, vix).settlements()
    assert (table["spx_source"].iloc[253:] == "close_fallback").all()
    log = np.log(spx)
    prior = log["Close"].shift()
    weights = {"Open": 1.77, "Close": -0.25, "High": 0.51, "Low": 0.44}
    expected = np.exp(prior + sum(w * (log[name] - prior) for name, w in weights.items()))
    assert np.allclose(table["spx"].iloc[253:], expected.iloc[253:], rtol=1e-12)


def test_lag_is_judged_on_the_past_alone():
    spx, vix, spy = made_up(0.15)
    whole = History.load(spx, vix, spy=spy)
    poisoned = spx.copy()
    poisoned.iloc[301:] *= 3.0
    other = History.load(poisoned, vix, spy=spy)
    for k in (252, 253, 254, 300):
        pd.testing.assert_frame_equal(whole.cut(k).settlements(), whole.settlements().iloc[:k])
        pd.testing.assert_frame_equal(other.cut(k).settlements(), whole.cut(k).settlements())


@pytest.mark.needs_shared_data
def test_published_opens_lag_until_2016(tool: ModuleType, history: History, shared_data: Path):
    expiries = pd.DatetimeIndex(alvh.calendar.spx_expiries("2000-01-01", "2016-12-31"))
    with_spy = history.settlements().loc[expiries, "spx_source"]
    assert (with_spy == "etf_open").all()
    bare = tool.load(shared_data, ("spy",)).settlements().loc[expiries]
    assert (bare["spx_source"] == "close_fallback").all()
    # The bar of the day brings the settlement nearer to SPY's than the printed open or the close.
    truth = history.settlements().loc[expiries, "spx"]
    opens = pd.Series(history.columns["spx_open"], index=history.settlements().index)[expiries]
    closes = pd.Series(history.columns["spx_close"], index=history.settlements().index)[expiries]
    error = {
        name: float(np.sqrt(np.mean(np.log(x / truth) ** 2)))
        for name, x in (("bar", bare["spx"]), ("open", opens), ("close", closes))
    }
    assert error["bar"] < 0.0065 < 0.0075 < min(error["open"], error["close"])


# The book.


@pytest.mark.needs_shared_data
def test_engine_agrees_with_a_numpy_twin(tool: ModuleType, history: History, equity: pd.Series):
    twin = tool.twin(history, "surface", 1.0)
    assert correlation(tool, twin, equity) > 0.9999
    assert (tool.monthly(twin) - tool.monthly(equity)).abs().max() < 5e-4


@pytest.mark.needs_shared_data
def test_rules_of_the_book(study: alvh.Study, history: History):
    trades, condors = study.trades, study.condors
    opened = set(trades.loc[trades["rule"] == "condor.entry", "day"])
    assert opened == set(pd.DatetimeIndex(alvh.calendar.spx_expiries(history.first, history.last)))
    assert set(trades["seconds"]) == {39_600}
    assert (condors["exit_rule"] == "condor.settlement").all()
    # Ten times the maximum loss net of the credit, of the equity of the step before.
    equity = study.equity().iloc[:, 0]
    before = equity.shift().reindex(pd.DatetimeIndex(condors["opened"])).to_numpy()
    assert np.all(np.abs(10.0 * condors["max_loss"].to_numpy() / before - 1.0) < 0.12)
    assert (condors["pnl"] >= -condors["max_loss"] - 1.0).all()
    assert (condors["pnl"] <= condors["credit"] + 1.0).all()


@pytest.mark.needs_shared_data
def test_plausible_results(tool: ModuleType, equity: pd.Series):
    returns = tool.monthly(equity)
    assert 0.02 < tool.cagr(equity) < 0.07
    assert 0.06 < returns.std() * 12**0.5 < 0.09
    # A full loss is a tenth of the collateral, and it takes a crash within the month.
    assert -0.115 < returns.min() < -0.08
    assert {"2001-09", "2002-07", "2008-10", "2010-05", "2011-08"} <= {
        str(month) for month in returns.nsmallest(7).index
    }


@pytest.mark.needs_shared_data
def test_what_the_assumptions_are_worth(
    tool: ModuleType, history: History, equity: pd.Series, shared_data: Path
):
    book = alvh.books.condor_index()
    bare = tool.equity_of(book, tool.load(shared_data, ("spy",)))
    assert correlation(tool, bare, equity) > 0.97
    close = pd.DataFrame({"Date": history.sessions, "Close": history.columns["spx_close"]})
    closes = tool.equity_of(tool.vary(book, entry_time="16:00"), tool.load(shared_data, settlement=close))
    assert 0.85 < correlation(tool, closes, equity) < 0.95
    middle = tool.equity_of(tool.vary(book, costs={"package_fraction": 0.0}), history)
    assert correlation(tool, middle, equity) > 0.999
    assert 0.015 < tool.cagr(middle) - tool.cagr(equity) < 0.035


@pytest.mark.needs_shared_data
def test_naive_smiles_overstate_the_return(tool: ModuleType, history: History, equity: pd.Series):
    flat, linear = (tool.cagr(tool.twin(history, smile, 1.0)) for smile in ("flat", "linear"))
    assert 0.08 < flat - tool.cagr(equity) < 0.16
    assert 0.02 < linear - tool.cagr(equity) < 0.06


@pytest.mark.needs_shared_data
def test_month_of_2013_04_by_hand(study: alvh.Study):
    rows = study.trades[study.trades["day"] == "2013-04-19"].set_index("bucket")
    # S&P 500 about 1,550 at VIX about 15.5, 28 days: the strikes of a 20/5-delta condor of those days.
    assert rows["strike"].to_dict() == pytest.approx(
        {"short_put": 1480, "long_put": 1390, "short_call": 1590, "long_call": 1620}, abs=10
    )
    assert (rows["expiry"] == "2013-05-17").all()
    credit = -float((np.sign(rows["contracts"]) * rows["price"]).sum())
    condor = study.condors[study.condors["opened"] == "2013-04-19"].iloc[0]
    width = rows["strike"]["long_call"] - rows["strike"]["short_call"]
    # The index settled above the long call: the call wing is lost in full, the credit stays.
    assert condor["pnl"] / condor["contracts"] / 100.0 == pytest.approx(credit - width, abs=0.011)


@pytest.mark.needs_shared_data
def test_surface_beside_real_condors(tool: ModuleType, history: History, shared_data: Path):
    chain = tool.chain_2013(shared_data, history)
    assert (chain["surface_vol"] - chain["vol"]).abs().max() < 0.01
    credit = [c.iloc[[0, 2]].sum() - c.iloc[[1, 3]].sum() for c in (chain["mid"], chain["surface"])]
    assert abs(credit[1] / credit[0] - 1) < 0.10
    assert tool.chains_2015(shared_data, history)["median absolute"].max() < 1.75


@pytest.mark.needs_shared_data
def test_floor_quotes(tool: ModuleType, shared_data: Path):
    table = tool.spreads(shared_data)
    assert (table["model"] / table["half"]).between(0.85, 1.15).all()


@pytest.mark.needs_shared_data
def test_close_only_history_from_1990(tool: ModuleType, shared_data: Path, equity: pd.Series):
    early = tool.early(shared_data, alvh.books.condor_index())
    assert early.index[0] == pd.Timestamp("1990-01-02")
    returns = tool.monthly(early)
    assert 0.05 < returns[:"1998"].mean() * 12 < 0.14
    assert returns["1999":].corr(tool.monthly(equity)) > 0.93


@pytest.mark.needs_shared_data
def test_tail_hedge_beside_published_facts(tool: ModuleType, shared_data: Path):
    """VXTH made about 12 % a year from March 2009 to November 2017, and fell about 43 % in 2007-09 (index: 57 %)."""
    daily = shared_data / "daily"
    history = tool.load(shared_data, vvix=daily / "vvix.csv", vx=tool.vx_futures(shared_data))
    tail = alvh.backtest(alvh.books.vix_tail_hedge(), history, replicates=2).equity().iloc[:, 0]
    part = tail["2009-03-31":"2017-11-30"]
    assert tool.cagr(part, float(part.iloc[0])) == pytest.approx(0.12, abs=0.015)
    crisis = tail["2007-10":"2009-06"]
    assert float((1 - crisis / crisis.cummax()).max()) == pytest.approx(0.43, abs=0.06)


def test_costs_can_be_changed_alone(tool: ModuleType):
    book = alvh.books.condor_index()
    varied = tool.vary(book, costs={"package_fraction": 0.5}, entry_time="16:00")
    assert varied.costs == dataclasses.replace(book.costs, package_fraction=0.5)
    assert varied.condor == dataclasses.replace(book.condor, entry_time="16:00")
