"""Measures the constants by which daily history is turned into marks at 09:30 and 11:00 New York.

    python tools/estimate_time_of_day.py [SHARED_DATA]

Everything that `rust/core/src/market/history.rs` states as an estimated constant is printed here. Hourly bars are
labelled by their start, so the price at 11:00 is the open of the 11:00 bar. Errors are out of fold by calendar year.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import numpy as np
import pandas as pd

ROOT = Path(__file__).parents[1]


def fit(name: str, y: pd.Series, x: pd.DataFrame, unit: float = 1e4) -> np.ndarray:
    """Least squares without intercept: coefficients on all years, error out of fold by year."""
    frame = pd.concat([y.rename("y"), x], axis=1).replace([np.inf, -np.inf], np.nan).dropna()
    target, design = frame["y"].to_numpy(), frame.drop(columns="y").to_numpy()
    years = frame.index.year.to_numpy()
    residual = np.empty_like(target)
    for year in np.unique(years):
        out = years == year
        slope = np.linalg.lstsq(design[~out], target[~out], rcond=None)[0]
        residual[out] = target[out] - design[out] @ slope
    slope = np.linalg.lstsq(design, target, rcond=None)[0]
    r2 = 1.0 - np.mean(residual**2) / np.mean(target**2)
    terms = " ".join(f"{column} {value:+.3f}" for column, value in zip(x.columns, slope, strict=True))
    print(
        f"{name:<58s} n {target.size:5d}  R2 {r2:6.3f}  rms {unit * np.sqrt(np.mean(residual**2)):6.1f} bp  "
        f"median {unit * np.median(np.abs(residual)):6.1f} bp  {terms}"
    )
    return slope


def hourly(path: Path) -> tuple[pd.DataFrame, pd.Series]:
    """Daily open, high, low, close of the regular session and the 11:00 price."""
    bars = pd.read_csv(path)
    time = pd.to_datetime(bars["time"], format="%Y%m%d %H:%M")
    bars = bars.set_index(time).between_time("09:00", "15:59")
    by_day = bars.groupby(bars.index.normalize())
    daily = by_day.agg(
        open=("open", "first"), high=("high", "max"), low=("low", "min"), close=("close", "last")
    )
    at_eleven = bars[bars.index.hour == 11]["open"]
    at_eleven.index = at_eleven.index.normalize()
    full = by_day.size() >= 7
    return daily[full], at_eleven.reindex(daily[full].index)


def third_fridays(index: pd.DatetimeIndex) -> np.ndarray:
    """Quarterly third Fridays, the ex-dividend days of SPY."""
    return np.asarray((index.dayofweek == 4) & (index.day >= 15) & (index.day <= 21) & (index.month % 3 == 0))


def main(data: Path) -> None:
    daily, eleven = hourly(data / "daily" / "spy_hour.csv")
    log = np.log(daily)
    o, h, low, c = log["open"], log["high"], log["low"], log["close"]
    m = np.log(eleven)
    prior = c.shift(1)
    ex = third_fridays(daily.index)
    print("SPY 1998-2017: 11:00 from the bar of the day, logs relative to the open")
    print(f"  share of open-to-close variance by 11:00: {np.nanvar(m - o) / np.nanvar(c - o):.3f}")
    fit("11:00 | open, close", m - o, pd.DataFrame({"close": c - o}))
    fit(
        "11:00 | open, high, low, close", m - o, pd.DataFrame({"close": c - o, "high": h - o, "low": low - o})
    )
    fit("11:00 | open, midrange, close", m - o, pd.DataFrame({"close": c - o, "mid": (h + low) / 2 - o}))
    gap = o - prior
    fit(
        "11:00 | prior, open, high, low, close",
        m - o,
        pd.DataFrame({"close": c - o, "high": h - o, "low": low - o, "gap": gap}),
    )
    print("without an open: relative to the prior close (ex-dividend days left out)")
    x = ~ex
    print(
        f"  overnight share of close-to-close variance: {np.nanvar(gap[x]) / np.nanvar((c - prior)[x]):.3f}"
    )
    fit("open | prior, close", gap[x], pd.DataFrame({"close": (c - prior)[x]}))
    fit(
        "open | prior, high, low, close",
        gap[x],
        pd.DataFrame({"close": (c - prior)[x], "high": (h - prior)[x], "low": (low - prior)[x]}),
    )
    fit("open = close (no estimate)", (o - c)[x], pd.DataFrame({"zero": (0 * o)[x]}))
    fit("11:00 | prior, close", (m - prior)[x], pd.DataFrame({"close": (c - prior)[x]}))
    fit(
        "11:00 | prior, high, low, close",
        (m - prior)[x],
        pd.DataFrame({"close": (c - prior)[x], "high": (h - prior)[x], "low": (low - prior)[x]}),
    )

    spx = pd.read_csv(data / "daily" / "spx_ohlcv.csv")
    spx = spx.set_index(pd.to_datetime(spx["Date"], format="%m/%d/%Y"))
    vix = pd.read_csv(data / "daily" / "vix.csv", index_col=0, parse_dates=True)
    spx = spx[["Open", "High", "Low", "Close"]]
    lx = np.log(spx)
    live = (np.abs(spx["Open"] / spx["Close"].shift(1) - 1) > 1e-6) & (spx.index.year >= 2009)
    spy_daily = pd.read_csv(data / "daily" / "spy_daily.csv")
    spy_daily = np.log(
        spy_daily.set_index(pd.to_datetime(spy_daily["time"], format="%Y%m%d %H:%M"))[
            ["open", "close"]
        ].astype(float)
    )
    bridge = (spy_daily["open"] - spy_daily["close"].shift(1)).reindex(spx.index)
    error = (lx["Open"] - lx["Close"].shift(1) - bridge)[live].dropna()
    on_ex = third_fridays(error.index)
    print("S&P 500 open against SPY's overnight move, 2009-2017 (live opens)")
    print(f"  other days: mean {1e4 * error[~on_ex].mean():+.1f} bp rms {1e4 * error[~on_ex].std():.1f} bp")
    print(
        f"  quarterly third Fridays: mean {1e4 * error[on_ex].mean():+.1f} bp rms {1e4 * error[on_ex].std():.1f} bp (n {on_ex.sum()})"
    )

    lv = np.log(vix[["OPEN", "CLOSE"]]).reindex(spx.index)
    pv = lv["CLOSE"].shift(1)
    live_vix = (np.abs(lv["OPEN"] - pv) > 1e-6) & (vix["OPEN"].reindex(spx.index) > 5)
    dx_open = bridge.where(~pd.Series(third_fridays(spx.index), spx.index))
    print("VIX")
    fit(
        "VIX open | prior close, S&P open",
        (lv["OPEN"] - pv)[live_vix],
        pd.DataFrame({"spx": dx_open[live_vix]}),
    )
    dx = lx["Close"].diff()
    fit(
        "VIX open | S&P open, VIX close",
        (lv["OPEN"] - pv)[live_vix],
        pd.DataFrame({"spx": dx_open[live_vix], "vix": (lv["CLOSE"] - pv)[live_vix]}),
    )
    fit("VIX close | S&P close", (lv["CLOSE"] - pv), pd.DataFrame({"spx": dx}))
    vxx, vxx11 = hourly(data / "etn" / "vxx_hour.csv")
    lvxx = np.log(vxx)
    vm = np.log(vxx11) - lvxx["open"]
    vc = lvxx["close"] - lvxx["open"]
    sm, sc = (m - o).reindex(vxx.index), (c - o).reindex(vxx.index)
    fit("VXX 11:00 | open, close", vm, pd.DataFrame({"close": vc}))
    fit("VXX 11:00 | open, close, SPY path", vm, pd.DataFrame({"close": vc, "spy": sm - 0.51 * sc}))
    proxy = (pd.DataFrame({"c": c - o, "h": h - o, "l": low - o}) @ np.array([0.02, 0.54, 0.54])).reindex(
        vxx.index
    )
    fit("VXX 11:00 | open, close, S&P proxy", vm, pd.DataFrame({"close": vc, "proxy": proxy, "spx": sc}))
    vic = (lv["CLOSE"] - lv["OPEN"]).where(live_vix).reindex(vxx.index)
    fit("VIX open-to-close | SPY", vic, pd.DataFrame({"spy": sc}))
    fit("VXX open-to-close | SPY", vc, pd.DataFrame({"spy": sc}))

    print("log beta of the other indices to VIX, daily closes")
    dv = lv["CLOSE"].diff()
    for name in ("vix9d", "vix3m", "vvix", "skew"):
        series = pd.read_csv(data / "daily" / f"{name}.csv", index_col=0)
        series.index = pd.to_datetime(series.index, format="%m/%d/%Y")
        d = np.log(series.iloc[:, -1]).diff().reindex(spx.index)
        fit(f"{name} | VIX", d.where(d.abs() < 0.7), pd.DataFrame({"vix": dv}))
    shiller = pd.read_csv(data / "macro" / "shiller_monthly.csv")
    print(shiller.columns.tolist())


if __name__ == "__main__":
    main(
        Path(
            sys.argv[1]
            if len(sys.argv) > 1
            else os.environ.get("ALVH_SHARED_DATA", ROOT.parent / "shared" / "data")
        )
    )
