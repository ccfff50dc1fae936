"""Performance statistics of daily P&L, and paired intervals by the stationary block bootstrap."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from alvh import _core

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike, NDArray

__all__ = ["Drawdown", "Intervals", "drawdown", "intervals", "metrics", "optimal_block_length"]


@dataclass(frozen=True)
class Drawdown:
    """The deepest fall of an equity curve from a peak.

    Attributes
    ----------
    fraction : float
        Largest fall as a fraction of its peak, in [0, 1]; 1 when the account is lost.
    usd : float
        Largest fall in USD (it may be another episode than the largest fraction).
    peak, trough : int
        Sessions of the peak (-1: the start of the account) and of the lowest equity.
    recovery : int or None
        First session at or above the peak again; None when the series ends before.
    sessions : int
        Sessions from the peak to the recovery, or to the end.
    """

    fraction: float
    usd: float
    peak: int
    trough: int
    recovery: int | None
    sessions: int


@dataclass(frozen=True, eq=False)
class Intervals:
    """Statistics of several books with percentile intervals.

    Attributes
    ----------
    metrics, quantities : list of str
        Names along the second axis of `books` and of `paired`.
    books, paired : ndarray, shape (n_books, n_names, 4)
        Value, lower end, upper end, share of replicates in which the statistic is undefined. `paired`
        compares each book with the base book: differences are book minus base, reductions are 1 - book /
        base.
    block : float
        Mean block length, sessions.
    """

    metrics: list[str]
    quantities: list[str]
    books: NDArray[np.float64]
    paired: NDArray[np.float64]
    block: float


def _vector(values: ArrayLike) -> NDArray[np.float64]:
    return np.ascontiguousarray(values, dtype=np.float64).reshape(-1)


def drawdown(pnl: ArrayLike, capital: float) -> Drawdown:
    """Maximum drawdown of a fixed-capital account.

    Parameters
    ----------
    pnl : array_like, shape (n_sessions,)
        Daily P&L, USD.
    capital : float
        Capital at the start, USD.

    Returns
    -------
    Drawdown
        Size, dates and duration.

    Raises
    ------
    DataError
        On an empty series, numbers that are not finite or capital that is not positive.
    """
    return Drawdown(*_core.drawdown(float(capital), _vector(pnl)))


def optimal_block_length(values: ArrayLike) -> float:
    """Mean block length of the stationary bootstrap for a series.

    Politis and White (2004), doi:10.1081/ETC-120028836, corrected by Patton, Politis and White (2009),
    doi:10.1080/07474930802459016.

    Parameters
    ----------
    values : array_like, shape (n,)
        The series.

    Returns
    -------
    float
        Sessions; NaN for fewer than 9 values or a constant series.
    """
    return _core.optimal_block_length(_vector(values))


def metrics(pnl: ArrayLike, capital: float, interest: ArrayLike | None = None) -> dict[str, float]:
    """Statistics of one daily P&L series of a fixed-capital account.

    Daily returns are P&L over the equity of the evening before; Sharpe and Sortino use them without the
    interest earned on cash. A year has 252 sessions. An undefined statistic is NaN.

    Parameters
    ----------
    pnl : array_like, shape (n_sessions,)
        Daily P&L, USD.
    capital : float
        Capital at the start, USD.
    interest : array_like, shape (n_sessions,), optional
        The part of the P&L that is interest on cash, USD; none by default.

    Returns
    -------
    dict of str to float
        ``pnl`` and ``max_drawdown_usd`` in USD; ``cagr`` and ``volatility`` per year; ``sharpe``,
        ``sortino``; ``expected_shortfall_95``, ``expected_shortfall_99`` (daily, positive when losses);
        ``max_drawdown`` as a fraction of the peak; ``drawdown_sessions``.

    Raises
    ------
    DataError
        On an empty series, numbers that are not finite, unequal lengths or capital that is not positive.
    """
    rows = _vector(pnl)[None, :]
    paid = np.zeros_like(rows) if interest is None else _vector(interest)[None, :]
    found = intervals([capital], rows, interest=paid, replicates=0, block=1.0)
    names = [name for name in found.metrics if name not in ("credit", "hedge_cost", "credit_kept")]
    return {name: float(found.books[0, found.metrics.index(name), 0]) for name in names}


def intervals(
    capital: Sequence[float] | NDArray[np.float64],
    pnl: ArrayLike,
    *,
    interest: ArrayLike | None = None,
    credit: ArrayLike | None = None,
    hedge: ArrayLike | None = None,
    hedge_calm: ArrayLike | None = None,
    base: int = 0,
    seed: int = 0,
    replicates: int = 2000,
    block: float | None = None,
    level: float = 0.95,
) -> Intervals:
    """Statistics of books over the same sessions, with paired bootstrap intervals.

    Stationary block bootstrap of daily P&L in USD (Politis and Romano 1994,
    doi:10.1080/01621459.1994.10476870): the same days are drawn for all books, and the equity of a resampled
    path is capital + cumulated resampled P&L, because a fixed-capital account adds dollars and does not
    compound. Replicate i depends on (seed, i) only.

    Parameters
    ----------
    capital : sequence of float, length n_books
        Capital, USD.
    pnl, interest, credit, hedge, hedge_calm : array_like, shape (n_books, n_sessions)
        Daily USD: P&L, interest in it, credit of condors opened, P&L of the hedge layers after their costs,
        and the same on non-event days only. Missing ones are zero.
    base : int
        Book that the others are compared with; it also fixes the block length.
    seed : int
        Seed, 0 <= seed < 2**64.
    replicates : int
        Resampled paths.
    block : float, optional
        Mean block length in sessions; by default the longer of the optimal ones for the base book's P&L and
        for its absolute deviations.
    level : float
        Probability inside an interval.

    Returns
    -------
    Intervals
        Values and intervals. An interval is NaN where more than 5 % of the replicates have no value.

    Raises
    ------
    ConfigError
        On a base, block or level out of range.
    DataError
        On series of unequal length or numbers that are not finite.
    LimitError
        On more replicates than memory allows.
    """
    rows = np.ascontiguousarray(pnl, dtype=np.float64)
    others = [
        np.zeros_like(rows) if values is None else np.ascontiguousarray(values, dtype=np.float64)
        for values in (interest, credit, hedge, hedge_calm)
    ]
    found = _core.study_statistics(
        _vector(capital), rows, *others, base=base, seed=seed, replicates=replicates, block=block, level=level
    )
    return Intervals(**found)
