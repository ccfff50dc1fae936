"""The result of a backtest: statistics with intervals, paired comparisons, attribution, trades, events."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cached_property
from html import escape
from typing import TYPE_CHECKING, Any

import numpy as np

from alvh.errors import ConfigError, InternalError
from alvh.statistics import drawdown as max_drawdown
from alvh.statistics import intervals

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import pandas as pd
    from numpy.typing import NDArray

    from alvh.decisions import Decisions
    from alvh.plot import StudyPlot

    Frame = pd.DataFrame | Callable[[], pd.DataFrame]

__all__ = ["EVENTS", "Event", "Study"]

# Buckets of the attribution; every other bucket is a hedge layer.
_CONDOR_LEGS = frozenset(("short_put", "long_put", "short_call", "long_call"))
_NOT_LAYERS = _CONDOR_LEGS | {"portfolio", "interest", "fees", "slippage"}
# First session of VIX options at Cboe: a hedge of VIX options before it is hypothetical.
_VIX_OPTIONS_LISTED = date(2006, 2, 24)
_EPOCH = date(1970, 1, 1)
_SESSIONS_PER_YEAR = 252.0


@dataclass(frozen=True)
class Event:
    """A named market event with its window, both ends included."""

    name: str
    start: date
    end: date


def _event(name: str, start: str, end: str | None = None) -> Event:
    first = date.fromisoformat(start)
    # An event of one day is watched for two weeks.
    return Event(name, first, first + timedelta(days=14) if end is None else date.fromisoformat(end))


EVENTS: tuple[Event, ...] = (
    _event("financial crisis", "2008-09-15", "2008-11-28"),
    _event("flash crash", "2010-05-06"),
    _event("US downgrade", "2011-08-01", "2011-08-31"),
    _event("China devaluation", "2015-08-24"),
    _event("volatility shock", "2018-02-05"),
    _event("December 2018", "2018-12-03", "2018-12-31"),
    _event("pandemic", "2020-02-20", "2020-03-31"),
    _event("post-earnings fall", "2022-02-03"),
    _event("war in Ukraine", "2022-02-24"),
    _event("yen carry unwind", "2024-08-05"),
    _event("tariffs", "2025-04-01", "2025-04-30"),
    _event("strike on Iran", "2025-06-13"),
)

# Statistic, label, unit factor (None: USD in thousands or millions), decimals: the rows of the printed table.
_Row = tuple[str, str, float | None, int]
_ROWS: tuple[_Row, ...] = (
    ("pnl", "P&L, USD", None, 1),
    ("cagr", "CAGR, %", 100.0, 1),
    ("volatility", "volatility, %", 100.0, 1),
    ("sharpe", "Sharpe", 1.0, 2),
    ("sortino", "Sortino", 1.0, 2),
    ("expected_shortfall_95", "ES 95 daily, %", 100.0, 2),
    ("expected_shortfall_99", "ES 99 daily, %", 100.0, 2),
    ("max_drawdown", "max drawdown, %", 100.0, 1),
    ("max_drawdown_usd", "  in USD", None, 1),
    ("drawdown_sessions", "  sessions", 1.0, 0),
    ("credit", "credit, USD", None, 1),
    ("hedge_cost", "hedge cost, %/year", 100.0, 2),
    ("credit_kept", "credit kept, %", 100.0, 1),
)
_COUNTS: tuple[_Row, ...] = (
    ("condors", "condors closed", 1.0, 0),
    ("win_rate", "condors won, %", 100.0, 1),
    ("double_breaches", "double breaches", 1.0, 0),
    ("margin_calls", "margin calls", 1.0, 0),
    ("entries_skipped", "entries skipped, %", 100.0, 1),
    ("entries_capped", "risk-capped, %", 100.0, 1),
    ("turnover", "turnover, x/year", 1.0, 1),
    ("margin_max", "most margin, USD", None, 1),
)
_SCAN: _Row = ("scan_max", "  portfolio scan", None, 1)
# What stands in the table of a notebook; the rest is in the printed one.
_BRIEF = ("pnl", "cagr", "sharpe", "expected_shortfall_95", "max_drawdown", "hedge_cost", "credit_kept")
# Kinds of incidents in words: one, several.
_INCIDENTS = {
    "margin_call": ("margin call", "margin calls"),
    "forced_close": ("position closed by force", "positions closed by force"),
    "entry_skipped_credit": ("entry skipped (credit)", "entries skipped (credit)"),
    "entry_skipped_vix": ("entry skipped (VIX)", "entries skipped (VIX)"),
    "entry_skipped_no_strikes": ("entry skipped (no strikes)", "entries skipped (no strikes)"),
    "entry_skipped_no_expiry": ("entry skipped (no expiry)", "entries skipped (no expiry)"),
    "risk_cap": ("entry cut by its risk cap", "entries cut by their risk cap"),
    "buying_power": ("entry cut by buying power", "entries cut by buying power"),
    "substitute_expiry": ("substitute expiry", "substitute expiries"),
    "roll_held": ("roll held", "rolls held"),
    "no_sale_at_zero_bid": ("leg without a bid kept", "legs without a bid kept"),
    "settlement_proxy": ("settlement on a stand-in", "settlements on a stand-in"),
    "settlement_late": ("late settlement", "late settlements"),
    "unmarked_leg": ("leg without a mark", "legs without a mark"),
    "hypothetical_hedge": ("hypothetical hedge trade", "hypothetical hedge trades"),
}
_ENDS = ("", "_low", "_high")
# What makes two studies the same; everything else follows from it.
_IDENTITY = ("raw", "note", "base", "seed", "replicates")
_COLUMN = 26
_WHOLE = 10_000.0
_WIDTH = 100
# Amounts from here on are printed in millions: more digits than seven do not fit with their interval.
_MILLION = 1e6
# Day of what does not expire.
_NEVER = np.iinfo(np.int32).max
_LABEL = 20
_BOOKS_PER_PANEL = 3


class Study:
    """Books over the same market, compared.

    Parameters
    ----------
    raw : mapping
        Result of the engine: sessions, equity, attribution, trades, condors, decisions, events, provenance.
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
    ) -> None:
        frames = {"slippage": slippage, "sensitivity": sensitivity, "portfolio_margin": portfolio_margin}
        vars(self).update(raw={key: _frozen(value) for key, value in raw.items()})
        frames |= {"market": market}
        vars(self).update(note=note, seed=seed, replicates=replicates, _frames=frames, _slide=risk_slide)
        base = base or ("unhedged" if "unhedged" in self.books else self.books[0])
        if base not in self.books:
            raise ConfigError("STA020", "Study", "base", repr(base), f"one of {', '.join(self.books)}")
        vars(self).update(base=base)
        self._check_attribution()

    # --- identity ----------------------------------------------------------------------------------

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"a Study is frozen: cannot set {name}")

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Study):
            return NotImplemented
        return all(_same(getattr(self, name), getattr(other, name)) for name in _IDENTITY)

    __hash__ = None  # type: ignore[assignment]

    @cached_property
    def _statistics(self) -> dict[str, Any]:
        hedge = self._hedge_pnl()
        found = intervals(
            self.raw["capital"],
            self._daily_pnl(),
            interest=self._bucket("interest"),
            credit=self._daily_credit(),
            hedge=hedge,
            hedge_calm=np.where(self._in_event(), 0.0, hedge),
            base=self.books.index(self.base),
            seed=self.seed,
            replicates=self.replicates,
        )
        return {**vars(found)}

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
        """Seed, versions, configuration hash and data hash, with the settings of the bootstrap."""
        bootstrap = {
            "method": "stationary block bootstrap of daily P&L, paired",
            "seed": self.seed,
            "replicates": self.replicates,
            "block_sessions": self._statistics["block"],
            "level": 0.95,
        }
        return {**self.raw["provenance"], "bootstrap": bootstrap}

    @property
    def quality(self) -> dict[str, Any]:
        """What the data cover, and counted flags of the data and of the marks."""
        return {"note": self.note, "flags": dict(self.raw["flags"]), "marks": dict(self.raw["marks"])}

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
        """
        import pandas as pd

        names, values = self._statistics["metrics"], self._statistics["books"]
        columns = _interval_columns(names, values)
        dates = [self._drawdown_dates(index) for index in range(len(self.books))]
        for position, name in enumerate(("drawdown_peak", "drawdown_trough", "drawdown_recovery")):
            columns[name] = pd.DatetimeIndex([row[position] for row in dates])
        columns.update(self._counts())
        return pd.DataFrame(columns, index=pd.Index(self.books, name="book"))

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
            each with ``_low`` and ``_high`` (95 %), and ``reading``, the same in words.

        Raises
        ------
        ConfigError
            When `base` names no book.
        """
        import pandas as pd

        if base is not None and base != self.base:
            other = Study(self.raw, base=base, seed=self.seed, replicates=self.replicates)
            return other.paired()
        statistics = self._statistics
        columns = _interval_columns(statistics["quantities"], statistics["paired"])
        own = _interval_columns(statistics["metrics"], statistics["books"])
        columns.update({key: own[key] for key in own if key.startswith(("hedge_cost", "credit_kept"))})
        frame = pd.DataFrame(columns, index=pd.Index(self.books, name="book")).drop(index=self.base)
        frame["reading"] = [self._reading(name, row) for name, row in frame.iterrows()]
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

    def attribution(self) -> pd.DataFrame:
        """P&L by bucket.

        Returns
        -------
        pandas.DataFrame
            Books x buckets, USD; each row sums to the change of the book's equity exactly in cents.
        """
        import pandas as pd

        cents = self.raw["attribution"].sum(axis=2)
        return pd.DataFrame(
            cents / 100.0, index=pd.Index(self.books, name="book"), columns=self.raw["buckets"]
        )

    # --- series ------------------------------------------------------------------------------------

    def equity(self) -> pd.DataFrame:
        """Equity at the close.

        Returns
        -------
        pandas.DataFrame
            Sessions x books, USD.
        """
        return self._sessions_frame(self.raw["equity"])

    @property
    def pnl(self) -> pd.DataFrame:
        """Daily P&L, sessions x books, USD."""
        return self._sessions_frame(self._daily_pnl())

    @property
    def drawdown(self) -> pd.DataFrame:
        """Fall from the highest equity so far as a fraction of it, sessions x books."""
        equity = self.raw["equity"]
        peak = np.maximum.accumulate(np.maximum(equity, self.raw["capital"][:, None]), axis=1)
        return self._sessions_frame(np.minimum(1.0 - equity / peak, 1.0))

    def to_frame(self) -> pd.DataFrame:
        """Everything daily in one long table.

        Returns
        -------
        pandas.DataFrame
            Columns ``day``, ``book``, ``item``, ``value``: equity, cash, margin, excess and P&L by bucket
            (``pnl:<bucket>``) in USD, and open condors.
        """
        import pandas as pd

        items = {name: self.raw[name] for name in ("equity", "cash", "margin", "excess", "open_condors")}
        items |= {f"pnl:{name}": self._bucket(name) for name in self.raw["buckets"]}
        shape = (len(items), len(self.books), len(self.raw["day"]))
        return pd.DataFrame(
            {
                "day": np.broadcast_to(self._days(), shape).ravel(),
                "book": np.broadcast_to(np.array(self.books, dtype=object)[None, :, None], shape).ravel(),
                "item": np.repeat(np.array(list(items), dtype=object), shape[1] * shape[2]),
                "value": np.stack(
                    [np.asarray(values, dtype=np.float64) for values in items.values()]
                ).ravel(),
            }
        )

    # --- records -----------------------------------------------------------------------------------

    @property
    def trades(self) -> pd.DataFrame:
        """Every fill: time, leg, signed contracts, mid and price in points, fee and slippage in USD, rule."""
        frame = self._records("trades")
        bucket = np.asarray(self.raw["buckets"], dtype=object)
        frame["bucket"] = bucket[self.raw["trades"]["bucket"]]
        return frame

    @property
    def condors(self) -> pd.DataFrame:
        """Closed condors: dates, contracts, credit, net P&L and maximum loss in USD, exit rule."""
        return self._records("condors")

    def decisions(self) -> Decisions:
        """Decisions of the policy.

        Returns
        -------
        Decisions
            Frame of book, day, seconds after midnight New York, rule, value before and after, inputs as JSON; its
            `write` makes the hash-chained log that :func:`alvh.verify_log` checks.
        """
        from alvh.decisions import Decisions, policy_hashes

        return Decisions.of(self._records("decisions"), policy_hashes(self.books, self.raw["provenance"]))

    def incidents(self) -> pd.DataFrame:
        """List what happened to the books.

        Returns
        -------
        pandas.DataFrame
            Book, day, seconds, kind (margin call, forced close, skipped entry, ...), value, and the hedge
            layer of a substitute expiry or a held roll (empty for other kinds).
        """
        frame = self._records("events")
        kinds = np.asarray(self.raw["event_kinds"], dtype=object)
        frame["kind"] = kinds[self.raw["events"]["kind"]] if len(frame) else frame["kind"].astype(object)
        frame["layer"] = self._incident_layers()
        return frame

    def incident_lines(self) -> list[str]:
        """Count the incidents of each book in words.

        Returns
        -------
        list of str
            One line per book that had any: counts by kind, those of layers by layer.
        """
        counts: dict[str, dict[str, dict[str, int]]] = {}
        frame = self.incidents()
        for book, kind, layer in zip(frame["book"], frame["kind"], frame["layer"], strict=True):
            layers = counts.setdefault(book, {}).setdefault(kind, {})
            layers[layer] = layers.get(layer, 0) + 1
        lines = []
        for book in (name for name in self.books if name in counts):
            parts = []
            for kind, layers in counts[book].items():
                total = sum(layers.values())
                one, several = _INCIDENTS.get(kind, (kind.replace("_", " "),) * 2)
                which = ", ".join(f"{name} {n:,}" for name, n in layers.items() if name)
                parts.append(f"{total:,} {one if total == 1 else several}" + (f" ({which})" if which else ""))
            lines.append(f"incidents of {book}: {'; '.join(parts)}.")
        return lines

    def _incident_layers(self) -> list[str]:
        """Name the layers of incidents: a held roll carries its index, a substitute the days of what it bought."""
        events, trades, kinds = self.raw["events"], self.raw["trades"], list(self.raw["event_kinds"])
        buckets = self.raw["buckets"]
        bought = np.flatnonzero(self._layers()[trades["bucket"]] & (trades["contracts"] > 0))
        names: dict[tuple[int, int, int, int], list[str]] = {}
        for row in bought.tolist():
            book, day, seconds = (int(trades[key][row]) for key in ("book", "day", "seconds"))
            days_out = int(trades["expiry"][row]) - day
            names.setdefault((book, day, seconds, days_out), []).append(buckets[trades["bucket"][row]])
        layers = []
        for book, day, seconds, kind, value in zip(
            *(np.asarray(events[key]).tolist() for key in ("book", "day", "seconds", "kind", "value")),
            strict=True,
        ):
            found = ""
            if kinds[kind] == "roll_held":
                hedge = self.raw["provenance"]["books"][book].get("hedge")
                found = hedge["layers"][int(value)]["name"] if hedge else ""
            elif kinds[kind] == "substitute_expiry":
                same = names.get((book, day, seconds, int(value)), [])
                # Two layers may buy the same expiry on one day: the last one is the longer of them.
                found = same.pop() if same else ""
            layers.append(found)
        return layers

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
        import pandas as pd

        rows: list[dict[str, Any]] = []
        for event in EVENTS:
            head: dict[str, Any] = {"event": event.name, "start": event.start, "end": event.end}
            reason = self._skipped(event)
            if reason:
                rows.append({**head, "book": "", "skipped": reason})
                continue
            window = self._window(event)
            for index, book in enumerate(self.books):
                rows.append({**head, "book": book, **self._event_result(index, window), "skipped": ""})
        columns = ["event", "start", "end", "book", "pnl", "max_drawdown", "max_drawdown_usd"]
        frame = pd.DataFrame(rows, columns=[*columns, "sessions_to_recover", "skipped"])
        return frame.assign(start=pd.to_datetime(frame["start"]), end=pd.to_datetime(frame["end"]))

    # --- outputs -----------------------------------------------------------------------------------

    @property
    def plot(self) -> StudyPlot:
        """Pictures: ``equity()``, ``drawdown()``, ``save(path)``."""
        from alvh.plot import StudyPlot

        return StudyPlot(self)

    def to_json(self) -> str:
        """Machine-readable results.

        Returns
        -------
        str
            Strict JSON with ``books``, ``paired``, ``base``, ``claims``, ``margin``, ``incidents``,
            ``events``, ``attribution``, ``slippage``, ``sensitivity``, ``quality`` and ``provenance``;
            undefined numbers are null. docs/reading-a-study.md describes them.
        """
        incidents = self.incidents().groupby(["book", "kind", "layer"], sort=False).size()
        result = {
            "books": _rows(self.summary()),
            "base": self.base,
            "paired": _rows(self.paired()),
            "claims": self.claims().to_dict("records"),
            "margin": {
                book: {"reg_t_max": reg_t, "portfolio_scan_max": scan}
                for book, reg_t, scan in zip(
                    self.books, self.summary()["margin_max"], self._scan_max(), strict=True
                )
            },
            "incidents": [
                {**dict(zip(incidents.index.names, key, strict=True)), "count": count}
                for key, count in zip(incidents.index.tolist(), incidents.tolist(), strict=True)
            ],
            "attribution": _rows(self.attribution()),
            "events": self.events().to_dict("records"),
            "slippage": _rows(self.slippage),
            "sensitivity": _rows(self.sensitivity),
            "quality": self.quality,
            "provenance": self.provenance,
        }
        return json.dumps(_plain(result), allow_nan=False, indent=2)

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
            lines += text_table("P&L by fill, kUSD", labels, self.books, _kusd(fills))
        if variants is not None:
            lines += [""] * bool(lines)
            labels = [str(label) for label in variants.index]
            lines += text_table("P&L by variant, kUSD", labels, self.books, _kusd(variants))
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
        days = self._dates()
        block = self._statistics["block"]
        count = f"{len(self.books)} book{'s' * (len(self.books) != 1)}"
        lines = [
            f"Study of {count} over {len(days):,} sessions, {days[0]} to {days[-1]}",
            f"95 % intervals: {self.replicates:,} paired resamples of daily P&L, mean block {block:.1f} days",
        ]
        columns = {name: column.tolist() for name, column in self.summary().items()}
        columns["scan_max"] = self._scan_max() if portfolio_margin else []
        counts = (*_COUNTS, _SCAN) if portfolio_margin else _COUNTS
        for start in range(0, len(self.books), _BOOKS_PER_PANEL):
            panel = range(len(self.books))[start : start + _BOOKS_PER_PANEL]
            lines += ["", _line("", [_shorten(self.books[book], _COLUMN - 2) for book in panel])]
            for name, label, factor, digits in _ROWS:
                cells = [
                    _cell([columns[f"{name}{end}"][book] for end in _ENDS], factor, digits) for book in panel
                ]
                lines.append(_line(label, cells))
            for name, label, factor, digits in counts:
                cells = [_cell([columns[name][book]] * 3, factor, digits) for book in panel]
                lines.append(_line(label, cells))
        return "\n".join(lines)

    def __repr__(self) -> str:
        return self.table()

    def _repr_html_(self) -> str:
        columns = {name: column.tolist() for name, column in self.summary().items()}
        head = "".join(f"<th>{escape(book)}</th>" for book in self.books)
        rows = [f"<tr><th></th>{head}</tr>"]
        for name, label, factor, digits in _ROWS:
            if name not in _BRIEF:
                continue
            cells = [
                _cell([columns[f"{name}{end}"][book] for end in _ENDS], factor, digits)
                for book in range(len(self.books))
            ]
            row = "".join(f"<td>{escape(cell)}</td>" for cell in cells)
            rows.append(f"<tr><th>{escape(label)}</th>{row}</tr>")
        days = self._dates()
        caption = f"{days[0]} to {days[-1]}, {len(days):,} sessions; 95 % intervals in brackets"
        sentences = "".join(f"<p>{escape(sentence)}</p>" for sentence in self.sentences())
        return f"<table><caption>{escape(caption)}</caption>{''.join(rows)}</table>{sentences}"

    # --- inside ------------------------------------------------------------------------------------

    def _days(self) -> NDArray[np.datetime64]:
        return np.asarray(self.raw["day"]).astype("datetime64[D]").astype("datetime64[ns]")

    def _dates(self) -> list[date]:
        return [_EPOCH + timedelta(days=int(day)) for day in self.raw["day"]]

    def _sessions_frame(self, values: NDArray[Any]) -> pd.DataFrame:
        import pandas as pd

        return pd.DataFrame(
            values.T.copy(), index=pd.DatetimeIndex(self._days(), name="day"), columns=self.books
        )

    def _daily_pnl(self) -> NDArray[np.float64]:
        # From cents, so that a day without a change is exactly zero.
        return np.asarray(self.raw["attribution"].sum(axis=1) / 100.0)

    def _bucket(self, name: str) -> NDArray[np.float64]:
        buckets = list(self.raw["buckets"])
        if name not in buckets:
            return np.zeros(self.raw["equity"].shape)
        return np.array(self.raw["attribution"][:, buckets.index(name), :] / 100.0)

    def _check_attribution(self) -> None:
        before = np.concatenate((self.raw["capital"][:, None], self.raw["equity"][:, :-1]), axis=1)
        change = np.rint(self.raw["equity"] * 100.0) - np.rint(before * 100.0)
        residual = np.abs(self.raw["attribution"].sum(axis=1) - change)
        if residual.max(initial=0.0) > 0.0:
            book, session = np.unravel_index(int(residual.argmax()), residual.shape)
            got = f"a residual of {residual.max() / 100.0:.2f} USD"
            where = f"{self.books[book]} {self._dates()[session]}"
            raise InternalError("STA021", "engine", "attribution", got, "0.00 USD", where)

    def _layers(self) -> NDArray[np.bool_]:
        return np.array([name not in _NOT_LAYERS for name in self.raw["buckets"]])

    def _hedge_pnl(self) -> NDArray[np.float64]:
        """P&L of the hedge layers less the fees and slippage of their own trades."""
        cents: NDArray[np.int64] = self.raw["attribution"][:, self._layers(), :].sum(axis=1)
        trades = self.raw["trades"]
        of_layer = self._layers()[trades["bucket"]]
        cost = trades["fee_cents"] + trades["slippage_cents"]
        costs = self._by_day(trades["book"], trades["day"], np.where(of_layer, cost, 0))
        return (cents - costs) / 100.0

    def _daily_credit(self) -> NDArray[np.float64]:
        condors = self.raw["condors"]
        return self._by_day(condors["book"], condors["opened"], condors["credit_cents"]) / 100.0

    def _by_day(
        self, book: NDArray[np.int32], day: NDArray[np.int32], amount: NDArray[np.int64]
    ) -> NDArray[np.float64]:
        result = np.zeros(self.raw["equity"].shape)
        np.add.at(result, (book, np.searchsorted(self.raw["day"], day)), amount)
        return result

    def _window(self, event: Event) -> NDArray[np.intp]:
        start, end = ((moment - _EPOCH).days for moment in (event.start, event.end))
        return np.flatnonzero((self.raw["day"] >= start) & (self.raw["day"] <= end))

    def _in_event(self) -> NDArray[np.bool_]:
        inside = np.zeros(len(self.raw["day"]), dtype=bool)
        for event in EVENTS:
            inside[self._window(event)] = True
        return inside

    def _skipped(self, event: Event) -> str:
        first, last = self._dates()[0], self._dates()[-1]
        if event.start < first:
            return f"skipped: data start {first}"
        if event.end > last:
            return f"skipped: data end {last}"
        return "" if len(self._window(event)) else "skipped: no session in the window"

    def _event_result(self, index: int, window: NDArray[np.intp]) -> dict[str, float]:
        first, last = int(window[0]), int(window[-1])
        equity = self.raw["equity"][index]
        before = float(equity[first - 1] if first else self.raw["capital"][index])
        pnl = self._daily_pnl()[index, first : last + 1]
        recover = math.nan
        below = np.flatnonzero(equity[first : last + 1] < before)
        if not len(below):
            recover = 0.0
        else:
            fell = first + int(below[0])
            back = np.flatnonzero(equity[fell:] >= before)
            if len(back):
                recover = float(fell + int(back[0]) - first)
        lost = max_drawdown(pnl, before) if before > 0.0 else None
        return {
            "pnl": float(equity[last]) - before,
            "max_drawdown": lost.fraction if lost else math.nan,
            "max_drawdown_usd": lost.usd if lost else math.nan,
            "sessions_to_recover": recover,
        }

    def _drawdown_dates(self, index: int) -> tuple[date | None, date | None, date | None]:
        days = self._dates()
        found = max_drawdown(self._daily_pnl()[index], float(self.raw["capital"][index]))
        if found.fraction == 0.0:
            return None, None, None
        recovery = None if found.recovery is None else days[found.recovery]
        # The start of the account has no session of its own: its first session stands for it.
        return days[max(found.peak, 0)], days[found.trough], recovery

    def _counts(self) -> dict[str, NDArray[np.float64]]:
        n = len(self.books)
        condors, trades, events = self.raw["condors"], self.raw["trades"], self.raw["events"]
        kinds = list(self.raw["event_kinds"])

        def count(book: NDArray[np.int32], weight: Any = None) -> NDArray[np.float64]:
            return np.bincount(book, weights=weight, minlength=n).astype(np.float64)

        def incidents(prefix: str) -> NDArray[np.float64]:
            chosen = [index for index, kind in enumerate(kinds) if kind.startswith(prefix)]
            return count(events["book"][np.isin(events["kind"], chosen)])

        closed = count(condors["book"])
        legs = np.array([name in _CONDOR_LEGS for name in self.raw["buckets"]])
        positions = np.stack((trades["book"], trades["position"]))[:, legs[trades["bucket"]]]
        opened = count(np.unique(positions, axis=1)[0])
        skipped = incidents("entry_skipped")
        notional = np.abs(trades["contracts"] * trades["price"] * trades["multiplier"])
        years = len(self.raw["day"]) / _SESSIONS_PER_YEAR
        hedge = self._hedge_pnl()
        hypothetical = self.raw["day"] < (_VIX_OPTIONS_LISTED - _EPOCH).days
        return {
            "condors": closed,
            "win_rate": _share(count(condors["book"], (condors["pnl_cents"] > 0).astype(float)), closed),
            "double_breaches": count(condors["book"], np.asarray(condors["double_breach"], dtype=float)),
            "margin_calls": incidents("margin_call"),
            "forced_closes": incidents("forced_close"),
            "entries_skipped": _share(skipped, skipped + opened),
            "entries_capped": _share(incidents("risk_cap"), opened),
            "turnover": count(trades["book"], notional) / self.raw["capital"] / years,
            "margin_max": np.asarray(self.raw["margin"]).max(axis=1, initial=0.0),
            "hedge_pnl": hedge.sum(axis=1),
            "hypothetical_hedge_pnl": hedge[:, hypothetical].sum(axis=1),
        }

    def _records(self, name: str) -> pd.DataFrame:
        import pandas as pd

        columns: dict[str, Any] = {}
        rules = np.asarray(self.raw["rules"], dtype=object)
        books = np.asarray(self.books, dtype=object)
        for key, values in self.raw[name].items():
            array = np.asarray(values)
            if key == "book":
                columns[key] = books[array]
            elif key in ("rule", "exit_rule"):
                columns[key] = rules[array]
            elif key in ("day", "opened", "closed", "expiry"):
                days = array.astype("datetime64[D]")
                days[array == _NEVER] = np.datetime64("NaT")
                columns[key] = days.astype("datetime64[ns]")
            elif key.endswith("_cents"):
                columns[key.removesuffix("_cents")] = array / 100.0
            else:
                columns[key] = array
        return pd.DataFrame(columns)

    def _reading(self, name: object, row: pd.Series[Any]) -> str:
        own, other = (self._value(book, "max_drawdown") for book in (str(name), self.base))

        def triple(quantity: str) -> list[float]:
            return [float(row[f"{quantity}{end}"]) for end in _ENDS]

        value, low, high = triple("drawdown_reduction")
        change = "lowered" if own < other else "raised" if own > other else "left"
        if change == "raised":
            amount = _cell([-value, -high, -low], 100.0, 0, " %")
            what = f"an increase of {amount}"
        else:
            what = f"a reduction of {_cell([value, low, high], 100.0, 0, ' %')}"
        if value < low or value > high:
            what += " (outside its interval: intervals of drawdowns are indicative)"
        difference = _cell(triple("pnl_difference"), None, 1, "USD")
        cost = _cell(triple("hedge_cost"), 100.0, 2, " %")
        kept = _cell(triple("credit_kept"), 100.0, 0, " %")
        return (
            f"{name} {change} the maximum drawdown of {self.base} from {_number(other, 100.0, 1)} % to "
            f"{_number(own, 100.0, 1)} %: {what}; P&L difference {difference}; "
            f"hedge cost {cost} of capital a year; credit kept {kept}."
        )

    def _value(self, book: str, metric: str) -> float:
        statistics = self._statistics
        return float(statistics["books"][self.books.index(book), statistics["metrics"].index(metric), 0])


