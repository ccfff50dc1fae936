"""Compares marks of the market model with surface marks on real chains, and measures the split of the model's clock.

    python tools/compare_marks.py [SHARED_DATA]

Prints the tables of docs/model.md: errors of both marks by product and days to expiry, and the share of a session's
variance that passes before its open, from SPY (`rust/core/src/market/clock.rs` states the two numbers).
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Literal

import alvh
import numpy as np
from estimate_spx_smile import read_chains
from estimate_time_of_day import dated, is_ex_dividend
from estimate_vix_surface import chain

DEFAULT = Path(__file__).parents[2] / "shared" / "data"
# Median absolute deviation to standard deviation of a normal.
MAD_TO_SD = 1.4826

Smiles = alvh.marks.SurfaceMarks | alvh.marks.ModelSmiles


def clock(data: Path) -> None:
    """Share of close-to-close variance before the open, by what lies between; errors by leaving out years."""
    bars = dated(data / "daily" / "spy_daily.csv", "%Y%m%d 00:00", "time").astype(float)
    open_, close = np.log(bars["open"]), np.log(bars["close"])
    night, day = open_ - close.shift(1), close - open_
    gap = bars.index.to_series().diff().dt.days
    keep = ~is_ex_dividend(bars.index) & gap.notna()
    print(f"SPY {bars.index[0]:%Y-%m-%d} to {bars.index[-1]:%Y-%m-%d}: share of variance before the open")
    for name, mask in (("overnight", keep & (gap == 1)), ("weekend or holiday", keep & (gap > 1))):
        n, d = night[mask], day[mask]
        share = (n**2).sum() / ((n**2).sum() + (d**2).sum())
        years = n.index.year
        left_out = []
        for year in np.unique(years):
            rest = years != year
            left_out.append((n[rest] ** 2).sum() / ((n[rest] ** 2).sum() + (d[rest] ** 2).sum()))
        error = np.sqrt((len(left_out) - 1) * np.var(left_out))
        robust = (MAD_TO_SD * n.abs().median()) ** 2
        robust = robust / (robust + (MAD_TO_SD * d.abs().median()) ** 2)
        print(f"  {name:<20s} n {n.size:5d}  share {share:.3f} +- {error:.3f}  by medians {robust:.3f}")


def main(data: Path) -> None:
    clock(data)
    daily = data / "daily"
    history = alvh.History.load(
        daily / "spx_ohlcv.csv",
        daily / "vix.csv",
        vix9d=daily / "vix9d.csv",
        vix3m=daily / "vix3m.csv",
        skew=daily / "skew.csv",
        vvix=daily / "vvix.csv",
        vx=daily / "vx1_to_vx8.csv",
    )
    market = alvh.Market.default()
    smiles: dict[str, Smiles] = {
        "surface": alvh.marks.surface(history),
        "model": alvh.marks.model(market).on(history),
        "model, overlay": alvh.marks.model(market, overlay=True).on(history),
    }
    print("implied volatility of marks less that of quotes, points: bias and mean error, by expiry")
    for found in read_chains(data, longest=250):
        expiry = np.datetime64(found.date) + found.dte
        quoted = (found.strike, found.forward, found.vol)
        report("SPX", found.date, expiry, quoted, None, smiles)
    for expiry, group in chain(data, "eod").groupby("expiry"):
        quoted = tuple(group[name].to_numpy() for name in ("strike", "forward", "vol"))
        report("VIX", "2016-06-01", np.datetime64(expiry, "D"), quoted, "VIX", smiles)


def report(
    name: str,
    date: str,
    expiry: np.datetime64,
    quoted: tuple[np.ndarray, ...],
    product: Literal["VIX"] | None,
    smiles: dict[str, Smiles],
) -> None:
    """Errors of one expiry at the quotes' moneyness: their forward is not that of the marks."""
    strike, forward, vol = quoted
    days = int((expiry - np.datetime64(date)).astype(int))
    line = f"  {name} {date} {days:4d} days, {vol.size:3d} strikes"
    for label, marks in smiles.items():
        own = marks.forward(date, expiry, product=product)
        error = 100.0 * (marks.implied_vol(date, expiry, strike * own / forward, product=product) - vol)
        error = error[np.isfinite(error)]
        line += f" | {label} {error.mean():+6.2f} {np.abs(error).mean():6.2f}"
    print(line)


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(os.environ.get("ALVH_SHARED_DATA", DEFAULT)))
