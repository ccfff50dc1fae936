"""Random histories with every input of the signals, as columns for the core and as rows for the twin."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt
from alvh import SignalConfig, UserSignal, calendar
from alvh.history import History
from alvh.signals import INPUTS, GroupWeights, PhaseConfig

BOOK = INPUTS[:6]
BAR_SECONDS = (36_000, 45_000, 54_000)
# Log move of VIX9D per log move of VIX within a session, as the history estimates it.
VIX9D_BETA = 1.5

Columns = dict[str, npt.NDArray[Any]]


def holed(rng: np.random.Generator, column: npt.NDArray[Any], share: float) -> npt.NDArray[Any]:
    return np.where(rng.random(column.size) < share, np.nan, column)


def random_columns(rng: np.random.Generator, n: int, *, every: int = 1, bars: bool = False) -> Columns:
    """Columns of `n` sessions, each `every`-th of the calendar, with jumps, holes and absent inputs."""
    sessions = calendar.sessions("2004-01-02", "2020-12-31")
    first = int(rng.integers(0, sessions.size - n * every))
    day = sessions[first : first + n * every : every].astype(np.int32)
    jumps = (rng.random(n) < 0.05) * rng.normal(0.0, 0.05, n)
    returns = rng.normal(0.0003, 0.01, n) + jumps
    spot = np.round(1_500.0 * np.exp(np.cumsum(returns)), 2)
    log_vix = np.zeros(n)
    for i in range(1, n):
        log_vix[i] = 0.93 * log_vix[i - 1] - 4.0 * returns[i] + rng.normal(0.0, 0.04)
    vix = np.round(np.clip(16.0 * np.exp(log_vix), 8.0, 150.0), 2)
    columns: Columns = {
        "day": day,
        "spx_close": spot,
        "vix_close": vix,
        "vix9d_close": np.round(vix * np.exp(rng.normal(0.0, 0.05, n)), 2),
        "rate": holed(rng, rng.uniform(0.0, 0.05, n), 0.1),
        "dividend_yield": np.full(n, 0.018),
    }
    expiries = day[0] + 10 + 30 * np.arange(math.ceil((day[-1] - day[0]) / 30) + 6)
    offset, expiry, settle = [0], [], []
    slope = np.cumsum(rng.normal(0.0, 0.01, n)) + 0.03
    for i in range(n):
        listed = expiries[expiries > day[i]][:4]
        expiry += listed.tolist()
        settle += [float(vix[i] * (1.0 + slope[i] * k * rng.uniform(0.5, 1.5))) for k in range(1, 5)]
        offset.append(len(expiry))
    columns["vx_offset"] = np.array(offset, dtype=np.int64)
    columns["vx_expiry"] = np.array(expiry, dtype=np.int32)
    columns["vx_settle"] = np.maximum(np.array(settle), 1.0)
    if bars:
        count = len(BAR_SECONDS)
        columns["bar_day"] = np.repeat(day, count)
        columns["bar_seconds"] = np.tile(np.array(BAR_SECONDS, dtype=np.int32), n)
        columns["bar_spot"] = np.round(np.repeat(spot, count) * np.exp(rng.normal(0.0, 0.006, n * count)), 2)
        columns["bar_vix"] = holed(
            rng, np.round(np.repeat(vix, count) * np.exp(rng.normal(0.0, 0.03, n * count)), 2), 0.1
        )
        for k in range(1, 5):
            columns[f"bar_vx{k}"] = np.repeat(vix, count) * (1.0 + rng.normal(0.02 * k, 0.02, n * count))
    for name, column in _inputs(rng, n, returns).items():
        if rng.random() < 0.8:
            columns[f"signal.{name}"] = holed(rng, column, 0.05)
    columns["user.mood"] = holed(rng, rng.normal(0.0, 1.0, n), 0.1)
    if rng.random() < 0.8:
        _book(rng, columns, day)
    return columns


def _inputs(rng: np.random.Generator, n: int, returns: npt.NDArray[Any]) -> dict[str, npt.NDArray[Any]]:
    def walk(sd: float) -> npt.NDArray[Any]:
        return np.asarray(np.exp(np.cumsum(rng.normal(0.0, sd, n))))

    slow = {f"market_cap_{i}": 100.0 * walk(0.2) for i in (1, 2, 3)}
    slow |= {f"cash_flow_{i}": 10.0 * walk(0.1) - (rng.random(n) < 0.02) * 30.0 for i in (1, 2, 3)}
    return {
        "sessions_to_event": rng.integers(0, 8, n).astype(float),
        "net_advances": np.round(500.0 * np.tanh(60.0 * returns + rng.normal(0.0, 0.5, n))),
        "float_cap": 1e9 * np.exp(np.cumsum(returns + rng.normal(0.0, 0.01, n))),
        "spread": 0.5 * np.exp(rng.normal(0.0, 0.5, n)),
        "us_2y": 2.0 + np.cumsum(rng.normal(0.0, 0.05, n)),
        "foreign_2y": 1.0 + np.cumsum(rng.normal(0.0, 0.05, n)),
        "reit": 50.0 * np.exp(np.cumsum(1.1 * returns + rng.normal(0.0, 0.01, n))),
        "implied_rate": rng.uniform(0.0, 0.06, n),
        "implied_rate_error": rng.uniform(0.0, 0.0015, n),
        "extracted_value": np.exp(rng.normal(0.0, 1.0, n)),
        "crypto_realised_vol": 0.6 + np.cumsum(-2.0 * returns + rng.normal(0.0, 0.02, n)),
        "etf_flow": rng.normal(0.0, 0.01, n),
        "ipo_proceeds": rng.gamma(2.0, 1.0, n),
        "dividends": 40.0 * walk(0.02),
        "buybacks": rng.normal(20.0, 5.0, n),
        "earnings": 80.0 * walk(0.1) - (rng.random(n) < 0.02) * 200.0,
        "long_rate": rng.uniform(0.0, 0.06, n),
        **slow,
    }


def _book(rng: np.random.Generator, columns: Columns, day: npt.NDArray[Any]) -> None:
    rows = np.flatnonzero(rng.random(day.size) < 0.7)
    columns["alarm_day"] = day[rows]
    columns["alarm_seconds"] = rng.choice(np.array([34_200, 40_000, 57_600], dtype=np.int32), rows.size)
    for name in BOOK:
        scale = {"ignition_score": 100.0, "quick_ratio_relative": 1.5}.get(name, 1.0)
        column = scale * rng.random(rows.size) if scale > 1.0 else rng.integers(0, 2, rows.size).astype(float)
        if rng.random() < 0.9:
            columns[f"alarm.{name}"] = holed(rng, column, 0.1)


def random_config(rng: np.random.Generator, *, step: bool = False) -> SignalConfig:
    """Windows short enough to fill, thresholds near those of the method."""

    def window(low: int, high: int) -> int:
        return int(rng.integers(low, high))

    def pick(*values: Any) -> Any:
        return values[int(rng.integers(len(values)))]

    fast = window(2, 6)
    return SignalConfig(
        weights=GroupWeights(valuation=pick(0.05, 0.0)),
        quorum=window(1, 4),
        warm_up=window(0, 60),
        off=pick((), ("vix_macd",), ("mood", "edr")),
        macd_fast=fast,
        macd_slow=fast + window(1, 8),
        macd_signal=window(1, 6),
        rsi_period=window(2, 9),
        carry_source=pick("constant_maturity", "raw"),
        carry_sessions=window(1, 7),
        edr_multiple=pick(0.8, 1.0, 1.3),
        ad_mean=window(2, 8),
        ad_window=window(3, 12),
        cap_window=window(1, 12),
        spread_window=window(2, 9),
        rate_change=window(1, 6),
        rate_window=window(2, 9),
        rate_differential=(0.5, 2.0),
        rate_sign=pick("both", "widening", "narrowing"),
        reit_change=window(1, 6),
        reit_window=window(3, 9),
        reit_lead=(0.0, -3.0),
        dex_window=window(2, 9),
        dex_flow=(0.5, 3.0),
        dex_correlation_window=window(3, 9),
        event_sessions=window(0, 3),
        valuation_months=12,
        reporting_lag=window(0, 4),
        cash_flow_z=0.5,
        cash_flow_count=window(1, 4),
        fair_value=(-1.0, 2.0),
        flow_window=window(2, 9),
        ipo_window=window(2, 9),
        user=(UserSignal("mood", pick("macro", "breadth", "microstructure"), "mood", (-1.0, 1.5)),),
        phase=PhaseConfig(
            bar="step" if step else "session",
            move_window=window(3, 9),
            press_move=pick(0.5, 1.0),
            press_count=window(1, 4),
            slow_average=window(10, 30),
            realised_window=window(3, 15),
            high_window=window(3, 15),
            average=window(3, 12),
            press_sessions=window(1, 6),
            normalisation_sessions=window(2, 9),
            give_back=pick(0.2, 1.0 / 3.0),
            contango_closes=window(0, 3),
        ),
    )


def rows_of(history: History) -> list[dict[str, Any]]:
    """One row a step, with what is known on it and nothing else."""
    c = history.columns
    steps = history.source().steps()
    place = {int(day): i for i, day in enumerate(c["day"])}
    bars = {
        (int(d), int(s)): i
        for i, (d, s) in enumerate(zip(c.get("bar_day", ()), c.get("bar_seconds", ()), strict=True))
    }
    is_last = np.r_[np.diff(steps["day"]) != 0, True]
    inputs = [name for name in c if name.startswith(("signal.", "user."))]
    book = [name for name in c if name.startswith("alarm.")]
    rows = []
    vix_close = {i: float(v) for i, v in enumerate(c["vix_close"])}
    for step, day in enumerate(steps["day"]):
        i, seconds, closes = place[int(day)], int(steps["seconds"][step]), bool(is_last[step])
        known = {name.partition(".")[2]: float(c[name][i]) if closes else math.nan for name in inputs}
        if "signal.sessions_to_event" in c:
            known["sessions_to_event"] = float(c["signal.sessions_to_event"][i])
        alarms = [
            k for k, d in enumerate(c.get("alarm_day", ())) if d == day and c["alarm_seconds"][k] <= seconds
        ]
        for name in book:
            known[name.partition(".")[2]] = float(c[name][alarms[-1]]) if alarms else math.nan
        vix, rate = float(steps["vix"][step]), float(c["rate"][i if closes else max(i - 1, 0)])
        if closes:
            vix9d = float(c["vix9d_close"][i])
            futures = settled(c, i)
        else:
            vix9d = (
                float(c["vix9d_close"][i - 1]) * math.exp(VIX9D_BETA * math.log(vix / vix_close[i - 1]))
                if i
                else math.nan
            )
            listed = [e for e, _ in settled(c, i - 1) if e > day] if i else []
            bar = bars.get((int(day), seconds), -1)
            futures = [(e, float(c[f"bar_vx{k + 1}"][bar])) for k, e in enumerate(listed) if bar >= 0]
        rows.append(
            {
                "day": int(day),
                "seconds": seconds,
                "is_close": closes,
                "flags": int(steps["flags"][step]),
                "spot": float(steps["spot"][step]),
                "vix": vix,
                "vix9d": vix9d,
                "rate": 0.0 if math.isnan(rate) else rate,
                "futures": futures,
                "inputs": known,
            }
        )
    return rows


def settled(c: Any, i: int) -> list[tuple[int, float]]:
    low, high = int(c["vx_offset"][i]), int(c["vx_offset"][i + 1])
    return [(int(c["vx_expiry"][k]), float(c["vx_settle"][k])) for k in range(low, high)]