def _frozen(value: Any) -> Any:
    """Make every array in the value read-only; copy one that the caller could still write to."""
    if isinstance(value, np.ndarray):
        if value.flags.writeable:
            value = value.copy()
            value.flags.writeable = False
        return value
    if isinstance(value, dict):
        return {key: _frozen(item) for key, item in value.items()}
    return value


def _same(left: Any, right: Any) -> bool:
    if isinstance(left, np.ndarray) and isinstance(right, np.ndarray):
        if left.shape != right.shape or left.dtype != right.dtype:
            return False
        return bool(np.array_equal(left, right, equal_nan=left.dtype.kind == "f"))
    if isinstance(left, dict) and isinstance(right, dict):
        return left.keys() == right.keys() and all(_same(left[key], right[key]) for key in left)
    if hasattr(left, "equals"):
        return bool(left.equals(right))
    if isinstance(left, float) and isinstance(right, float) and math.isnan(left):
        return math.isnan(right)
    return bool(left == right)


def _share(part: NDArray[np.float64], whole: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.divide(part, whole, out=np.full_like(part, np.nan), where=whole > 0.0)


def _interval_columns(names: list[str], values: NDArray[np.float64]) -> dict[str, Any]:
    columns: dict[str, Any] = {}
    for index, name in enumerate(names):
        for position, suffix in enumerate(_ENDS):
            columns[f"{name}{suffix}"] = values[:, index, position]
    return columns


def _rows(frame: pd.DataFrame | None) -> dict[str, dict[str, Any]]:
    return (
        {}
        if frame is None
        else {
            str(row): dict(zip(frame.columns, values, strict=True))
            for row, *values in frame.itertuples(name=None)
        }
    )


def _plain(value: Any) -> Any:
    """Turn the value into types of strict JSON."""
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple, np.ndarray)):
        return [_plain(item) for item in value]
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, date):  # also pandas' time stamps
        return None if value != value else value.isoformat()[:10]
    if value is None or isinstance(value, (bool, int, str)):
        return value
    text = str(value)
    return None if text in ("NaT", "<NA>") else text


