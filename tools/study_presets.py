"""Every published reading of the hedge on real history, beside its condor alone and the claims.

Run: python tools/study_presets.py [DATA_FOLDER]   (default ALVH_SHARED_DATA, else ../shared/data)

docs/presets.md reads the tables. Nothing is fitted: presets are what their sources say.
"""

from __future__ import annotations

import alvh
import pandas as pd
from study_condor_index import data_folder, load, vx_futures

# Listings of VIX options began on 2006-02-24: before, hedges of them are hypothetical.
PERIODS = (("2006-03-01", "2017-12-29"), ("2006-03-01", "2012-12-31"), ("2013-01-02", "2017-12-29"))
COLUMNS = {
    "pnl": (1e-6, 2),
    "cagr": (100, 2),
    "max_drawdown": (100, 1),
    "expected_shortfall_99": (100, 2),
    "hedge_cost": (100, 2),
    "hedge_pnl": (1e-6, 2),
    "credit_kept": (100, 0),
    "margin_calls": (1, 0),
    "turnover": (1, 2),
}


def table(history: alvh.History) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    condor = alvh.IronCondor(contracts=alvh.presets.CONDORS)
    books = (alvh.books.unhedged(condor, alvh.presets.CAPITAL), *alvh.presets.named())
    study = alvh.backtest(books, history, seed=1)
    summary = study.summary()
    shown = pd.DataFrame(
        {name: (summary[name] * unit).round(digits) for name, (unit, digits) in COLUMNS.items()}
    )
    paired = study.paired(base="unhedged")
    reduction = pd.DataFrame(
        {
            "less_drawdown_%": (100 * paired["drawdown_reduction"]).round(0),
            "low": (100 * paired["drawdown_reduction_low"]).round(0),
            "high": (100 * paired["drawdown_reduction_high"]).round(0),
            "cost_low": (100 * paired["hedge_cost_low"]).round(2),
            "cost_high": (100 * paired["hedge_cost_high"]).round(2),
        }
    )
    events = study.events()
    windows = events[events["skipped"] == ""].pivot(index="event", columns="book", values="pnl")
    return shown, reduction, (windows * 1e-3).round(0).reindex(columns=study.books)


def main() -> None:
    history = load(data_folder(), vx=vx_futures(data_folder()))
    with pd.option_context("display.width", 240, "display.max_columns", 30):
        for start, end in PERIODS:
            print(f"\n== {start} to {end}: P&L and hedge P&L in million USD, the rest in % or counts")
            shown, reduction, windows = table(history.between(start, end))
            print(shown)
            print("\nagainst the condor alone, with 95 % intervals")
            print(reduction)
            print("\nP&L in event windows, thousand USD")
            print(windows.T)


if __name__ == "__main__":
    main()
