"""How much of a winner is luck: statistics of the best of many tried configurations.

Sharpe ratios here are per session, not per year: the formulas are for the sampling frequency of the returns.
"""

from __future__ import annotations

import itertools
import math
from statistics import NormalDist
from typing import TYPE_CHECKING

import numpy as np

from alvh.errors import DataError

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

__all__ = [
    "deflated_sharpe",
    "expected_maximum_sharpe",
    "overfitting_probability",
    "probabilistic_sharpe",
]

_NORMAL = NormalDist()
# Euler's constant.
_EULER = 0.57721566490153286061
# A standard deviation of four returns says nothing of their third and fourth moments.
_LEAST_SESSIONS = 8


def _returns(values: ArrayLike, what: str, ndim: int) -> NDArray[np.float64]:
    found = np.asarray(values, dtype=np.float64)
    if found.ndim != ndim or found.shape[0] < _LEAST_SESSIONS or not np.isfinite(found).all():
        got = f"shape {found.shape}" + (
            "" if np.isfinite(found).all() else " with numbers that are not finite"
        )
        expected = f"{ndim}-dimensional finite returns of at least {_LEAST_SESSIONS} sessions"
        raise DataError("SEL001", what, "returns", got, expected)
    return found


def probabilistic_sharpe(returns: ArrayLike, benchmark: float = 0.0) -> float:
    """Probability that the true Sharpe ratio exceeds a benchmark, given length, skewness and kurtosis of the returns.

    Bailey and Lopez de Prado (2012), doi:10.21314/JOR.2012.255.

    Parameters
    ----------
    returns : array_like, shape (n_sessions,)
        Returns a session.
    benchmark : float
        Sharpe ratio a session that is to be exceeded.

    Returns
    -------
    float
        Probability; NaN for constant returns.

    Raises
    ------
    DataError
        ``SEL001``: fewer than 8 returns, or one that is not finite.
    """
    values = _returns(returns, "probabilistic_sharpe", 1)
    deviation = values.std(ddof=1)
    if deviation <= 1e-15 * max(1.0, float(np.abs(values).max())):
        return math.nan
    sharpe = float(values.mean() / deviation)
    z = (values - values.mean()) / values.std()
    skewness, kurtosis = float(np.mean(z**3)), float(np.mean(z**4))
    variance = 1.0 - skewness * sharpe + 0.25 * (kurtosis - 1.0) * sharpe * sharpe
    return _NORMAL.cdf((sharpe - benchmark) * math.sqrt((values.size - 1) / variance))


def expected_maximum_sharpe(n_trials: int, variance: float) -> float:
    """Largest Sharpe ratio to be expected of so many trials of which none has any skill.

    Bailey and Lopez de Prado (2014), doi:10.3905/jpm.2014.40.5.094.

    Parameters
    ----------
    n_trials : int
        Independent configurations that were tried.
    variance : float
        Variance of their Sharpe ratios a session.

    Returns
    -------
    float
        Sharpe ratio a session; 0 for a single trial.
    """
    if n_trials < 2:
        return 0.0
    inverse = _NORMAL.inv_cdf
    first, second = inverse(1.0 - 1.0 / n_trials), inverse(1.0 - 1.0 / (n_trials * math.e))
    return math.sqrt(max(variance, 0.0)) * ((1.0 - _EULER) * first + _EULER * second)


def deflated_sharpe(returns: ArrayLike, trials: ArrayLike) -> float:
    """Probability that the true Sharpe ratio exceeds what the best of the trials shows by luck.

    Bailey and Lopez de Prado (2014), doi:10.3905/jpm.2014.40.5.094. Trials that resemble each other are counted one by
    one, which makes the answer too strict rather than too kind.

    Parameters
    ----------
    returns : array_like, shape (n_sessions,)
        Returns a session of the configuration in question.
    trials : array_like, shape (n_trials,)
        Sharpe ratios a session of all that were tried, this one included.

    Returns
    -------
    float
        Probability; NaN for constant returns.

    Raises
    ------
    DataError
        ``SEL001``: fewer than 8 returns, or one that is not finite.
    """
    tried = np.asarray(trials, dtype=np.float64)
    tried = tried[np.isfinite(tried)]
    variance = float(tried.var(ddof=1)) if tried.size > 1 else 0.0
    return probabilistic_sharpe(returns, expected_maximum_sharpe(tried.size, variance))


def overfitting_probability(returns: ArrayLike, blocks: int = 16) -> float:
    """Probability that the best configuration of one half of the sessions is below the median in the other half.

    Combinatorially symmetric cross-validation of Bailey, Borwein, Lopez de Prado and Zhu (2017),
    doi:10.21314/JCF.2016.322: the sessions are cut into blocks, and every choice of half of them is the past once.

    Parameters
    ----------
    returns : array_like, shape (n_sessions, n_trials)
        Returns a session of every configuration.
    blocks : int
        Even number of blocks, 2 to 20.

    Returns
    -------
    float
        Share of choices; NaN for fewer than two configurations.

    Raises
    ------
    DataError
        ``SEL001`` as above, ``SEL002`` blocks out of range or more than a fourth of the sessions.
    """
    values = _returns(returns, "overfitting_probability", 2)
    n_sessions, n_trials = values.shape
    if blocks not in range(2, 21, 2) or 4 * blocks > n_sessions:
        expected = f"an even number from 2 to 20, at most a fourth of {n_sessions} sessions"
        raise DataError("SEL002", "overfitting_probability", "blocks", repr(blocks)[:20], expected)
    if n_trials < 2:
        return math.nan
    parts = np.array_split(values, blocks)
    counts = np.array([len(part) for part in parts], dtype=np.float64)
    sums = np.array([part.sum(axis=0) for part in parts])
    squares = np.array([(part**2).sum(axis=0) for part in parts])
    chosen = np.zeros((math.comb(blocks, blocks // 2), blocks))
    for row, those in zip(chosen, itertools.combinations(range(blocks), blocks // 2), strict=True):
        row[list(those)] = 1.0

    def sharpe(weights: NDArray[np.float64]) -> NDArray[np.float64]:
        n = (weights @ counts)[:, None]
        mean = weights @ sums / n
        variance = np.maximum(weights @ squares / n - mean * mean, 0.0)
        ratio = np.divide(mean, np.sqrt(variance), out=np.zeros_like(mean), where=variance > 0.0)
        return np.asarray(ratio)

    past, future = sharpe(chosen), sharpe(1.0 - chosen)
    best = past.argmax(axis=1)
    own = future[np.arange(len(best)), best]
    # Relative rank in the other half; equals count half, so that configurations without a difference give one half.
    below = (future < own[:, None]).sum(axis=1) + 0.5 * ((future == own[:, None]).sum(axis=1) - 1.0)
    rank = (below + 1.0) / (n_trials + 1.0)
    return float(np.mean((rank < 0.5) + 0.5 * (rank == 0.5)))
