"""A reading of all signals beside the same signals made with pandas and TA-Lib.

usage: python benches/bench_signals.py

28 years of daily S&P 500 and VIX out of ALVH_SHARED_DATA (default ../shared/data); without it the five years that
`arch` carries. One thread, interleaved rounds, medians of CPU time. The peers compute only what vector code does well
(VIX level, RSI twice, MACD, expected range, capitalisation, averages of VIX): no term structure, no breadth, no groups,
no phases, no intraday steps, and all at once, not one step after the other.
"""

from __future__ import annotations

import json
import os
import platform
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import alvh
import numpy as np
import pandas as pd
from alvh import _core

DATA = Path(os.environ.get("ALVH_SHARED_DATA", Path(__file__).parents[2] / "shared" / "data"))
ROUNDS = 15


def load_history() -> alvh.History:
    if not DATA.is_dir():
        return alvh.History.demo()
    daily = DATA / "daily"
    return alvh.History.load(
        daily / "spx_close_1990.csv",
        daily / "vix.csv",
        vx=daily / "vx1_to_vx8.csv",
        vix9d=daily / "vix9d.csv",
    )


def with_talib(spot: np.ndarray, vix: np.ndarray, vix9d: np.ndarray) -> dict[str, np.ndarray]:
    import talib

    out = {"vix_rsi": talib.RSI(vix, 14), "spx_rsi": talib.RSI(spot, 14)}
    out["macd"], out["signal"], _ = talib.MACD(vix, 12, 26, 9)
    out["average"], out["slow"] = talib.SMA(vix, 20), talib.SMA(vix, 200)
    returns = np.diff(np.log(spot), prepend=np.nan)
    hv = talib.STDDEV(np.nan_to_num(returns), 20) * np.sqrt(252.0 * 20.0 / 19.0)
    out["edr"] = (0.6 * vix9d + 0.4 * 100.0 * hv) / np.sqrt(252.0)
    out["cap"] = talib.ROCP(spot, 20)
    return _ramps(out, vix)


def with_pandas(spot: np.ndarray, vix: np.ndarray, vix9d: np.ndarray) -> dict[str, np.ndarray]:
    s, v = pd.Series(spot), pd.Series(vix)

    def rsi(x: pd.Series) -> pd.Series:
        change = x.diff()
        gain = change.clip(lower=0.0).ewm(alpha=1 / 14, adjust=False).mean()
        loss = (-change.clip(upper=0.0)).ewm(alpha=1 / 14, adjust=False).mean()
        return 100.0 * gain / (gain + loss)

    out = {"vix_rsi": rsi(v).to_numpy(), "spx_rsi": rsi(s).to_numpy()}
    line = v.ewm(span=12, adjust=False).mean() - v.ewm(span=26, adjust=False).mean()
    out["macd"], out["signal"] = line.to_numpy(), line.ewm(span=9, adjust=False).mean().to_numpy()
    out["average"], out["slow"] = v.rolling(20).mean().to_numpy(), v.rolling(200).mean().to_numpy()
    hv = np.log(s).diff().rolling(20).std() * np.sqrt(252.0)
    out["edr"] = ((0.6 * vix9d + 40.0 * hv) / np.sqrt(252.0)).to_numpy()
    out["cap"] = (s / s.shift(20) - 1.0).to_numpy()
    return _ramps(out, vix)


def _ramps(out: dict[str, np.ndarray], vix: np.ndarray) -> dict[str, np.ndarray]:
    def ramp(a: float, b: float, x: np.ndarray) -> np.ndarray:
        return np.clip((x - a) / (b - a), 0.0, 1.0)

    out["s_level"], out["s_rsi"] = ramp(16.0, 24.0, vix), ramp(65.0, 80.0, out["vix_rsi"])
    out["s_spx"] = np.maximum(ramp(68.0, 75.0, out["spx_rsi"]), ramp(30.0, 20.0, out["spx_rsi"]))
    out["s_macd"] = (out["macd"] > out["signal"]).astype(float)
    out["s_edr"], out["s_cap"] = ramp(0.94, 1.10, out["edr"]), ramp(-0.05, -0.10, out["cap"])
    return out


def main() -> None:
    history = load_history()
    columns = history.columns
    spot, vix = columns["spx_close"], pd.Series(columns["vix_close"]).ffill().to_numpy()
    vix9d = columns.get("vix9d_close", np.full(spot.size, np.nan))
    config = json.dumps(alvh.SignalConfig()._encode())
    source, closes = history.source(), history.source(open_step=False, mid_morning=False)
    work: dict[str, tuple[Callable[[], object], int]] = {
        "alvh, closes and intraday steps": (lambda: _core.signals(source, config, False), len(source)),
        "alvh, closes only": (lambda: _core.signals(closes, config, False), len(closes)),
        "pandas, part of them": (lambda: with_pandas(spot, vix, vix9d), spot.size),
    }
    try:
        import talib
    except ImportError:
        print("TA-Lib: not installed")
    else:
        work[f"TA-Lib {talib.__version__}, part of them"] = (lambda: with_talib(spot, vix, vix9d), spot.size)
    times: dict[str, list[float]] = {name: [] for name in work}
    for _ in range(ROUNDS):
        for name, (call, _) in work.items():
            start = time.process_time()
            call()
            times[name].append(time.process_time() - start)
    print(
        f"{platform.processor() or platform.machine()}, Python {platform.python_version()}, {len(history):,} sessions"
    )
    for name, (_, steps) in work.items():
        median = statistics.median(times[name])
        print(f"{name}: {1e3 * median:.2f} ms, {1e9 * median / steps:.0f} ns a step")


if __name__ == "__main__":
    main()
