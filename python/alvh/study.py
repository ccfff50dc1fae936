"""The result of a backtest or a simulation: statistics with intervals, comparisons, attribution, records, events."""

from __future__ import annotations

import json
import math
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from alvh._history_sample import ENDS, EVENTS, Event, HistorySample
from alvh._path_sample import PathSample
from alvh._study_text import COLUMN, kusd, line, plain, rows, shorten, text_table
from alvh.errors import ConfigError
from alvh.policy import CONDOR_SWITCHES

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    import pandas as pd

    from alvh.decisions import Decisions
    from alvh.ignition import Signal

    Frame = pd.DataFrame | Callable[[], pd.DataFrame]

__all__ = ["EVENTS", "Event", "Study"]

# What makes two studies the same; everything else follows from it.
_IDENTITY = ("raw", "note", "base", "seed", "replicates")
_BOOKS_PER_PANEL = 3


class Study:
    """Books over the same market, compared.

    Parameters
    ----------
    raw : mapping
        Result of the engine: sessions, equity, attribution, trades, condors, decisions, events, provenance; or,
        of a simulation, outcomes of all paths and records of some.
    note : str
        What the data cover and what they cannot cover.
    slippage, sensitivity, portfolio_margin : pandas.DataFrame or callable, optional
        P&L in USD by share of the half-spread paid (index) and book (columns); P&L in USD by variant (index) and
        book (columns); requirement of the portfolio scan in USD by session (index) and book (columns). A callable
        makes its frame when it is first asked for.
    market, risk_slide : optional
        Levels of the market by session, like the frames above; and what reprices the books of a study under shocks.
    base : str, optional
        Book that the others are compared with: ``"unhedged"`` when there is one, else the first.
    seed : int
        Seed of the bootstrap.
    replicates : int
        Resampled paths of the bootstrap, drawn when a statistic is first asked for.
    run : mapping, optional
        How a simulation went: chunks taken from disk, found damaged, asked for again.

    Raises
    ------
    ConfigError
        When `base` names no book.
    InternalError
        When the attribution does not sum to the change of the equity, to the cent.
    """

    raw: Mapping[str, Any]
    note: str
    base: str
    seed: int
    replicates: int
    _frames: dict[str, Frame | None]
    _slide: Callable[[Study], pd.DataFrame] | None
    _sample: HistorySample | PathSample
    # How a simulation went, which is no part of its result.
    _run: Mapping[str, Any]

    def __init__(
        self,
        raw: Mapping[str, Any],
        note: str = "",
        slippage: Frame | None = None,
        sensitivity: Frame | None = None,
        portfolio_margin: Frame | None = None,
        market: Frame | None = None,
        risk_slide: Callable[[Study], pd.DataFrame] | None = None,
        base: str = "",
        seed: int = 0,
        replicates: int = 2000,
        run: Mapping[str, Any] | None = None,
    ) -> None:
        frames = {"slippage": slippage, "sensitivity": sensitivity, "portfolio_margin": portfolio_margin}
        vars(self).update(raw={key: _frozen(value) for key, value in raw.items()})
        frames |= {"market": market}
        vars(self).update(note=note, seed=seed, replicates=replicates, _frames=frames, _slide=risk_slide)
        vars(self).update(_run=run or {})
        base = base or ("unhedged" if "unhedged" in self.books else self.books[0])
        if base not in self.books:
            raise ConfigError("STA020", "Study", "base", repr(base), f"one of {', '.join(self.books)}")
        vars(self).update(base=base)
        index = self.books.index(base)
        simulated = "outcomes" in self.raw
        vars(self).update(
            _sample=PathSample(self.raw, index)
            if simulated
            else HistorySample(self.raw, index, seed, replicates)
        )

    # --- identity ----------------------------------------------------------------------------------

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"a Study is frozen: cannot set {name}")

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Study):
            return NotImplemented
        return all(_same(getattr(self, name), getattr(other, name)) for name in _IDENTITY)

    __hash__ = None  # type: ignore[assignment]

    def _frame(self, name: str) -> pd.DataFrame | None:
        held = self._frames[name]
        if callable(held):
            held = self._frames[name] = held()
        return held

    @property
    def slippage(self) -> pd.DataFrame | None:
        """P&L in USD by share of the half-spread paid (index) and book (columns)."""
        return self._frame("slippage")

    @property
    def sensitivity(self) -> pd.DataFrame | None:
        """P&L in USD by variant (index) and book (columns)."""
        return self._frame("sensitivity")

    @property
    def portfolio_margin(self) -> pd.DataFrame | None:
        """Requirement of the portfolio scan in USD by session (index) and book (columns): an approximation.

        Beside it stands the Reg-T requirement of :meth:`to_frame`. Source of the index moves: Cboe Rule 10.4.
        """
        return self._frame("portfolio_margin")

    @property
    def market(self) -> pd.DataFrame | None:
        """Levels of the market by session (index): ``spx``, ``vix`` and what else the history has [points]."""
        return self._frame("market")

    @cached_property
    def risk_slide(self) -> pd.DataFrame | None:
        """P&L in USD per book and leg or layer under shocks of the index and of VIX, now and a session later.

        Columns ``book``, ``day``, ``when``, ``bucket``, ``spot`` (relative), ``vix`` [points], ``pnl``; the positions
        are those of one close, the last one at which most books hold options.
        """
        return None if self._slide is None else self._slide(self)

    # --- what was run ------------------------------------------------------------------------------

    @property
    def books(self) -> list[str]:
        """Names of the books."""
        return list(self.raw["books"])

    @property
    def provenance(self) -> dict[str, Any]:
        """Seed, versions, configuration hash and data hash, with the way the intervals were made."""
        return {**self.raw["provenance"], **self._sample.provenance()}

    @property
    def digest(self) -> str:
        """SHA-256 of the outcomes of a simulation in the order of its paths; empty for history."""
        return str(self.raw["provenance"].get("digest", ""))

    @property
    def quality(self) -> dict[str, Any]:
        """What the data cover, counted flags of the data and of the marks, and how a simulation went."""
        quality = {"note": self.note, "flags": dict(self.raw["flags"]), "marks": dict(self.raw["marks"])}
        return quality | ({"run": dict(self._run)} if self._run else {})

    # --- statistics --------------------------------------------------------------------------------

    def summary(self) -> pd.DataFrame:
        """Statistics per book.

        Returns
        -------
        pandas.DataFrame
            One row per book. Each bootstrapped statistic has ``_low`` and ``_high`` columns (95 % interval);
            units as in :func:`alvh.statistics.metrics`, ``credit`` in USD, ``hedge_cost`` as a fraction of
            the capital per year (net loss of the layers after their fees and slippage), ``credit_kept`` as
            (credit - hedge cost on non-event days) / credit. Counts and shares follow without intervals;
            ``margin_max`` is the largest Reg-T requirement at a close in USD;
            ``hypothetical_hedge_pnl`` is the part of ``hedge_pnl`` earned before VIX options were listed.
            Of a simulation these are means over paths, with quantiles and shortfalls of the P&L of a path
            (``pnl_median``, ``pnl_shortfall_95``, ...), ``probability_of_loss`` and ``max_drawdown_95``, and each
            has a ``_std_error`` column.
        """
        return self._sample.summary()

    def paired(self, base: str | None = None) -> pd.DataFrame:
        """Each other book against the base book, on the same sessions and the same resampled paths.

        Parameters
        ----------
        base : str, optional
            Another base than the study's; the intervals are then computed anew.

        Returns
        -------
        pandas.DataFrame
            One row per other book: ``pnl_difference`` (USD), ``drawdown_ratio``, ``drawdown_reduction``
            (1 - ratio of maximum drawdowns), ``expected_shortfall_reduction`` (95 %), ``hedge_cost``
            (fraction of capital per year) and ``hedge_cost_difference``, ``credit_kept`` ((credit - hedge
            cost on non-event days) / credit) and ``pnl_kept`` (P&L over the base's, where that is positive),
            each with ``_low`` and ``_high`` (95 %), and ``reading``, the same in words. Of a simulation
            ``drawdown_reduction`` compares mean maximum drawdowns, ``drawdown_reduction_95`` their 95th percentiles,
            ``drawdown_reduction_median`` is of the median ratio on paths where the base fell 5 % or more.

        Raises
        ------
        ConfigError
            When `base` names no book.
        """
        if base is not None and base != self.base:
            return Study(self.raw, base=base, seed=self.seed, replicates=self.replicates).paired()
        frame = self._sample.paired()
        frame["reading"] = [self._reading(str(name), row) for name, row in frame.iterrows()]
        return frame

    def claims(self, books: Sequence[str] | None = None) -> pd.DataFrame:
        """Judge every published claim by what was measured.

        Parameters
        ----------
        books : sequence of str, optional
            Hedged books to judge; by default ``adaptive`` and ``static``, whether the study has them or not.

        Returns
        -------
        pandas.DataFrame
            One row per claim, book and comparison: ``claim``, ``claimed``, ``book``, ``against``, ``estimate``,
            ``low`` and ``high`` (95 %, as fractions), ``sample``, ``verdict`` (supported, not supported, undecided,
            not measured), ``within`` (the interval lies inside the claimed range; None where there is no range),
            ``coverage`` (measured share of such intervals that hold the truth; drawdowns of one history),
            ``indicative`` (that share is below 90 %), ``why`` and ``change`` (what would change the verdict).
            docs/reading-a-study.md has the rule.

        Raises
        ------
        ConfigError
            ``STA022``: when `books` names no book.
        """
        from alvh._claims import claims

        return claims(self, books)

    def attribution(self, *, std_errors: bool = False) -> pd.DataFrame:
        """P&L by bucket.

        Parameters
        ----------
        std_errors : bool
            Whether to return standard errors instead: of the means of a simulation, NaN for history.

        Returns
        -------
        pandas.DataFrame
            Books x buckets, USD; each row sums to the change of the book's equity exactly in cents. Of a simulation:
            means over paths, of which each sums exactly.
        """
        return self._sample.attribution(std_errors)

    # --- series ------------------------------------------------------------------------------------

    def equity(self) -> pd.DataFrame:
        """Equity at the close.

        Returns
        -------
        pandas.DataFrame
            Sessions x books, USD; of a simulation (path, session) x books of the recorded paths.
        """
        return self._sample.equity()

    @property
    def pnl(self) -> pd.DataFrame:
        """Daily P&L, sessions x books, USD; of a simulation that of the recorded paths."""
        return self._sample.pnl()

    def returns(self) -> pd.DataFrame:
        """Daily returns for libraries of performance statistics such as quantstats and pyfolio.

        Returns
        -------
        pandas.DataFrame
            Sessions x books, P&L over the equity of the evening before as a fraction; NaN once an account is lost. Of
            a simulation (path, session) x books of the recorded paths.
        """
        pnl, equity = self.pnl, self.equity()
        before = equity - pnl
        return pnl / before.where(before > 0.0)

    @property
    def drawdown(self) -> pd.DataFrame:
        """Fall from the highest equity so far as a fraction of it, sessions x books; recorded paths as in `pnl`."""
        return self._sample.drawdown()

    def to_frame(self) -> pd.DataFrame:
        """Everything in one long table.

        Returns
        -------
        pandas.DataFrame
            Columns ``day``, ``book``, ``item``, ``value``: equity, cash, margin, excess and P&L by bucket
            (``pnl:<bucket>``) in USD, and open condors. Of a simulation ``path``, ``book``, ``item``, ``value``:
            every outcome of every path.
        """
        return self._sample.to_frame()

    # --- records -----------------------------------------------------------------------------------

    @property
    def trades(self) -> pd.DataFrame:
        """Every fill: time, leg, signed contracts, mid and price in points, fee and slippage in USD, rule."""
        return self._sample.trades()

    @property
    def condors(self) -> pd.DataFrame:
        """Closed condors: dates, contracts, credit, net P&L and maximum loss in USD, exit rule."""
        return self._sample.records("condors")

    def decisions(self) -> Decisions:
        """Decisions of the policy.

        Returns
        -------
        Decisions
            Frame of book, day, seconds after midnight New York, rule, value before and after, inputs as JSON, of a
            simulation those of the recorded paths with a column ``path``; its
            `write` makes the hash-chained log that :func:`alvh.verify_log` checks.
        """
        from alvh.decisions import Decisions, policy_hashes

        return Decisions.of(
            self._sample.records("decisions"), policy_hashes(self.books, self.raw["provenance"])
        )

    def explain(self, time: Any, book: str | None = None) -> str:
        """Say in words what was decided on a day or at a time, and why.

        Parameters
        ----------
        time : str, datetime.date or datetime.datetime
            A day, or a time of day of it, New York.
        book : str, optional
            One book only.

        Returns
        -------
        str
            One line per decision: when, who, what, rule, and what it looked at.

        Raises
        ------
        ConfigError
            When `time` is no time or `book` names no book.
        """
        from alvh._explain import explain

        return explain(self, time, book)

    def activation(self) -> pd.DataFrame:
        """Find out in which order the layers of a hedge answered market events.

        Returns
        -------
        pandas.DataFrame
            One row per event and book whose rules changed a layer in it: ``event``, ``book``, the time of the first
            change of the layers ``outer``, ``middle`` and ``inner`` (NaT: none), and ``in_order``, whether no longer
            layer answered before a shorter one.
        """
        from alvh._activation import activation

        return activation(self)

    def decomposition(
        self,
        both: str = "adaptive",
        condor: str = "unhedged_phased",
        hedge: str = "adaptive_hedge",
        base: str = "unhedged",
    ) -> pd.DataFrame:
        """Split the P&L difference of two books into condor-rule effect, hedge effect and interaction.

        Parameters
        ----------
        both, condor, hedge, base : str
            Books with the condor rules and the hedge, with the condor rules alone, with the hedge alone, with neither.

        Returns
        -------
        pandas.DataFrame
            Rows ``total``, ``condor_rules``, ``hedge`` and ``interaction``, which sum to the total; columns ``pnl``
            with its 95 % interval ``pnl_low``, ``pnl_high`` by the same resampled paths, and
            ``expected_shortfall_95`` of the daily effect, all USD.

        Raises
        ------
        ConfigError
            When the study lacks one of the books.
        """
        from alvh._decomposition import decomposition

        return decomposition(self, both, condor, hedge, base)

    def incidents(self) -> pd.DataFrame:
        """List what happened to the books.

        Returns
        -------
        pandas.DataFrame
            Book, day, seconds, kind (margin call, forced close, skipped entry, ...), value, and the hedge
            layer of a substitute expiry or a held roll (empty for other kinds).
        """
        return self._sample.incidents()

    def incident_lines(self) -> list[str]:
        """Count the incidents of each book in words.

        Returns
        -------
        list of str
            One line per book that had any: counts by kind, those of layers by layer; of a simulation per path.
        """
        return self._sample.incident_lines()

    def events(self) -> pd.DataFrame:
        """Named market events, one row per event and book, or one row with the reason why it is skipped.

        Returns
        -------
        pandas.DataFrame
            ``event``, ``start``, ``end``, ``book``, ``pnl`` (USD over the window), ``max_drawdown``
            (fraction) and ``max_drawdown_usd`` inside the window from the equity before it,
            ``sessions_to_recover`` (from the first session of the window until the equity is back at its
            value before it; 0 when never below, NaN when not yet back), ``skipped`` (a reason, or empty).
        """
        return self._sample.events()

    # --- outputs -----------------------------------------------------------------------------------

    @property
    def plot(self) -> Any:
        """Pictures: ``equity()``, ``drawdown()``, ``save(path)``; of a simulation ``pnl()``, ``max_drawdown()``."""
        from alvh._path_plot import PathPlot
        from alvh.plot import StudyPlot

        return PathPlot(self) if "outcomes" in self.raw else StudyPlot(self)

    def report(self, path: str | os.PathLike[str], signal: Signal | None = None) -> Path:
        """Write the report: one page that works offline; see :func:`alvh.report.write`, which has the parameters."""
        from alvh.report import write

        return write(self, path, signal)

    def to_json(self) -> str:
        """Machine-readable results.

        Returns
        -------
        str
            Strict JSON with ``books``, ``paired``, ``base``, ``claims``, ``margin``, ``incidents``,
            ``events``, ``attribution``, ``slippage``, ``sensitivity``, ``quality`` and ``provenance``;
            undefined numbers are null. docs/reading-a-study.md describes them.
        """
        result = {
            "books": rows(self.summary()),
            "base": self.base,
            "paired": rows(self.paired()),
            "claims": self.claims().to_dict("records"),
            "margin": {
                book: {"reg_t_max": reg_t, "portfolio_scan_max": scan}
                for book, reg_t, scan in zip(
                    self.books, self.summary()["margin_max"], self._scan_max(), strict=True
                )
            },
            "incidents": self._sample.incident_counts(),
            "attribution": rows(self.attribution()),
            "attribution_std_error": rows(self.attribution(std_errors=True)),
            "events": self.events().to_dict("records"),
            "slippage": rows(self.slippage),
            "sensitivity": rows(self.sensitivity),
            "quality": self.quality,
            "provenance": self.provenance,
        }
        return json.dumps(plain(result), allow_nan=False, indent=2)

    def _scan_max(self) -> list[float]:
        frame = self.portfolio_margin
        return [math.nan] * len(self.books) if frame is None else [float(x) for x in frame.max()]

    def sentences(self) -> list[str]:
        """Say what each hedge did to the base, one plain sentence each.

        Returns
        -------
        list of str
            One sentence per book with the condor rules and the capital of the base; comparing any other book with
            it would not isolate the hedge.
        """
        readings = self.paired()["reading"]
        return [str(readings[name]) for name in readings.index if self._shares_rules(str(name))]

    def _shares_rules(self, name: str) -> bool:
        """Whether a book differs from the base by nothing but its hedge."""
        configuration = self.raw["provenance"]["books"]
        own, base = (configuration[self.books.index(book)] for book in (name, self.base))
        if _condor_rules(own) != _condor_rules(base):
            return False
        return all(own[key] == base[key] for key in ("condor", "capital", "portfolio"))

    def sensitivity_lines(self) -> list[str]:
        """Tabulate final P&L under other fills and other variants.

        Returns
        -------
        list of str
            Tables of kUSD as text; empty when the study carries none.
        """
        lines: list[str] = []
        fills, variants = self.slippage, self.sensitivity
        if fills is not None:
            labels = [f"{share:.0%} of half-spread" for share in fills.index]
            lines += text_table("P&L by fill, kUSD", labels, self.books, kusd(fills))
        if variants is not None:
            lines += [""] * bool(lines)
            labels = [str(label) for label in variants.index]
            lines += text_table("P&L by variant, kUSD", labels, self.books, kusd(variants))
        return lines

    def table(self, *, portfolio_margin: bool = False) -> str:
        """Tabulate every book's statistics with their intervals as text, at most 100 columns wide.

        Parameters
        ----------
        portfolio_margin : bool, optional
            Whether to add the largest requirement of the portfolio scan, which takes another run.

        Returns
        -------
        str
            Up to three books beside each other.
        """
        sample = self._sample
        lines = sample.heading()
        columns = {name: column.tolist() for name, column in self.summary().items()}
        counts = sample.counts
        if portfolio_margin and sample.scan is not None:
            counts = (*counts, sample.scan)
            columns["scan_max"] = self._scan_max()
        for start in range(0, len(self.books), _BOOKS_PER_PANEL):
            panel = range(len(self.books))[start : start + _BOOKS_PER_PANEL]
            lines += ["", line("", [shorten(self.books[book], COLUMN - 2) for book in panel])]
            for name, label, factor, digits in sample.rows:
                cells = [
                    sample.cell([columns[f"{name}{end}"][book] for end in ENDS], factor, digits)
                    for book in panel
                ]
                lines.append(line(label, cells))
            for name, label, factor, digits in counts:
                cells = [sample.cell([columns[name][book]] * 3, factor, digits) for book in panel]
                lines.append(line(label, cells))
        return "\n".join(lines)

    def __repr__(self) -> str:
        return self.table()

    def _repr_html_(self) -> str:
        from alvh._notebook import notebook_html

        return notebook_html(self)

    # --- inside ------------------------------------------------------------------------------------

    def _reading(self, name: str, row: pd.Series[Any]) -> str:
        own, other = (self._value(book, "max_drawdown") for book in (name, self.base))
        return self._sample.reading(name, row, own, other)

    def _value(self, book: str, metric: str) -> float:
        return self._sample.value(book, metric)


