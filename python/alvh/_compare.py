"""One table for a history and a simulation of the same books."""

from __future__ import annotations

from typing import TYPE_CHECKING

from alvh._arguments import shown
from alvh.errors import ConfigError

if TYPE_CHECKING:
    import pandas as pd

    from alvh.study import Study

__all__ = ["compare"]

_STATISTICS = (
    "cagr",
    "volatility",
    "sharpe",
    "expected_shortfall_95",
    "max_drawdown",
    "hedge_cost",
    "credit_kept",
)
_PAIRED = ("drawdown_reduction", "expected_shortfall_reduction", "hedge_cost_difference", "pnl_kept")
_ENDS = ("", "_low", "_high")


def compare(history: Study, simulated: Study) -> pd.DataFrame:
    """Put what was measured on history beside what was measured on simulated paths.

    Only quantities that do not grow with the length of the sample are compared; a maximum drawdown does grow, and
    stands there because everybody asks for it.

    Parameters
    ----------
    history, simulated : Study
        Two studies; books of the same name are compared.

    Returns
    -------
    pandas.DataFrame
        Indexed by ``book`` and ``statistic``; columns ``history``, ``history_low``, ``history_high``, ``simulated``,
        ``simulated_low``, ``simulated_high`` (95 %) and ``apart``: whether the intervals do not overlap.

    Raises
    ------
    ConfigError
        ``RUN046`` for what is no study, ``RUN047`` when no book is in both.
    """
    import pandas as pd

    from alvh.study import Study

    for name, study in (("history", history), ("simulated", simulated)):
        if not isinstance(study, Study):
            raise ConfigError("RUN046", "compare", name, shown(study), "a Study")
    common = [book for book in history.books if book in simulated.books]
    if not common:
        raise ConfigError("RUN047", "compare", "books", "no name in common", "the same books in both")
    base = history.base if history.base in simulated.books else simulated.base
    frames = []
    for study in (history, simulated):
        pairs = study.paired(base if base in study.books else None)
        frames.append((study.summary(), pairs))
    rows = {}
    for book in common:
        for kind, names in enumerate((_STATISTICS, _PAIRED)):
            for name in names:
                if all(book in frame[kind].index for frame in frames):
                    rows[book, name] = [
                        float(frame[kind][f"{name}{end}"].to_dict()[book])
                        for frame in frames
                        for end in _ENDS
                    ]
    columns = [f"{side}{end}" for side in ("history", "simulated") for end in _ENDS]
    table = pd.DataFrame.from_dict(rows, orient="index", columns=columns)
    table.index = pd.MultiIndex.from_tuples(list(rows), names=["book", "statistic"])
    below = table["history_high"] < table["simulated_low"]
    table["apart"] = below | (table["simulated_high"] < table["history_low"])
    return table
