"""Published claims about the layered hedge beside what a study measured, with a verdict by one rule.

For a claimed range [a, b] a claim is supported when the whole 95 % interval lies above a (of a cost: below b), not
supported when it lies below a (of a cost: above b), and undecided otherwise.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING, Any

import numpy as np

from alvh.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd

    from alvh.study import Study

__all__ = ["claim_lines", "claims", "verdict", "wilson"]

_SESSIONS_PER_YEAR = 252.0
# Below this measured coverage an interval that calls itself 95 % is indicative only.
_LEAST_COVERAGE = 0.90
# 97.5 % point of the standard normal distribution.
_Z = 1.959963984540054
SUBJECTS = ("adaptive", "static")
_DERISKED = "derisked"
# Rules that close a condor and open another for it in one order.
_ROLL = "condor.time_shift"
_COLUMNS = (
    "claim",
    "claimed",
    "book",
    "against",
    "estimate",
    "low",
    "high",
    "sample",
    "verdict",
    "within",
    "coverage",
    "indicative",
    "why",
    "change",
)


@dataclass(frozen=True)
class _Range:
    """A published claim about one quantity."""

    claim: str
    claimed: str
    quantity: str
    low: float | None
    high: float | None
    is_cost: bool = False


_DRAWDOWN = (
    _Range("drawdown reduction", "35-40 %", "drawdown_reduction", 0.35, 0.40),
    _Range("drawdown reduction", "40-65 %", "drawdown_reduction", 0.40, 0.65),
)
_KEPT = (
    _Range("credit kept", "> 50 %", "credit_kept", 0.50, None),
    _Range("P&L kept", "> 50 %", "pnl_kept", 0.50, None),
)
_COST = _Range("hedge cost a year", "1-2 %", "hedge_cost", 0.01, 0.02, is_cost=True)
_RECOVERY = _Range("losses of rolled condors recovered", "88 %", "recovery", 0.88, None)
_WINS = _Range("conservative condors won", "90 %", "win_rate", 0.90, None)


def verdict(
    low: float, high: float, claimed: tuple[float | None, float | None], *, is_cost: bool = False
) -> str:
    """Compare a 95 % interval with a claimed range.

    Parameters
    ----------
    low, high : float
        Ends of the interval; NaN when it has none.
    claimed : tuple of two floats or None
        Ends a and b of the claimed range. A gain is measured against a, a cost against b.
    is_cost : bool
        Whether less is better.

    Returns
    -------
    str
        ``"supported"``, ``"not supported"`` or ``"undecided"``.
    """
    mark = claimed[1] if is_cost else claimed[0]
    if mark is None or math.isnan(low) or math.isnan(high):
        return "undecided"
    better, worse = (high < mark, low > mark) if is_cost else (low > mark, high < mark)
    return "supported" if better else "not supported" if worse else "undecided"


def wilson(won: float, n: float, share: float | None = None) -> tuple[float, float]:
    """Wilson score interval (95 %) of a share.

    Wilson (1927), doi:10.1080/01621459.1927.10502953. Unlike resampling it stays honest at 0 and 1.

    Parameters
    ----------
    won : float
        Successes among `n`; ignored when `share` is given.
    n : float
        Independent trials.
    share : float, optional
        Estimated share, where it rests on more trials than are independent.

    Returns
    -------
    tuple of float
        Lower and upper end; NaN without trials.
    """
    if n <= 0:
        return math.nan, math.nan
    p = won / n if share is None else share
    centre = (p + _Z * _Z / (2 * n)) / (1 + _Z * _Z / n)
    half = _Z / (1 + _Z * _Z / n) * math.sqrt(p * (1 - p) / n + _Z * _Z / (4 * n * n))
    return max(0.0, centre - half), min(1.0, centre + half)


@cache
def measured_coverage() -> dict[str, Any]:
    """Coverage of the intervals on simulated studies with known truth, as tools/measure_coverage.py found it."""
    text = resources.files("alvh").joinpath("_coverage.json").read_text(encoding="utf-8")
    found: dict[str, Any] = json.loads(text)
    return found


def claims(study: Study, books: Sequence[str] | None = None) -> pd.DataFrame:
    """Judge every published claim by the study; see :meth:`alvh.Study.claims`."""
    import pandas as pd

    if books is not None:
        for name in books:
            if name not in study.books:
                expected = f"one of {', '.join(study.books)}"
                raise ConfigError("STA022", "Study.claims", "books", repr(name)[:40], expected)
    judge = _Judge(study)
    rows = [row for subject in SUBJECTS if books is None or subject in books for row in judge.hedge(subject)]
    for name in books or ():
        if name not in SUBJECTS:
            rows += judge.hedge(name)
    rows += judge.rolled()
    rows += judge.conservative()
    frame = pd.DataFrame(rows, columns=list(_COLUMNS))
    numbers = ["estimate", "low", "high", "coverage"]
    return frame.astype(dict.fromkeys(numbers, "float64"))


class _Judge:
    """The rows of one study."""

    def __init__(self, study: Study) -> None:
        self._study = study
        self._books = dict(zip(study.books, study.provenance["books"], strict=True))
        self._paired: dict[str, pd.DataFrame] = {}
        self._sample = _sample(study)
        self._is_history = "outcomes" not in study.raw

    def hedge(self, subject: str) -> list[dict[str, Any]]:
        """Judge drawdown reduction, credit kept and cost of one hedged book."""
        partner = self._partner(subject)
        against = (
            [partner] if subject == "static" else [partner, self._like(subject, ("static", "static_phased"))]
        )
        rows = []
        for other in against:
            for claim in _DRAWDOWN:
                rows.append(self._compared(claim, subject, other, needs_derisked=True))
        for claim in (*_KEPT, _COST):
            rows.append(self._compared(claim, subject, partner))
        return rows

    def rolled(self) -> list[dict[str, Any]]:
        """Judge the share of condors rolled at a loss whose chain of rolls closes without one."""
        condors = self._study.condors
        if len(condors):
            condors = condors[condors["exit_rule"].str.startswith(_ROLL)]
        if condors.empty:
            return [self._missing(_RECOVERY, "adaptive", "", "needs a book that rolls threatened condors")]
        names = list(dict.fromkeys(condors["book"]))
        # Books with the same condors would say the same.
        return [self._recovered(str(name)) for name in [n for n in SUBJECTS if n in names] or names]

    def conservative(self) -> list[dict[str, Any]]:
        """Judge the win rate after costs of every book of conservative condors."""
        names = [
            name
            for name in self._study.books
            if (self._books[name].get("condor") or {}).get("tier") == "conservative"
        ]
        if not names:
            return [self._missing(_WINS, "conservative", "", "needs a book of the conservative tier")]
        if not self._is_history:
            return [self._won_on_paths(name) for name in names]
        condors = self._study.condors
        return [self._won(name, condors[condors["book"] == name]) for name in names]

    def _recovered(self, name: str) -> dict[str, Any]:
        chains = rolled_at_a_loss(self._study.condors, name)
        if chains.empty:
            return self._missing(_RECOVERY, name, "", f"{name} closed no chain of a condor rolled at a loss")
        share = float(np.average(chains["pnl"] >= 0.0, weights=chains["losses"]))
        apart = _apart(chains)
        low, high = wilson(0.0, apart, share)
        found = verdict(low, high, (_RECOVERY.low, _RECOVERY.high))
        losses = int(chains["losses"].sum())
        sample = (
            f"{losses:,} condors rolled at a loss in {len(chains):,} chains, {apart:,} of them apart in time"
        )
        return self._row(_RECOVERY, name, "", [share, low, high], sample, found, math.nan, [])

    # --- one row -----------------------------------------------------------------------------------

    def _partner(self, subject: str) -> str:
        return self._like(subject, ("unhedged", "unhedged_phased"))

    def _like(self, subject: str, others: tuple[str, ...]) -> str:
        """Choose the book that differs from the subject by nothing but its hedge, else the plain one."""
        if subject not in self._books:
            return others[0]
        known = [name for name in others if name in self._books]
        same = [name for name in known if self._same_condors(subject, name)]
        return next(iter(same or known), others[0])

    def _compared(
        self, claim: _Range, subject: str, other: str, *, needs_derisked: bool = False
    ) -> dict[str, Any]:
        missing = [name for name in (subject, other) if name not in self._books]
        if missing:
            plural = "s" if len(missing) > 1 else ""
            return self._missing(claim, subject, other, f"needs book{plural} {' and '.join(missing)}")
        ends = self._triple(other, subject, claim.quantity)
        found = verdict(ends[1], ends[2], (claim.low, claim.high), is_cost=claim.is_cost)
        why: list[str] = []
        if needs_derisked:
            coverage = self._coverage(claim.quantity)
            if found == "supported":
                found = self._beats_derisked(subject, why)
        else:
            coverage = math.nan
        if found == "supported" and not self._same_condors(subject, other):
            found = "undecided"
            why.append(f"condor rules of {subject} and {other} differ: not the hedge alone")
        if math.isnan(ends[0]):
            why.append("undefined on this sample")
        elif math.isnan(ends[1]):
            why.append("no interval")
        return self._row(claim, subject, other, ends, self._sample, found, coverage, why)

    def _won(self, name: str, condors: pd.DataFrame) -> dict[str, Any]:
        n = len(condors)
        if n == 0:
            return self._missing(_WINS, name, "", f"{name} closed no condor")
        share = float((condors["pnl"] > 0.0).mean())
        apart = _apart(condors)
        low, high = wilson(0.0, apart, share)
        found = verdict(low, high, (_WINS.low, _WINS.high))
        sample = f"{n:,} condors, {apart:,} of them with lives apart"
        return self._row(_WINS, name, "", [share, low, high], sample, found, math.nan, [])

    def _won_on_paths(self, name: str) -> dict[str, Any]:
        columns = ["win_rate", "win_rate_low", "win_rate_high"]
        ends = [float(x) for x in self._study.summary().loc[[name], columns].to_numpy()[0]]
        found = verdict(ends[1], ends[2], (_WINS.low, _WINS.high))
        return self._row(_WINS, name, "", ends, self._sample, found, math.nan, [])

    def _missing(self, claim: _Range, subject: str, other: str, reason: str) -> dict[str, Any]:
        ends = [math.nan] * 3
        row = self._row(claim, subject, other, ends, "", "not measured", math.nan, [reason])
        return {**row, "change": reason}

    def _row(
        self,
        claim: _Range,
        subject: str,
        other: str,
        ends: list[float],
        sample: str,
        found: str,
        coverage: float,
        why: list[str],
    ) -> dict[str, Any]:
        low, high = ends[1:]
        within = None
        if claim.low is not None and claim.high is not None and not math.isnan(low):
            within = bool(low >= claim.low and high <= claim.high)
        indicative = bool(coverage < _LEAST_COVERAGE)
        if indicative:
            why.append(f"indicative: intervals like it held {coverage:.0%} of the truth, not 95 %")
        return {
            "claim": claim.claim,
            "claimed": claim.claimed,
            "book": subject,
            "against": other,
            "estimate": ends[0],
            "low": low,
            "high": high,
            "sample": sample,
            "verdict": found,
            "within": within,
            "coverage": coverage,
            "indicative": indicative,
            "why": "; ".join(why),
            "change": self._change(claim, ends, found),
        }

    # --- what it rests on --------------------------------------------------------------------------

    def _triple(self, other: str, subject: str, quantity: str) -> list[float]:
        if other not in self._paired:
            self._paired[other] = self._study.paired(other)
        columns = [f"{quantity}{end}" for end in ("", "_low", "_high")]
        return [float(x) for x in self._paired[other].loc[[subject], columns].to_numpy()[0]]

    def _same_condors(self, subject: str, other: str) -> bool:
        own, base = self._books[subject], self._books[other]
        same = all(own.get(key) == base.get(key) for key in ("condor", "capital", "portfolio"))
        return same and _condor_rules(own) == _condor_rules(base)

    def _beats_derisked(self, subject: str, why: list[str]) -> str:
        """Whether the hedge also did better than holding fewer condors."""
        found = "supported"
        for name in (book for book in self._books if book.startswith(_DERISKED)):
            _, low, high = self._triple(name, subject, "drawdown_reduction")
            if high < 0.0:
                found = "not supported"
                why.append(f"{name}, fewer condors without a hedge, has the smaller drawdown")
            elif not low > 0.0:
                found = "undecided" if found == "supported" else found
                why.append(f"not shown to beat {name}, fewer condors without a hedge")
        return found

    def _coverage(self, quantity: str) -> float:
        # In simulation the quantity rests on many paths and its interval on their number, not on resampled days.
        if not self._is_history:
            return math.nan
        return float(measured_coverage()["coverage"][quantity])

    def _change(self, claim: _Range, ends: list[float], found: str) -> str:
        value, low, high = ends
        mark = claim.high if claim.is_cost else claim.low
        if mark is None or math.isnan(value) or math.isnan(low):
            return "a sample on which it is defined"
        side = high if claim.is_cost else low
        if found == "supported":
            return f"{abs(side - mark) * 100:.1f} points less of it: wing, days to expiry, fills, hedge size"
        distance = abs(value - mark)
        if found == "not supported":
            if claim.is_cost:
                return f"a hedge of {mark / value:.0%} of its size, or cheaper fills"
            return f"{distance * 100:.1f} points more of it: wing, days to expiry, hedge size"
        if claim.quantity == "drawdown_reduction" and self._is_history:
            return "many paths: one history has one largest drawdown"
        if distance == 0.0 or self._is_history is False:
            return "more paths"
        # The width of an interval falls with the root of the sample.
        half = (high - low) / 2.0
        factor = (half / distance) ** 2
        if claim.quantity == "win_rate":
            return f"about {max(1.0, factor):,.0f} times as many condors at this rate"
        years = factor * len(self._study.equity()) / _SESSIONS_PER_YEAR
        return f"about {years:,.0f} years of data like these, or other wings, days, fills, hedge size"


def _condor_rules(book: dict[str, Any]) -> Any:
    """Tell what a policy does to the condors of a book; rules of its hedge are left out."""
    from alvh.policy import CONDOR_SWITCHES

    rules = book.get("rules") or {}
    if "adaptive" in rules:
        return [name for name in CONDOR_SWITCHES if rules["adaptive"][name]]
    return [] if not rules or "motion" in rules else rules


def rolled_at_a_loss(condors: pd.DataFrame, book: str) -> pd.DataFrame:
    """Gather the chains of rolls of a book in which a condor was rolled at a loss and whose last condor has closed.

    Parameters
    ----------
    condors : pandas.DataFrame
        Closed condors of a study.
    book : str
        Name of the book.

    Returns
    -------
    pandas.DataFrame
        A row per chain: ``opened`` and ``closed``, ``pnl`` of all its condors after costs [USD], ``losses`` (condors
        rolled at a loss), with ``path`` in a simulation.
    """
    own = condors[condors["book"] == book]
    is_roll = own["exit_rule"].str.startswith(_ROLL)
    own = own.assign(losses=is_roll & (own["pnl"] < 0.0), rolled=is_roll)
    keys = [name for name in ("path", "chain") if name in own]
    chains = (
        own.sort_values("closed", kind="stable")
        .groupby(keys, sort=False)
        .agg(
            opened=("opened", "min"),
            closed=("closed", "max"),
            pnl=("pnl", "sum"),
            losses=("losses", "sum"),
            runs_on=("rolled", "last"),
        )
        .reset_index()
    )
    ended: pd.DataFrame = chains[(chains["losses"] > 0) & ~chains["runs_on"].astype(bool)]
    return ended.drop(columns="runs_on")


def _apart(lives: pd.DataFrame) -> int:
    """Count lives that do not overlap, path by path."""
    paths = [part for _, part in lives.groupby("path")] if "path" in lives else [lives]
    return sum(disjoint_lives(part["opened"].to_numpy(), part["closed"].to_numpy()) for part in paths)


def disjoint_lives(opened: np.ndarray[Any, Any], closed: np.ndarray[Any, Any]) -> int:
    """Largest number of intervals that do not overlap: condors alive on the same days are not independent."""
    count, free = 0, None
    for index in np.argsort(closed, kind="stable"):
        if free is None or opened[index] >= free:
            count += 1
            free = closed[index]
    return count


def _sample(study: Study) -> str:
    if "outcomes" in study.raw:
        return f"{study.raw['n_paths']:,} simulated paths of {study.raw['sessions']:,} sessions"
    days = study.equity().index
    return f"{len(days):,} sessions {days[0]:%Y-%m-%d} to {days[-1]:%Y-%m-%d}, one history"


def percent(row: Any) -> str:
    """Write estimate and interval of a claim in percent."""
    value, low, high = (float(row[key]) * 100.0 for key in ("estimate", "low", "high"))
    if math.isnan(value):
        return "n/a"
    text = f"{value + 0.0:,.1f} %"
    return text if math.isnan(low) else f"{text} [{low + 0.0:,.1f}, {high + 0.0:,.1f}]"


def claim_lines(study: Study) -> list[str]:
    """Say what became of every claim, one line each.

    Parameters
    ----------
    study : Study
        What was measured.

    Returns
    -------
    list of str
        A heading and a line per claim that was measured, then one that names what was not.
    """
    frame = study.claims()
    lines = ["Published claims, measured (95 % intervals):"]
    for _, row in frame[frame["verdict"] != "not measured"].iterrows():
        against = f" against {row['against']}" if row["claim"] == "drawdown reduction" else ""
        why = f" ({row['why']})" if row["why"] else ""
        lines.append(
            f"{row['book']}, {row['claim']}{against}, claimed {row['claimed']}: {percent(row)}: {row['verdict']}{why}"
        )
    missing = frame[frame["verdict"] == "not measured"]
    for reason, rows in missing.groupby("why", sort=False):
        names = dict.fromkeys(
            f"{claim} {claimed}" for claim, claimed in rows[["claim", "claimed"]].to_numpy()
        )
        lines.append(f"not measured, {reason}: {', '.join(names)}")
    return lines
