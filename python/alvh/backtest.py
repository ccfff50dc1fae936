"""The main job: any number of books over one history through one engine."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import platform
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np

from alvh import _core
from alvh.books import Book
from alvh.errors import ConfigError
from alvh.marks import QuoteMarks, SurfaceMarks, surface

if TYPE_CHECKING:
    import pandas as pd

    from alvh.history import History
    from alvh.study import Study

__all__ = ["backtest"]

# Shares of the summed half-spreads at which every result is repeated.
FILL_FRACTIONS = (0.0, 0.25, 0.5, 0.75, 1.0)


def backtest(
    books: Book | Iterable[Book],
    history: History,
    marks: SurfaceMarks | QuoteMarks | None = None,
    *,
    seed: int = 0,
    replicates: int = 2000,
    min_sessions: int = 252,
) -> Study:
    """Run books over a history.

    Every book sees the same bars, marks and settlements. What is decided on one bar is filled on the next, at its
    price and spread. Positions open at the end are marked, not closed. Daily history has up to three bars a session
    (open, mid-morning, close) where the surface marks, and the close alone where quotes do, which are of the close.

    Parameters
    ----------
    books : Book or iterable of Book
        What to run, with different names.
    history : History
        The market.
    marks : SurfaceMarks or QuoteMarks, optional
        What prices the legs; default: the surface of the history.
    seed : int
        Seed of the bootstrap intervals.
    replicates : int
        Bootstrap replicates.
    min_sessions : int
        Sessions that the history must have.

    Returns
    -------
    Study
        Equity, P&L by leg and layer, trades, decisions, incidents, statistics with intervals.

    Raises
    ------
    ConfigError
        When there is no book, or two share a name.
    DataError
        When the history is too short.
    """
    from alvh.study import Study

    wanted = (books,) if isinstance(books, Book) else tuple(books)
    if not wanted:
        raise ConfigError("CFG062", "backtest", "books", "none", "at least one book")
    history.require_sessions(min_sessions)
    marks = surface(history) if marks is None else marks
    raw = _run(wanted, history, marks)
    raw["provenance"] = _provenance(wanted, history, marks, seed)
    return Study(
        raw,
        note=history.note,
        slippage=_slippage(wanted, history, marks),
        seed=seed,
        replicates=replicates,
    )


def _run(books: tuple[Book, ...], history: History, marks: SurfaceMarks | QuoteMarks) -> dict[str, Any]:
    # End-of-day quotes say nothing before the close: an open or a mid-morning would fill at a surface instead.
    has_quotes = isinstance(marks, QuoteMarks)
    source = history.source(open_step=not has_quotes, mid_morning=not has_quotes)
    raw = _core.backtest(source, [book.to_json() for book in books], marks.store)
    raw["flags"] = history.flag_counts()
    return raw


def _slippage(books: tuple[Book, ...], history: History, marks: SurfaceMarks | QuoteMarks) -> pd.DataFrame:
    """Work out the final P&L in USD of every book when all orders pay a given share of the half-spreads."""
    import pandas as pd

    rows = {}
    for fraction in FILL_FRACTIONS:
        costs = [
            dataclasses.replace(book.costs, package_fraction=fraction, legged_fraction=fraction)
            for book in books
        ]
        varied = tuple(book.replace(costs=cost) for book, cost in zip(books, costs, strict=True))
        raw = _run(varied, history, marks)
        rows[fraction] = raw["equity"][:, -1] - raw["capital"]
    columns = pd.Index([book.name for book in books], name="book")
    return pd.DataFrame.from_dict(rows, orient="index", columns=columns).rename_axis("fill fraction")


def _provenance(
    books: tuple[Book, ...], history: History, marks: SurfaceMarks | QuoteMarks, seed: int
) -> dict[str, Any]:
    configuration = [json.loads(book.to_json()) for book in books]
    canonical = json.dumps(configuration, sort_keys=True, separators=(",", ":"))
    return {
        "seed": seed,
        "alvh": _core.__version__,
        "python": platform.python_version(),
        "numpy": np.__version__,
        "machine": platform.machine(),
        "configuration_hash": hashlib.sha256(canonical.encode()).hexdigest(),
        "data_hash": history.data_hash,
        "marks": marks.describe(),
        "first": str(history.first),
        "last": str(history.last),
        "books": configuration,
    }
