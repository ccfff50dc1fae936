"""The engine beside the loop one would write with pandas and scipy, and beside numba pricing the same legs.

usage: python benches/bench_backtest.py

28 years of S&P 500 and VIX out of ALVH_SHARED_DATA (default ../shared/data); without it the five years that `arch`
carries. One process, one thread; medians of CPU time, which other work on the machine disturbs less than wall time.

The loop is written the obvious way: one row of a frame per session, `scipy.stats.norm` in the formulas, `brentq` for
strikes. It runs the book "static" (condors and three layers) on two years, scaled to all sessions, and is compared with
the engine running the same book alone; both see closes only. The loop's smile, futures and rules are simpler than the
engine's and it writes no ledger: the comparison favours the loop.
"""

from __future__ import annotations

import math
import os
import platform
import statistics
import time
from pathlib import Path

import alvh
import numba
import numpy as np
import pandas as pd
import scipy
from alvh import _core, books
from scipy.optimize import brentq
from scipy.stats import norm

DATA = Path(os.environ.get("ALVH_SHARED_DATA", Path(__file__).parents[2] / "shared" / "data"))
LOOP_YEARS = 2


def load_history() -> alvh.History:
    """Closes from 1990, opens, highs and lows from 1999, and every other index there is."""
    if not DATA.is_dir():
        return alvh.History.demo()
    early = pd.read_csv(DATA / "daily/spx_close_1990.csv", parse_dates=["Date"], index_col="Date")["SP500"]
    late = pd.read_csv(DATA / "daily/spx_ohlcv.csv", index_col="Date")
    late.index = pd.to_datetime(late.index)
    early = early[early.index < late.index[0]].rename("Close").to_frame()
    spx = pd.concat(
        [early.reindex(columns=["Open", "High", "Low", "Close"]), late[["Open", "High", "Low", "Close"]]]
    )
    indices = {name: DATA / f"daily/{name}.csv" for name in ("vix9d", "vix3m", "vvix", "skew")}
    return alvh.History.load(
        spx.rename_axis("Date"), DATA / "daily/vix.csv", vx=DATA / "vx_contracts", **indices
    )