def _condor_rules(configuration: Mapping[str, Any]) -> Any:
    """Rules of a book that change its condors."""
    rules = configuration.get("rules") or {}
    if "breakout" in rules:
        return rules
    adaptive = rules.get("adaptive", {})
    return {name: adaptive[name] for name in CONDOR_SWITCHES if adaptive.get(name)}


def _frozen(value: Any) -> Any:
    """Make every array in the value read-only; copy one that the caller could still write to."""
    if isinstance(value, np.ndarray):
        if value.flags.writeable:
            value = value.copy()
            value.flags.writeable = False
        return value
    if isinstance(value, dict):
        return {key: _frozen(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_frozen(item) for item in value]
    return value


def _same(left: Any, right: Any) -> bool:
    if isinstance(left, np.ndarray) and isinstance(right, np.ndarray):
        if left.shape != right.shape or left.dtype != right.dtype:
            return False
        return bool(np.array_equal(left, right, equal_nan=left.dtype.kind == "f"))
    if isinstance(left, dict) and isinstance(right, dict):
        return left.keys() == right.keys() and all(_same(left[key], right[key]) for key in left)
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(map(_same, left, right))
    if hasattr(left, "equals"):
        return bool(left.equals(right))
    if isinstance(left, float) and isinstance(right, float) and math.isnan(left):
        return math.isnan(right)
    return bool(left == right)
