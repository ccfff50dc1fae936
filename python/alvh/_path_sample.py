"""Simulated paths as a sample: statistics with standard errors, outcomes by path, recorded paths."""

from __future__ import annotations

import math
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from alvh import _study_records
from alvh._estimates import Estimate, Paths
from alvh._study_text import Row, number, with_error
from alvh.errors import InternalError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import pandas as pd
    from numpy.typing import NDArray

    Values = NDArray[np.float64]
    Table = dict[str, list[Estimate]]

__all__ = ["PathSample"]

_SESSIONS_PER_YEAR = 252.0
# A drawdown of the other book below this says nothing about a ratio.
_LEAST_DRAWDOWN = 0.05
# Means over paths of a statistic that every path has.
_MEANS = (
    "pnl",
    "cagr",
    "volatility",
    "sharpe",
    "sortino",
    "expected_shortfall_95",
    "expected_shortfall_99",
    "max_drawdown",
    "max_drawdown_usd",
    "drawdown_sessions",
    "credit",
    "hedge_cost",
)
_COUNTED = ("condors", "double_breaches")
_INCIDENTS = {"margin_calls": "margin_call", "forced_closes": "forced_close"}
_ENDS = ("", "_low", "_high", "_std_error")
ROWS: tuple[Row, ...] = (
    ("pnl", "mean P&L, USD", None, 1),
    ("pnl_median", "  median", None, 1),
    ("probability_of_loss", "P(loss), %", 100.0, 1),
    ("pnl_shortfall_95", "ES 95, USD", None, 1),
    ("pnl_shortfall_99", "ES 99, USD", None, 1),
    ("cagr", "CAGR, %", 100.0, 2),
    ("volatility", "volatility, %", 100.0, 2),
    ("sharpe", "Sharpe", 1.0, 2),
    ("sortino", "Sortino", 1.0, 2),
    ("expected_shortfall_95", "ES 95 daily, %", 100.0, 2),
    ("expected_shortfall_99", "ES 99 daily, %", 100.0, 2),
    ("max_drawdown", "max drawdown, %", 100.0, 2),
    ("max_drawdown_95", "  95th percentile", 100.0, 2),
    ("max_drawdown_usd", "  in USD", None, 1),
    ("drawdown_sessions", "  sessions", 1.0, 0),
    ("credit", "credit, USD", None, 1),
    ("hedge_cost", "hedge cost, %/year", 100.0, 2),
    ("credit_kept", "credit kept, %", 100.0, 1),
    ("condors", "condors closed", 1.0, 1),
    ("win_rate", "condors won, %", 100.0, 1),
    ("double_breaches", "double breaches", 1.0, 2),
    ("margin_calls", "margin calls", 1.0, 2),
    ("entries_skipped", "entries skipped, %", 100.0, 1),
    ("entries_capped", "risk-capped, %", 100.0, 1),
    ("turnover", "turnover, x/year", 1.0, 2),
    ("margin_max", "most margin, USD", None, 1),
)
BRIEF = (
    "pnl",
    "probability_of_loss",
    "pnl_shortfall_95",
    "sharpe",
    "max_drawdown",
    "hedge_cost",
    "credit_kept",
)