def cpu_model() -> str:
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    models = (line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    return next(models, platform.processor())


def median_seconds(function, repeats: int) -> float:
    function()
    times = []
    for _ in range(repeats):
        start = time.process_time()
        function()
        times.append(time.process_time() - start)
    return statistics.median(times)


# ---- the obvious loop


def smile(strike: float, forward: float, years: float, vix: float) -> float:
    vol = vix / 100
    k = math.log(strike / forward) / (vol * math.sqrt(years))
    return vol * max(0.4, 1 - 0.18 * k + 0.03 * k * k)


def price(right: str, forward: float, strike: float, years: float, vol: float) -> float:
    sd = vol * math.sqrt(years)
    d1 = math.log(forward / strike) / sd + 0.5 * sd
    sign = 1 if right == "call" else -1
    return sign * (forward * norm.cdf(sign * d1) - strike * norm.cdf(sign * (d1 - sd)))


def delta(right: str, forward: float, strike: float, years: float, vol: float) -> float:
    sd = vol * math.sqrt(years)
    sign = 1 if right == "call" else -1
    return norm.cdf(sign * (math.log(forward / strike) / sd + 0.5 * sd))


def strike_by_delta(
    right: str, forward: float, years: float, wanted: float, vix: float, step: float
) -> float:
    def miss(strike: float) -> float:
        return delta(right, forward, strike, years, smile(strike, forward, years, vix)) - wanted

    return round(brentq(miss, 0.4 * forward, 2.5 * forward) / step) * step


def obvious_loop(frame: pd.DataFrame) -> float:
    """Condors of 16 delta on each third Friday and three layers of VIX calls, marked every session."""
    cash, equity = 500_000.0, []
    condor, layers = None, {}
    for date, row in frame.iterrows():
        spot, vix = row["spx"], row["vix"]
        call_vol = 0.9
        if condor is not None:
            years = max((condor["expiry"] - date).days / 365, 1e-6)
            value = sum(
                n * price(right, spot, k, years, smile(k, spot, years, vix)) for right, k, n in condor["legs"]
            )
            condor["value"] = value
            if value >= -0.5 * condor["credit"] or (condor["expiry"] - date).days <= 21:
                cash += 1_000 * value
                condor = None
        for name, dte, weight, roll in (("outer", 30, 4, 21), ("middle", 110, 4, 80), ("inner", 220, 2, 190)):
            held = layers.get(name)
            if held is not None and (held["expiry"] - date).days <= roll:
                cash += 100 * weight * held["value"]
                held = None
            if held is None:
                expiry = date + pd.Timedelta(days=dte)
                strike = strike_by_delta("call", vix, dte / 365, 0.5, 90.0, 1.0)
                held = {"expiry": expiry, "strike": strike, "value": 0.0}
                cash -= 100 * weight * price("call", vix, strike, dte / 365, call_vol)
            years = max((held["expiry"] - date).days / 365, 1e-6)
            held["value"] = price("call", vix, held["strike"], years, call_vol)
            layers[name] = held
        if condor is None and date.weekday() == 4 and 15 <= date.day <= 21 and vix <= 20:
            years = 45 / 365
            put, call = (strike_by_delta(right, spot, years, 0.16, vix, 5.0) for right in ("put", "call"))
            wing = round(0.02 * spot / 5) * 5
            legs = [("put", put, -1), ("put", put - wing, 1), ("call", call, -1), ("call", call + wing, 1)]
            value = sum(n * price(right, spot, k, years, smile(k, spot, years, vix)) for right, k, n in legs)
            condor = {"expiry": date + pd.Timedelta(days=45), "legs": legs, "credit": -value, "value": value}
            cash -= 1_000 * value
        held_value = 1_000 * condor["value"] if condor else 0.0
        held_value += sum(
            100 * w * layers[n]["value"] for n, w in (("outer", 4), ("middle", 4), ("inner", 2))
        )
        equity.append(cash + held_value)
    return pd.Series(equity, index=frame.index).iloc[-1]


# ---- the same legs by numba


@numba.njit
def numba_black76(forward, strike, years, vol, rate, call):
    out = np.empty_like(forward)
    for i in range(forward.size):
        sd = vol[i] * math.sqrt(years[i])
        d1 = math.log(forward[i] / strike[i]) / sd + 0.5 * sd
        sign = 1.0 if call[i] else -1.0
        n1 = 0.5 * math.erfc(-sign * d1 * 0.7071067811865476)
        n2 = 0.5 * math.erfc(-sign * (d1 - sd) * 0.7071067811865476)
        out[i] = math.exp(-rate * years[i]) * sign * (forward[i] * n1 - strike[i] * n2)
    return out


def marked_legs(history: alvh.History, raw: dict) -> pd.DataFrame:
    """Every option held by any book at every step: what the engine marks, a leg shared by books once."""
    trades = pd.DataFrame(
        {name: raw["trades"][name] for name in ("book", "day", "product", "right", "strike")}
    )
    trades["expiry"], trades["contracts"] = raw["trades"]["expiry"], raw["trades"]["contracts"]
    trades = trades[trades["right"].isin(["call", "put"])]
    steps = history.steps().reset_index()
    session = steps["time"].dt.normalize()
    place = steps.groupby(session).cumcount(ascending=False)
    first = steps.groupby(session).cumcount()
    kind = np.where(place == 0, "close", np.where(first == 0, "open", "mid_morning"))
    days = np.asarray(session, dtype="datetime64[D]")
    rows = []
    for (product, right, strike, expiry), part in trades.groupby(["product", "right", "strike", "expiry"]):
        held = np.zeros(len(days), dtype=bool)
        last = np.datetime64(int(expiry), "D")
        for _, own in part.groupby("book"):
            day = own["day"].to_numpy().astype("datetime64[D]")
            net = own["contracts"].to_numpy().cumsum()
            after = np.searchsorted(day, days, side="right")
            held |= np.where(after > 0, net[np.maximum(after - 1, 0)], 0) != 0
        index = np.flatnonzero(held & (days < last))
        rows.append((product, right, strike, last, index))
    product, right, strike, last, index = zip(*rows, strict=True)
    lengths = [len(i) for i in index]
    where = np.concatenate(index)
    legs = pd.DataFrame(
        {
            "product": np.repeat(product, lengths),
            "right": np.repeat(right, lengths),
            "strike": np.repeat(strike, lengths),
            "expiry": np.repeat(np.array(last), lengths),
            "day": days[where],
            "kind": kind[where],
            "seconds": (steps["time"] - session).dt.total_seconds().to_numpy()[where],
        }
    )
    ends = np.where(legs["product"] == "SPXW", 57_600, 34_200)
    calendar_days = (legs["expiry"] - legs["day"]).dt.days
    legs["years"] = np.maximum((calendar_days * 86_400 + ends - legs["seconds"]) / (365 * 86_400), 1e-6)
    marks = alvh.marks.surface(history)
    for (name, kind_), part in legs.groupby(["product", "kind"]):
        at = tuple(part[c].to_numpy().astype("datetime64[D]") for c in ("day", "expiry"))
        legs.loc[part.index, "vol"] = marks.implied_vol(*at, part["strike"].to_numpy(), name, kind_)
        legs.loc[part.index, "forward"] = marks.forward(*at, name, kind_)
    return legs.dropna()


def main() -> None:
    history = load_history()
    source = history.source()
    named = books.named()
    configurations = [book.encode() for book in named]
    alone = [book.encode() for book in named if book.name == "static"]
    n = history.sessions.size
    steps = len(history.steps())
    engine = median_seconds(lambda: _core.backtest(source, configurations, None), 9)
    closes = history.source(open_step=False, mid_morning=False)
    static = median_seconds(lambda: _core.backtest(closes, alone, None), 9)

    frame = pd.DataFrame(
        {"spx": history.columns["spx_close"], "vix": history.columns["vix_close"]},
        index=pd.DatetimeIndex(history.sessions),
    ).dropna()
    frame = frame.iloc[-252 * LOOP_YEARS :]
    loop = median_seconds(lambda: obvious_loop(frame), 3) / len(frame) * n

    legs = marked_legs(history, _core.backtest(source, configurations, None))
    columns = [np.ascontiguousarray(legs[c].to_numpy()) for c in ("forward", "strike", "years", "vol")]
    call = (legs["right"] == "call").to_numpy()
    rights = legs["right"].to_numpy().astype("U4")
    by_numba = median_seconds(lambda: numba_black76(*columns, 0.0, call), 15)
    by_alvh = median_seconds(lambda: alvh.black76(*columns, 0.0, rights), 15)
    gap = np.abs(alvh.black76(*columns, 0.0, rights) - numba_black76(*columns, 0.0, call)).max()
    assert gap < 1e-9, gap

    print(f"{cpu_model()}, {platform.system()} {platform.machine()}, Python {platform.python_version()}")
    versions = {module.__name__: module.__version__ for module in (np, pd, scipy, numba, alvh)}
    print(", ".join(f"{name} {version}" for name, version in versions.items()))
    print(f"{history.first} to {history.last}: {n} sessions, {steps} steps, {len(legs)} option marks")
    print(f"engine, {len(named)} books             {1e3 * engine:10.1f} ms")
    print(f"engine, static, closes only  {1e3 * static:10.1f} ms")
    print(f"pandas and scipy, the same   {1e3 * loop:10.1f} ms  scaled from {len(frame)} sessions")
    print(f"  over the engine            {loop / static:10.0f} x   (at least 100)")
    print(
        f"numba, the same legs         {1e3 * by_numba:10.2f} ms  {1e9 * by_numba / len(legs):.1f} ns a leg"
    )
    print(f"alvh.black76, the same legs  {1e3 * by_alvh:10.2f} ms  {1e9 * by_alvh / len(legs):.1f} ns a leg")
    print(f"  numba over alvh            {by_numba / by_alvh:10.2f} x   (at least 1)")


if __name__ == "__main__":
    main()
