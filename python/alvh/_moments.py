"""What the market model says about SPX, VIX and VIX futures, beside what history says."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from alvh._arguments import is_whole, shown
from alvh.errors import ConfigError, LimitError
from alvh.simulation import SESSIONS_PER_YEAR, paths

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    from alvh.market import Market

    Values = NDArray[np.float64]

__all__ = ["moments"]

# Years before the first that counts: the start is forgotten.
_WARM_UP = 3
# Independent paths: standard errors come from the differences between them.
_PATHS = 20
_MOST_YEARS = 4_000
# A month of VIX futures [sessions].
_MONTH = 21
_CONTRACTS = (1, 2, 3, 4, 5, 7)
_FALL = -0.03
_QUANTILES = (1, 5, 25, 50, 75, 95, 99)
_LAGS = (1, 5, 21, 63, 126)

# Measured on public data: VIX closes 1990-01 to 2026-07 (n = 9,235), SPY 1993 to 2025, VIX futures 2007-04 to 2021-12
# (n = 3,711). docs/model.md has the sources.
HISTORY: dict[str, float] = {
    "VIX mean": 19.44,
    "VIX 1 %": 10.16,
    "VIX 5 %": 11.44,
    "VIX 25 %": 13.98,
    "VIX 50 %": 17.61,
    "VIX 75 %": 22.70,
    "VIX 95 %": 32.94,
    "VIX 99 %": 46.71,
    "skewness of d ln VIX": 0.96,
    "excess kurtosis of d ln VIX": 6.7,
    "ACF of ln VIX, 1 days": 0.980,
    "ACF of ln VIX, 5 days": 0.924,
    "ACF of ln VIX, 21 days": 0.798,
    "ACF of ln VIX, 63 days": 0.625,
    "ACF of ln VIX, 126 days": 0.514,
    "SPX volatility": 0.187,
    "SPX skewness": -0.26,
    "SPX excess kurtosis": 11.3,
    "SPX return 0.1 %": -0.0736,
    "SPX return 1 %": -0.0329,
    "SPX return 5 %": -0.0184,
    "SPX return 99 %": 0.0318,
    "correlation of SPX and d ln VIX": -0.718,
    "beta of d ln VIX to SPX": -4.19,
    "days below -3 % a year": 3.5,
    "P(another within 5 days)": 0.43,
    "P(another within 21 days)": 0.66,
    "VIX squared over realised variance": 1.27,
    "VX1 beta to VIX": 0.623,
    "VX2 beta to VIX": 0.427,
    "VX3 beta to VIX": 0.328,
    "VX4 beta to VIX": 0.268,
    "VX5 beta to VIX": 0.230,
    "VX7 beta to VIX": 0.192,
    "VX1 beta to SPX": -3.00,
    "VX4 beta to SPX": -1.45,
    "VX7 beta to SPX": -1.07,
    "VX1 correlation to SPX": -0.73,
    "VX1 volatility": 0.852,
    "VX1 over VIX": 0.0465,
    "VX2 over VX1": 0.0563,
    "P(VX2 above VX1)": 0.815,
}


def moments(market: Market, n_years: int, seed: int) -> pd.DataFrame:
    """Compute the table of `Market.moments`."""
    import pandas as pd

    function = "Market.moments"
    if not is_whole(n_years, _PATHS, 10**9):
        expected = f"a whole number, {_PATHS} or more"
        raise ConfigError("MKT070", function, "n_years", shown(n_years), expected)
    if n_years > _MOST_YEARS:
        raise LimitError("MKT071", function, "n_years", shown(n_years), f"at most {_MOST_YEARS}")
    each = max(1, round(int(n_years) / _PATHS))
    sample = paths(market, n_paths=_PATHS, years=each + _WARM_UP, seed=seed, measure="P")
    first = _WARM_UP * SESSIONS_PER_YEAR
    state = {name: values[:, first:] for name, values in sample.state.items()}
    spot, vix = sample.spot[:, first:], np.asarray(market.vix(state))
    futures = _futures(market, state)

    def of(kept: NDArray[np.bool_]) -> pd.Series[float]:
        return pd.Series(_of(spot[kept], vix[kept], {i: f[kept] for i, f in futures.items()}))

    # Jackknife over paths, which are independent where days are not: Efron and Stein (1981).
    without = pd.DataFrame([of(np.arange(_PATHS) != k) for k in range(_PATHS)])
    error = without.std(ddof=0) * math.sqrt(_PATHS - 1)
    model = of(np.ones(_PATHS, dtype=bool))
    history = pd.Series(HISTORY).reindex(model.index)
    frame = pd.DataFrame({"model": model, "std_error": error, "history": history})
    return frame.rename_axis("moment")


def _futures(market: Market, state: dict[str, Values]) -> dict[int, Values]:
    """VIX futures of a calendar of months of 21 sessions, by number of the contract."""
    sessions = state["v1"].shape[1]
    left = _MONTH - np.arange(sessions) % _MONTH
    return {
        contract: np.asarray(
            market.vix_future((left + (contract - 1) * _MONTH)[None, :] / SESSIONS_PER_YEAR, state)
        )
        for contract in _CONTRACTS
    }


def _of(spot: Values, vix: Values, futures: dict[int, Values]) -> dict[str, float]:
    """All moments of some paths, one a row."""
    daily, moved = np.diff(np.log(spot), axis=1), np.diff(np.log(vix), axis=1)
    r, change = daily.ravel(), moved.ravel()
    found: dict[str, float] = {"VIX mean": vix.mean()}
    found |= {
        f"VIX {q} %": value for q, value in zip(_QUANTILES, np.percentile(vix, _QUANTILES), strict=True)
    }
    found["standard deviation of d ln VIX"] = change.std()
    found["skewness of d ln VIX"], found["excess kurtosis of d ln VIX"] = _shape(change)
    log = np.log(vix) - np.log(vix).mean()
    for lag in _LAGS:
        found[f"ACF of ln VIX, {lag} days"] = float((log[:, lag:] * log[:, :-lag]).mean() / (log**2).mean())
    found["SPX volatility"] = r.std() * math.sqrt(SESSIONS_PER_YEAR)
    found["SPX skewness"], found["SPX excess kurtosis"] = _shape(r)
    for q in (0.1, 1, 5, 99):
        found[f"SPX return {q:g} %"] = float(np.percentile(np.expm1(r), q))
    found["correlation of SPX and d ln VIX"] = float(np.corrcoef(r, change)[0, 1])
    found["beta of d ln VIX to SPX"] = _beta(change, r)
    falls = [np.flatnonzero(np.expm1(row) < _FALL) for row in daily]
    gap = np.concatenate([np.append(np.diff(fell), len(r))[: len(fell)] for fell in falls])
    found["days below -3 % a year"] = len(gap) * SESSIONS_PER_YEAR / len(r)
    for days in (5, 21):
        found[f"P(another within {days} days)"] = float((gap <= days).mean()) if len(gap) else math.nan
    found["VIX squared over realised variance"] = float((vix**2).mean() / 1e4) / (
        (r**2).mean() * SESSIONS_PER_YEAR
    )
    # The change over the last session of a month is from one contract to the next.
    same = np.broadcast_to((np.arange(daily.shape[1]) + 1) % _MONTH != 0, daily.shape).ravel()
    moves = {contract: np.diff(np.log(future), axis=1).ravel() for contract, future in futures.items()}
    for contract in _CONTRACTS:
        found[f"VX{contract} beta to VIX"] = _beta(moves[contract][same], change[same])
    for contract in (1, 4, 7):
        found[f"VX{contract} beta to SPX"] = _beta(moves[contract][same], r[same])
    found["VX1 correlation to SPX"] = float(np.corrcoef(moves[1][same], r[same])[0, 1])
    found["VX1 volatility"] = moves[1][same].std() * math.sqrt(SESSIONS_PER_YEAR)
    found["VX1 over VIX"] = float((futures[1] / vix - 1.0).mean())
    found["VX2 over VX1"] = float((futures[2] / futures[1] - 1.0).mean())
    found["P(VX2 above VX1)"] = float((futures[2] > futures[1]).mean())
    return found


def _shape(x: Values) -> tuple[float, float]:
    z = (x - x.mean()) / x.std()
    return float((z**3).mean()), float((z**4).mean() - 3.0)


def _beta(y: Values, x: Values) -> float:
    return float(np.cov(y, x)[0, 1] / x.var(ddof=1))
