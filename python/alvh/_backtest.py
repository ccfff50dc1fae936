"""The main job: any number of books over one history through one engine."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import platform
from collections.abc import Iterable
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from alvh import _core
from alvh._market_views import market_frame, risk_slide
from alvh.books import Book, LayeredHedge
from alvh.errors import ConfigError
from alvh.marks import ModelMarks, QuoteMarks, SurfaceMarks, surface

if TYPE_CHECKING:
    import pandas as pd

    from alvh.governance import Governed
    from alvh.history import History
    from alvh.study import Study

__all__ = ["backtest"]

Marks = SurfaceMarks | QuoteMarks | ModelMarks
Books = tuple[Book, ...]

# Shares of the summed half-spreads at which every result can be repeated.
FILL_FRACTIONS = (0.0, 0.25, 0.5, 0.75, 1.0)
# The published claims live in the wing and in the tenor: every study can be repeated at these.
WINGS = (5.0, 10.0, 25.0, 50.0)
DTES = (1, 45)
HEDGE_SCALES = (0.5, 2.0)


def backtest(
    books: Book | Iterable[Book],
    history: History,
    marks: SurfaceMarks | QuoteMarks | ModelMarks | None = None,
    *,
    seed: int = 0,
    replicates: int = 2000,
    min_sessions: int = 252,
    governed: Governed | None = None,
) -> Study:
    """Run books over a history.

    Every book sees the same bars, marks and settlements. What is decided on one bar is filled on the next, at its
    price and spread. Daily history has up to three bars a session (open, mid-morning, close) where the surface
    marks, and the close alone where quotes do, which are of the close. Positions open at the end are marked, not
    closed. Intervals, the slippage table, the sensitivity to wing, days to expiry and hedge size, and the portfolio
    margin are computed when first asked for.

    Parameters
    ----------
    books : Book or iterable of Book
        What to run, with different names.
    history : History
        The market.
    marks : SurfaceMarks, QuoteMarks or ModelMarks, optional
        What prices the legs; default: the surface of the history.
    seed : int
        Seed of the bootstrap intervals.
    replicates : int
        Bootstrap replicates.
    min_sessions : int
        Sessions that the history must have.
    governed : alvh.governance.Governed, optional
        What a register lets run: any other books are refused, and its hash stands in the decision log.

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
    GovernanceError
        When the books are not those of `governed`.
    """
    from alvh.history import History
    from alvh.study import Study

    if not isinstance(books, Iterable | Book):
        raise ConfigError("CFG063", "backtest", "books", type(books).__name__, "a Book or several")
    wanted = (books,) if isinstance(books, Book) else tuple(books)
    if not wanted:
        raise ConfigError("CFG062", "backtest", "books", "none", "at least one book")
    for position, book in enumerate(wanted):
        if not isinstance(book, Book):
            raise ConfigError(
                "CFG063",
                "backtest",
                f"books[{position}]",
                repr(book)[:40],
                "a Book",
                hint="see alvh.books.named",
            )
    if not isinstance(history, History):
        kind = type(history).__name__
        raise ConfigError("CFG063", "backtest", "history", kind, "a History", hint="see History.load")
    if marks is not None and not isinstance(marks, SurfaceMarks | QuoteMarks | ModelMarks):
        kind = type(marks).__name__
        raise ConfigError(
            "CFG063",
            "backtest",
            "marks",
            kind,
            "alvh.marks.surface(history), .quotes(chain) or .model(market)",
        )
    if governed is not None:
        governed.require(wanted)
    history.require_sessions(min_sessions)
    marks = surface(history) if marks is None else marks
    raw = _run(wanted, history, marks)
    raw["provenance"] = _provenance(wanted, history, marks, seed)
    if governed is not None:
        raw["provenance"]["policy_hash"] = governed.hash
    return Study(
        raw,
        note=history.note,
        slippage=partial(_slippage, wanted, history, marks),
        sensitivity=partial(_sensitivity, wanted, history, marks),
        portfolio_margin=partial(_portfolio_margin, wanted, history, marks),
        market=partial(market_frame, history),
        risk_slide=partial(risk_slide, history),
        seed=seed,
        replicates=replicates,
    )


def _run(books: Books, history: History, marks: Marks, *, scan_portfolio: bool = False) -> dict[str, Any]:
    encoded = [book.encode() for book in books]
    # End-of-day quotes say nothing before the close: an open or a mid-morning would fill at a surface instead.
    has_quotes = isinstance(marks, QuoteMarks)
    source = history.source(open_step=not has_quotes, mid_morning=not has_quotes)
    tables, overlay = (marks.tables, marks.overlay) if isinstance(marks, ModelMarks) else (None, False)
    raw = _core.backtest(source, encoded, marks.store, scan_portfolio, tables, overlay)
    raw["flags"] = history.flag_counts()
    return raw


def _final_pnl(
    books: Books, variants: dict[Any, Books], history: History, marks: Marks, index: str
) -> pd.DataFrame:
    """Run every variant of the books: final P&L in USD, one row a variant, NaN where a book has no such variant."""
    import pandas as pd

    rows = {}
    for label, variant in variants.items():
        row = np.full(len(books), np.nan)
        # A variant hands back the very book that it cannot change; the first row holds the books themselves.
        own = variant is books
        changed = [own or book is not before for book, before in zip(variant, books, strict=True)]
        if any(changed):
            raw = _run(tuple(book for book, new in zip(variant, changed, strict=True) if new), history, marks)
            row[changed] = raw["equity"][:, -1] - raw["capital"]
            rows[label] = row
    names = pd.Index([book.name for book in books], name="book")
    return pd.DataFrame.from_dict(rows, orient="index", columns=names).rename_axis(index)


def _slippage(books: Books, history: History, marks: Marks) -> pd.DataFrame:
    """All orders at the same share of the summed half-spreads."""

    def at(fraction: float) -> Books:
        return tuple(
            book.replace(
                costs=dataclasses.replace(book.costs, package_fraction=fraction, legged_fraction=fraction)
            )
            for book in books
        )

    variants: dict[Any, Books] = {fraction: at(fraction) for fraction in FILL_FRACTIONS}
    return _final_pnl(books, variants, history, marks, "fill fraction")


def _sensitivity(books: Books, history: History, marks: Marks) -> pd.DataFrame:
    """Wings and days to expiry of every condor, and the size of every hedge."""
    variants: dict[Any, Books] = {"as configured": books}
    for dte in DTES:
        for wing in WINGS:
            variants[f"{dte} dte, wing {wing:g}"] = tuple(_with_condor(book, dte, wing) for book in books)
    for scale in HEDGE_SCALES:
        variants[f"hedge x {scale:g}"] = tuple(_with_hedge(book, scale) for book in books)
    return _final_pnl(books, variants, history, marks, "variant")


def _with_condor(book: Book, dte: int, wing: float) -> Book:
    # A book that is sized by its collateral follows the rules of an index: its wings are not up for variation.
    if book.condor is None or book.condor.collateral_multiple is not None:
        return book
    changes: dict[str, Any] = {"dte": dte, "wing_width": wing, "long_delta": None}
    if dte == 1:
        # Sold every session, held to settlement; the nearest expiry may lie behind a long weekend, not further.
        changes |= {"entry": "session", "exit_dte": None, "expiries": "weekly", "dte_tolerance": 3}
    return book.replace(condor=dataclasses.replace(book.condor, **changes))


def _with_hedge(book: Book, scale: float) -> Book:
    if book.hedge is None:
        return book
    layers = tuple(
        dataclasses.replace(
            layer,
            weight=layer.weight * scale,
            notional_share=layer.notional_share and min(1.0, layer.notional_share * scale),
            premium_by_future=tuple(
                (level, min(1.0, share * scale)) for level, share in layer.premium_by_future
            ),
        )
        for layer in book.hedge.layers
    )
    budget = book.hedge.budget and min(1.0, book.hedge.budget * scale)
    hedge: LayeredHedge = dataclasses.replace(book.hedge, layers=layers, budget=budget)
    return book.replace(hedge=hedge)


def _portfolio_margin(books: Books, history: History, marks: Marks) -> pd.DataFrame:
    """Scan the portfolio at every close: requirement in USD."""
    import pandas as pd

    raw = _run(books, history, marks, scan_portfolio=True)
    sessions = pd.Index(raw["day"].astype("datetime64[D]").astype("datetime64[ns]"), name="session")
    return pd.DataFrame(
        raw["portfolio_margin"].T, index=sessions, columns=pd.Index(raw["books"], name="book")
    )


def _provenance(books: Books, history: History, marks: Marks, seed: int) -> dict[str, Any]:
    configuration = [json.loads(book.encode()) for book in books]
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