def _number(value: float, factor: float, digits: int) -> str:
    if math.isnan(value):
        return "n/a"
    # Sums of the same cents in another order differ in their last bits and must still print alike.
    scaled = round(value * factor, 6)
    # Beyond four digits the decimals say nothing and break the columns.
    digits = digits if abs(scaled) < _WHOLE else 0
    return f"{round(scaled, digits) + 0.0:,.{digits}f}"


def _cell(triple: list[float], factor: float | None, digits: int, unit: str = "") -> str:
    if factor is None:
        # Amounts of very different accounts stand beside each other: each cell has its unit.
        largest = max((abs(x) for x in triple if not math.isnan(x)), default=0.0)
        factor, prefix = (1e-6, "M") if largest >= _MILLION else (1e-3, "k")
        if prefix == "M":
            digits = 2 if largest < 100 * _MILLION else 1 if largest < 1_000 * _MILLION else 0
        unit = f" {prefix}{unit}"
    value, low, high = (_number(float(x), factor, digits) for x in triple)
    if value == "n/a":
        return value
    if low == high == "n/a" or value == low == high:
        return f"{value}{unit}"
    return f"{value}{unit} [{low}, {high}]"


def _shorten(text: str, width: int) -> str:
    return text if len(text) <= width else f"{text[: width - 1]}…"


