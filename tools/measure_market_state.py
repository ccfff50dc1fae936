"""Inverts VIX9D, VIX and VIX3M of 2011-2017 for the state of the market model, and prices VIX futures at these states.

Prints the table of docs/model.md, and how it moves with the weight of the ridge.

usage: ALVH_SHARED_DATA=... python tools/measure_market_state.py
"""

from __future__ import annotations

import os
from pathlib import Path

import alvh
import numpy as np

DATA = Path(os.environ.get("ALVH_SHARED_DATA", Path(__file__).parents[2] / "shared" / "data")) / "daily"


def main() -> None:
    history = alvh.History.load(
        spx=DATA / "spx_ohlcv.csv",
        vix=DATA / "vix.csv",
        vix9d=DATA / "vix9d.csv",
        vix3m=DATA / "vix3m.csv",
        vx=DATA / "vx1_to_vx8.csv",
    ).between("2011-01-03", "2017-12-29")
    market = alvh.Market.default()
    columns = history.columns
    counts = np.diff(columns["vx_offset"])
    row = np.repeat(np.arange(counts.size), counts)
    rank = np.concatenate([np.arange(n) for n in counts])
    years = (columns["vx_expiry"] - columns["day"][row]) / 365
    for quote_error in (0.1, 0.02, 0.3, 1.0):
        found = market.calibrate(history, quote_error=quote_error)
        error = market.vix_future(years, found.states.iloc[row]) - columns["vx_settle"]
        print(f"quote_error {quote_error}: {found}")
        for k in range(8):
            own = error[(rank == k) & np.isfinite(error)]
            bias, rmse = own.mean(), np.sqrt(np.mean(own**2))
            print(f"VX{k + 1}: {own.size} settlements, bias {bias:.2f}, RMSE {rmse:.2f} points")


if __name__ == "__main__":
    main()
