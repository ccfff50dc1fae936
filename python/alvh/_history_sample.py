"""One history as a sample: statistics with paired bootstrap intervals, named events."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from alvh import _study_records
from alvh._study_text import Row, cell, number
from alvh.errors import InternalError
from alvh.statistics import drawdown as max_drawdown
from alvh.statistics import intervals

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pandas as pd
    from numpy.typing import NDArray

__all__ = ["EVENTS", "Event", "HistorySample"]

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

ROWS: tuple[Row, ...] = (
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
COUNTS: tuple[Row, ...] = (
    ("condors", "condors closed", 1.0, 0),
    ("win_rate", "condors won, %", 100.0, 1),
    ("double_breaches", "double breaches", 1.0, 0),
    ("margin_calls", "margin calls", 1.0, 0),
    ("entries_skipped", "entries skipped, %", 100.0, 1),
    ("entries_capped", "risk-capped, %", 100.0, 1),
    ("turnover", "turnover, x/year", 1.0, 1),
    ("margin_max", "most margin, USD", None, 1),
)
SCAN: Row = ("scan_max", "  portfolio scan", None, 1)
# What stands in the table of a notebook; the rest is in the printed one.
BRIEF = ("pnl", "cagr", "sharpe", "expected_shortfall_95", "max_drawdown", "hedge_cost", "credit_kept")
ENDS = ("", "_low", "_high")


class HistorySample:
    """Books over one history.

    Parameters
    ----------
    raw : mapping
        Result of the engine.
    base : int
        Book that the others are compared with.
    seed, replicates : int
        Of the bootstrap.

    Raises
    ------
    InternalError
        When the attribution does not sum to the change of the equity, to the cent.
    """

    rows = ROWS
    brief = BRIEF
    counts = COUNTS
    scan: Row | None = SCAN

    def __init__(self, raw: Mapping[str, Any], base: int, seed: int, replicates: int) -> None:
        self.raw = raw
        self.books = list(raw["books"])
        self.base = base
        self.seed = seed
        self.replicates = replicates
        self._check_attribution()

    # --- statistics --------------------------------------------------------------------------------

    @cached_property
    def statistics(self) -> dict[str, Any]:
        """Statistics with bootstrap intervals, by name."""
        hedge = self._hedge_pnl()
        found = intervals(
            self.raw["capital"],
            self._daily_pnl(),
            interest=self._bucket("interest"),
            credit=self._daily_credit(),
            hedge=hedge,
            hedge_calm=np.where(self._in_event(), 0.0, hedge),
            base=self.base,
            seed=self.seed,
            replicates=self.replicates,
        )
        return {**vars(found)}

    def summary(self) -> pd.DataFrame:
        """Statistics per book with their intervals, dates of the drawdown, counts."""
        import pandas as pd

        names, values = self.statistics["metrics"], self.statistics["books"]
        columns = interval_columns(names, values)
        dates = [self._drawdown_dates(index) for index in range(len(self.books))]
        for position, name in enumerate(("drawdown_peak", "drawdown_trough", "drawdown_recovery")):
            columns[name] = pd.DatetimeIndex([row[position] for row in dates])
        columns.update(self._counts())
        return pd.DataFrame(columns, index=pd.Index(self.books, name="book"))

    def paired(self) -> pd.DataFrame:
        """Each other book against the base, without a reading."""
        import pandas as pd

        statistics = self.statistics
        columns = interval_columns(statistics["quantities"], statistics["paired"])
        own = interval_columns(statistics["metrics"], statistics["books"])
        columns.update({key: own[key] for key in own if key.startswith(("hedge_cost", "credit_kept"))})
        frame = pd.DataFrame(columns, index=pd.Index(self.books, name="book"))
        others: pd.DataFrame = frame.drop(index=self.books[self.base])
        return others

    def attribution(self, std_errors: bool) -> pd.DataFrame:
        """P&L by book and bucket, USD; one history has no standard error of it."""
        import pandas as pd

        cents = self.raw["attribution"].sum(axis=2)
        values = np.full(cents.shape, np.nan) if std_errors else cents / 100.0
        return pd.DataFrame(values, index=pd.Index(self.books, name="book"), columns=self.raw["buckets"])

    def reading(self, name: str, row: pd.Series[Any], own: float, other: float) -> str:
        """Say in words what a book did to the base; `own` and `other` are their maximum drawdowns."""
        base = self.books[self.base]

        def triple(quantity: str) -> list[float]:
            return [float(row[f"{quantity}{end}"]) for end in ENDS]

        value, low, high = triple("drawdown_reduction")
        change = "lowered" if own < other else "raised" if own > other else "left"
        if change == "raised":
            amount = cell([-value, -high, -low], 100.0, 0, " %")
            what = f"an increase of {amount}"
        else:
            what = f"a reduction of {cell([value, low, high], 100.0, 0, ' %')}"
        if value < low or value > high:
            what += " (outside its interval: intervals of drawdowns are indicative)"
        difference = cell(triple("pnl_difference"), None, 1, "USD")
        cost = cell(triple("hedge_cost"), 100.0, 2, " %")
        kept = cell(triple("credit_kept"), 100.0, 0, " %")
        return (
            f"{name} {change} the maximum drawdown of {base} from {number(other, 100.0, 1)} % to "
            f"{number(own, 100.0, 1)} %: {what}; P&L difference {difference}; "
            f"hedge cost {cost} of capital a year; credit kept {kept}."
        )

    def value(self, book: str, metric: str) -> float:
        """Look up a statistic of a book."""
        statistics = self.statistics
        return float(statistics["books"][self.books.index(book), statistics["metrics"].index(metric), 0])

    def heading(self) -> list[str]:
        """Head the printed table."""
        days = self._dates()
        block = self.statistics["block"]
        count = f"{len(self.books)} book{'s' * (len(self.books) != 1)}"
        return [
            f"Study of {count} over {len(days):,} sessions, {days[0]} to {days[-1]}",
            f"95 % intervals: {self.replicates:,} paired resamples of daily P&L, mean block {block:.1f} days",
        ]

    def caption(self) -> str:
        """Head the table of a notebook."""
        days = self._dates()
        return f"{days[0]} to {days[-1]}, {len(days):,} sessions; 95 % intervals in brackets"

    def cell(self, triple: list[float], factor: float | None, digits: int) -> str:
        """Print a statistic with its interval."""
        return cell(triple, factor, digits)

    def provenance(self) -> dict[str, Any]:
        """How the intervals were made."""
        bootstrap = {
            "method": "stationary block bootstrap of daily P&L, paired",
            "seed": self.seed,
            "replicates": self.replicates,
            "block_sessions": self.statistics["block"],
            "level": 0.95,
        }
        return {"bootstrap": bootstrap}

    # --- series ------------------------------------------------------------------------------------

    def equity(self) -> pd.DataFrame:
        """Equity at the close, sessions x books, USD."""
        return self._sessions_frame(self.raw["equity"])

    def pnl(self) -> pd.DataFrame:
        """Daily P&L, sessions x books, USD."""
        return self._sessions_frame(self._daily_pnl())

    def drawdown(self) -> pd.DataFrame:
        """Fall from the highest equity so far as a fraction of it, sessions x books."""
        equity = self.raw["equity"]
        peak = np.maximum.accumulate(np.maximum(equity, self.raw["capital"][:, None]), axis=1)
        return self._sessions_frame(np.minimum(1.0 - equity / peak, 1.0))

    def to_frame(self) -> pd.DataFrame:
        """Everything daily in one long table."""
        import pandas as pd

        items = {name: self.raw[name] for name in ("equity", "cash", "margin", "excess", "open_condors")}
        items |= {f"pnl:{name}": self._bucket(name) for name in self.raw["buckets"]}
        shape = (len(items), len(self.books), len(self.raw["day"]))
        return pd.DataFrame(
            {
                "day": np.broadcast_to(_days(self.raw), shape).ravel(),
                "book": np.broadcast_to(np.array(self.books, dtype=object)[None, :, None], shape).ravel(),
                "item": np.repeat(np.array(list(items), dtype=object), shape[1] * shape[2]),
                "value": np.stack(
                    [np.asarray(values, dtype=np.float64) for values in items.values()]
                ).ravel(),
            }
        )

    # --- records -----------------------------------------------------------------------------------

    def trades(self) -> pd.DataFrame:
        """Every fill."""
        return _study_records.trades(self.raw)

    def records(self, name: str) -> pd.DataFrame:
        """Condors or decisions."""
        return _study_records.records(self.raw, name)

    def incidents(self) -> pd.DataFrame:
        """Everything that happened to the books."""
        return _study_records.incidents(self.raw)

    def incident_counts(self) -> list[dict[str, Any]]:
        """Count incidents by book, kind and layer."""
        names = ["book", "kind", "layer"]
        counts = self.incidents().groupby(names, sort=False).size()
        return [
            {**dict(zip(names, key, strict=True)), "count": count}
            for key, count in zip(counts.index.tolist(), counts.tolist(), strict=True)
        ]

    def incident_lines(self) -> list[str]:
        """Count the incidents in words."""
        return _study_records.incident_lines(self.incidents(), self.books)

    def events(self) -> pd.DataFrame:
        """Named market events, one row per event and book, or one row with the reason why it is skipped."""
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

    # --- inside ------------------------------------------------------------------------------------

    def _dates(self) -> list[date]:
        return [_EPOCH + timedelta(days=int(day)) for day in self.raw["day"]]

    def _sessions_frame(self, values: NDArray[Any]) -> pd.DataFrame:
        import pandas as pd

        return pd.DataFrame(
            values.T.copy(), index=pd.DatetimeIndex(_days(self.raw), name="day"), columns=self.books
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

    def _hedge_pnl(self) -> NDArray[np.float64]:
        """P&L of the hedge layers less the fees and slippage of their own trades."""
        cents: NDArray[np.int64] = self.raw["attribution"][:, _study_records.layers(self.raw), :].sum(axis=1)
        trades = self.raw["trades"]
        of_layer = _study_records.layers(self.raw)[trades["bucket"]]
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
        legs = np.array([name in _study_records.CONDOR_LEGS for name in self.raw["buckets"]])
        positions = np.stack((trades["book"], trades["position"]))[:, legs[trades["bucket"]]]
        opened = count(np.unique(positions, axis=1)[0])
        skipped = incidents("entry_skipped")
        notional = np.abs(trades["contracts"] * trades["price"] * trades["multiplier"])
        years = len(self.raw["day"]) / _SESSIONS_PER_YEAR
        hedge = self._hedge_pnl()
        hypothetical = self.raw["day"] < (_VIX_OPTIONS_LISTED - _EPOCH).days
        return {
            "condors": closed,
            "win_rate": share(count(condors["book"], (condors["pnl_cents"] > 0).astype(float)), closed),
            "double_breaches": count(condors["book"], np.asarray(condors["double_breach"], dtype=float)),
            "margin_calls": incidents("margin_call"),
            "forced_closes": incidents("forced_close"),
            "entries_skipped": share(skipped, skipped + opened),
            "entries_capped": share(incidents("risk_cap"), opened),
            "turnover": count(trades["book"], notional) / self.raw["capital"] / years,
            "margin_max": np.asarray(self.raw["margin"]).max(axis=1, initial=0.0),
            "hedge_pnl": hedge.sum(axis=1),
            "hypothetical_hedge_pnl": hedge[:, hypothetical].sum(axis=1),
        }


def _days(raw: Mapping[str, Any]) -> NDArray[np.datetime64]:
    return np.asarray(raw["day"]).astype("datetime64[D]").astype("datetime64[ns]")


def share(part: NDArray[np.float64], whole: NDArray[np.float64]) -> NDArray[np.float64]:
    """Part of a whole; NaN of nothing."""
    return np.divide(part, whole, out=np.full_like(part, np.nan), where=whole > 0.0)


def interval_columns(names: list[str], values: NDArray[np.float64]) -> dict[str, Any]:
    """Value and ends of every interval as columns."""
    columns: dict[str, Any] = {}
    for index, name in enumerate(names):
        for position, suffix in enumerate(ENDS):
            columns[f"{name}{suffix}"] = values[:, index, position]
    return columns
