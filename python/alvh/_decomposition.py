"""Where the difference of two books comes from: condor rules, hedge, and what the two do to each other."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from alvh.errors import ConfigError
from alvh.statistics import intervals

if TYPE_CHECKING:
    import pandas as pd

    from alvh.study import Study

__all__ = ["decomposition"]


def decomposition(
    study: Study,
    both: str = "adaptive",
    condor: str = "unhedged_phased",
    hedge: str = "adaptive_hedge",
    base: str = "unhedged",
) -> pd.DataFrame:
    """Split the P&L difference of two books into condor-rule effect, hedge effect and interaction.

    Parameters
    ----------
    study : Study
        A run with the four books.
    both : str
        Book with the condor rules and the hedge.
    condor : str
        Book with the condor rules alone.
    hedge : str
        Book with the hedge alone.
    base : str
        Book with neither.

    Returns
    -------
    pandas.DataFrame
        Rows ``total`` (both - base), ``condor_rules`` (condor - base), ``hedge`` (hedge - base) and ``interaction``
        (both - condor - hedge + base), which sum to the total; columns ``pnl``, ``pnl_low``, ``pnl_high`` (USD, 95 %
        by the same resampled paths), and ``expected_shortfall_95`` of the daily difference (USD; negative where
        the effect has no losses).

    Raises
    ------
    ConfigError
        When the study lacks one of the books.
    """
    import pandas as pd

    for name in (both, condor, hedge, base):
        if name not in study.books:
            rule = f"one of {', '.join(study.books)}"
            raise ConfigError("DCP001", "decomposition", "study", repr(name), rule)
    pnl = study.pnl
    rows = {
        "total": pnl[both] - pnl[base],
        "condor_rules": pnl[condor] - pnl[base],
        "hedge": pnl[hedge] - pnl[base],
        "interaction": pnl[both] - pnl[condor] - pnl[hedge] + pnl[base],
    }
    series = np.stack([np.asarray(row) for row in rows.values()])
    # Effects have no account of their own: one so large that none of them can lose it makes their P&L a plain sum.
    capital = np.full(len(rows), 10.0 * (np.abs(series).sum(axis=1).max() + 1.0))
    found = intervals(capital, series, seed=study.seed, replicates=study.replicates)
    values = found.books[:, found.metrics.index("pnl"), :3]
    tail = np.sort(series, axis=1)[:, : max(1, series.shape[1] // 20)].mean(axis=1)
    return pd.DataFrame(
        {
            "pnl": values[:, 0],
            "pnl_low": values[:, 1],
            "pnl_high": values[:, 2],
            "expected_shortfall_95": -tail,
        },
        index=pd.Index(list(rows), name="effect"),
    )