def _line(label: str, cells: list[str]) -> str:
    return (f"{label:<{_LABEL}}" + "".join(f" {cell:>{_COLUMN - 1}}" for cell in cells)).rstrip()


def _kusd(frame: pd.DataFrame) -> list[list[str]]:
    return [[_number(float(x), 1e-3, 1) for x in row] for row in frame.to_numpy()]


def text_table(title: str, labels: list[str], books: list[str], rows: list[list[str]]) -> list[str]:
    """Lay out one cell per label and book as lines of at most 100 columns, with more books further down.

    Parameters
    ----------
    title : str
        Heads the labels.
    labels : list of str
        One per row.
    books : list of str
        One per column.
    rows : list of list of str
        Cells.

    Returns
    -------
    list of str
        Lines, with a blank one between two sets of books.
    """
    width = max(len(text) for text in (title, *labels)) + 1
    names = [_shorten(book, _COLUMN - 2) for book in books]
    column = max(12, 2 + max(len(text) for text in (*names, *(cell for row in rows for cell in row))))
    beside = max(1, (_WIDTH - width) // column)
    lines: list[str] = []
    for start in range(0, len(books), beside):
        lines += [""] * bool(lines)
        for label, cells in zip((title, *labels), (names, *rows), strict=True):
            panel = "".join(f"{cell:>{column}}" for cell in cells[start : start + beside])
            lines.append(f"{label:<{width}}{panel}".rstrip())
    return lines
