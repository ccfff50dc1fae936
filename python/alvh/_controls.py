"""Controls of a hedge that are built from a first run: the same result with less risk, the same money in puts."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import numpy as np

from alvh.errors import ConfigError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from alvh.books import Book
    from alvh.study import Study

_SESSIONS_PER_YEAR = 252.0
_TAIL = 0.05


def controls(study: Study, base: Book, hedged: str) -> tuple[Book, ...]:
    """Build the controls.

    Parameters
    ----------
    study : Study
        A run with both books.
    base : Book
        The book without a hedge.
    hedged : str
        Name of the hedged book.

    Returns
    -------
    tuple of Book
        As :func:`alvh.books.controls` describes.
    """
    from alvh.books import spx_puts

    for name in (base.name, hedged):
        if name not in study.books:
            rule = f"one of {', '.join(study.books)}"
            raise ConfigError("CTL001", "books.controls", "study", repr(name), rule)
    condor = base.condor
    if condor is None or condor.collateral_multiple is not None:
        raise ConfigError(
            "CTL002", "books.controls", "base", base.name, "a book with condors of a fixed number"
        )
    own, other = _trading_pnl(study, base.name), _trading_pnl(study, hedged)
    built: list[Book] = []
    wanted = {
        "derisked_pnl": (float(other.mean()), float(own.mean())),
        "derisked_shortfall": (_shortfall(other), _shortfall(own)),
    }
    for name, (target, whole) in wanted.items():
        # Fewer contracts of what lost would be better, not worse: there is nothing to scale to.
        if whole > 0.0 and target > 0.0:
            contracts = max(1, round(condor.contracts * target / whole))
            built.append(base.replace(condor=dataclasses.replace(condor, contracts=contracts), name=name))
    outlay = _outlay(study, hedged)
    if outlay > 0.0:
        puts = spx_puts(condor, base.capital, min(1.0, outlay))
        built.append(puts.replace(costs=base.costs))
    return tuple(built)


def _trading_pnl(study: Study, name: str) -> NDArray[np.float64]:
    """Daily P&L of a book without interest, USD."""
    frame = study.to_frame()
    mine = frame[frame["book"] == name].pivot(index="day", columns="item", values="value")
    pnl = mine[[item for item in mine.columns if item.startswith("pnl:") and item != "pnl:interest"]]
    return np.asarray(pnl.sum(axis=1), dtype=np.float64)


def _shortfall(pnl: NDArray[np.float64]) -> float:
    """Mean of the worst twentieth, as a loss."""
    worst = np.sort(pnl)[: max(1, int(len(pnl) * _TAIL))]
    return -float(worst.mean())


def _outlay(study: Study, name: str) -> float:
    """Premium paid less premium received by the hedge layers a year, as a share of the mean equity."""
    trades = study.trades
    layers = [bucket for bucket in study.attribution().columns if bucket not in _NO_LAYERS]
    options = trades[(trades["book"] == name) & trades["bucket"].isin(layers) & (trades["right"] != "")]
    paid = float((options["contracts"] * options["price"] * options["multiplier"]).sum())
    equity = study.equity()[name]
    return paid / (len(equity) / _SESSIONS_PER_YEAR) / float(equity.mean())


_NO_LAYERS = frozenset(
    ("short_put", "long_put", "short_call", "long_call", "portfolio", "interest", "fees", "slippage")
)
