"""Load ten million quotes, then look contracts up: our store, a pandas index, a polars filter.

Run ``python benches/bench_chain.py [rows]``; the file is generated in a temporary folder.
"""

from __future__ import annotations

import resource
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
from alvh.chain import Chain

STRIKES, EXPIRIES = 200, 25
KEY = ["quote_date", "root", "expiry", "strike", "right"]


def write(path: Path, n_rows: int) -> int:
    """Write sessions of 10,000 rows each until there are `n_rows`."""
    rng = np.random.default_rng(1)
    strike = np.tile(np.repeat(np.arange(STRIKES) * 5.0 + 1500.0, 2), EXPIRIES)
    right = np.tile(["C", "P"], STRIKES * EXPIRIES)
    written = 0
    with path.open("w") as file:
        for day in pd.bdate_range("2000-01-03", periods=-(-n_rows // len(strike))):
            expiry = (day + pd.to_timedelta(np.arange(EXPIRIES) * 7, unit="D")).strftime("%Y-%m-%d")
            bid = rng.integers(1, 20_000, len(strike)) / 20
            frame = pd.DataFrame(
                {
                    "quote_date": day.strftime("%Y-%m-%d"),
                    "root": "SPXW",
                    "expiry": np.repeat(expiry, 2 * STRIKES),
                    "strike": strike,
                    "right": right,
                    "bid": bid,
                    "ask": (bid + 0.5).round(2),
                }
            )
            frame.to_csv(file, index=False, header=written == 0)
            written += len(frame)
    return written


def peak() -> float:
    """Peak resident memory of this process in GB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


def main() -> None:
    n_rows = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000_000
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "chain.csv"
        n_rows = write(path, n_rows)
        print(f"{n_rows:,} rows, {path.stat().st_size / 2**20:,.0f} MB; peak RSS before {peak():.2f} GB")
        start = time.perf_counter()
        chain = Chain.read(path)
        elapsed = time.perf_counter() - start
    print(f"load    {elapsed:8.2f} s  {n_rows / elapsed:12,.0f} rows/s  peak RSS {peak():.2f} GB  {chain!r}")

    rng = np.random.default_rng(2)
    day = chain.to_frame(chain.sessions[-1])
    asked = day.iloc[rng.integers(0, len(day), 100_000)].reset_index(drop=True)
    columns = [asked[name].to_numpy() for name in ("quote_date", "expiry", "strike", "right", "root")]
    start = time.perf_counter()
    bid, _ = chain.quotes(*columns)
    whole = (time.perf_counter() - start) / len(asked) * 1e9
    np.testing.assert_array_equal(bid, asked["bid"])
    # The part that a backtest runs: the store itself, without the conversion of names and dates.
    n = len(asked)
    codes, rights = np.full(n, 1, np.uint8), (asked["right"] == "P").to_numpy().astype(np.uint8)
    days = columns[0].astype("datetime64[D]").astype(np.int32)
    expiries = columns[1].astype("datetime64[D]").astype(np.int32)
    start = time.perf_counter()
    chain._store.find(codes, days, expiries, rights, columns[2])
    core = (time.perf_counter() - start) / n * 1e9

    # The peers get one session only, already in memory: the least they could be asked.
    indexed = day.set_index(KEY)[["bid", "ask"]].sort_index()
    keys = list(asked.loc[:1999, KEY].itertuples(index=False, name=None))
    start = time.perf_counter()
    for key in keys:
        indexed.loc[key]
    pandas_ns = (time.perf_counter() - start) / len(keys) * 1e9
    frame = pl.from_pandas(day)
    start = time.perf_counter()
    for date, root, expiry, strike, right in keys[:500]:
        frame.filter(
            (pl.col("quote_date") == date)
            & (pl.col("root") == root)
            & (pl.col("expiry") == expiry)
            & (pl.col("strike") == strike)
            & (pl.col("right") == right)
        )
    polars_ns = (time.perf_counter() - start) / 500 * 1e9
    print(f"look-up {core:8.0f} ns  ({whole:.0f} ns through Chain.quotes with dates and names as given)")
    print(f"pandas  {pandas_ns:8.0f} ns  {pandas_ns / core:8.0f} x  sorted MultiIndex of one session")
    print(f"polars  {polars_ns:8.0f} ns  {polars_ns / core:8.0f} x  filter on one session")


if __name__ == "__main__":
    main()
