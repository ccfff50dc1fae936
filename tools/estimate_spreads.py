"""Median half-spreads of real option chains beside the model of ``rust/core/src/costs/spread.rs``.

Run: python tools/estimate_spreads.py [DATA_FOLDER]   (default ALVH_SHARED_DATA, else ../shared/data)
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import numpy as np
import pandas as pd
from alvh import _core

EPOCH = pd.Timestamp("1970-01-01")
PRICE_BUCKETS = [0.0, 0.5, 1.0, 3.0, 10.0, 30.0, 100.0]
DTE_BUCKETS = [0, 30, 60, 120, 300, 2000]
DELTA_BUCKETS = [0.01, 0.05, 0.1, 0.2, 0.3, 0.5, 0.7]


def vix_close(data: Path, dates: pd.Series) -> pd.Series:
    vix = pd.read_csv(data / "daily" / "vix.csv")
    vix.columns = [str(name).upper() for name in vix.columns]
    levels = pd.Series(vix["CLOSE"].to_numpy(float), index=pd.to_datetime(vix["DATE"]))
    return dates.map(levels)


def spx_2013(data: Path) -> pd.DataFrame:
    wide = pd.read_csv(data / "options" / "spx_2013-04-19.csv")
    columns = ("bid", "ask", "delta")
    sides = [pd.DataFrame({name: wide[f"{name}.{side}"] for name in columns}) for side in "cp"]
    quotes = pd.concat(sides)
    return quotes.assign(
        delta=quotes["delta"].abs(), dte=62, date=pd.Timestamp("2013-04-19"), spot=1555.25, kind="spx_option"
    )


def spx_fragments(data: Path) -> pd.DataFrame:
    frames = []
    for name in ("spx_fragments_2014-12_2015-03.csv", "spx_fragments_2017.csv"):
        frame = pd.read_csv(data / "options" / name, skipinitialspace=True)
        frames.append(
            pd.DataFrame(
                {
                    "bid": frame["bid"],
                    "ask": frame["ask"],
                    "delta": frame["delta"].abs(),
                    "date": pd.to_datetime(frame["quotedate"]),
                    "spot": frame["underlying_last"],
                    "dte": frame["dte"],
                    "kind": "spx_option",
                }
            )
        )
    return pd.concat(frames)


def vix_2016(data: Path) -> pd.DataFrame:
    chain = pd.read_csv(data / "options" / "vix_2016-06-01.csv")
    chain = chain[(chain["option_type"] == "C") & (chain["strike"] >= 15)]
    columns = {"bid": chain["bid_1545"], "ask": chain["ask_1545"], "delta": np.nan, "dte": np.nan}
    return pd.DataFrame(columns).assign(date=pd.Timestamp("2016-06-01"), spot=2100.0, kind="vix_option")


def modelled(quotes: pd.DataFrame) -> np.ndarray:
    out = np.empty(len(quotes))
    for i, row in enumerate(quotes.itertuples()):
        day = (row.date - EPOCH).days
        out[i] = _core.half_spread(row.kind, np.array([row.mid]), True, row.spot, day, row.vix)[0]
    return out


def table(title: str, quotes: pd.DataFrame, data: Path) -> pd.DataFrame:
    """Measured and modelled medians of out-of-the-money quotes with a bid, by price and by delta."""
    quotes = quotes[(quotes["bid"] > 0) & (quotes["ask"] > quotes["bid"])].copy()
    quotes = quotes[~(quotes["delta"] > 0.7)]
    quotes["mid"] = (quotes["bid"] + quotes["ask"]) / 2
    quotes["measured"] = (quotes["ask"] - quotes["bid"]) / 2
    quotes["vix"] = vix_close(data, quotes["date"])
    quotes = quotes.dropna(subset=["vix"])
    quotes["model"] = modelled(quotes)
    rows = []
    for column, edges in (("mid", PRICE_BUCKETS), ("delta", DELTA_BUCKETS), ("dte", DTE_BUCKETS)):
        if quotes[column].isna().all():
            continue
        for bucket, group in quotes.groupby(pd.cut(quotes[column], edges), observed=True):
            measured, model = group["measured"].median(), group["model"].median()
            rows.append((f"{column} {bucket}", len(group), measured, model, measured / model))
    result = pd.DataFrame(rows, columns=["bucket", "quotes", "measured", "model", "ratio"])
    print(f"\n{title} (VIX {quotes['vix'].median():.1f}), half-spread in points")
    print(result.round(3).to_string(index=False))
    return result


def main() -> None:
    default = os.environ.get("ALVH_SHARED_DATA", str(Path(__file__).parents[2] / "shared" / "data"))
    data = Path(sys.argv[1] if len(sys.argv) > 1 else default)
    table("SPX 2013-04-19, 62 days", spx_2013(data), data)
    fragments = spx_fragments(data)
    recent = fragments["date"] >= "2017-04-24"
    long_dated = fragments["date"] < "2017"
    table("SPX fragments 2014-12 to 2015-03, longer than a year", fragments[long_dated], data)
    table("SPX fragments 2017 to 04-21", fragments[~long_dated & ~recent], data)
    table("SPX fragments 2017 from 04-24", fragments[recent], data)
    table("VIX calls 2016-06-01", vix_2016(data), data)


if __name__ == "__main__":
    main()