class PathSample:
    """Books over simulated paths.

    Parameters
    ----------
    raw : mapping
        Merged chunks of a simulation.
    base : int
        Book that the others are compared with.

    Raises
    ------
    InternalError
        When the buckets of a path do not sum to what its equity changed by, to the cent.
    """

    rows = ROWS
    brief = BRIEF
    counts: tuple[Row, ...] = ()
    scan: Row | None = None

    def __init__(self, raw: Mapping[str, Any], base: int) -> None:
        self.raw = raw
        self.books = list(raw["books"])
        self.base = base
        self.outcomes: Mapping[str, NDArray[Any]] = raw["outcomes"]
        self._check_attribution()

    # --- statistics --------------------------------------------------------------------------------

    @cached_property
    def paths(self) -> Paths:
        """The sample with its weights, pairs and controls."""
        columns = self.raw["paths"]
        weights = np.exp(columns["log_weight"]) if "log_weight" in columns else None
        controls = [columns[name] for name in sorted(columns) if name.startswith("control:")]
        return Paths(
            self.raw["n_paths"],
            weights,
            bool(self.raw["antithetic"]) and self.raw["first_path"] % 2 == 0,
            np.stack(controls) if controls and self.raw["use_controls"] else None,
        )

    @cached_property
    def statistics(self) -> Table:
        """Estimates by name, one per book."""
        found: Table = {}
        for book in range(len(self.books)):
            for name, estimate in self._book(book).items():
                found.setdefault(name, []).append(estimate)
        return found

    def _book(self, book: int) -> dict[str, Estimate]:
        paths = self.paths
        of = {name: values[book] for name, values in self.outcomes.items()}
        years = self.raw["sessions"] / _SESSIONS_PER_YEAR
        found = {name: paths.mean(of[name]) for name in _MEANS}
        losses = -of["pnl"]
        found["pnl_median"] = paths.quantile(of["pnl"], 0.5)
        found["pnl_deviation"] = self._deviation(of["pnl"])
        found["probability_of_loss"] = paths.share(of["pnl"] < 0.0)
        found["pnl_shortfall_95"] = paths.shortfall(losses, 0.95)
        found["pnl_shortfall_99"] = paths.shortfall(losses, 0.99)
        found["max_drawdown_95"] = paths.quantile(of["max_drawdown"], 0.95)
        credit = paths.mean(of["credit"])
        found["credit_kept"] = paths.mean(of["credit"] * np.nan_to_num(of["credit_kept"])) / credit
        found |= {name: paths.mean(of[name].astype(np.float64)) for name in _COUNTED}
        found["margin_max"] = paths.mean(of["margin_max_cents"] / 100.0)
        found["win_rate"] = paths.mean(of["winners"].astype(np.float64)) / found["condors"]
        found |= {name: self._incident(of, kind) for name, kind in _INCIDENTS.items()}
        entries = paths.mean(of["entries"].astype(np.float64))
        kinds = [kind for kind in self.raw["event_kinds"] if kind.startswith("entry_skipped")]
        skipped = paths.mean(sum((of[kind] for kind in kinds), np.zeros(paths.n)))
        found["entries_skipped"] = skipped / (skipped + entries)
        found["entries_capped"] = self._incident(of, "risk_cap") / entries
        found["turnover"] = paths.mean(of["traded"] / (self.raw["capital"][book] * years))
        found["hedge_pnl"] = found["hedge_cost"].scaled(-years * float(self.raw["capital"][book]))
        return found

    def _incident(self, of: Mapping[str, NDArray[Any]], kind: str) -> Estimate:
        return self.paths.mean(of[kind].astype(np.float64))

    def _deviation(self, values: Values) -> Estimate:
        mean = self.paths.mean(values)
        variance = self.paths.mean((values - mean.value) ** 2)
        root = math.sqrt(max(variance.value, 0.0))
        if root == 0.0:
            return variance
        return Estimate(root, variance.influence / (2.0 * root), self.paths)

    def summary(self) -> pd.DataFrame:
        """Statistics per book with intervals and standard errors."""
        import pandas as pd

        return pd.DataFrame(_columns(self.statistics), index=pd.Index(self.books, name="book"))

    def paired(self) -> pd.DataFrame:
        """Each other book against the base on the same paths, without a reading."""
        import pandas as pd

        found: Table = {}
        for book in range(len(self.books)):
            for name, estimate in self._pair(book).items():
                found.setdefault(name, []).append(estimate)
        frame = pd.DataFrame(_columns(found), index=pd.Index(self.books, name="book"))
        others: pd.DataFrame = frame.drop(index=self.books[self.base])
        return others

    def _pair(self, book: int) -> dict[str, Estimate]:
        paths, base, outcomes = self.paths, self.base, self.outcomes

        def both(name: str) -> tuple[Estimate, Estimate]:
            return self.statistics[name][book], self.statistics[name][base]

        def reduction(name: str) -> Estimate:
            own, other = both(name)
            return (own / other).one_less() if other.value > 0.0 else paths.undefined()

        own, other = both("max_drawdown")
        falls = outcomes["max_drawdown"][book], outcomes["max_drawdown"][base]
        fell = falls[1] >= _LEAST_DRAWDOWN
        ratio = falls[0] / np.where(fell, falls[1], 1.0)
        pnl, base_pnl = both("pnl")
        difference = self.outcomes["pnl"][book] - self.outcomes["pnl"][base]
        hedge_cost, base_cost = both("hedge_cost")
        return {
            "pnl_difference": paths.mean(difference),
            "drawdown_ratio": own / other if other.value > 0.0 else paths.undefined(),
            "drawdown_reduction": reduction("max_drawdown"),
            "drawdown_reduction_95": reduction("max_drawdown_95"),
            "drawdown_reduction_median": paths.quantile(ratio, 0.5, fell).one_less(),
            "expected_shortfall_reduction": reduction("expected_shortfall_95"),
            "pnl_shortfall_reduction": reduction("pnl_shortfall_95"),
            "hedge_cost": hedge_cost,
            "hedge_cost_difference": hedge_cost - base_cost,
            "credit_kept": self.statistics["credit_kept"][book],
            "pnl_kept": pnl / base_pnl if base_pnl.value > 0.0 else paths.undefined(),
            "probability_worse": paths.share(difference < 0.0),
        }

    def attribution(self, std_errors: bool) -> pd.DataFrame:
        """Mean P&L by book and bucket, USD, or its standard errors."""
        import pandas as pd

        def of(cents: NDArray[np.int64]) -> float:
            estimate = self.paths.mean(cents / 100.0)
            return estimate.std_error if std_errors else estimate.value

        values = [[of(bucket) for bucket in book] for book in self.outcomes["bucket_cents"]]
        return pd.DataFrame(values, index=pd.Index(self.books, name="book"), columns=self.raw["buckets"])

    def reading(self, name: str, row: pd.Series[Any], own: float, other: float) -> str:
        """Say in words what a book did to the base; `own` and `other` are their mean maximum drawdowns."""
        base = self.books[self.base]

        def told(quantity: str, factor: float | None, digits: int, unit: str, sign: float = 1.0) -> str:
            ends = [sign * float(row[f"{quantity}{end}"]) for end in ("", "_low", "_high")]
            return with_error(ends, factor, digits, unit)

        change = "lowered" if own < other else "raised" if own > other else "left"
        sign, what = (-1.0, "an increase") if change == "raised" else (1.0, "a reduction")
        reductions = [
            told(f"drawdown_reduction{kind}", 100.0, 1, " %", sign) for kind in ("", "_95", "_median")
        ]
        kept = told("credit_kept", 100.0, 0, " %")
        return (
            f"{name} {change} the mean maximum drawdown of {base} from {number(other, 100.0, 2)} % to "
            f"{number(own, 100.0, 2)} %: {what} of {reductions[0]} in the mean, {reductions[1]} at the 95th "
            f"percentile, {reductions[2]} in the median of paths on which {base} fell 5 % or more; "
            f"P&L difference {told('pnl_difference', None, 1, 'USD')}; "
            f"hedge cost {told('hedge_cost', 100.0, 2, ' %')} of capital a year; credit kept {kept}."
        )

    def value(self, book: str, metric: str) -> float:
        """Look up a statistic of a book."""
        return self.statistics[metric][self.books.index(book)].value

    def heading(self) -> list[str]:
        """Head the printed table."""
        count = f"{len(self.books)} book{'s' * (len(self.books) != 1)}"
        raw, provenance = self.raw, self.raw["provenance"]
        end = raw["first_path"] + raw["n_paths"]
        part = "" if raw["first_path"] == 0 else f" ({raw['first_path']:,} to {end - 1:,})"
        lines = [
            f"Study of {count} over {raw['n_paths']:,} simulated paths{part} of {raw['sessions']:,} sessions "
            f"from {provenance['first']}",
            f"model {provenance['market']['name']}, seed {provenance['seed']}; value ± standard error, "
            "means over paths unless named otherwise",
        ]
        if "log_weight" in raw["paths"]:
            lines.append(f"importance weights: worth {self.paths.effective:,.0f} paths without weights")
        return lines

    def caption(self) -> str:
        """Head the table of a notebook."""
        return (
            f"{self.raw['n_paths']:,} simulated paths of {self.raw['sessions']:,} sessions; ± standard error"
        )

    def cell(self, triple: list[float], factor: float | None, digits: int) -> str:
        """Print a statistic with its standard error."""
        return with_error(triple, factor, digits)

    def provenance(self) -> dict[str, Any]:
        """How the standard errors were made."""
        return {
            "intervals": {
                "method": "normal approximation by influence functions of independent paths, paired",
                "antithetic_pairs": self.paths.group == 2,
                "control_variates": self.paths.n_controls,
                "effective_paths": self.paths.effective,
                "level": 0.95,
            }
        }

    # --- series of recorded paths ------------------------------------------------------------------

    def equity(self) -> pd.DataFrame:
        """Equity of recorded paths at the close, (path, session) x books, USD."""
        return self._recorded(lambda record: record["equity"])

    def pnl(self) -> pd.DataFrame:
        """Daily P&L of recorded paths, (path, session) x books, USD."""
        return self._recorded(lambda record: record["attribution"].sum(axis=1) / 100.0)

    def drawdown(self) -> pd.DataFrame:
        """Fall of recorded paths from the highest equity so far, (path, session) x books."""

        def of(record: Mapping[str, Any]) -> Values:
            equity = record["equity"]
            peak = np.maximum.accumulate(np.maximum(equity, self.raw["capital"][:, None]), axis=1)
            return np.asarray(np.minimum(1.0 - equity / peak, 1.0))

        return self._recorded(of)

    def _recorded(self, of: Callable[[Mapping[str, Any]], Values]) -> pd.DataFrame:
        import pandas as pd

        frames = {
            record["path"]: pd.DataFrame(
                of(record).T,
                index=pd.DatetimeIndex(record["day"].astype("datetime64[D]").astype("datetime64[ns]")),
                columns=self.books,
            )
            for record in self.raw["records"]
        }
        if not frames:
            index = pd.MultiIndex.from_arrays(
                [np.zeros(0, dtype=np.int64), pd.DatetimeIndex([])], names=["path", "day"]
            )
            return pd.DataFrame(np.zeros((0, len(self.books))), index=index, columns=self.books)
        whole: pd.DataFrame = pd.concat(frames, names=["path", "day"])
        return whole

    def to_frame(self) -> pd.DataFrame:
        """Everything kept of every path in one long table."""
        import pandas as pd

        items = {name: values for name, values in self.outcomes.items() if values.ndim == 2}
        cents = self.outcomes["bucket_cents"]
        items |= {f"pnl:{name}": cents[:, k] / 100.0 for k, name in enumerate(self.raw["buckets"])}
        n_paths, n_books = self.raw["n_paths"], len(self.books)
        path = self.raw["first_path"] + np.arange(n_paths)
        return pd.DataFrame(
            {
                "path": np.tile(path, n_books * len(items)),
                "book": np.tile(np.repeat(np.array(self.books, dtype=object), n_paths), len(items)),
                "item": np.repeat(np.array(list(items), dtype=object), n_books * n_paths),
                "value": np.concatenate([v.astype(np.float64).ravel() for v in items.values()]),
            }
        )

    # --- records -----------------------------------------------------------------------------------

    def _each(self, frame: Callable[[Mapping[str, Any]], pd.DataFrame]) -> pd.DataFrame:
        import pandas as pd

        common = {key: self.raw[key] for key in ("books", "buckets", "rules", "event_kinds", "provenance")}
        frames = []
        for record in self.raw["records"]:
            one = frame({**common, **record})
            one.insert(0, "path", record["path"])
            frames.append(one)
        return pd.concat(frames, ignore_index=True) if frames else pd.DataFrame({"path": [], "book": []})

    def trades(self) -> pd.DataFrame:
        """Every fill of the recorded paths."""
        return self._each(_study_records.trades)

    def records(self, name: str) -> pd.DataFrame:
        """Condors or decisions of the recorded paths."""
        return self._each(lambda record: _study_records.records(record, name))

    def incidents(self) -> pd.DataFrame:
        """List what happened to the books on the recorded paths."""
        return self._each(_study_records.incidents)

    def incident_counts(self) -> list[dict[str, Any]]:
        """Count incidents by book and kind over all paths."""
        return [
            {"book": book, "kind": kind, "layer": "", "count": int(count)}
            for index, book in enumerate(self.books)
            for kind in self.raw["event_kinds"]
            if (count := self.outcomes[kind][index].sum())
        ]

    def incident_lines(self) -> list[str]:
        """Count the incidents of all paths in words, per path."""
        lines = []
        for index, book in enumerate(self.books):
            parts = []
            for kind in self.raw["event_kinds"]:
                total = self.outcomes[kind][index].sum()
                if total:
                    words = _study_records.INCIDENTS.get(kind, (kind.replace("_", " "),) * 2)[1]
                    parts.append(f"{total / self.raw['n_paths']:.3g} {words}")
            if parts:
                lines.append(f"incidents of {book} on a path: {'; '.join(parts)}.")
        return lines

    def events(self) -> pd.DataFrame:
        """No named events: they belong to history."""
        import pandas as pd

        columns = ["event", "start", "end", "book", "pnl", "max_drawdown", "max_drawdown_usd"]
        return pd.DataFrame(columns=[*columns, "sessions_to_recover", "skipped"])

    # --- inside ------------------------------------------------------------------------------------

    def _check_attribution(self) -> None:
        capital = np.rint(self.raw["capital"] * 100.0).astype(np.int64)
        cents = self.outcomes["final_equity_cents"] - capital[:, None]
        residual = np.abs(self.outcomes["bucket_cents"].sum(axis=1) - cents)
        if residual.max(initial=0.0) > 0.0:
            book, path = np.unravel_index(int(residual.argmax()), residual.shape)
            got = f"a residual of {residual.max() / 100.0:.2f} USD"
            where = f"{self.books[book]} path {self.raw['first_path'] + path}"
            raise InternalError("STA023", "engine", "attribution", got, "0.00 USD", where)


def _columns(table: Table) -> dict[str, Any]:
    columns: dict[str, Any] = {}
    for name, estimates in table.items():
        rows = [(e.value, *e.interval, e.std_error) for e in estimates]
        for position, end in enumerate(_ENDS):
            columns[f"{name}{end}"] = np.array([row[position] for row in rows])
    return columns
