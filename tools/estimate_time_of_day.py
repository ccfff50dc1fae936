"""Measures the constants by which daily history is turned into marks at 09:30 and 11:00 New York.

    python tools/estimate_time_of_day.py [SHARED_DATA]

Every estimated constant of `rust/core/src/market/history.rs` is printed here. Hourly bars are labelled by
their start: the price at 11:00 is the open of the 11:00 bar. Errors are out of fold by calendar year, in log
basis points.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import numpy as np
import pandas as pd

DEFAULT = Path(__file__).parents[2] / "shared" / "data"


def fit(name: str, y: pd.Series, **terms: pd.Series) -> None:
    """Least squares without intercept: coefficients on all years, error out of fold by year."""
    frame = (
        pd.concat([y.rename("y"), pd.DataFrame(terms)], axis=1).replace([np.inf, -np.inf], np.nan).dropna()
    )
    target, design = frame["y"].to_numpy(), frame[list(terms)].to_numpy()
    years = frame.index.year.to_numpy()
    residual = np.empty_like(target)
    for year in np.unique(years):
        out = years == year
        residual[out] = target[out] - design[out] @ np.linalg.lstsq(design[~out], target[~out], rcond=None)[0]
    slopes = np.linalg.lstsq(design, target, rcond=None)[0]
    r2 = 1.0 - np.mean(residual**2) / np.mean(target**2)
    words = " ".join(f"{term} {slope:+.3f}" for term, slope in zip(terms, slopes, strict=True))
    rms, median = 1e4 * np.sqrt(np.mean(residual**2)), 1e4 * np.median(np.abs(residual))
    print(f"  {name:<42s} n {target.size:5d}  R2 {r2:6.3f}  rms {rms:6.1f}  median {median:6.1f}  {words}")


def hourly(path: Path) -> tuple[pd.DataFrame, pd.Series]:
    """Log open, high, low and close of the regular session, and the log price at 11:00."""
    bars = pd.read_csv(path)
    bars = bars.set_index(pd.to_datetime(bars["time"], format="%Y%m%d %H:%M")).between_time("09:00", "15:59")
    by_day = bars.groupby(bars.index.normalize())
    daily = by_day.agg(
        open=("open", "first"), high=("high", "max"), low=("low", "min"), close=("close", "last")
    )
    eleven = bars.loc[bars.index.hour == 11, "open"]
    eleven.index = eleven.index.normalize()
    full = daily[by_day.size() >= 7]
    return np.log(full), np.log(eleven.reindex(full.index))


def is_ex_dividend(index: pd.DatetimeIndex) -> pd.Series:
    """Quarterly third Fridays, on which SPY opens without its dividend."""
    friday = (index.day_of_week == 4) & (index.day >= 15) & (index.day <= 21) & (index.month % 3 == 0)
    return pd.Series(friday, index)


def dated(path: Path, date_format: str, column: str = "Date") -> pd.DataFrame:
    frame = pd.read_csv(path)
    return frame.set_index(pd.to_datetime(frame[column], format=date_format)).drop(columns=column)


def main(data: Path) -> None:
    spy, m = hourly(data / "daily" / "spy_hour.csv")
    o, h, low, c = (spy[name] for name in ("open", "high", "low", "close"))
    prior = c.shift(1).where(~is_ex_dividend(spy.index))
    print("SPY 1998-2017, from the open")
    print(f"  share of open-to-close variance by 11:00: {(m - o).var() / (c - o).var():.3f}")
    fit("11:00 | close", m - o, close=c - o)
    fit("11:00 | close, high, low", m - o, close=c - o, high=h - o, low=low - o)
    fit("11:00 | close, mid of high and low", m - o, close=c - o, mid=(h + low) / 2 - o)
    print("SPY 1998-2017, from the prior close (quarterly ex-dividend days left out)")
    print(f"  overnight share of close-to-close variance: {(o - prior).var() / (c - prior).var():.3f}")
    fit("open | close", o - prior, close=c - prior)
    fit("open | close, high, low", o - prior, close=c - prior, high=h - prior, low=low - prior)
    fit("open taken to be the close", o - c, none=0 * prior)
    fit("11:00 | close", m - prior, close=c - prior)
    fit("11:00 | close, high, low", m - prior, close=c - prior, high=h - prior, low=low - prior)

    spx = np.log(dated(data / "daily" / "spx_ohlcv.csv", "%m/%d/%Y")[["Open", "High", "Low", "Close"]])
    raw = dated(data / "daily" / "spy_daily.csv", "%Y%m%d 00:00", "time").astype(float)
    bridge = (np.log(raw["open"]) - np.log(raw["close"]).shift(1)).reindex(spx.index)
    gap = spx["Open"] - spx["Close"].shift(1)
    error = 1e4 * (gap - bridge)[(gap.abs() > 1e-6) & (spx.index.year >= 2009)]
    ex = is_ex_dividend(error.index)
    print("S&P 500 open less SPY's overnight move, 2009-2017, live opens [bp]")
    for name, part in (("other days", error[~ex]), ("quarterly third Fridays", error[ex])):
        print(f"  {name:<24s} n {part.size:5d}  mean {part.mean():+6.1f}  rms {part.std():6.1f}")

    print(
        "S&P 500 bars of lagging opens 1999-2016, from the prior close; truth: SPY's day hung on the index's close"
    )
    bar = spx.sub(spx["Close"].shift(1), axis=0)["1999":"2016"]
    true_open, true_eleven = (bar["Close"] + (price - c).reindex(bar.index) for price in (o, m))
    squares = (bar**2).rolling(252).sum()
    print(
        f"  squared overnight over close-to-close moves: at most {(squares['Open'] / squares['Close']).max():.3f}"
    )
    day_terms = {name.lower(): bar[name] for name in ("Close", "High", "Low")}
    fit("open | lagging open, close, high, low", true_open, open=bar["Open"], **day_terms)
    fit("11:00 | close, high, low", true_eleven, **day_terms)
    fit("open taken to be the printed open", true_open - bar["Open"], none=0 * true_open)

    vix = np.log(dated(data / "daily" / "vix.csv", "%Y-%m-%d", "DATE").clip(lower=5.0)).reindex(spx.index)
    vix_prior = vix["CLOSE"].shift(1)
    live = (vix["OPEN"] - vix_prior).where(
        ((vix["OPEN"] - vix_prior).abs() > 1e-6) & (vix["OPEN"] > np.log(5.01))
    )
    print("VIX; VXX stands in for VIX by the hour")
    fit("VIX open | S&P 500 open", live, spx=bridge.where(~is_ex_dividend(spx.index)))
    vxx, vxx_m = hourly(data / "etn" / "vxx_hour.csv")
    vxx_move = vxx["close"] - vxx["open"]
    vo, vh, vl = vxx["open"], vxx["high"], vxx["low"]
    day = (c - o).reindex(vxx.index)
    mid = ((h + low) / 2 - o).reindex(vxx.index)
    fit("VXX 11:00 | close", vxx_m - vo, close=vxx_move)
    fit("VXX 11:00 | close, high, low", vxx_m - vo, close=vxx_move, high=vh - vo, low=vl - vo)
    fit("VXX 11:00 | close, S&P 500 mid, day", vxx_m - vo, close=vxx_move, mid=mid, day=day)
    print("other indices per log move of VIX, closes")
    for name in ("vix9d", "vix3m", "vvix", "skew"):
        series = np.log(dated(data / "daily" / f"{name}.csv", "%m/%d/%Y", "DATE").iloc[:, -1]).diff()
        fit(name, series.where(series.abs() < 0.7).reindex(spx.index), vix=vix["CLOSE"].diff())
    shiller = dated(data / "macro" / "shiller_monthly.csv", "%Y-%m-%d").loc["1999":"2017"]
    shiller = shiller[shiller["Dividend"] > 0]
    print(f"dividend yield 1999-2017: {(shiller['Dividend'] / shiller['SP500']).mean():.4f}")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(os.environ.get("ALVH_SHARED_DATA", DEFAULT)))
