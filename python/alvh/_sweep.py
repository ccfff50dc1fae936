"""Many configurations of one book over one history, with what the choice among them is worth."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from alvh._backtest import Marks, _with_hedge, backtest
from alvh.books import Book, static
from alvh.errors import ConfigError, LimitError
from alvh.selection import deflated_sharpe, overfitting_probability

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd

    from alvh.history import History

__all__ = ["Sweep", "sweep"]

# Each configuration is a book of one run; more would not be looked at.
_MOST = 1_000
_PARTS = ("condor", "costs")


@dataclasses.dataclass(frozen=True, eq=False)
class Sweep:
    """Configurations that were tried, best Sharpe ratio first.

    Attributes
    ----------
    table : pandas.DataFrame
        One row per configuration: its parameters, ``pnl`` [USD], ``sharpe`` (a year), ``max_drawdown`` (fraction),
        ``deflated_sharpe`` (probability that the true Sharpe ratio exceeds what luck gives the best of so many).
    overfitting_probability : float
        How often the best of one half of the sessions is below the median in the other half.
    n_trials : int
        Configurations.
    """

    table: pd.DataFrame
    overfitting_probability: float
    n_trials: int

    def __repr__(self) -> str:
        best = self.table.iloc[0]
        return (
            f"Sweep of {self.n_trials} configurations: best Sharpe {best['sharpe']:.2f} a year, deflated Sharpe "
            f"probability {best['deflated_sharpe']:.2f}, probability of overfitting {self.overfitting_probability:.2f}"
        )


def sweep(
    grid: Mapping[str, Sequence[Any]],
    history: History,
    book: Book | None = None,
    marks: Marks | None = None,
    *,
    blocks: int = 16,
) -> Sweep:
    """Run one book in every combination of parameters, and say what the winner is worth.

    Parameters
    ----------
    grid : mapping of str to sequence
        Values by field: ``"condor.wing_width"`` and other fields of the condor, ``"costs.package_fraction"`` and other
        fields of the costs, ``"hedge.scale"`` (factor of all layers), ``"capital"``.
    history : History
        The market.
    book : Book, optional
        What is varied; the static book by default.
    marks : SurfaceMarks or QuoteMarks, optional
        What prices the legs.
    blocks : int
        Blocks of the cross-validation.

    Returns
    -------
    Sweep
        Every configuration, beside it the deflated Sharpe ratio, and the probability of overfitting.

    Raises
    ------
    ConfigError
        ``SWP001`` an empty grid or field, ``SWP002`` an unknown field, and what a book itself refuses.
    LimitError
        ``SWP003`` more than 1,000 configurations.
    """
    import pandas as pd

    book = static() if book is None else book
    if not isinstance(grid, Mapping) or not grid or not all(len(values) for values in grid.values()):
        raise ConfigError("SWP001", "sweep", "grid", repr(grid)[:40], "values for at least one field")
    combinations = [dict(zip(grid, values, strict=True)) for values in itertools.product(*grid.values())]
    if len(combinations) > _MOST:
        raise LimitError(
            "SWP003", "sweep", "grid", f"{len(combinations):,} configurations", f"at most {_MOST:,}"
        )
    books = [_changed(book, each).replace(name=f"configuration {i}") for i, each in enumerate(combinations)]
    study = backtest(books, history, marks, replicates=0)
    summary = study.summary()
    returns = study.returns().fillna(0.0).to_numpy()
    deviation = returns.std(axis=0, ddof=1)
    sharpe = np.divide(
        returns.mean(axis=0), deviation, out=np.full(len(books), np.nan), where=deviation > 0.0
    )
    table = pd.DataFrame(combinations)
    for name in ("pnl", "sharpe", "max_drawdown"):
        table[name] = summary[name].to_numpy()
    table["deflated_sharpe"] = [deflated_sharpe(returns[:, i], sharpe) for i in range(len(books))]
    table = table.sort_values("sharpe", ascending=False, ignore_index=True)
    return Sweep(table, overfitting_probability(returns, blocks), len(books))


def _changed(book: Book, values: Mapping[str, Any]) -> Book:
    for place, value in values.items():
        part, _, field = place.partition(".")
        if place == "hedge.scale":
            book = _with_hedge(book, float(value))
        elif place == "capital":
            book = book.replace(capital=value)
        else:
            owner: Any = getattr(book, part, None) if part in _PARTS else None
            known = {each.name for each in dataclasses.fields(owner)} if owner is not None else set()
            if field not in known:
                expected = "condor.<field>, costs.<field>, hedge.scale or capital"
                raise ConfigError("SWP002", "sweep", "grid", repr(place)[:40], expected)
            book = book.replace(**{part: dataclasses.replace(owner, **{field: value})})
    return book
