"""One condor and one hedge layer on quotes, with every cent worked out by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from alvh import _core, calendar
from alvh.books import Book, CostConfig, HedgeLayer, IronCondor, LayeredHedge
from alvh.chain import Chain
from alvh.history import History

# (root, expiry, strike, right): bid, ask on every session.
QUOTES = {
    ("SPX", "2016-03-18", 1900.0, "P"): (4.0, 4.2),
    ("SPX", "2016-03-18", 1950.0, "P"): (9.0, 9.4),
    ("SPX", "2016-03-18", 2050.0, "C"): (8.0, 8.4),
    ("SPX", "2016-03-18", 2100.0, "C"): (3.0, 3.2),
    ("VIX", "2016-03-16", 16.0, "C"): (1.5, 1.7),
}


def run(fees: str) -> dict[str, Any]:
    sessions = calendar.sessions("2016-02-01", "2016-03-18")
    n = len(sessions)
    history = History(
        {
            "day": sessions.astype(np.int32),
            "spx_close": np.full(n, 2000.0) + np.arange(n) % 2,
            "vix_close": np.full(n, 14.0),
            "spx_settlement": np.where(sessions == np.datetime64("2016-03-18"), 1930.0, np.nan),
            "vix_settlement": np.where(sessions == np.datetime64("2016-03-16"), 22.5, np.nan),
        }
    )
    names = ["root", "expiry", "strike", "right", "bid", "ask"]
    frame = pd.DataFrame([(*key, *prices) for key, prices in QUOTES.items()], columns=names)
    chain = Chain.from_frame(
        pd.concat(
            [
                frame[frame["expiry"].to_numpy() >= str(session)].assign(quote_date=str(session))
                for session in sessions
            ]
        )
    )
    condor = IronCondor(
        dte=28,
        short_delta=0.30,
        wing_width=50,
        entry="roll",
        expiries="monthly",
        profit_target=None,
        exit_dte=None,
    )
    layer = HedgeLayer("calls", dte=43, weight=4, roll_dte=0)
    book = Book(condor, LayeredHedge((layer,)), costs=CostConfig(fee_preset=fees))  # type: ignore[arg-type]
    source = history.source(open_step=False, mid_morning=False)
    return _core.backtest(source, [book.encode()], chain._store)


def usd(raw: dict[str, Any], name: str, day: str) -> float:
    return float(raw[name][0, np.searchsorted(raw["day"], np.datetime64(day, "D").astype(int))])


def test_every_cent_without_fees():
    raw = run("none")
    trades = raw["trades"]
    # Decided on the first close, bought on the second: 1.60 + 0.4 x 0.10 = 1.64, a nickel up: 1.65.
    assert str(np.datetime64(int(trades["day"][0]), "D")) == "2016-02-02"
    assert (trades["contracts"][0], trades["price"][0], trades["slippage_cents"][0]) == (4, 1.65, 2_000)
    assert usd(raw, "equity", "2016-02-01") == 500_000.0
    assert usd(raw, "cash", "2016-02-02") == 500_000.0 - 4 * 165.0
    assert usd(raw, "equity", "2016-02-02") == 500_000.0 - 4 * 5.0
    # Third Friday: 9.20 - 4.10 + 8.20 - 3.10 = 10.20 less 0.4 x 0.60, on the nickel: 9.95 for each of ten.
    sold = slice(1, 5)
    assert list(trades["strike"][sold]) == [1950.0, 1900.0, 2050.0, 2100.0]
    assert list(trades["contracts"][sold]) == [-10, 10, -10, 10]
    assert {str(np.datetime64(int(day), "D")) for day in trades["day"][sold]} == {"2016-02-19"}
    assert usd(raw, "cash", "2016-02-19") == 500_000.0 - 660.0 + 9_950.0
    assert usd(raw, "equity", "2016-02-19") == 500_000.0 - 20.0 + 9_950.0 - 10_200.0
    assert usd(raw, "margin", "2016-02-19") == 10 * 50 * 100.0
    assert usd(raw, "excess", "2016-02-19") == 500_000.0 - 660.0 + 9_950.0 - 50_000.0
    # VIX settles at 22.50: 6.50 on four calls. The index settles at 1930: 20 points on ten short puts.
    assert usd(raw, "cash", "2016-03-16") == 500_000.0 - 660.0 + 9_950.0 + 2_600.0
    condors = raw["condors"]
    assert list(condors["credit_cents"]) == [995_000]
    assert list(condors["max_loss_cents"]) == [5_000_000 - 995_000]
    assert list(condors["pnl_cents"]) == [995_000 - 2_000_000]
    pnl = dict(zip(raw["buckets"], raw["attribution"][0].sum(axis=1), strict=True))
    assert pnl["short_put"] == 920_000 - 2_000_000
    assert pnl["long_put"] == -410_000
    assert pnl["short_call"] == 820_000
    assert pnl["long_call"] == -310_000
    last = np.searchsorted(raw["day"], np.datetime64("2016-03-16", "D").astype(int)) + 1
    calls = raw["attribution"][0, raw["buckets"].index("calls"), :last]
    assert calls.sum() == 260_000 - 64_000


def test_fees_are_all_that_changes_with_the_fee_table():
    free, paid = run("none"), run("retail")
    fees = paid["attribution"][0, paid["buckets"].index("fees")]
    assert fees.sum() == -paid["trades"]["fee_cents"].sum() < 0
    assert np.array_equal(free["attribution"][0, :6], paid["attribution"][0, :6])
    difference = np.rint((free["equity"] - paid["equity"])[0] * 100).astype(int)
    assert np.array_equal(difference, -np.cumsum(fees))
